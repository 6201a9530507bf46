"""Many results as a static site: an index, a page of trends for each plan, and every report.

It needs neither a server nor the network, and has no scripts. The folder is marked as made by this: no other is written
into, and what an earlier site left in it goes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.conclusions.headline_figures import headline
from harness.results.history import History, HistoryPlan, HistoryPoint, RunEntry
from harness.results.part import write_whole
from reports.documents.history import (
    change_text,
    commit_text,
    noise_text,
    not_counted,
    plan_title,
    title_of,
    value_text,
)
from reports.pictures.history import draw_trend
from reports.pictures.style import Picture, svg_text

MARK = ".ringbench-history-site.json"
REPORT = "report.html"
#: A page of trends lists so many results; all of them are in `history.json`.
NEWEST = 100
#: No report is larger.
MAX_REPORT_BYTES = 64 << 20
Progress = Callable[[int, int], None]


class ForeignFolder(ValueError):  # noqa: N818 - what is wrong is the folder
    """The folder is not one that a site may be written into; the message says why."""


def check_site(site: Path) -> None:
    """Make sure that a site may be written into the folder `site`.

    Raises:
        ForeignFolder: it holds something that is not a site's.
    """
    if site.is_symlink() or (site.exists() and not site.is_dir()):
        raise ForeignFolder(f"{site}: no folder")
    if site.is_dir() and any(site.iterdir()) and not (site / MARK).is_file():
        raise ForeignFolder(f"{site}: the folder holds other things than a site of ringbench history")


def write_site(history: History, site: Path, progress: Progress) -> Path:
    """Write the site of `history` into the folder `site`. Returns the path of its index.

    Raises:
        ForeignFolder: the folder holds something else.
        OSError: it cannot be written.
    """
    check_site(site)
    site.mkdir(parents=True, exist_ok=True)
    before = _listed(site)
    # What is listed is the site's own, should this be broken off.
    write_whole(site / MARK, json.dumps(sorted(before)) + "\n")
    templates = Environment(
        loader=PackageLoader("reports"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals |= _WORDS
    reports = {run.path: f"runs/{_file_name(run)}" for run in history.runs if _report_of(run)}
    plans = [plan for plan in history.plans if plan.series]
    facts = {"history": history, "plans": plans, "reports": reports, "not_counted": not_counted(history)}
    pages: dict[str, Callable[[], str]] = {
        "index.html": lambda: templates.get_template("history.html.j2").render(facts)
    }
    for plan in plans:
        pages[_page(plan)] = _trends(templates, plan, reports)
    pages["history.json"] = lambda: history.model_dump_json(indent=1) + "\n"
    written = {*pages, *reports.values()}
    write_whole(site / MARK, json.dumps(sorted(before | written), indent=0) + "\n")
    total = len(written)
    for number, (name, text) in enumerate(pages.items()):
        write_whole(site / name, text())
        progress(number + 1, total)
    for number, run in enumerate(each for each in history.runs if each.path in reports):
        _copy(_report_of(run), site / reports[run.path])
        progress(len(pages) + number + 1, total)
    for name in before - written:
        (site / name).unlink(missing_ok=True)
    write_whole(site / MARK, json.dumps(sorted(written), indent=0) + "\n")
    return site / "index.html"


def _trends(templates: Environment, plan: HistoryPlan, reports: dict[str, str]) -> Callable[[], str]:
    return lambda: templates.get_template("history_trends.html.j2").render(
        plan=plan, trends=list(_trends_of(plan)), reports=reports
    )


@dataclass(frozen=True)
class _Row:
    """A result in the table of a figure: its point by contestant."""

    any_point: HistoryPoint
    points: dict[str, HistoryPoint]


@dataclass(frozen=True)
class _Trend:
    """A figure: its picture, what changed, and its newest results."""

    figure: str
    label: str
    picture: Any
    changes: list[Any]
    contestants: list[str]
    rows: list[_Row]
    results: int


def _trends_of(plan: HistoryPlan) -> Iterator[_Trend]:
    for figure in dict.fromkeys(each.figure for each in plan.series):
        chosen = [each for each in plan.series if each.figure == figure]
        points: dict[str, dict[str, HistoryPoint]] = {}
        for series in chosen:
            for point in series.points:
                points.setdefault(point.path, {})[series.contestant] = point
        rows = [_Row(next(iter(each.values())), each) for each in points.values()]
        rows.sort(key=lambda row: (row.any_point.started_at, row.any_point.run_id), reverse=True)
        yield _Trend(
            figure,
            headline(figure).label,
            draw_trend(plan, figure),
            [change for series in chosen for change in series.changes],
            [each.contestant for each in chosen],
            rows[:NEWEST],
            len(rows),
        )


def _page(plan: HistoryPlan) -> str:
    return f"trends/{plan.id}.html"


def _file_name(run: RunEntry) -> str:
    """A name made of the run's ID, and of nothing else that it may hold."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", run.run_id).strip("-")[:60]
    return f"{words}-{hashlib.sha256(run.path.encode(errors='surrogateescape')).hexdigest()[:8]}.html"


def _report_of(run: RunEntry) -> Path | None:
    """The report beside the result; None if there is none, or it is no plain file of a size that a report can have."""
    path = Path(run.path).with_name(REPORT)
    with suppress(OSError):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_REPORT_BYTES:
            return path
    return None


def _copy(report: Path | None, target: Path) -> None:
    """Copy a report, unless the same one is there."""
    if report is None:
        return
    status = report.stat()
    if target.is_file() and (target.stat().st_size, target.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(report, target)


def _listed(site: Path) -> set[str]:
    """What the mark says is the site's own; names that lead out of the folder are left out."""
    try:
        names = json.loads((site / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return set(_inside(site, names if isinstance(names, list) else []))


def _inside(site: Path, names: Iterable[object]) -> Iterator[str]:
    for name in names:
        path = PurePosixPath(name) if isinstance(name, str) else PurePosixPath("/")
        if not path.is_absolute() and ".." not in path.parts and not (site / path).parent.is_symlink():
            yield str(path)


def _data_uri(picture: Picture) -> str:
    # As an image, a drawing can neither run anything nor share an identifier with another drawing of the page.
    return "data:image/svg+xml;base64," + base64.b64encode(svg_text(picture).encode()).decode()


_WORDS: dict[str, Any] = {
    "change_text": change_text,
    "commit_text": commit_text,
    "data_uri": _data_uri,
    "noise_text": noise_text,
    "page_of": _page,
    "plan_title": plan_title,
    "title_of": title_of,
    "value_text": value_text,
}
