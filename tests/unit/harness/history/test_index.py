"""Every result is read once; what is none is named; and a damaged index costs only time."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.history import index as module
from harness.history.index import Indexed, find_results, indexed
from harness.results.result import save_result
from tests.builders.two_runs import run


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_result(run(trials=1), tmp_path_factory.mktemp("a")).read_text(encoding="utf-8")


@pytest.fixture
def runs(tmp_path: Path, text: str) -> Path:
    for name in ("one", "two"):
        _add(tmp_path / "runs", name, text)
    return tmp_path / "runs"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the runs whose results were parsed."""
    found: list[str] = []
    load = module.load_figures
    monkeypatch.setattr(module, "load_figures", lambda path: found.append(path.parent.name) or load(path))
    return found


def _add(runs: Path, name: str, text: str, **changes: Any) -> Path:
    path = runs / name / "result.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(json.loads(text) | {"run_id": name} | changes), encoding="utf-8")
    return path


def _index(runs: Path) -> Indexed:
    return indexed(runs.parent / "cache" / "results.sqlite", find_results([runs]), lambda _number, _total: None)


def test_a_new_result_is_added_without_reading_the_old_ones(runs: Path, text: str, read: list[str]) -> None:
    _index(runs)
    assert sorted(read) == ["one", "two"]
    _add(runs, "three", text)
    found = _index(runs)
    assert read[2:] == ["three"] and found.files_read == 1
    assert sorted(each.summary.run_id for each in found.entries.values() if each.summary) == ["one", "three", "two"]


def test_a_result_that_has_changed_is_read_again(runs: Path, text: str, read: list[str]) -> None:
    _index(runs)
    _add(runs, "one", text, valid=False)
    found = _index(runs)
    assert read[2:] == ["one"]
    assert sorted(each.summary.valid for each in found.entries.values() if each.summary) == [False, True]


def test_a_copy_with_the_same_bytes_is_not_read_again(runs: Path, read: list[str]) -> None:
    _index(runs)
    os.utime(runs / "one" / "result.json", ns=(1, 1))
    assert _index(runs).files_read == 0 and len(read) == 2
    assert _index(runs).files_read == 0


def test_a_result_that_is_gone_is_no_longer_told_of(runs: Path) -> None:
    _index(runs)
    (runs / "one" / "result.json").unlink()
    assert [path.parent.name for path in _index(runs).entries] == ["two"]


@pytest.mark.parametrize("at", [0, 4000])
def test_a_damaged_index_is_made_anew(runs: Path, read: list[str], at: int) -> None:
    _index(runs)
    path = runs.parent / "cache" / "results.sqlite"
    damaged = bytearray(path.read_bytes())
    damaged[at : at + 6000] = b"\xff" * len(damaged[at : at + 6000])
    path.write_bytes(damaged)
    assert len(_index(runs).entries) == 2 and len(read) == 4
    assert _index(runs).files_read == 0


def test_an_index_of_another_version_is_made_anew(runs: Path, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _index(runs)
    monkeypatch.setattr(module, "INDEX_VERSION", 99)
    assert len(_index(runs).entries) == 2 and len(read) == 4


def test_only_the_user_can_read_the_index(runs: Path) -> None:
    _index(runs)
    path = runs.parent / "cache" / "results.sqlite"
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]


def test_what_was_read_before_ctrl_c_is_not_read_again(runs: Path, read: list[str]) -> None:
    def stop(_number: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        indexed(runs.parent / "cache" / "results.sqlite", find_results([runs]), stop)
    _index(runs)
    assert len(read) == len(set(read)) == 2


HOSTILE: dict[str, Any] = {
    "a wrong type": {"engines": "none"},
    "a number that is none": {"engines": float("nan")},
    "a number that is too large": {"interrupted": 10**40},
    "a scenario of other types": {"scenario": {"limits": "none", "engine_settings": 3}},
    "a time that is none": {"started_at": "<b>now</b>"},
    "an escape sequence": {"run_id": "\x1b[2Jrun"},
    "a long name": {"run_id": "x" * 1000},
}


@pytest.mark.parametrize("changes", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_result_is_named_and_skipped(runs: Path, text: str, changes: dict[str, Any]) -> None:
    path = _add(runs, "hostile", text, **changes)
    entries = _index(runs).entries
    assert entries[path].summary is None and 0 < len(entries[path].refused) <= 120
    assert sum(each.summary is not None for each in entries.values()) == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null"], ids=repr)
def test_a_file_that_is_no_result_is_named_and_skipped(runs: Path, content: bytes) -> None:
    path = runs / "none" / "result.json"
    path.parent.mkdir()
    path.write_bytes(content)
    assert _index(runs).entries[path].refused


def test_links_are_not_followed(runs: Path, tmp_path: Path, text: str) -> None:
    outside = _add(tmp_path / "outside", "run", text)
    (runs / "linked").symlink_to(outside.parent, target_is_directory=True)
    (runs / "file").mkdir()
    (runs / "file" / "result.json").symlink_to(outside)
    assert sorted(path.parent.name for path in find_results([runs])) == ["one", "two"]


def test_a_folder_that_is_given_twice_counts_once(runs: Path) -> None:
    assert len(find_results([runs, runs / "one", runs / "one" / "result.json"])) == 2


def test_folders_without_results_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no result"):
        find_results([tmp_path])
    with pytest.raises(UsageError, match="there is no such folder"):
        find_results([tmp_path / "nowhere"])
