"""Levels are looked for once in each series, and what was found is what would be found again."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.history import levels as module
from harness.history.index import indexed, known_levels
from harness.history.levels import KnownLevels

SERIES = [float(each) for each in range(1, 41)]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "results.sqlite"
    indexed(path, [], lambda _number, _total: None)
    return path


@pytest.fixture(autouse=True)
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the series in which levels were looked for; of each, a new one begins in the middle."""
    found: list[int] = []

    def search(values: Sequence[float]) -> list[int]:
        found.append(len(values))
        return [len(values) // 2]

    monkeypatch.setattr(module.method, "change_points", search)
    return found


def _levels(index: Path, *series: Sequence[float]) -> list[list[int]]:
    known = KnownLevels(index)
    found = [known(each) for each in series]
    known.save()
    return found


def test_a_series_that_has_not_changed_is_not_searched_again(index: Path, searched: list[int]) -> None:
    for _ in range(2):
        assert _levels(index, SERIES, SERIES[:20]) == [[20], [10]]
    assert searched == [40, 20]


def test_a_series_with_a_further_or_another_result_is_searched(index: Path, searched: list[int]) -> None:
    _levels(index, SERIES)
    _levels(index, [*SERIES, 120.0], [*SERIES[:-1], 121.0])
    assert searched == [40, 41, 40]


def test_another_method_searches_all_anew(index: Path, searched: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    _levels(index, SERIES)
    monkeypatch.setattr(module, "version", lambda _library: "another")
    _levels(index, SERIES)
    assert searched == [40, 40]


def test_only_the_newest_series_are_kept(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.history.index.MAX_SERIES", 2)
    _levels(index, SERIES[:20], SERIES[:30], SERIES)
    assert sorted(known_levels(index).values()) == [[15], [20]]


def test_a_damaged_index_costs_only_time(index: Path) -> None:
    index.write_bytes(b"\xff" * 9000)
    assert KnownLevels(index)(SERIES) == [20]
