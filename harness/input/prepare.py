"""Prepares a user's own records for replay: read once, checked, put in order, and written to a private folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.contract.record import OPERATORS, TYPES
from harness.errors import ConfigurationError
from harness.input.arrays import Arrays
from harness.input.reading import Reading, read_input, refuse_rows
from harness.input.summary import summary_of, told
from harness.input.zones import utc_text
from harness.provision.cache import Progress
from harness.results.result import Input, InputFile
from harness.scenarios.input import InputSection
from harness.scenarios.scenario import MAX_DURATION_S, Scenario
from workloads.profiles import NANOSECONDS_PER_S, ConstantRate
from workloads.replay import ARRAYS, lateness_needed_ms, offsets_at_speed_ns, resolution_ms

#: Is told what was read of a section, before it is judged.
Tell = Callable[[InputSection, Reading], None]

_DAY_MS = 86_400_000
#: What an engine takes at the most: Flink's intervals have two digits for days.
_MAX_LATENESS_MS = 90 * _DAY_MS
#: What a cell's number is made of.
_CELL = ("counties", "operators", "types")


@contextmanager
def replayed(
    scenario: Scenario, progress: Progress, tell: Tell | None = None
) -> Iterator[tuple[Scenario, Input | None]]:
    """The scenario with its input prepared, and an account of that; a scenario without one as it is, and None.

    What is prepared goes away with the context.

    Args:
        scenario: what is to be run.
        progress: is told how far reading is.
        tell: is told what was read, before it is judged; by default, `progress` is told the summary of it.

    Raises:
        ConfigurationError: the input cannot be read, rows of it are wrong, or nothing of it falls into the run.
        ServiceError: S3 cannot be reached.
    """
    if scenario.input is None:
        yield scenario, None
        return

    def summarise(section: InputSection, reading: Reading) -> None:
        for line in told(summary_of(section, reading), bad_rows=bool(section.skip_bad_lines)):
            progress(line)

    work = Path(tempfile.mkdtemp(prefix="ringbench-input-"))
    try:
        yield _prepare(scenario, scenario.input, work, progress, tell or summarise)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _prepare(
    scenario: Scenario, section: InputSection, work: Path, progress: Progress, tell: Tell
) -> tuple[Scenario, Input]:
    reading = read_input(section, scenario.seed, work, progress)
    tell(section, reading)
    refuse_rows(section, reading)
    event_times_ms = reading.records["event_times_ms"]
    offsets_ns = _offsets_ns(event_times_ms, section)
    cut = _cut(scenario, section, reading, offsets_ns)
    sent = slice(None, cut.records)
    lateness_ms = lateness_needed_ms(offsets_ns[sent], event_times_ms[sent], scenario.allowed_lateness_ms)
    if lateness_ms > _MAX_LATENESS_MS:
        raise _leap(reading, cut.records, scenario.allowed_lateness_ms)
    total_s = scenario.warmup_s + cut.duration_s
    progress(f"{cut.records:,} of {len(event_times_ms):,} records are sent, at {_pace(section)} in {total_s:,} s")
    _save(work, reading.records, sent, offsets_ns[sent])
    effective = scenario.model_copy(
        update={
            "rate_records_per_s": max(1, round(cut.records / total_s)),
            "duration_s": cut.duration_s,
            "allowed_lateness_ms": lateness_ms,
        }
    )
    effective.replay(str(work), int(event_times_ms[0]) // 1000)
    return effective, _account(section, reading, cut)


def _account(section: InputSection, reading: Reading, cut: _Cut) -> Input:
    event_times_ms = reading.records["event_times_ms"]
    files = [InputFile(name=each.name, bytes=each.bytes, sha256=each.sha256, rows=each.rows) for each in reading.files]
    return Input(
        path=section.path,
        layout=section.map.layout,
        map=section.map.model_dump(exclude={"layout"}, exclude_none=True),
        speed=None if section.rate_records_per_s else section.speed or 1.0,
        rate_records_per_s=section.rate_records_per_s,
        files=files,
        rows_read=reading.rows,
        rows_skipped=reading.problems.count,
        bad_rows=reading.problems.shown,
        records=len(event_times_ms),
        records_sent=cut.records,
        first_event=utc_text(int(event_times_ms[0])),
        last_event=utc_text(int(event_times_ms[cut.records - 1])),
        resolution_ms=resolution_ms(event_times_ms),
    )


def _leap(reading: Reading, sent: int, lateness_ms: int) -> ConfigurationError:
    """What is said of event times that are too far from each other: between which records."""
    times_ms = reading.records["event_times_ms"]
    at = int(np.argmax(np.diff(times_ms[:sent])))
    ends = (f"{utc_text(int(times_ms[each]))}{reading.place(each)}" for each in (at, at + 1))
    days = (int(times_ms[at + 1]) - int(times_ms[at])) / _DAY_MS
    sides = f"{at + 1:,} records are before it, {len(times_ms) - at - 1:,} after it"
    return ConfigurationError(
        f"input: event times leap by {days:,.0f} days, from {' to '.join(ends)}: {sides}; that is within "
        f"{lateness_ms} ms of the run, and engines would have to wait for records so late",
        fix=f"{_FIX_DATES}; or give files without such a gap, a lower speed or rate, or a lower allowed_lateness_ms",
    )


_FIX_DATES = "correct or leave out records of a wrong date (days and months may be mixed up: see input.map.time)"


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


def _cut(scenario: Scenario, section: InputSection, reading: Reading, offsets_ns: NDArray[np.int64]) -> _Cut:
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
        gap = reading.gap()
        dates = f"{_FIX_DATES}; or " if gap else ""
        raise ConfigurationError(
            f"input: at {pace}, the data lasts {total_s:,} s, and a run measures {MAX_DURATION_S:,} s at the most"
            f"{f'; {gap}' if gap else ''}",
            fix=f"{dates}give --duration for the beginning of the data, or {least:,} times the speed or more",
        )
    ends_ns = (scenario.warmup_s * NANOSECONDS_PER_S, (scenario.warmup_s + measured_s) * NANOSECONDS_PER_S)
    warmup, records = (int(each) for each in np.searchsorted(offsets_ns, ends_ns))
    if records == warmup:
        raise ConfigurationError(
            f"input: at {pace}, no record is due in the {measured_s:,} s after the warm-up",
            fix="give a longer --duration, or another speed",
        )
    return _Cut(measured_s, records)


def _save(work: Path, found: Arrays, sent: slice, offsets_ns: NDArray[np.int64]) -> None:
    """Write the arrays of `workloads.replay.ARRAYS`."""
    for name, kind in ARRAYS.items():
        if name == "offsets_ns":
            array = offsets_ns
        elif name == "cells":
            counties, operators, types = (found[each][sent].astype(np.int64) for each in _CELL)
            array = (counties * len(OPERATORS) + operators) * len(TYPES) + types
        else:
            array = found[name][sent]
        np.save(work / f"{name}.npy", array.astype(kind))
