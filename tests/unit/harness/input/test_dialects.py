"""Calls written in any dialect that exchanges, databases and spreadsheets have come back the same, or are refused."""

import bz2
import csv
import gzip
import io
import lzma
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigurationError
from harness.input.reading import read_input, refuse_rows
from harness.input.summary import summary_of
from harness.scenarios.input import InputSection

#: From the spring of 2024 to the autumn of 2025: clocks are set forward and back in it.
FIRST_MS, LAST_MS = 1_709_900_000_000, 1_763_000_000_000


@dataclass(frozen=True)
class Call:
    """A call; of missing numbers and lengths, None."""

    start_ms: int
    length_ms: int | None
    source: int | None
    kind: str
    note: str


@dataclass(frozen=True)
class Form:
    """A way to write times or lengths: keys of the map, to the multiple of how many ms it writes them, and how."""

    keys: dict[str, Any]
    step_ms: int
    write: Callable[[int], str]


def _at(ms: int, zone: str | None) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone or "UTC"))


def _pattern(pattern: str, zone: str | None, step_ms: int = 1000) -> Form:
    keys: dict[str, Any] = {"time": pattern}
    keys |= {"timezone": zone} if zone else {}
    return Form(keys, step_ms, lambda ms: _at(ms, zone).strftime(pattern))


def _iso(zone: str | None, separator: str, *, offset: bool) -> Form:
    def write(ms: int) -> str:
        at = _at(ms, zone)
        return (at if offset else at.replace(tzinfo=None)).isoformat(separator, "milliseconds")

    return Form({"time": "iso", **({"timezone": zone} if zone and not offset else {})}, 1, write)


ZONES = st.sampled_from([None, "America/Los_Angeles", "Europe/Rome", "Asia/Kolkata", "America/Sao_Paulo"])
TIMES = st.one_of(
    st.sampled_from(
        [
            Form({"time": "ms"}, 1, str),
            Form({"time": "ms"}, 1, lambda ms: f"{ms}.0"),
            Form({"time": "s"}, 1, lambda ms: f"{ms / 1000:.3f}"),
            Form({"time": "s"}, 1000, lambda ms: str(ms // 1000)),
            Form({"time": "us"}, 1, lambda ms: str(ms * 1000)),
            Form({"time": "ns"}, 1, lambda ms: str(ms * 1_000_000)),
            Form({"time": "iso"}, 1, lambda ms: f"{_at(ms, None):%Y-%m-%d %H:%M:%S},{ms % 1000:03d} UTC"),
        ]
    ),
    st.builds(_iso, ZONES, st.sampled_from(["T", " "]), offset=st.booleans()),
    st.builds(
        _pattern,
        st.sampled_from(
            [
                "%d.%m.%Y %H:%M:%S",
                "%m/%d/%y %I:%M:%S %p",
                "%Y%m%d%H%M%S",
                "%d-%b-%Y %H:%M:%S",
                "%F %T",
                "%H:%M:%S %e/%m/%Y",
            ]
        ).map(lambda pattern: pattern.replace("%e", "%d")),
        ZONES,
    ),
    st.builds(_pattern, st.sampled_from(["%Y-%m-%dT%H:%M:%S%z", "%d/%m/%Y %T %z", "%F %T %Z"]), st.none()),
)


def _clock(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{rest:03d}" if rest else text


def _go(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    minutes = f"{seconds // 60}m" if seconds >= 60 else ""
    return f"{minutes}{seconds % 60}{f'.{rest:03d}' if rest else ''}s"


LENGTHS = st.sampled_from(
    [
        Form({}, 1000, lambda ms: str(ms // 1000)),
        Form({}, 1, lambda ms: f"{ms / 1000:.3f}"),
        Form({"decimal": ","}, 1, lambda ms: f"{ms / 1000:.3f}".replace(".", ",")),
        Form({"thousands": ",", "duration_unit": "ms"}, 1, lambda ms: f"{ms:,}"),
        Form({"duration_unit": "ms"}, 1, str),
        Form({"duration_unit": "us"}, 1, lambda ms: str(ms * 1000)),
        Form({"duration_unit": "ns"}, 1, lambda ms: str(ms * 1_000_000)),
        Form({"duration_unit": "min"}, 60_000, lambda ms: str(ms // 60_000)),
        Form({"duration_unit": "mm:ss"}, 1000, lambda ms: f"{ms // 60_000}:{ms // 1000 % 60:02d}"),
        Form({"duration_unit": "hh:mm"}, 60_000, lambda ms: f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}"),
        Form({}, 1, _clock),
        Form({"duration_unit": "ms"}, 1000, lambda ms: f"0 days {_clock(ms)}"),
        Form({}, 1, _go),
        Form({}, 1000, lambda ms: f"PT{ms // 3_600_000}H{ms // 60_000 % 60}M{ms // 1000 % 60}S"),
    ]
)
NUMBERS = st.sampled_from(
    [
        str,
        lambda number: f"+1{number}",
        lambda number: f"001{number}",
        lambda number: f"tel:+1-{str(number)[:3]}-{str(number)[3:6]}-{str(number)[6:]}",
        lambda number: f"sip:+1{number}@sbc.example;user=phone",
        lambda number: f"{number}.0",
        lambda number: f"({str(number)[:3]}) {str(number)[3:6]} {str(number)[6:]}",
    ]
)
CALLS = st.lists(
    st.builds(
        Call,
        start_ms=st.integers(FIRST_MS, LAST_MS),
        length_ms=st.none() | st.integers(0, 10_000_000),
        source=st.none() | st.integers(2_000_000_000, 9_999_999_999),
        kind=st.sampled_from(["call", "text"]),
        note=st.text("ab é\"';,|\t\n#\\", max_size=12) | st.just("one, two\nthree"),
    ),
    min_size=1,
    max_size=30,
)


@dataclass(frozen=True)
class Dialect:
    """How a file of calls is written."""

    delimiter: str
    quoting: str
    quote: str
    escapes: bool
    encoding: str
    line_end: str
    header: bool
    null: str
    spaced: bool
    title: bool
    comment: bool
    trailing: bool
    packing: str
    apart: bool

    def keys(self) -> dict[str, Any]:
        """The keys of a map that say so."""
        keys: dict[str, Any] = {"delimiter": self.delimiter, "header": self.header, "quote": self.quote}
        keys |= {"encoding": self.encoding} if self.encoding in ("cp1252", "latin-1") else {}
        keys |= {"null_values": [self.null]} if self.null in ("-", "unknown number") else {}
        keys |= {"quoting": "none"} if self.quoting == "none" else {}
        keys |= {"escape": "\\"} if self.escapes and self.quoting != "none" else {}
        keys |= {"skip_rows": 2} if self.title else {}
        keys |= {"comment": "//"} if self.comment else {}
        return keys | ({"row_width": "any"} if self.trailing else {})


DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from(["minimal", "all", "none"]),
    quote=st.sampled_from(['"', "'"]),
    escapes=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    header=st.booleans(),
    null=st.sampled_from(["", "NaN", "\\N", "NULL", "-", "unknown number"]),
    spaced=st.booleans(),
    title=st.booleans(),
    comment=st.booleans(),
    trailing=st.booleans(),
    packing=st.sampled_from(["", ".gz", ".bz2", ".xz"]),
    apart=st.booleans(),
)


def _text(dialect: Dialect, rows: list[list[str]]) -> str:
    if dialect.quoting == "none":
        gap = " " if dialect.spaced else ""
        return "".join(f"{dialect.delimiter}{gap}".join(row) + dialect.line_end for row in rows)
    found = io.StringIO()
    csv.writer(
        found,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        doublequote=not dialect.escapes,
        escapechar="\\" if dialect.escapes else None,
        quoting=csv.QUOTE_ALL if dialect.quoting == "all" else csv.QUOTE_MINIMAL,
        lineterminator=dialect.line_end,
    ).writerows(rows)
    return found.getvalue()


def _written(dialect: Dialect, time: Form, length: Form, number: Callable[[int], str], calls: list[Call]) -> str:
    def missing_or(value: int | None, write: Callable[[int], str]) -> str:
        return dialect.null if value is None else write(value)

    rows = [["begin", "secs", "who", "kind", "note"]] if dialect.header else []
    for call in calls:
        # Python puts no quotes around a line feed, if lines end in something else.
        note = call.note.replace("\n", dialect.line_end)
        if dialect.quoting == "none":
            note = "".join(each for each in note if each not in "\n\r" + dialect.delimiter)
        source = missing_or(call.source, number)
        row = [time.write(call.start_ms), missing_or(call.length_ms, length.write), source, call.kind, note]
        if dialect.quoting == "none":
            row = [row[0], *(each.replace(dialect.delimiter, "") for each in row[1:])]
        rows.append(row)
    if _is_apart(dialect, time):
        rows = [[*row[0].split(" ", 1), *row[1:]] if " " in row[0] else ["day", "hour", *row[1:]] for row in rows]
    if dialect.trailing:
        rows = [[*row, ""] if number or not dialect.header else row for number, row in enumerate(rows)]
    text = _text(dialect, rows)
    if dialect.comment:
        text = f"// a comment{dialect.line_end}{text}// another{dialect.line_end}"
    return f'Calls of a month{dialect.line_end}"{dialect.line_end}{text}' if dialect.title else text


def _is_apart(dialect: Dialect, time: Form) -> bool:
    return dialect.apart and time.write(FIRST_MS).count(" ") == 1


def _columns(dialect: Dialect, apart: bool) -> dict[str, Any]:
    names: list[Any] = ["begin", "secs", "who", "kind"]
    start: Any = ["day", "hour"] if apart else "begin"
    if not dialect.header:
        start = [1, 2] if apart else 1
        names = [0, *(place + apart for place in (2, 3, 4))]
    return {
        "start": start,
        "duration": names[1],
        "source": names[2],
        "type": names[3],
        "county": {"constant": "Yolo"},
    }


def _packed(packing: str, content: bytes) -> bytes:
    return {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[packing](content)


def _come_back(dialect: Dialect, time: Form, length: Form, number: Callable[[int], str], calls: list[Call]) -> None:
    calls = [
        Call(
            each.start_ms // time.step_ms * time.step_ms,
            None if each.length_ms is None else each.length_ms // length.step_ms * length.step_ms,
            each.source,
            each.kind,
            each.note,
        )
        for each in calls
    ]
    # A decimal comma between commas has to be quoted, which a file without quotes does not have.
    if dialect.quoting == "none" and dialect.delimiter in time.write(FIRST_MS) + length.write(1_234_567):
        return
    content = _written(dialect, time, length, number, calls).encode(dialect.encoding)
    keys = {**dialect.keys(), **time.keys, **length.keys, "columns": _columns(dialect, _is_apart(dialect, time))}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"calls.csv{dialect.packing}"
        path.write_bytes(_packed(dialect.packing, content))
        section = InputSection.model_validate({"path": str(path), "map": keys})
        try:
            reading = read_input(section, 1, Path(folder), lambda _: None)
            refuse_rows(section, reading)
        except ConfigurationError as error:
            _is_for_a_reason(error, calls, dialect)
            return
    if summary_of(section, reading).times_shown_twice:
        return  # which is told
    found = reading.records
    wanted = sorted((each.start_ms + _length_ms(each), _length_ms(each), each.kind, each.source or 0) for each in calls)
    known = {each.source for each in calls}
    assert wanted == sorted(
        (end_ms, length_ms, ("call", "text")[kind], source if source in known else 0)
        for end_ms, length_ms, kind, source in zip(
            *(found[name].tolist() for name in ("event_times_ms", "durations_ms", "types", "source_numbers")),
            strict=True,
        )
    )


def _length_ms(call: Call) -> int:
    return 0 if call.kind == "text" else call.length_ms or 0


def _is_for_a_reason(error: ConfigurationError, calls: list[Call], dialect: Dialect) -> None:
    """What may be refused: times that clocks show twice, rows out of order; and quotes that hold many lines."""
    notes = "".join(each.note for each in calls)
    lines = "\n" in notes and dialect.quoting != "none"
    assert "ambiguous_times" in error.message or (lines and "broken quoting" in error.message), error.message


@settings(max_examples=150, deadline=None)
@given(dialect=DIALECTS, time=TIMES, length=LENGTHS, number=NUMBERS, calls=CALLS)
def test_calls_in_any_dialect_come_back_or_are_refused(
    dialect: Dialect, time: Form, length: Form, number: Callable[[int], str], calls: list[Call]
) -> None:
    _come_back(dialect, time, length, number, calls)


@pytest.mark.proof
@settings(max_examples=10_000, deadline=None)
@given(dialect=DIALECTS, time=TIMES, length=LENGTHS, number=NUMBERS, calls=CALLS)
def test_ten_thousand_files_of_calls_come_back_or_are_refused(
    dialect: Dialect, time: Form, length: Form, number: Callable[[int], str], calls: list[Call]
) -> None:
    _come_back(dialect, time, length, number, calls)
