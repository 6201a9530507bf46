"""Files as people have them: the map that is guessed reads nine of ten of them as they are to be read.

A county that no file holds cannot be guessed, so that it is compared only where a column has it.
"""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import RingbenchError
from harness.input.dump import lines
from harness.input.guess.findings import Certainty
from harness.input.guess.guess import Guess, guess_map
from harness.input.guess.sample import take_sample
from harness.input.guess.trial import try_and_mend
from harness.input.reading import read_input
from harness.scenarios.input import InputSection

CASES = Path(__file__).parents[1] / "cases"
EXPECTED: list[dict[str, Any]] = yaml.safe_load((CASES / "expected.yaml").read_text(encoding="utf-8"))
#: The files that are read right by the best map that people can write, each with that map and what comes of it.
WANTED = {each["file"]: each for each in reversed(EXPECTED) if "want" in each or "count" in each}
#: What a file does not tell, by the file: these maps are marked as not sure, and read other records.
NOT_TOLD = {"21-parquet/naive-local.parquet": "timezone"}
LEAST_SHARE = 0.9

Record = tuple[int, int, str | None, str]


def _silent(_: str) -> None:
    """Where nobody looks."""


@cache
def _guess(file: str) -> Guess:
    guess = guess_map(take_sample(str(CASES / file)).look)
    return try_and_mend(str(CASES / file), guess, _silent)[0] if guess.map is not None else guess


def _read(file: str, found: Any) -> list[Record]:
    section = InputSection.model_validate({"path": str(CASES / file), "map": found})
    with tempfile.TemporaryDirectory() as work:
        reading = read_input(section, 1, Path(work), _silent)
    assert reading.problems.count == 0
    return [tuple(json.loads(line)) for line in lines(reading)]


def _comparable(records: list[Any], *, counties: bool) -> list[Record]:
    return sorted((end, length, county if counties else None, kind) for end, length, county, kind in records)


def _is_right(case: dict[str, Any]) -> bool:
    file = case["file"]
    try:
        read = _read(file, _guess(file).map)
    except (RingbenchError, AssertionError, ValueError):
        return False
    if "count" in case:
        return len(read) == case["count"]
    right = yaml.safe_load((CASES / case["map"]).read_text(encoding="utf-8"))
    is_column = "constant" not in (right["columns"]["county"] if isinstance(right["columns"]["county"], dict) else {})
    want = json.loads((CASES / case["want"]).read_text(encoding="utf-8"))
    return _comparable(read, counties=is_column) == _comparable(want, counties=is_column)


def test_nine_of_ten_files_are_read_right_by_their_guessed_map_and_the_others_are_known() -> None:
    wrong = {file for file, case in WANTED.items() if not _is_right(case)}
    assert wrong == set(NOT_TOLD)
    assert 1 - len(wrong) / len(WANTED) >= LEAST_SHARE


@pytest.mark.parametrize(("file", "key"), NOT_TOLD.items())
def test_what_a_file_does_not_tell_is_marked(file: str, key: str) -> None:
    assert [each.certainty for each in _guess(file).findings if each.key == key] == [Certainty.NOT_SURE]


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("02-freeswitch/Master.csv", "timezone"),
        ("13-d4d/SET2_P01.CSV", "columns.type"),
        ("15c-excel-latin1/export.csv", "encoding"),
        ("20f-us-date-day-first-map/calls.csv", "time"),
        ("25-dst-autumn/calls.csv", "timezone"),
        ("26e-minutes/calls.csv", "duration_unit"),
        ("26d-ms-as-s/calls.csv", "duration_unit"),
        ("26f-thousands/calls.csv", "thousands"),
        ("33d-type-code/calls.csv", "columns.type"),
        ("35-flat-two-widths/acc.log", "columns.type"),
    ],
)
def test_what_would_make_records_wrong_is_never_decided_silently(file: str, key: str) -> None:
    finding = next(each for each in _guess(file).findings if each.key == key)
    assert finding.certainty == Certainty.NOT_SURE
    assert finding.check


def test_what_a_file_tells_is_not_doubted() -> None:
    found = {
        each.key: each.certainty for each in _guess("05-cucm/cdr_StandAloneCluster_01_202403050900_1.csv").findings
    }
    assert {found[key] for key in ("delimiter", "header", "time", "columns.start", "columns.end")} == {Certainty.SURE}


def test_an_epoch_in_the_same_row_tells_the_zone() -> None:
    guess = _guess("01-asterisk/Master.csv")
    assert guess.map is not None
    assert guess.map["timezone"] == "America/Los_Angeles"
