"""Prepares a user's own records for replay: read once, checked, put in order, and written to a private folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from engines.contract.record import OPERATORS, TYPES
from harness.errors import ConfigurationError
from harness.input.arrays import Arrays
from harness.input.reading import Reading, read_input, refuse_rows
from harness.input.summary import summary_of, told
from harness.input.zones import utc_text
from harness.processes.temporary import temporary_folder
from harness.provision.cache import Progress
from harness.results.result import Input, InputFile
from harness.scenarios.input import InputSection
from harness.scenarios.scenario import MAX_DURATION_S, Scenario
from workloads.replay import ARRAYS, Timing, time_replay

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

    with temporary_folder("ringbench-input-") as work:
        yield _prepare(scenario, scenario.input, work, progress, tell or summarise)


def _prepare(
    scenario: Scenario, section: InputSection, work: Path, progress: Progress, tell: Tell
) -> tuple[Scenario, Input]:
    reading = read_input(section, scenario.seed, work, progress)
    tell(section, reading)
    refuse_rows(section, reading)
    event_times_ms = reading.records["event_times_ms"]
    timing = time_replay(
        event_times_ms,
        speed=section.speed or 1.0,
        rate_records_per_s=section.rate_records_per_s,
        warmup_s=scenario.warmup_s,
        duration_s=scenario.duration_s if "duration_s" in scenario.model_fields_set else None,
        allowed_lateness_ms=scenario.allowed_lateness_ms,
    )
    _check_duration(timing, scenario.warmup_s, _pace(section), reading)
    _check_lateness(timing, scenario.allowed_lateness_ms, reading)
    total_s = scenario.warmup_s + timing.measured_s
    progress(f"{timing.records:,} of {len(event_times_ms):,} records are sent, at {_pace(section)} in {total_s:,} s")
    _save(work, reading.records, timing)
    account = _account(section, reading, timing)
    effective = scenario.model_copy(
        update={
            "rate_records_per_s": max(1, round(timing.records / total_s)),
            "duration_s": timing.measured_s,
            "allowed_lateness_ms": timing.lateness_ms,
        }
    )
    effective.replay(str(work), int(event_times_ms[0]) // 1000)
    return effective, account


def _account(section: InputSection, reading: Reading, timing: Timing) -> Input:
    event_times_ms = reading.records["event_times_ms"]
    summary = summary_of(section, reading)
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
        bad_rows=summary.bad_rows_shown,
        records=len(event_times_ms),
        records_sent=timing.records,
        first_event=utc_text(int(event_times_ms[0])),
        last_event=utc_text(int(event_times_ms[timing.records - 1])),
        resolution_ms=timing.resolution_ms,
        timezone=summary.timezone,
        timezone_assumed=summary.timezone_assumed,
        warnings=summary.warnings,
    )


_FIX_DATES = "correct or leave out records of a wrong date (days and months may be mixed up: see input.map.time)"


def _pace(section: InputSection) -> str:
    rate = section.rate_records_per_s
    return f"{rate:,} records/s" if rate else f"speed {section.speed or 1:g}"


def _check_duration(timing: Timing, warmup_s: int, pace: str, reading: Reading) -> None:
    """Make sure that there are records in the measured time, and that it is no longer than a run can be."""
    if timing.measured_s < 1:
        raise ConfigurationError(
            f"input: at {pace}, the data lasts {timing.total_s:,} s, and its first {warmup_s} s are the warm-up: "
            "nothing is left to be measured",
            fix="give more data, a lower speed or rate, or a shorter --warmup",
        )
    if timing.measured_s > MAX_DURATION_S:
        least = -(-timing.total_s // MAX_DURATION_S)
        gap = reading.gap()
        dates = f"{_FIX_DATES}; or " if gap else ""
        raise ConfigurationError(
            f"input: at {pace}, the data lasts {timing.total_s:,} s, and a run measures {MAX_DURATION_S:,} s at the "
            f"most{f'; {gap}' if gap else ''}",
            fix=f"{dates}give --duration for the beginning of the data, or {least:,} times the speed or more",
        )
    if not timing.measured_records:
        raise ConfigurationError(
            f"input: at {pace}, no record is due in the {timing.measured_s:,} s after the warm-up",
            fix="give a longer --duration, or another speed",
        )


def _check_lateness(timing: Timing, allowed_lateness_ms: int, reading: Reading) -> None:
    """Make sure that engines can wait for records that are so late; else tell the longest leap of event times."""
    if timing.lateness_ms <= _MAX_LATENESS_MS:
        return
    times_ms = reading.records["event_times_ms"]
    at = int(np.argmax(np.diff(times_ms[: timing.records])))
    ends = (f"{utc_text(int(times_ms[each]))}{reading.place(each)}" for each in (at, at + 1))
    days = (int(times_ms[at + 1]) - int(times_ms[at])) / _DAY_MS
    sides = f"{at + 1:,} records are before it, {len(times_ms) - at - 1:,} after it"
    raise ConfigurationError(
        f"input: event times leap by {days:,.0f} days, from {' to '.join(ends)}: {sides}; that is within "
        f"{allowed_lateness_ms} ms of the run, and engines would have to wait for records so late",
        fix=f"{_FIX_DATES}; or give files without such a gap, a lower speed or rate, or a lower allowed_lateness_ms",
    )


def _save(work: Path, found: Arrays, timing: Timing) -> None:
    """Write the arrays of `workloads.replay.ARRAYS`, of the records that are sent."""
    sent = slice(None, timing.records)
    for name, kind in ARRAYS.items():
        if name == "offsets_ns":
            array = timing.offsets_ns[sent]
        elif name == "cells":
            counties, operators, types = (found[each][sent].astype(np.int64) for each in _CELL)
            array = (counties * len(OPERATORS) + operators) * len(TYPES) + types
        else:
            array = found[name][sent]
        np.save(work / f"{name}.npy", array.astype(kind))
