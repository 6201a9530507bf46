"""A user's own records: what is read of them, what is refused, and when and as what they are sent."""

import gzip
import re
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from engines.contract.record import FIELDS, parse
from harness.conclusions.comparable import check_comparable
from harness.console.progress import ConsoleWatcher
from harness.errors import ConfigurationError, UsageError
from harness.experiments.sweep import SweepOptions, sweep
from harness.input.prepare import replayed
from harness.measurement.trajectory import Trajectories
from harness.results.result import Input, InputFile
from harness.scenarios.loading import INPUT_SCENARIO, InputOptions, load_scenario
from harness.scenarios.scenario import Scenario
from harness.session.options import SessionOptions
from reports.sections.input import input_section
from tests.builders.results import make_result
from tests.builders.trajectories import tell
from workloads.activity import KINDS, Activity, expand, square_counties, whole_counts
from workloads.cells import CELL_NUMBERS
from workloads.lateness import classify
from workloads.replay import RESOLUTIONS_MS, lateness_needed_ms, offsets_at_speed_ns, open_workload, resolution_ms
from workloads.truth import expected_counts
from workloads.workload import Workload

START_MS = 1_383_260_400_000  # 2013-10-31T23:00:00Z, where Telecom Italia's data begin
OWN = ",".join(FIELDS)


def own_line(index: int, end_ms: int, *, kind: str = "text", county: str = "06037", company: str = "Verizon") -> str:
    """A line of the project's own format."""
    start_ms = end_ms - (30_000 if kind == "call" else 0)
    return f"+1213555{index:04d},+1415555{index:04d},{county},{start_ms},{end_ms},{kind},{company}"


def grid_row(square: int, start_ms: int, *amounts: object, country: int = 39) -> str:
    """A line of Telecom Italia's format: amounts of SMS in and out, calls in and out, and internet."""
    return "\t".join(map(str, (square, start_ms, country, *amounts)))


def write(path: Path, *lines: str) -> Path:
    """Write lines to a file."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def scenario_of(path: Path | str, section: dict[str, Any] | None = None, **keys: Any) -> Scenario:
    """A scenario with an input, and a warm-up of a second."""
    found = {
        "name": "own",
        "warmup_s": 1,
        **keys,
        "input": {"path": str(path), "show_bad_values": True, **(section or {})},
    }
    return Scenario.model_validate(found)


class Prepared:
    """What a scenario with an input sends."""

    def __init__(self, scenario: Scenario, account: Input) -> None:
        self.scenario, self.account = scenario, account
        self.workload = open_workload(scenario.workload())
        self.columns = self.workload.columns(0, self.workload.total_records)
        self.lines = [line.decode("ascii") for line in self.workload.lines(self.columns)]


def _silent(_: str) -> None:
    """Where nobody looks."""


@contextmanager
def prepare(scenario: Scenario) -> Any:
    """Prepare a scenario, for the length of a context."""
    with replayed(scenario, _silent) as (effective, account):
        assert account
        yield Prepared(effective, account)


def refusal(scenario: Scenario) -> ConfigurationError:
    """Why a scenario is refused. Nothing may be left of it."""
    with pytest.raises(ConfigurationError) as error, prepare(scenario):
        pass
    return error.value


ACTIVITY = {"map": {"layout": "activity"}}


# Records


def test_the_projects_own_lines_come_back_as_they_are_in_the_order_of_event_time(tmp_path: Path) -> None:
    times = [START_MS + offset for offset in (5_000, 0, 2_500, 5_000)]
    lines = [own_line(index, at, kind=("call", "text")[index % 2]) for index, at in enumerate(times)]
    path = write(tmp_path / "own.csv", OWN, *lines)
    with prepare(scenario_of(path)) as found:
        assert found.lines == [lines[1], lines[2], lines[0], lines[3]]
        assert all(parse(line.encode("ascii")) for line in found.lines)
        assert (found.account.records, found.account.rows_read, found.account.rows_skipped) == (4, 4, 0)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "txt.gz", "parquet"])
def test_every_kind_of_file_gives_the_same_records(tmp_path: Path, ending: str) -> None:
    rows = [own_line(index, START_MS + 700 * index).split(",") for index in range(10)]
    path = tmp_path / f"own.{ending}"
    delimiter = "," if "csv" in ending else "\t"
    text = "\n".join(delimiter.join(row) for row in [list(FIELDS), *rows])
    if ending == "parquet":
        pq.write_table(
            pa.table({name: list(column) for name, column in zip(FIELDS, zip(*rows, strict=True), strict=True)}), path
        )
    elif ending.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    with prepare(scenario_of(path)) as found:
        assert found.lines == [",".join(row) for row in rows]


def test_a_folder_is_read_whole_and_other_programs_marks_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "day=2").mkdir(parents=True)
    write(folder / "day=2" / "b.csv", OWN, own_line(2, START_MS + 2000))
    write(folder / "a.csv", OWN, own_line(1, START_MS))
    for name in ("_SUCCESS", ".a.csv.crc", "readme.md", "_tmp.csv"):
        write(folder / name, "nothing to be read")
    with prepare(scenario_of(folder)) as found:
        assert found.lines == [own_line(1, START_MS), own_line(2, START_MS + 2000)]
        assert [Path(each.name).name for each in found.account.files] == ["a.csv", "b.csv"]


def test_columns_are_mapped_by_name_number_meaning_share_and_constant(tmp_path: Path) -> None:
    path = write(
        tmp_path / "cdr.csv",
        "who;begin;secs;cell;kind;net",
        "anna;2024-03-01 10:00:00;12.5;A1;voice;1",
        "(213) 555-0199;2024-03-01T11:00:20+01:00;;A1;sms;9",
        "anna;2024-03-01T10:00:30.250Z;7;B7;sms;",
    )
    columns = {
        "start": "begin",
        "duration": 3,
        "county": {"column": "cell", "values": {"A1": "fresno"}, "by_share": True},
        "type": {"column": "kind", "values": {"voice": "call", "sms": "text"}},
        "operator": {"column": "net", "values": {"1": "Sprint"}, "default": "AT&T"},
        "source": "who",
    }
    with prepare(scenario_of(path, {"map": {"delimiter": ";", "time": "iso", "columns": columns}})) as found:
        records = [parse(line.encode("ascii")) for line in found.lines]
        fields = [line.split(",") for line in found.lines]
    begin_ms = 1_709_287_200_000
    assert all(records)
    ends_ms = [begin_ms + 12_500, begin_ms + 20_000, begin_ms + 30_250]
    assert [each[3:5] for each in fields] == [
        [str(begin_ms), str(ends_ms[0])],
        [str(ends_ms[1])] * 2,
        [str(ends_ms[2])] * 2,  # a text ends when it starts
    ]
    assert [each[2] for each in fields[:2]] == ["06019", "06019"]
    assert [each[5:] for each in fields] == [["call", "Sprint"], ["text", "AT&T"], ["text", "AT&T"]]
    assert fields[1][0] == "+12135550199"
    assert fields[0][0] == fields[2][0] != fields[1][0]
    constant = columns | {"county": {"constant": "Yolo"}, "type": {"constant": "call"}}
    with prepare(scenario_of(path, {"map": {"delimiter": ";", "time": "iso", "columns": constant}})) as found:
        assert {tuple(line.split(",")[2:6:3]) for line in found.lines} == {("06113", "call")}


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("ms", "1709287200500"),
        ("s", "1709287200.5"),
        ("iso", "2024-03-01T10:00:00.500Z"),
        ("iso", "2024-03-01 10:00:00.5"),
        ("iso", "2024-03-01T02:00:00.500000-08:00"),
        ("iso", "2024-03-01T15:30:00.5+0530"),
    ],
)
def test_times_are_read_as_they_are_written(tmp_path: Path, form: str, text: str) -> None:
    path = write(tmp_path / "a.csv", "t", text, text)
    columns = {"end": "t", "county": {"constant": "Yolo"}, "type": {"constant": "text"}}
    section = {"map": {"time": form, "columns": columns}, "rate_records_per_s": 1}
    with prepare(scenario_of(path, section)) as found:
        assert set(found.columns.event_times_ms.tolist()) == {1_709_287_200_500}


def test_times_by_a_pattern_and_timestamps_of_parquet(tmp_path: Path) -> None:
    columns = {"end": "t", "county": {"constant": "Yolo"}, "type": {"constant": "text"}}
    text = write(tmp_path / "a.csv", "t", "01.03.2024 10:00:00", "01.03.2024 10:00:09")
    times = pa.array([1_709_287_200_000_000, 1_709_287_209_000_000], type=pa.timestamp("us", "America/Los_Angeles"))
    pq.write_table(pa.table({"t": times}), tmp_path / "a.parquet")
    by_pattern = {"map": {"time": "%d.%m.%Y %H:%M:%S", "columns": columns}}
    for path, section in ((text, by_pattern), (tmp_path / "a.parquet", {"map": {"columns": columns}})):
        with prepare(scenario_of(path, section)) as found:
            assert found.columns.event_times_ms.tolist() == [1_709_287_200_000, 1_709_287_209_000]


# Bad rows


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f[:-1], "found 6 columns; expected 7"),
        (lambda f: [*f, "more"], "found 8 columns; expected 7"),
        (lambda f: [*f[:4], "soon", *f[5:]], "end: found 'soon'; expected milliseconds since the Unix epoch"),
        (lambda f: [*f[:4], "1383260400", *f[5:]], "end: found '1383260400'; expected milliseconds"),
        (lambda f: [*f[:3], f"{START_MS + 99_000}", *f[4:]], "after the end"),
        (lambda f: [*f[:2], "Paris", *f[3:]], "county: found 'Paris'; expected a county of California"),
        (lambda f: [*f[:2], "06116", *f[3:]], "county: found '06116'"),
        (lambda f: [*f[:5], "fax", f[6]], "type: found 'fax'; expected one of call, text"),
        (lambda f: [*f[:6], "TIM"], "operator: found 'TIM'; expected one of AT&T, Sprint, T-Mobile, Verizon"),
        (lambda f: ['"x"y', *f[1:]], "broken quoting"),
        (lambda f: ["\udcff", *f[1:]], "not UTF-8"),
    ],
)
def test_a_bad_row_is_told_by_file_and_line_and_can_be_left_out(
    tmp_path: Path, change: Callable[[list[str]], list[str]], words: str
) -> None:
    good = [own_line(index, START_MS + 1000 * index) for index in range(5)]
    bad = ",".join(change(own_line(9, START_MS + 1500).split(",")))
    text = "\n".join([OWN, good[0], "", good[1], bad, *good[2:]])
    path = tmp_path / "own.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    error = refusal(scenario_of(path))
    assert f"1 of 6 rows cannot be used (17%):\n{path}:5: " in error.message and words in error.message
    assert "skip_bad_lines" in error.fix
    assert "--skip-bad-lines=all" in refusal(scenario_of(path, {"skip_bad_lines": True})).fix
    with prepare(scenario_of(path, {"skip_bad_lines": "all"})) as found:
        assert found.lines == good
        assert (found.account.rows_read, found.account.rows_skipped) == (6, 1)
        assert found.account.bad_rows[0].startswith(f"{path}:5: ")


NUMBER = "2135550199"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: [*f[:2], NUMBER, *f[3:]], "county: found 'dddddddddd' (10 characters); expected a county"),
        (lambda f: [*f[:4], f"+1 ({NUMBER[:3]}) 555-0199", *f[5:]], "end: found '+d (ddd) ddd-dddd' (17 characters)"),
        (lambda f: [*f[:4], "10:00 Smith", *f[5:]], "end: found 'dd:dd Aaaaa' (11 characters); expected milliseconds"),
        (lambda f: [*f[:5], "Jane Doe", f[6]], "type: found 'Aaaa Aaa' (8 characters); expected one of call, text"),
        (lambda f: [*f[:6], NUMBER * 100], f"operator: found '{'d' * 60}...' (1,000 characters)"),
        (
            lambda f: [*f[:3], str(START_MS + 9000), *f[4:]],
            "start: found 'ddddddddddddd' (13 characters), after the end, 'ddddddd",
        ),
        (lambda f: [*f, NUMBER], "found 8 columns; expected 7"),
        (lambda f: [f'"{NUMBER}"0', *f[1:]], "broken quoting"),
    ],
    ids=["county", "end", "a name", "type", "long", "both times", "a column more", "quotes"],
)
def test_values_of_bad_rows_are_told_by_their_shape_unless_asked_for(
    tmp_path: Path, change: Callable[[list[str]], list[str]], words: str
) -> None:
    good = [own_line(index, START_MS + 1000 * index) for index in range(5)]
    bad = change(own_line(9, START_MS + 1500).split(","))
    path = write(tmp_path / "own.csv", OWN, *good[:2], ",".join(bad), *good[2:])
    kept = {"skip_bad_lines": "all", "show_bad_values": False}
    said: list[str] = []
    with replayed(scenario_of(path, kept), said.append) as (_, account):
        assert account and words in account.bad_rows[0] and account.bad_rows[0].startswith(f"{path}:4: ")
        text = account.model_dump_json() + "\n".join(said)
    error = refusal(scenario_of(path, {"show_bad_values": False}))
    assert words in error.message and "`ringbench input check` shows the values" in error.fix
    for told in (text, error.message, error.fix):
        assert not [each for each in ("2135550199", "213", "0199", "Smith", "Jane", "Doe") if each in told]


def test_numbers_that_are_hashed_are_told_only_where_values_may_be(tmp_path: Path) -> None:
    lines = [
        ",".join(["0044 20 7946 0958", *own_line(index, START_MS + 1000 * index).split(",")[1:]]) for index in range(5)
    ]
    path = write(tmp_path / "own.csv", OWN, *lines)
    for shown in (False, True):
        said: list[str] = []
        with replayed(scenario_of(path, {"show_bad_values": shown}), said.append):
            assert ("7946 0958" in "\n".join(said)) is shown


def test_the_numbers_of_a_first_row_that_names_no_columns_are_not_told(tmp_path: Path) -> None:
    path = write(tmp_path / "own.csv", *(own_line(index, START_MS) for index in range(3)))
    error = refusal(scenario_of(path))
    assert "the first row reads as data" in error.fix or "column" in error.message
    first = own_line(0, START_MS).split(",")
    assert first[0] not in str(error) and first[4] not in str(error)


def test_the_first_ten_bad_rows_are_told_in_their_order_and_all_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in "ab":
        lines = [own_line(index + ord(name), START_MS + 1000 * index) for index in range(20)]
        lines[3], lines[11] = "a,b", lines[11].replace("text", "fax")
        lines[5:9] = [own_line(1, START_MS, county="Paris")] * 4
        write(folder / f"{name}.csv", OWN, *lines)
    message = refusal(scenario_of(folder)).message
    places = [(Path(file).name, int(line)) for file, line in re.findall(r"^(.+?):(\d+): ", message, re.MULTILINE)]
    assert places == [("a.csv", line) for line in (5, 7, 8, 9, 10, 13)] + [("b.csv", line) for line in (5, 7, 8, 9)]
    assert "12 of 40 rows" in message and message.endswith("and 2 more")


def test_a_line_is_that_at_which_the_row_begins(tmp_path: Path) -> None:
    split = own_line(1, START_MS).replace("+12135550001", '"+1213\n5550001"')
    path = write(tmp_path / "own.csv", OWN, split, own_line(2, START_MS, kind="fax"))
    assert f"{path}:4: type: found 'fax'" in refusal(scenario_of(path)).message


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (grid_row("x", START_MS, 1, 1, 1, 1, 1), "square: found 'x'; expected a whole number"),
        (grid_row(1, 5, 1, 1, 1, 1, 1), "interval: found '5'; expected milliseconds"),
        (grid_row(1, 1_999_999_999_999, 1, 1, 1, 1, 1), "expected an interval that ends by"),
        (grid_row(1, START_MS, -1, 1, 1, 1, 1), "sms_in: found '-1'; expected a number from 0"),
        (grid_row(1, START_MS, 1, "none", 1, 1, 1), "sms_out: found 'none'"),
        (grid_row(1, START_MS, 1, 1, "1e30", 1, 1), "call_in: found '1e30'"),
        (grid_row(1, START_MS, 1, 1, 1, "0x3", 1), "call_out: found '0x3'"),
        (grid_row(1, START_MS, 1, 1), "found 5 columns; expected 8"),
    ],
)
def test_bad_rows_of_a_grid(tmp_path: Path, row: str, words: str) -> None:
    path = write(tmp_path / "grid.txt", grid_row(1, START_MS, 1, 2, 3, 4, 5), row)
    message = refusal(scenario_of(path, ACTIVITY)).message
    assert f"{path}:2: " in message and words in message


# Files and maps that cannot be used


def _parquet_cut_short(path: Path) -> None:
    pq.write_table(pa.table({"EndT": ["1"]}), path)
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("none.csv", lambda _path: None, "cannot be read: No such file"),
        ("a.dat", lambda path: write(path, OWN), "not known what kind of file"),
        ("a.csv", lambda path: path.touch(), "there is no row in it"),
        ("a.csv", lambda path: write(path, OWN), "holds no call and no text"),
        ("a.csv", lambda path: write(path, OWN.replace("EndT", "Ended")), "columns.end: column 'EndT' is not in"),
        ("a.csv", lambda path: write(path, f"{OWN},EndT"), "column 'EndT' is twice or more in"),
        ("a.csv.gz", lambda path: path.write_bytes(gzip.compress(OWN.encode() * 99)[:-9]), "cannot be read"),
        ("a.parquet", _parquet_cut_short, "cannot be read"),
        ("a.parquet", lambda path: pq.write_table(pa.table({"x": [1]}), path), "column 'EndT' is not in"),
        ("folder", lambda path: path.mkdir(), "the folder holds no file to read"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(
    tmp_path: Path, name: str, make: Callable[[Path], object], words: str
) -> None:
    make(tmp_path / name)
    error = refusal(scenario_of(tmp_path / name))
    assert words in error.message and str(tmp_path / name) in error.message
    assert error.fix


def _refused(tmp_path: Path, section: object, **keys: Any) -> str:
    path = tmp_path / "my.yaml"
    path.write_text(yaml.safe_dump({"name": "x", **keys, "input": section}), encoding="utf-8")
    with pytest.raises(ConfigurationError) as error:
        load_scenario(str(path), {})
    return error.value.message


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({}, ["input.path: this key is required"]),
        ({"path": "a", "sped": 2}, ["input.sped: unknown key", "did you mean 'speed'?"]),
        ({"path": "a", "speed": 0}, ["input.speed: found 0", "greater than 0"]),
        ({"path": "a", "speed": 2, "rate_records_per_s": 5}, ["exclude each other"]),
        ({"path": "a", "map": {"layout": "grid"}}, ["input.map.layout: found 'grid'", "records, activity"]),
        ({"path": "a", "map": {"time": "unix"}}, ["input.map.time: found 'unix'", "ms, s, us, ns, iso"]),
        ({"path": "a", "map": {"columns": {"end": 1, "county": 2}}}, ["input.map.columns.type: this key is required"]),
        ({"path": "a", "map": {"columns": {"county": 1, "type": 2}}}, ["input.map.columns", "give `end`, or `start`"]),
        (
            {"path": "a", "map": {"columns": {"end": 1, "county": {"values": {}}, "type": 3}}},
            ["input.map.columns.county", "give either `column` or `constant`"],
        ),
        (
            {"path": "a", "map": {"columns": {"end": 1, "county": {"column": 2, "values": {1: "Yolo"}}, "type": 3}}},
            ["input.map.columns.county.values", "put it in quotes"],
        ),
        (
            {"path": "a", "map": {"layout": "activity", "columns": {"sqare": 1}}},
            ["input.map.columns.sqare: unknown key", "did you mean 'square'?"],
        ),
        ("a.csv", ["input: found 'a.csv'"]),
    ],
)
def test_a_section_that_makes_no_sense_is_refused_by_its_key(tmp_path: Path, section: object, words: list[str]) -> None:
    message = _refused(tmp_path, section)
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rate_records_per_s", 6000),
        ("warmup_rate_records_per_s", 10),
        ("profile", {"kind": "step", "at_s": 1, "factor": 2}),
        ("surges", [{"county": "Yolo", "at_s": 1, "duration_s": 1, "factor": 2}]),
        ("county_skew", {"zipf": 1}),
        ("malformed_per_million", 5),
        ("duplicates_per_million", 5),
        ("disorder", {"shuffle_ms": 5}),
    ],
)
def test_keys_that_say_what_is_sent_cannot_stand_beside_an_input(tmp_path: Path, key: str, value: object) -> None:
    assert f": {key}: cannot stand beside `input`" in _refused(tmp_path, {"path": "a"}, **{key: value})


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ({"county": {"column": 1, "values": {"a": "Atlantis"}}}, "county.values.a: found 'Atlantis'"),
        ({"operator": {"column": 1, "default": "TIM"}}, "operator.default: found 'TIM'"),
        ({"type": {"constant": "fax"}}, "type.constant: found 'fax'"),
    ],
)
def test_a_meaning_that_names_nothing_is_refused(tmp_path: Path, section: dict[str, Any], place: str) -> None:
    path = write(tmp_path / "a.csv", "1")
    columns = {"end": 1, "county": {"constant": "Yolo"}, "type": {"constant": "call"}} | section
    assert f"input.map.columns.{place}" in refusal(scenario_of(path, {"map": {"columns": columns}})).message


# The command line


def test_options_take_the_place_of_keys(tmp_path: Path) -> None:
    map_file = write(tmp_path / "map.yaml", "layout: activity", "interval_s: 60")
    mine = write(tmp_path / "my.yaml", "name: x", "input: {path: a, rate_records_per_s: 5}")
    options = InputOptions(path="b", map_file=map_file, speed=3.0, skip_bad_lines=True)
    found = load_scenario(str(mine), {}, options).input
    assert found and (found.path, found.speed, found.rate_records_per_s) == ("b", 3.0, None)
    assert found.skip_bad_lines and found.map.layout == "activity" and found.map.interval_s == 60
    found = load_scenario(str(mine), {"rate_records_per_s": 9}).input
    assert found and (found.path, found.rate_records_per_s) == ("a", 9)
    found = load_scenario(str(INPUT_SCENARIO), {}, InputOptions(path="c")).input
    assert found and (found.path, found.speed, found.map.layout) == ("c", None, "records")


def test_options_for_an_input_need_one(tmp_path: Path) -> None:
    for options in (
        InputOptions(speed=2.0),
        InputOptions(map_file=tmp_path),
        InputOptions(skip_bad_lines=True),
        InputOptions(show_bad_values=True),
    ):
        with pytest.raises(UsageError, match="is for an input, and there is none"):
            load_scenario("main", {}, options)


def test_a_map_file_is_named_where_it_is_wrong(tmp_path: Path) -> None:
    map_file = write(tmp_path / "map.yaml", "layout: activity", "intervall_s: 60")
    with pytest.raises(ConfigurationError, match=r"map\.yaml: input\.map\.intervall_s: unknown key"):
        load_scenario(str(INPUT_SCENARIO), {}, InputOptions(path="a", map_file=map_file))


def test_a_sweep_refuses_an_input(tmp_path: Path) -> None:
    options = SessionOptions(runs_dir=tmp_path, command=[])
    with pytest.raises(UsageError, match="`input`"):
        sweep(scenario_of("a"), SweepOptions(), options, ConsoleWatcher(Console()))


# When records are sent

TIMES = st.lists(st.integers(0, 200_000), min_size=1, max_size=60).map(sorted)


@given(times=TIMES, speed=st.floats(0.1, 1000), unit=st.sampled_from(RESOLUTIONS_MS))
def test_records_are_sent_in_order_and_at_their_times_divided_by_the_speed(
    times: list[int], speed: float, unit: int
) -> None:
    event_times_ms = START_MS + np.array(times, dtype=np.int64) * unit
    offsets_ns = offsets_at_speed_ns(event_times_ms, speed)
    due_ns = (event_times_ms - event_times_ms[0] // 1000 * 1000) * 1e6 / speed
    spread_ns = resolution_ms(event_times_ms) * 1e6 / speed
    assert (np.diff(offsets_ns) >= 0).all()
    assert (offsets_ns >= np.floor(due_ns) - 1).all() and (offsets_ns <= due_ns + spread_ns + 1).all()


def test_records_of_equal_times_are_spread_over_the_resolution_of_the_times() -> None:
    minutes = START_MS + np.array([0, 0, 0, 60_000, 180_000], dtype=np.int64)
    assert (offsets_at_speed_ns(minutes, 1) / 1e9).tolist() == [0, 20, 40, 60, 180]
    assert (offsets_at_speed_ns(minutes, 10) / 1e9).tolist() == [0, 2, 4, 6, 18]
    seconds = START_MS + np.array([0, 0, 3000, 3000], dtype=np.int64)
    assert (offsets_at_speed_ns(seconds, 1) / 1e9).tolist() == [0, 0.5, 3, 3.5]
    milliseconds = START_MS + np.array([7, 7, 1000], dtype=np.int64)
    assert (offsets_at_speed_ns(milliseconds, 1) / 1e6).tolist() == [7, 7.5, 1000]


@pytest.mark.parametrize(("section", "span_s"), [({}, 100), ({"speed": 4}, 25), ({"rate_records_per_s": 20}, 50)])
def test_the_duration_is_that_of_the_data_less_the_warm_up(
    tmp_path: Path, section: dict[str, Any], span_s: int
) -> None:
    lines = [own_line(index, START_MS + 100 * index) for index in range(1000)]
    path = write(tmp_path / "own.csv", OWN, *lines)
    with prepare(scenario_of(path, section, warmup_s=5)) as found:
        assert found.scenario.duration_s == span_s - 5
        assert found.workload.total_s == span_s and found.workload.total_records == 1000
        assert found.workload.second(3) == (1000 // span_s * 3, 1000 // span_s * 4)
        assert found.scenario.rate_records_per_s == 1000 // span_s
        assert found.workload.quiet_s == span_s - 5
    with prepare(scenario_of(path, section, warmup_s=5, duration_s=10)) as found:
        assert found.account.records_sent == found.workload.total_records == 1000 * 15 // span_s
        assert found.account.records == 1000


@pytest.mark.parametrize(
    ("section", "keys", "words"),
    [
        ({"speed": 100}, {"warmup_s": 20}, "its first 20 s are the warm-up"),
        ({}, {"warmup_s": 1, "duration_s": 3}, "no record is due in the 3 s after the warm-up"),
        ({"speed": 0.001}, {}, "a run measures 86,400 s at the most"),
    ],
)
def test_data_of_which_nothing_is_left_or_too_much_is_refused(
    tmp_path: Path, section: dict[str, Any], keys: dict[str, Any], words: str
) -> None:
    path = write(tmp_path / "own.csv", OWN, own_line(1, START_MS), own_line(2, START_MS + 600_000))
    error = refusal(scenario_of(path, section, **keys))
    assert words in error.message and error.fix


@settings(deadline=None, max_examples=40)
@given(times=TIMES, speed=st.sampled_from([1.0, 7.0, 120.0]), rate=st.booleans(), unit=st.sampled_from((1000, 1)))
def test_with_the_lateness_that_is_needed_every_record_must_be_counted(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], speed: float, rate: bool, unit: int
) -> None:
    event_times_ms = START_MS + np.array([*times, times[-1] + 2000], dtype=np.int64) * unit
    path = write(tmp_path_factory.mktemp("own") / "a.csv", OWN, *(own_line(0, at) for at in event_times_ms.tolist()))
    section: dict[str, Any] = {"rate_records_per_s": 7} if rate else {"speed": speed}
    keys = {} if rate or speed == 1 else {"warmup_s": 1}
    try:
        with prepare(scenario_of(path, section, **keys)) as found:
            assert classify(found.workload).must_count.all()
            _windows_hold_what_the_data_holds(found)
    except ConfigurationError as error:
        reasons = ("nothing is left", "no record is due", "a run measures 86,400 s at the most")
        assert any(reason in error.message for reason in reasons)


def _windows_hold_what_the_data_holds(found: Prepared) -> None:
    """Each record is in its window, and in the windows of the second in which it is due."""
    workload, trajectories = found.workload, Trajectories(found.workload)
    windows_s = found.columns.windows_s
    for window_s in np.unique(windows_s).tolist():
        assert workload.window(window_s) == (np.sum(windows_s < window_s), np.sum(windows_s <= window_s))
        count = int(np.sum(windows_s == window_s))
        cell = CELL_NUMBERS[("06037", "Verizon", "text")]
        assert tell(trajectories, window_s, cell, count, START_MS)
    assert (trajectories.matched_records, trajectories.surplus_records) == (workload.total_records, 0)
    for second in range(min(workload.total_s, 30)):
        first, last = workload.second(second)
        assert workload.windows(second) == np.unique(windows_s[first:last]).tolist()


def test_an_original_speed_needs_no_more_lateness_than_made_records() -> None:
    event_times_ms = START_MS + np.arange(0, 60_000, 10, dtype=np.int64)
    assert lateness_needed_ms(offsets_at_speed_ns(event_times_ms, 1), event_times_ms, 10_000) == 10_000
    assert lateness_needed_ms(offsets_at_speed_ns(event_times_ms, 3), event_times_ms, 10_000) == 30_000


# Counts of a grid

AMOUNTS = st.lists(
    st.tuples(st.integers(1, 30), st.integers(0, 5), st.floats(0, 20, allow_subnormal=False)), min_size=1, max_size=80
)


def _activity(rows: list[tuple[int, int, float]]) -> Activity:
    squares, intervals, amounts = (np.array(column) for column in zip(*rows, strict=True))
    starts_ms = START_MS + intervals.astype(np.int64) * 600_000
    return Activity(squares.astype(np.int64), starts_ms, {kind: amounts.astype(np.float64) for kind in KINDS})


@given(rows=AMOUNTS, seed=st.integers(0, 2**64 - 1))
def test_whole_counts_stay_and_fractions_add_up_by_county(rows: list[tuple[int, int, float]], seed: int) -> None:
    whole = [(square, interval, float(round(amount))) for square, interval, amount in rows]
    counts = whole_counts(_activity(whole), "sms_in", seed, 1.0)
    assert counts.tolist() == [amount for _, _, amount in whole]
    activity = _activity(rows)
    counts = whole_counts(activity, "call_out", seed, 3.0)
    assert (counts >= 0).all()
    counties = square_counties(activity.squares, seed)
    for county in np.unique(counties):
        own = counties == county
        assert abs(counts[own].sum() - 3 * activity.amounts["call_out"][own].sum()) <= 0.5 + 1e-6


@given(rows=AMOUNTS, seed=st.integers(0, 2**64 - 1), kind=st.sampled_from(list(KINDS)))
def test_expanded_counts_are_the_datas(rows: list[tuple[int, int, float]], seed: int, kind: str) -> None:
    activity = _activity([(square, interval, float(round(amount))) for square, interval, amount in rows])
    counts = whole_counts(activity, kind, seed, 1.0)
    found = expand(activity, kind, counts, seed, 600_000)
    wanted: Counter[tuple[int, int]] = Counter()
    for county, start_ms, count in zip(
        square_counties(activity.squares, seed).tolist(), activity.starts_ms.tolist(), counts.tolist(), strict=True
    ):
        wanted[(county, start_ms)] += count
    starts_ms = found["event_times_ms"] - (found["event_times_ms"] - START_MS) % 600_000
    assert Counter(zip(found["counties"].tolist(), starts_ms.tolist(), strict=True)) == +wanted
    assert set(found["types"].tolist()) <= {KINDS[kind][0]}


def test_a_rows_records_are_spread_evenly_over_its_interval() -> None:
    found = expand(_activity([(7, 0, 60.0)]), "sms_out", np.array([60]), 1, 600_000)
    assert (np.diff(found["event_times_ms"]) // 100).tolist() == pytest.approx([100] * 59, abs=1)
    assert START_MS <= found["event_times_ms"][0] < START_MS + 10_000


def test_a_grid_is_replayed_with_its_own_counts_and_the_same_way_each_time(tmp_path: Path) -> None:
    rows = [(square, interval, 1 + square % 3, 0, 2, "", 5) for interval in range(3) for square in range(1, 40)]
    lines = [grid_row(square, START_MS + 600_000 * interval, *amounts) for square, interval, *amounts in rows]
    path = write(tmp_path / "grid.txt", *lines)
    with prepare(scenario_of(path, ACTIVITY | {"speed": 60})) as found:
        assert found.account.records == sum(row[2] + row[4] for row in rows)
        types = Counter(line.split(",")[5] for line in found.lines)
        assert types == {"text": sum(row[2] for row in rows), "call": sum(row[4] for row in rows)}
        assert all(parse(line.encode("ascii")) for line in found.lines)
        assert len({line.split(",")[6] for line in found.lines}) == 4
        expected = expected_counts(found.workload)
        assert sum(expected.counts.values()) == found.account.records
        lines_before = found.lines
    with prepare(scenario_of(path, ACTIVITY | {"speed": 60})) as found:
        assert found.lines == lines_before
    with prepare(scenario_of(path, ACTIVITY | {"speed": 60}, seed=2)) as found:
        assert found.lines != lines_before


# What is left of it


def test_nothing_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    path = write(tmp_path / "own.csv", OWN, own_line(1, START_MS), own_line(2, START_MS + 3000))
    with prepare(scenario_of(path)) as found:
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o077 == 0
        assert "replayed" not in str(found.scenario.model_dump()) and str(folder) not in str(
            found.scenario.model_dump()
        )
    assert list(temporary.iterdir()) == []
    refusal(scenario_of(path, {"speed": 1000}))
    assert list(temporary.iterdir()) == []


def test_a_scenario_without_an_input_stays_as_it_is() -> None:
    scenario = load_scenario("smoke", {})
    with replayed(scenario, _silent) as (same, account):
        assert same is scenario and account is None
        assert type(open_workload(same.workload())) is Workload


def _account(**changes: Any) -> Input:
    found = {
        "path": "cdr/",
        "layout": "records",
        "map": {"time": "ms", "columns": {"end": {"column": "EndT", "values": {}, "by_share": False}}},
        "speed": 60.0,
        "rate_records_per_s": None,
        "files": [InputFile(name="cdr/a.csv", bytes=12_345, sha256="ab" * 32, rows=1_002)],
        "rows_read": 1_002,
        "rows_skipped": 2,
        "bad_rows": ["cdr/a.csv:17: type: found 'fax'", "cdr/a.csv:18: type: found 'fax'"],
        "records": 1_000,
        "records_sent": 900,
        "first_event": "2024-03-01T10:00:00.000+00:00",
        "last_event": "2024-03-01T11:00:00.000+00:00",
        "resolution_ms": 1000,
    }
    return Input.model_validate(found | changes)


def test_the_report_shows_the_input() -> None:
    assert input_section(make_result()) is None
    section = input_section(make_result().model_copy(update={"input": _account()}))
    assert section
    facts = dict(section.tables[0].rows)
    assert (facts["sent at"], facts["rows left out"], facts["column end"]) == ("speed 60", "2", "EndT")
    assert section.tables[1].rows == (("cdr/a.csv", "1,002", "12,345", "ab" * 32),)
    assert section.tables[2].rows[0] == ("cdr/a.csv:17: type: found 'fax'",)
    assert section.warnings == ("2 of 1,002 rows were bad and left out.",)
    assert facts["zone of times without one"] == "not measured"
    doubts = {"timezone": "UTC", "timezone_assumed": True, "warnings": ["2 of 1,002 rows (0.2%) are bad", "a gap"]}
    section = input_section(make_result().model_copy(update={"input": _account(**doubts)}))
    assert section and section.warnings == ("2 of 1,002 rows (0.2%) are bad.", "A gap.")
    assert dict(section.tables[0].rows)["zone of times without one"] == "UTC, assumed"
    at_rate = input_section(make_result().model_copy(update={"input": _account(speed=None, rate_records_per_s=5000)}))
    assert at_rate and dict(at_rate.tables[0].rows)["sent at"] == "5,000 records/s"


def test_runs_of_the_same_bytes_can_be_compared_wherever_they_are() -> None:
    one = make_result().model_copy(update={"input": _account(), "run_id": "one"})
    moved = [InputFile(name="elsewhere/a.csv", bytes=12_345, sha256="ab" * 32, rows=1_002)]
    other = one.model_copy(update={"input": _account(path="elsewhere", files=moved), "run_id": "other"})
    assert check_comparable(one, other) == []
    changed = [InputFile(name="cdr/a.csv", bytes=12_345, sha256="cd" * 32, rows=1_002)]
    with pytest.raises(UsageError, match="the workload differs"):
        check_comparable(one, one.model_copy(update={"input": _account(files=changed)}))
