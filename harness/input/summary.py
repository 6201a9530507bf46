"""What was understood of an input, for people and programs to check before anything is started."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from engines.contract.record import OPERATORS, TYPES
from harness.input.reading import FileRead, Reading
from harness.input.zones import utc_text
from harness.scenarios.input import ActivityMap, InputSection, RecordsMap
from workloads.california import COUNTIES

SAMPLE = 5
_DAY_MS = 86_400_000
_MANY_S, _FEW_S, _LONGEST_S = 3_600, 10, 86_400
#: Fewer calls have no median to speak of.
_LEAST_CALLS = 10
_SHOWN_FILES = 20


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileSummary(_Part):
    """A file that was read."""

    name: str
    bytes: int
    rows: int = Field(description="all of them, bad ones and those left out by the map included")
    encoding: str | None = Field(description="null of Parquet")
    delimiter: str | None


class CallSummary(_Part):
    """Lengths of the calls that have any, in seconds."""

    count: int
    without_length: int
    median_s: float | None
    longest_s: float | None


class InputSummary(_Part):
    """What was understood of an input."""

    path: str
    layout: str
    files: list[FileSummary]
    passed_over: list[str] = Field(description="files that hold no records, and why")
    rows: int
    bad_rows: int
    bad_rows_shown: list[str] = Field(description="the first of them, as FILE:LINE: what was found and expected")
    rows_left_out: int = Field(description="by values that mean `skip`")
    repeated_headers: int
    records: int
    calls: CallSummary
    texts: int
    first_event: str | None = Field(description="ISO 8601, UTC")
    last_event: str | None
    first_event_local: str | None = Field(description="in the map's zone; null without one")
    timezone: str = Field(description="of times that have none of their own")
    timezone_assumed: bool = Field(description="whether UTC is assumed, since the map gives no zone")
    times_without_zone: int
    times_shown_twice: int = Field(description="by a clock that was set back, and decided by order or map")
    numbers_hashed: dict[str, int] = Field(description="texts that are no number of ten digits, by columns")
    numbers_hashed_shown: list[str] = Field(description="the first of them, if values may be shown")
    numbers_missing: dict[str, int] = Field(description="chosen by a hash of the row, by columns")
    counties_by_share: int = Field(description="records whose county was chosen by a hash")
    operators_by_share: int | None = Field(description="records whose operator was; null if no column has them")
    calls_of_one_time: int = Field(description="that have only a start or an end: their length is 0")
    warnings: list[str]
    sample: list[tuple[str, float, str, str, str]] = Field(
        description="the first records: end (ISO 8601, UTC), length in seconds, county, type, operator"
    )


def summary_of(section: InputSection, reading: Reading) -> InputSummary:
    """What `reading` has of what `section` names."""
    mapped, tally, found = section.map, reading.tally, reading.records
    times_ms = found.get("event_times_ms", np.zeros(0, dtype=np.int64))
    count = len(times_ms)
    texts = int((found["types"] == TYPES.index("text")).sum()) if count else 0
    has_operators = isinstance(mapped, RecordsMap) and bool(mapped.columns.operator and mapped.columns.operator.names)
    chosen = int(found["chosen"].sum()) if count else 0
    return InputSummary(
        path=section.path,
        layout=mapped.layout,
        files=[_file(each) for each in reading.files],
        passed_over=reading.passed_over,
        rows=reading.rows,
        bad_rows=reading.problems.count,
        bad_rows_shown=reading.problems.shown(values=section.show_bad_values),
        rows_left_out=tally.left_out,
        repeated_headers=sum(each.text.repeated_headers for each in reading.files if each.text),
        records=count,
        calls=_calls(reading, count - texts),
        texts=texts,
        first_event=utc_text(int(times_ms[0])) if count else None,
        last_event=utc_text(int(times_ms[-1])) if count else None,
        first_event_local=_local(int(times_ms[0]), mapped.timezone) if count and mapped.timezone else None,
        timezone=mapped.timezone or "UTC",
        timezone_assumed=mapped.timezone is None and tally.without_zone > 0,
        times_without_zone=tally.without_zone,
        times_shown_twice=tally.twice,
        numbers_hashed={key: number for key, number in tally.hashed.items() if number},
        numbers_hashed_shown=tally.hashed_examples if section.show_bad_values else [],
        numbers_missing={key: number for key, number in tally.missing_numbers.items() if number},
        counties_by_share=chosen,
        operators_by_share=tally.operators_by_share if has_operators else None,
        calls_of_one_time=tally.lone_ends,
        warnings=list(_warnings(section, reading)),
        sample=[_sampled(reading, at) for at in range(min(count, SAMPLE))],
    )


def _file(file: FileRead) -> FileSummary:
    encoding, delimiter = (file.text.encoding, file.text.delimiter) if file.text else (None, None)
    return FileSummary(name=file.name, bytes=file.bytes, rows=file.rows, encoding=encoding, delimiter=delimiter)


def _lengths_s(reading: Reading) -> Any:
    """Of calls that have a length."""
    lengths = reading.records.get("durations_ms", np.zeros(0, dtype=np.int64))
    return lengths[lengths > 0] / 1000


def _calls(reading: Reading, count: int) -> CallSummary:
    lengths_s = _lengths_s(reading)
    some = len(lengths_s) > 0
    return CallSummary(
        count=count,
        without_length=count - len(lengths_s),
        median_s=float(np.median(lengths_s)) if some else None,
        longest_s=float(lengths_s.max()) if some else None,
    )


def _local(milliseconds: int, zone: str) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")


def _sampled(reading: Reading, at: int) -> tuple[str, float, str, str, str]:
    found = reading.records
    return (
        utc_text(int(found["event_times_ms"][at])),
        int(found["durations_ms"][at]) / 1000,
        COUNTIES[int(found["counties"][at])].name,
        TYPES[int(found["types"][at])],
        OPERATORS[int(found["operators"][at])],
    )


def _warnings(section: InputSection, reading: Reading) -> Any:
    """What may well be wrong, though it can be read."""
    mapped, tally, problems = section.map, reading.tally, reading.problems
    rows = max(reading.rows, 1)
    if problems.count:
        yield f"{problems.count:,} of {reading.rows:,} rows ({problems.count / rows:.1%}) are bad"
    if mapped.timezone is None and tally.without_zone:
        yield (
            f"{tally.without_zone:,} times have no zone and are taken as UTC; if they are local, set "
            "input.map.timezone, to America/Los_Angeles, say"
        )
    if tally.twice:
        how = (mapped.ambiguous_times or "in_order").replace("_", " ")
        clocks = f"clocks of {mapped.timezone}"
        yield f"{tally.twice:,} times were shown twice by {clocks}, which were set back; read as {how}"
    if tally.rounded_times:
        yield (
            f"{tally.rounded_times:,} times are written with an exponent (1.71E+12) and have lost their last digits: "
            "export the column as whole numbers"
        )
    if tally.rounded_numbers:
        yield (
            f"{tally.rounded_numbers:,} telephone numbers are written with an exponent (1.92E+11) and have lost their "
            "last digits, so that several may be one: export the column as text"
        )
    if tally.lone_ends:
        yield f"{tally.lone_ends:,} calls have only one of start and end, which stands for both: their length is 0"
    yield from _implausible_lengths(section, reading)
    if gap := reading.gap():
        yield f"{gap}; a wrong date, perhaps"
    if not isinstance(mapped, ActivityMap) and (at := _all_at_midnight(reading, mapped.timezone)):
        yield f"all calls begin at midnight ({at}): these are dates without a time of day; see start: [date, time]"


def _implausible_lengths(section: InputSection, reading: Reading) -> Any:
    if not isinstance(section.map, RecordsMap):
        return
    lengths_s = _lengths_s(reading)
    if len(lengths_s) < _LEAST_CALLS:
        return
    median_s, longest_s = float(np.median(lengths_s)), float(lengths_s.max())
    unit = section.map.duration_unit
    by_unit = f"; is input.map.duration_unit, {unit}, right?" if section.map.columns.duration else ""
    if median_s > _MANY_S:
        yield f"half of the calls are longer than {median_s:,.0f} s, and calls mostly last minutes{by_unit}"
    elif median_s < _FEW_S:
        yield f"half of the calls last {median_s:,.3g} s or less, and calls mostly last minutes{by_unit}"
    elif longest_s > _LONGEST_S:
        yield f"the longest call lasts {longest_s:,.0f} s, more than a day{by_unit}"


def _all_at_midnight(reading: Reading, zone: str | None) -> str:
    """The first of them, if all starts are midnights in `zone`; else empty."""
    found = reading.records
    if not found or len(found["event_times_ms"]) < 2:
        return ""
    starts_ms = found["event_times_ms"] - found["durations_ms"]
    ahead = datetime.fromtimestamp(int(starts_ms[0]) / 1000, ZoneInfo(zone or "UTC")).utcoffset()
    ahead_ms = round(ahead.total_seconds() * 1000) if ahead else 0
    # A change of the clocks in between would move all by an hour.
    at_midnight = np.isin((starts_ms + ahead_ms) % _DAY_MS, (0, 3_600_000, _DAY_MS - 3_600_000))
    return utc_text(int(starts_ms[0])) if at_midnight.all() and (starts_ms + ahead_ms)[0] % _DAY_MS == 0 else ""


def told(summary: InputSummary, *, bad_rows: bool) -> list[str]:
    """The summary as lines for people; with the first bad rows, if these are not told elsewhere."""
    lines = _told_of_files(summary)
    if summary.rows_left_out or summary.repeated_headers:
        headers = f"repeated headers, {summary.repeated_headers:,}"
        lines.append(f"left out by the map, {summary.rows_left_out:,} rows; {headers}")
    if summary.bad_rows and bad_rows:
        lines.append(f"bad rows, which are left out: {summary.bad_rows:,} of {summary.rows:,}")
        lines += [f"  {each}" for each in summary.bad_rows_shown]
    if summary.records:
        lines += _told_of_records(summary)
    lines += [f"warning: {each}" for each in summary.warnings]
    return lines


def _told_of_files(summary: InputSummary) -> list[str]:
    files = [
        f"  {each.name}: {each.rows:,} rows" + (f", {each.encoding}" if each.encoding else "")
        for each in summary.files[:_SHOWN_FILES]
    ]
    more = len(summary.files) - len(files)
    files += [f"  and {more:,} files more"] if more else []
    passed_over = [f"  passed over: {each}" for each in summary.passed_over[:_SHOWN_FILES]]
    plural = "" if len(summary.files) == 1 else "s"
    lines = [f"{len(summary.files):,} file{plural}, {summary.rows:,} rows, {summary.records:,} records"]
    return [*lines, *files, *passed_over]


def _told_of_records(summary: InputSummary) -> list[str]:
    calls, of_all = summary.calls, f"of {summary.records:,} records"
    local = f" ({summary.first_event_local})" if summary.first_event_local else ""
    lines = [f"first event {summary.first_event}{local}, last {summary.last_event}"]
    if summary.times_without_zone:
        assumed = "assumed, since the map gives no timezone" if summary.timezone_assumed else "as the map says"
        lines.append(f"times without a zone, {summary.times_without_zone:,}, taken as {summary.timezone}: {assumed}")
    lengths = (
        f"; the median lasts {calls.median_s:,.4g} s, the longest {calls.longest_s:,.6g} s" if calls.longest_s else ""
    )
    without = f" ({calls.without_length:,} without a length)" if summary.layout == "records" else ""
    lines.append(f"{summary.texts:,} texts, {calls.count:,} calls{without}{lengths}")
    if summary.layout == "records":
        hashed = f"{_by_column(summary.numbers_hashed)}{_such_as(summary)}"
        lines.append(f"telephone numbers made by a hash of a text: {hashed}")
        lines.append(f"telephone numbers that are missing, chosen by a hash: {_by_column(summary.numbers_missing)}")
    operators = "all" if summary.operators_by_share is None else f"{summary.operators_by_share:,}"
    lines.append(f"chosen by share: counties of {summary.counties_by_share:,}, operators of {operators} {of_all}")
    return lines


def _by_column(counts: dict[str, int]) -> str:
    return ", ".join(f"{key} {number:,}" for key, number in counts.items()) or "none"


def _such_as(summary: InputSummary) -> str:
    return f" (such as {', '.join(map(repr, summary.numbers_hashed_shown))})" if summary.numbers_hashed_shown else ""
