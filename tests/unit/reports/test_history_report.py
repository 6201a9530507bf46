"""The site of many results: whole, harmless, and never in somebody else's folder."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import reports.documents.history_site as module
from harness.errors import UsageError
from harness.history.history import Choice, failing, history_of
from harness.history.index import Entry, Indexed
from harness.results.history import History, RunSummary
from reports.documents.history import history_table
from reports.documents.history_site import MARK, ForeignFolder, check_site, write_site
from tests.builders.history import P99, summary
from tests.builders.noise import wiggling
from tests.builders.two_runs import ATTACK

CHANGED = wiggling((20, 100), (20, 120))


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "svg_text", lambda _picture: "<svg xmlns='http://www.w3.org/2000/svg'/>")


def _history(folder: Path, summaries: list[RunSummary], *refused: str, **choice: Any) -> History:
    entries = {folder / each.run_id / "result.json": Entry(1, 1, "", each, "") for each in summaries}
    entries |= {folder / f"bad-{at}" / "result.json": Entry(1, 1, "", None, why) for at, why in enumerate(refused)}
    return history_of([folder], Indexed(entries, 0), Choice(figures=[P99], **choice))


def _changed(folder: Path, **choice: Any) -> History:
    return _history(folder, [summary(day, value) for day, value in enumerate(CHANGED)], **choice)


def _write(history: History, site: Path) -> dict[str, str]:
    write_site(history, site, lambda _number, _total: None)
    return {
        path.relative_to(site).as_posix(): path.read_text(encoding="utf-8")
        for path in site.rglob("*")
        if path.is_file()
    }


def test_a_site_has_an_index_a_page_for_each_plan_and_every_report(tmp_path: Path) -> None:
    report = tmp_path / "runs" / "run-0003" / "report.html"
    report.parent.mkdir(parents=True)
    report.write_text("the report", encoding="utf-8")
    history = _changed(tmp_path / "runs")
    files = _write(history, tmp_path / "site")
    (copied,) = [name for name in files if name.startswith("runs/")]
    assert files[copied] == "the report" and f'href="{copied}"' in files["index.html"]
    assert f'href="trends/{history.plans[0].id}.html"' in files["index.html"]
    assert "latency p99 is worse" in files["index.html"]
    assert History.model_validate_json(files["history.json"]) == history


def test_pages_run_nothing_and_fetch_nothing(tmp_path: Path) -> None:
    files = _write(_changed(tmp_path), tmp_path / "site")
    for name, text in files.items():
        if name.endswith(".html"):
            assert "default-src 'none'" in text and "<script" not in text
            assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)


def test_what_is_hostile_in_results_is_text(tmp_path: Path) -> None:
    odd = summary(0, 100).model_copy(update={"run_id": ATTACK, "commit": ATTACK, "scenario": ATTACK})
    files = _write(_history(tmp_path, [odd], ATTACK), tmp_path / "site")
    assert all("<script" not in text for name, text in files.items() if name.endswith(".html"))
    assert all(re.fullmatch(r"[A-Za-z0-9./-]+", name) for name in files if name != MARK)


def test_a_report_that_is_a_link_is_not_published(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret", encoding="utf-8")
    (tmp_path / "runs" / "run-0000").mkdir(parents=True)
    (tmp_path / "runs" / "run-0000" / "report.html").symlink_to(secret)
    files = _write(_history(tmp_path / "runs", [summary(0, 100)]), tmp_path / "site")
    assert not [name for name in files if name.startswith("runs/")]


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ForeignFolder, match="holds other things"):
        check_site(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(tmp_path, target_is_directory=True)
    for path in (tmp_path / "thesis.tex", link):
        with pytest.raises(ForeignFolder, match="no folder"):
            check_site(path)


def test_an_earlier_site_is_replaced_and_nothing_else_is_touched(tmp_path: Path) -> None:
    site = tmp_path / "site"
    first = _write(_changed(tmp_path), site)
    (site / "CNAME").write_text("example", encoding="utf-8")
    other = summary(0, 100).model_copy(update={"workload": {"seed": "1"}})
    second = _write(_history(tmp_path, [other]), site)
    assert "CNAME" in second
    assert not {name for name in first if name.startswith("trends/")} & second.keys()


def test_a_mark_that_names_files_elsewhere_deletes_none(tmp_path: Path) -> None:
    site, outside = tmp_path / "site", tmp_path / "outside"
    outside.touch()
    site.mkdir()
    (site / MARK).write_text(json.dumps(["../outside", str(outside), 3, None]), encoding="utf-8")
    _write(_changed(tmp_path), site)
    assert outside.exists()


def test_the_terminal_names_changes_and_what_was_left_out(tmp_path: Path) -> None:
    runs = [summary(day, value) for day, value in enumerate(CHANGED)]
    runs[3] = summary(3, 100, not_counted="invalid: the generator was late")
    console = Console(file=StringIO(), width=400)
    console.print(history_table(_history(tmp_path, runs, "schema_version: 1")))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "flink: latency p99 is worse, +2" in text and "run-0020" in text
    assert "bad-0/result.json: schema_version: 1" in text
    assert "flink: invalid (1 result)" in text


def test_only_what_is_worse_fails_a_build_unless_any_change_is_to(tmp_path: Path) -> None:
    better = [summary(day, value) for day, value in enumerate(wiggling((20, 120), (20, 100)))]
    history = _history(tmp_path, better)
    assert failing(history, any_change=False) == []
    assert len(failing(history, any_change=True)) == 1
    assert len(failing(_changed(tmp_path), any_change=False)) == 1


@pytest.mark.parametrize("since", ["2026-01-26", "run-0025", f"{25:07x}"])
def test_since_keeps_what_was_before_as_the_level_only(tmp_path: Path, since: str) -> None:
    history = _changed(tmp_path, since=since)
    assert len(history.runs) == len(history.plans[0].series[0].points) == 15
    assert history.changes == []
    assert len(_changed(tmp_path, since="run-0020").changes) == 1


def test_a_copy_of_a_run_counts_once(tmp_path: Path) -> None:
    entries = {tmp_path / name / "result.json": Entry(1, 1, "", summary(0, 100), "") for name in ("a", "b")}
    history = history_of([tmp_path], Indexed(entries, 0), Choice())
    assert len(history.runs) == 1 and "the same run as" in history.skipped[0].reason


@pytest.mark.parametrize(("choice", "option"), [({"since": "nowhere"}, "--since"), ({"engines": ["no"]}, "--engine")])
def test_what_no_result_has_is_refused(tmp_path: Path, choice: dict[str, Any], option: str) -> None:
    with pytest.raises(UsageError, match=option):
        _changed(tmp_path, **choice)
