"""A user's own records: what was read, what was left out, and how it was replayed."""

from __future__ import annotations

import json

from harness.results.result import Input, Result
from reports.wording.numbers import NOT_MEASURED, integer
from reports.wording.summary import flatten
from reports.wording.tables import Section, Table

_FILES = "Files, in the order in which they were read. Rows include bad ones."
_PACE = (
    "Records are sent in the order of their event times, those of equal times spread evenly over the resolution of the "
    "times. Event times are the data's own: a window is a second of the data's time, whatever the pace."
)
_ACTIVITY = (
    "The data holds counts for cells of a grid. Which county a cell stands for, which operator each record has, and "
    "where in its interval it lies are chosen by hashes; see docs/input.md."
)


def input_section(result: Result) -> Section | None:
    """The section on the input; None if the records were made from a seed."""
    found = result.input
    if found is None:
        return None
    files = Table(
        _FILES,
        ("file", "rows", "bytes", "SHA-256"),
        tuple((each.name, integer(each.rows), integer(each.bytes), each.sha256) for each in found.files),
        words=frozenset({0, 3}),
    )
    facts = Table("How the input was read and replayed.", ("name", "value"), _facts(found), words=frozenset({0, 1}))
    bad = tuple((each,) for each in found.bad_rows)
    left_out = (Table("Rows that were left out, the first of them.", ("row",), bad),) if bad else ()
    warnings: tuple[str, ...] = (
        (f"{found.rows_skipped:,} of {found.rows_read:,} rows were bad and left out.",) if bad else ()
    )
    if found.warnings is not None:  # they tell of bad rows, too
        warnings = tuple(f"{each[:1].upper()}{each[1:]}." for each in found.warnings)
    notes = (_PACE, _ACTIVITY) if found.layout == "activity" else (_PACE,)
    return Section("Input", "input", (facts, files, *left_out), warnings=warnings, notes=notes)


def _facts(found: Input) -> tuple[tuple[str, str], ...]:
    pace = f"{integer(found.rate_records_per_s)} records/s" if found.rate_records_per_s else f"speed {found.speed:g}"
    mapped = {key: value for key, value in found.map.items() if key != "columns"}
    return (
        ("path", found.path),
        ("layout", found.layout),
        ("sent at", pace),
        ("rows read", integer(found.rows_read)),
        ("rows left out", integer(found.rows_skipped)),
        ("records in the data", integer(found.records)),
        ("records sent in each trial", integer(found.records_sent)),
        ("first and last event", f"{found.first_event} to {found.last_event}"),
        ("resolution of event times, ms", integer(found.resolution_ms)),
        ("zone of times without one", _zone(found)),
        *((name, value) for name, value in flatten(mapped)),
        *((f"column {key}", _column(value)) for key, value in found.map["columns"].items()),
    )


def _zone(found: Input) -> str:
    if found.timezone is None:
        return NOT_MEASURED
    return f"{found.timezone}, assumed" if found.timezone_assumed else found.timezone


def _column(value: object) -> str:
    """A column of the map, without what is empty."""
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if each not in ({}, False)}
        return str(kept["column"]) if kept.keys() == {"column"} else json.dumps(kept, ensure_ascii=False)
    return str(value)
