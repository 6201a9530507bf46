"""Files as exchanges, spreadsheets, data frames and billing systems leave them: read right, or refused with a fix.

`cases/expected.yaml` says what is to come of each file with each map. All values are invented.
"""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import ConfigurationError
from harness.input.dump import lines
from harness.input.reading import Reading, read_input, refuse_rows
from harness.input.summary import InputSummary, summary_of
from harness.scenarios.loading import INPUT_SCENARIO, InputOptions, load_scenario

CASES = Path(__file__).parent / "cases"
EXPECTED: list[dict[str, Any]] = yaml.safe_load((CASES / "expected.yaml").read_text(encoding="utf-8"))


def _read(case: dict[str, Any], **options: Any) -> tuple[Reading, InputSummary]:
    given = InputOptions(path=str(CASES / case["file"]), map_file=CASES / case["map"], show_bad_values=True, **options)
    scenario = load_scenario(str(INPUT_SCENARIO), {}, given)
    assert scenario.input
    with tempfile.TemporaryDirectory() as work:
        reading = read_input(scenario.input, scenario.seed, Path(work), lambda _: None)
    refuse_rows(scenario.input, reading)
    return reading, summary_of(scenario.input, reading)


def _records(reading: Reading) -> Counter[str]:
    return Counter(line.strip() for line in lines(reading))


def _wanted(name: str) -> Counter[str]:
    return Counter(json.dumps(each) for each in json.loads((CASES / name).read_text(encoding="utf-8")))


def _of(key: str) -> Any:
    cases = [each for each in EXPECTED if key in each]
    return pytest.mark.parametrize("case", cases, ids=[f"{each['file']}-{Path(each['map']).stem}" for each in cases])


@_of("want")
def test_a_file_as_people_have_it_is_read_right(case: dict[str, Any]) -> None:
    reading, _ = _read(case)
    assert _records(reading) == _wanted(case["want"])


@_of("count")
def test_a_grid_gives_as_many_records_as_it_has_counts(case: dict[str, Any]) -> None:
    reading, _ = _read(case)
    assert reading.problems.count == 0 and len(list(lines(reading))) == case["count"]


@_of("warned")
def test_what_can_be_read_and_is_in_doubt_is_told(case: dict[str, Any]) -> None:
    _, summary = _read(case)
    assert [each for each in summary.warnings if case["warned"] in each]


@_of("refused")
def test_what_cannot_be_read_is_refused_with_place_and_fix(case: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as error:
        _read(case)
    said = f"{error.value.message}\n{error.value.fix}"
    assert [each for each in case["refused"] if each not in said] == []


def test_every_case_is_tried() -> None:
    tried = {Path(each["file"]).parts[0] for each in EXPECTED} | {Path(each["map"]).parts[0] for each in EXPECTED}
    assert {each.name for each in CASES.iterdir() if each.is_dir()} == tried


@pytest.mark.parametrize(
    ("file", "want", "bad"),
    [
        ("30d-smsc-stray-quotes/calls.csv", "30d-smsc-stray-quotes/want.json", 1),
        ("23-unclosed-quote/calls.csv", "18-compressed/want.json", 1),
        ("23c-quote-opened-and-closed-far-away/calls.csv", "18-compressed/want.json", 1),
        ("05-cucm/cdr_StandAloneCluster_01_202403050900_1.csv", "05-cucm/want.json", 1),
    ],
)
def test_leaving_bad_rows_out_loses_no_others(file: str, want: str, bad: int) -> None:
    case = {"file": file, "map": str(Path(file).parent / "map.yaml")}
    reading, _ = _read(case, skip_bad_lines=True)
    lost = _wanted(want) - _records(reading)
    assert reading.problems.count == bad and lost.total() <= bad
    assert not _records(reading) - _wanted(want)


def test_more_than_a_few_bad_rows_are_not_left_out_unless_all_are() -> None:
    case = {"file": "39-data-rows/calls.csv", "map": "39-data-rows/map.yaml"}
    with pytest.raises(ConfigurationError, match=r"20 of 60 rows cannot be used \(33%\)") as error:
        _read(case, skip_bad_lines=True)
    assert "--skip-bad-lines=all" in error.value.fix
    reading, summary = _read(case, skip_bad_lines="all")
    assert len(list(lines(reading))) == 40
    assert summary.bad_rows == 20 and "20 of 60 rows (33.3%) are bad" in summary.warnings
