"""Prepares a user's own records for replay: read once, checked, put in order, and written to a private folder."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.contract.record import OPERATORS, TYPES
from harness.errors import ConfigurationError
from harness.input.files import Source, find_sources, read_batches, sha256
from harness.input.layouts import Arrays, Layout, layout_of
from harness.input.problems import Check, Problems
from harness.provision.cache import Progress
from harness.results.result import Input, InputFile
from harness.scenarios.input import InputSection
from harness.scenarios.scenario import MAX_DURATION_S, Scenario
from workloads.profiles import NANOSECONDS_PER_S, ConstantRate
from workloads.replay import ARRAYS, lateness_needed_ms, offsets_at_speed_ns, resolution_ms

#: Nothing is said of work that is done sooner.
_SILENT_S = 2.0
#: What an engine takes at the most: Flink's intervals have two digits for days.
_MAX_LATENESS_MS = 90 * 86_400_000


@contextmanager
def replayed(scenario: Scenario, progress: Progress) -> Iterator[tuple[Scenario, Input | None]]:
    """The scenario with its input prepared, and an account of that; a scenario without one as it is, and None.

    What is prepared goes away with the context.

    Raises:
        ConfigurationError: the input cannot be read, rows of it are wrong, or nothing of it falls into the run.
        ServiceError: S3 cannot be reached.
    """
    if scenario.input is None:
        yield scenario, None
        return
    work = Path(tempfile.mkdtemp(prefix="ringbench-input-"))
    try:
        yield _prepare(scenario, scenario.input, work, progress)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _prepare(scenario: Scenario, section: InputSection, work: Path, progress: Progress) -> tuple[Scenario, Input]:
    layout, problems = layout_of(section.map, scenario.seed), Problems()
    files = _read(section, layout, problems, work, _Seldom(progress))
    if problems.count and not section.skip_bad_lines:
        raise _bad_rows(section, problems, files)
    found = layout.records()
    if not found or not len(found["event_times_ms"]):
        raise ConfigurationError(
            f"{section.path}: the input holds no call and no text",
            fix="give other files; or, if counts are very small, raise input.map.records_per_unit",
        )
    order = np.argsort(found["event_times_ms"], kind="stable")
    event_times_ms = found["event_times_ms"][order]
    offsets_ns = _offsets_ns(event_times_ms, section)
    cut = _cut(scenario, section, offsets_ns)
    sent = slice(None, cut.records)
    lateness_ms = lateness_needed_ms(offsets_ns[sent], event_times_ms[sent], scenario.allowed_lateness_ms)
    if lateness_ms > _MAX_LATENESS_MS:
        raise ConfigurationError(
            f"input: event times leap by {lateness_ms / 86_400_000:,.0f} days within {scenario.allowed_lateness_ms} ms "
            "of the run, and engines would have to wait for records so late",
            fix="give files without such a gap, a lower speed or rate, or a lower allowed_lateness_ms",
        )
    total_s = scenario.warmup_s + cut.duration_s
    progress(f"{cut.records:,} of {len(order):,} records are sent, at {_pace(section)} in {total_s:,} s")
    _save(work, found, order[sent], offsets_ns[sent], event_times_ms[sent])
    effective = scenario.model_copy(
        update={
            "rate_records_per_s": max(1, round(cut.records / total_s)),
            "duration_s": cut.duration_s,
            "allowed_lateness_ms": lateness_ms,
        }
    )
    effective.replay(str(work), int(event_times_ms[0]) // 1000)
    account = Input(
        path=section.path,
        layout=section.map.layout,
        map=section.map.model_dump(exclude={"layout"}, exclude_none=True),
        speed=None if section.rate_records_per_s else section.speed or 1.0,
        rate_records_per_s=section.rate_records_per_s,
        files=files,
        rows_read=sum(each.rows for each in files),
        rows_skipped=problems.count,
        bad_rows=problems.shown,
        records=len(event_times_ms),
        records_sent=cut.records,
        first_event=_utc(int(event_times_ms[0])),
        last_event=_utc(int(event_times_ms[cut.records - 1])),
        resolution_ms=resolution_ms(event_times_ms),
    )
    return effective, account


def _read(section: InputSection, layout: Layout, problems: Problems, work: Path, progress: _Seldom) -> list[InputFile]:
    sources = find_sources(section.path, section.map.delimiter, work)
    return [_read_file(section, layout, each, problems, progress) for each in sources]


def _read_file(
    section: InputSection, layout: Layout, source: Source, problems: Problems, progress: _Seldom
) -> InputFile:
    """Read one file into the layout. Rows that are bad count as read."""
    rows, bad_before, told_bad = 0, problems.count, 0
    with source.open() as path:
        digest = sha256(path)
        batches = read_batches(path, source.name, layout.wanted(), section.map.header, section.map.delimiter, problems)
        for batch in batches:
            check = Check(len(batch.lines))
            layout.add(check, batch)
            check.tell(problems, batch.file, batch.lines)
            rows, told_bad = rows + len(batch.lines), told_bad + int(check.bad.sum())
            progress.say(f"{source.name}: {rows:,} rows read, {problems.count - bad_before:,} of them bad")
    unreadable = problems.count - bad_before - told_bad
    return InputFile(name=source.name, bytes=source.bytes, sha256=digest, rows=rows + unreadable)


class _Seldom:
    """Tells of progress after two seconds, and every two from then on."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._due_s = progress, time.monotonic() + _SILENT_S

    def say(self, text: str) -> None:
        now_s = time.monotonic()
        if now_s >= self._due_s:
            self._due_s = now_s + _SILENT_S
            self._progress(text)


def _bad_rows(section: InputSection, problems: Problems, files: list[InputFile]) -> ConfigurationError:
    total = sum(each.rows for each in files)
    shown = "\n".join(problems.shown)
    more = problems.count - len(problems.shown)
    return ConfigurationError(
        f"input.path: {section.path}: {problems.count:,} of {total:,} rows cannot be used:\n{shown}"
        + (f"\nand {more:,} more" if more else ""),
        fix="correct these rows, or the map (input.map, --input-map); or leave them out with --skip-bad-lines "
        "(input.skip_bad_lines: true)",
    )


def _offsets_ns(event_times_ms: NDArray[np.int64], section: InputSection) -> NDArray[np.int64]:
    if section.rate_records_per_s:
        return ConstantRate(section.rate_records_per_s).offsets_ns(0, len(event_times_ms))
    return offsets_at_speed_ns(event_times_ms, section.speed or 1.0)


@dataclass(frozen=True)
class _Cut:
    """What of the data is sent: its first `records`, in the warm-up and `duration_s` after it."""

    duration_s: int
    records: int


def _pace(section: InputSection) -> str:
    rate = section.rate_records_per_s
    return f"{rate:,} records/s" if rate else f"speed {section.speed or 1:g}"


def _cut(scenario: Scenario, section: InputSection, offsets_ns: NDArray[np.int64]) -> _Cut:
    """The data's duration, less the warm-up; the scenario's, if it says one and that is shorter."""
    total_s = int(offsets_ns[-1]) // NANOSECONDS_PER_S + 1
    measured_s = total_s - scenario.warmup_s
    pace = _pace(section)
    if measured_s < 1:
        raise ConfigurationError(
            f"input: at {pace}, the data lasts {total_s:,} s, and its first {scenario.warmup_s} s are the warm-up: "
            "nothing is left to be measured",
            fix="give more data, a lower speed or rate, or a shorter --warmup",
        )
    if "duration_s" in scenario.model_fields_set:
        measured_s = min(measured_s, scenario.duration_s)
    if measured_s > MAX_DURATION_S:
        least = -(-total_s // MAX_DURATION_S)
        raise ConfigurationError(
            f"input: at {pace}, the data lasts {total_s:,} s, and a run measures {MAX_DURATION_S:,} s at the most",
            fix=f"give --duration for the beginning of the data, or {least:,} times the speed or more",
        )
    ends_ns = (scenario.warmup_s * NANOSECONDS_PER_S, (scenario.warmup_s + measured_s) * NANOSECONDS_PER_S)
    warmup, records = (int(each) for each in np.searchsorted(offsets_ns, ends_ns))
    if records == warmup:
        raise ConfigurationError(
            f"input: at {pace}, no record is due in the {measured_s:,} s after the warm-up",
            fix="give a longer --duration, or another speed",
        )
    return _Cut(measured_s, records)


def _save(
    work: Path,
    found: Arrays,
    order: NDArray[np.int64],
    offsets_ns: NDArray[np.int64],
    event_times_ms: NDArray[np.int64],
) -> None:
    """Write the arrays of `workloads.replay.ARRAYS`."""
    cells = (found["counties"] * len(OPERATORS) + found["operators"]) * len(TYPES) + found["types"]
    arrays: dict[str, NDArray[Any]] = {
        "offsets_ns": offsets_ns,
        "event_times_ms": event_times_ms,
        "cells": cells[order],
    }
    for name, kind in ARRAYS.items():
        array = arrays[name] if name in arrays else found[name][order]
        np.save(work / f"{name}.npy", array.astype(kind))


def _utc(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
