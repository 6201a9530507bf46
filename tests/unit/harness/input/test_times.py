"""Times: what a clock showed, in which zone, and what it never showed."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from harness.errors import ConfigurationError
from harness.scenarios.input import TIME_FORMATS, RecordsMap
from tests.unit.harness.input.reading import COLUMNS, read, starts

ROME, ANGELES = "Europe/Rome", "America/Los_Angeles"


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("form", "text", "means"),
    [
        ("us", "1709287200500000", "2024-03-01T10:00:00.500+00:00"),
        ("ns", "1709287200500000000", "2024-03-01T10:00:00.500+00:00"),
        ("ms", "1.7092872005E+12", "2024-03-01T10:00:00.500+00:00"),
        ("s", "1709287200,5", "2024-03-01T10:00:00.500+00:00"),
        ("iso", "2024-03-01 10:00:00,5", "2024-03-01T10:00:00.500+00:00"),
        ("iso", "2024-03-01 10:00:00 UTC", "2024-03-01T10:00:00+00:00"),
        ("iso", "2024-03-01 10:00:00 -0800", "2024-03-01T10:00:00-08:00"),
        ("iso", "2024-03-01 10:00:00 PST", "2024-03-01T10:00:00-08:00"),
        ("iso", "2024-02-29T10:00", "2024-02-29T10:00:00+00:00"),
        ("%d.%m.%y %H:%M:%S.%f", "1.3.24 10:00:00.25", "2024-03-01T10:00:00.250+00:00"),
        ("%a, %d %b %Y %T %Z", "Fri, 01 Mar 2024 10:00:00 GMT", "2024-03-01T10:00:00+00:00"),
        ("%m/%d/%Y %I:%M %p", "3/1/2024 12:05 AM", "2024-03-01T00:05:00+00:00"),
        ("%Y%m%d%H%M%S%z", "20240301100000+0100", "2024-03-01T10:00:00+01:00"),
    ],
)
def test_a_time_is_what_it_says(tmp_path: Path, form: str, text: str, means: str) -> None:
    assert starts(tmp_path / "a.csv", [text], time=form) == [_ms(means)]


def test_a_map_understands_its_pattern_when_it_is_loaded_and_says_what_was_written() -> None:
    found = RecordsMap(time="%d.%m.%Y %H:%M")
    assert found.time_expression is not None
    assert found.time_expression.groups == ["day", "month", "year", "hour", "minute"]
    assert re.fullmatch(found.time_expression.pattern, "1.3.2024 10:00")
    assert found.model_dump(exclude_unset=True) == {"time": "%d.%m.%Y %H:%M"}
    assert all(RecordsMap(time=form).time_expression is None for form in TIME_FORMATS)


@pytest.mark.parametrize(
    ("form", "text", "words"),
    [
        ("iso", "2023-02-29 10:00:00", "found '2023-02-29"),
        ("%d.%m.%Y %H:%M:%S", "31.04.2024 10:00:00", "found '31.04.2024"),
        ("%d.%m.%Y %H:%M:%S", "01.13.2024 10:00:00", "found '01.13.2024"),
        ("iso", "2024-03-01 24:30:00", "found '2024-03-01 24:30"),
        ("iso", "2024-03-01 10:00:00 IST", "'IST' is no zone that is known"),
        ("iso", "2024-03-01", "a date without a time of day"),
        ("ms", "2024-03-01 10:00:00", "this looks like input.map.time: iso"),
        ("iso", "1709287200", "this looks like input.map.time: s"),
        ("iso", "NaN", "found 'NaN'; expected a time"),
        ("iso", "0000-01-01 00:00:00", "found '0000-01-01"),
        ("iso", "9999-12-31 23:59:59", "found '9999-12-31"),
    ],
)
def test_what_is_no_time_is_a_bad_row(tmp_path: Path, form: str, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        starts(tmp_path / "a.csv", ["2024-03-01 10:00:00", text], time=form, timezone=ANGELES)
    assert words in error.value.message and "a.csv:3: " in error.value.message


@pytest.mark.parametrize("zone", [ROME, ANGELES, "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_a_zone_counts_in_summer_and_winter(tmp_path: Path, zone: str) -> None:
    texts = ["2024-01-10 12:00:00", "2024-07-10 12:00:00"]
    wanted = [round(datetime.fromisoformat(each).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000) for each in texts]
    assert starts(tmp_path / "a.csv", texts, time="iso", timezone=zone) == wanted


def test_a_time_that_clocks_skipped_is_a_bad_row(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="a time that clocks of Europe/Rome show: they were set forward"):
        starts(tmp_path / "a.csv", ["2024-03-31 01:59:59", "2024-03-31 02:30:00"], time="iso", timezone=ROME)


def test_a_time_that_clocks_showed_twice_is_read_by_the_order_of_the_rows(tmp_path: Path) -> None:
    texts = [f"2024-10-27 {each}:00" for each in ("01:50", "02:10", "02:50", "02:49", "02:05", "02:40", "03:10")]
    wanted = [*(_ms(f"{each}+02:00") for each in texts[:4]), *(_ms(f"{each}+01:00") for each in texts[4:])]
    path = tmp_path / "a.csv"
    assert starts(path, texts, time="iso", timezone=ROME) == sorted(wanted)
    unordered = [texts[0], "2024-10-26 09:00:00", *texts[1:]]
    with pytest.raises(ConfigurationError, match="ambiguous_times says which time is meant"):
        starts(path, unordered, time="iso", timezone=ROME)
    by_key: Any = {"time": "iso", "timezone": ROME}
    assert starts(path, [texts[1]], **by_key, ambiguous_times="later") == [_ms(f"{texts[1]}+01:00")]
    assert starts(path, [texts[1]], **by_key, ambiguous_times="earlier") == [_ms(f"{texts[1]}+02:00")]


def test_a_call_ends_after_its_start_when_the_clock_is_set_back(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,e\n2024-10-27 02:55:00,2024-10-27 02:05:00\n", encoding="utf-8")
    found = read(path, COLUMNS | {"end": "e"}, time="iso", timezone=ROME)
    assert found.records["durations_ms"].tolist() == [600_000] and found.tally.twice == 2


def test_date_and_time_in_columns_of_their_own_are_one_time(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "day=2024-03-01"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("t\n10:00:00\n", encoding="utf-8")
    found = read(tmp_path / "data", COLUMNS | {"start": ["day", "t"]}, time="iso")
    assert found.records["event_times_ms"].tolist() == [_ms("2024-03-01T10:00:00+00:00")]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"time": "%d.%m.%Y"}, "start: [date, time]"),
        ({"time": "%H:%M:%S"}, "year, month and day"),
        ({"time": "%d.%m.%Y %H:%M:%Q"}, "%Q is not known"),
        ({"time": "%d.%m.%Y %I:%M"}, "belong together"),
        ({"time": "%d.%m.%Y %d %H"}, "twice"),
        ({"timezone": "PST"}, "such as Europe/Rome"),
        ({"ambiguous_times": "later"}, "give that, too"),
        ({"encoding": "klingon"}, "give a text encoding"),
        ({"quote": ";", "delimiter": ";"}, "different characters"),
        ({"decimal": ",", "thousands": ","}, "different characters"),
        ({"skip_rows_after_header": 1, "header": False}, "use `skip_rows`"),
    ],
)
def test_keys_that_cannot_be_are_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        RecordsMap.model_validate({**keys, "columns": COLUMNS})
    assert words in str(error.value)
