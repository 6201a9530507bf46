"""What people read of injected faults: the terminal's table, the report's section, and the picture of the timelines."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table as TerminalTable
from rich.text import Text

from harness.results.resilience import ControlBand, FaultOutcome, Resilience
from harness.results.result import Result
from reports.pictures.resilience import STYLES
from reports.wording.chaos import NOT_APPLICABLE, NOT_IN_TIME, applicable, heading, kind_of
from reports.wording.numbers import NOT_MEASURED, integer
from reports.wording.tables import Section, Table

TIMES_NOTE = (
    "Detect: from the fault to the lag's leaving what is normal, by a trial without faults or by the time before the "
    "first fault, or to a process's being seen dead. Recover: from the heal until lag and p99 are in a band, and stay "
    "there for as long as the common band is wide; that wait is not counted. The common band is the same for all "
    "engines: only its times compare engines. The own band is what is normal for that engine: a slow one is back in it "
    "sooner. Excess lag: the lag above the common band, times how long it lasted, from the fault to the recovery. "
    "Stale: the longest time in which no further record became visible."
)
BAND_NOTE = (
    "Common band: no more records lag than were due in the last {band_s:g} s, and the p99 of a second is no more than "
    "that."
)
WAIT_NOTE = (
    "Each fault waited for the recovery from the last one, at most {within_s:g} s. One that was never recovered from "
    "did not pass."
)
COUNTS_NOTE = (
    "Lost and surplus are of must-count records, at the end of the trial, against the ground truth from the seed. A "
    "record is put down to the last fault that had begun when it was due."
)
REPEATS_NOTE = (
    "After a restart of the engine or of its tasks, dead letters are held to at-least-once: none may be missing, and "
    "repeated ones are counted here: {repeats}."
)
COLUMNS = (
    "fault",
    "engine",
    "verdict",
    "lost",
    "surplus",
    "detect, s",
    "recover, s, common band",
    "excess lag, records x s",
    "recover, s, own band",
    "stale, s",
)
#: What a terminal has room for.
SHORT_COLUMNS = ("fault", "engine", "verdict", "lost", "surplus", "detect, s", "recover, s", "stale, s")
SHORT_NOTE = "Recovery is by the common band; the report also has the own band and the excess lag."
NEVER = "never"
REREAD = "read again, records"
OPERATIONS_NOTE = (
    "An operation begins when the engine is asked to stop, and is healed when it has stopped and is started again. It "
    "passes only if the engine stopped in good order and went on from its state. Read again: records that were read "
    "before the stop and after it."
)


def resilience_section(result: Result) -> Section | None:
    """The section on injected faults; None if there were none."""
    found = result.resilience
    if found is None:
        return None
    kind, has_operations = kind_of(found), any(each.operation for each in found.faults)
    further = (REREAD,) if has_operations else ()
    columns = (kind, *COLUMNS[1:], "restarts", *further)
    normal = Table(
        "What is normal: each engine's own band, from a trial without faults or the time before the first fault.",
        ("trial", "lag up to, records", "p99 up to, ms", "stale, s", "beyond the common band"),
        tuple(_normal_row(each) for each in found.controls),
    )
    table = Table(
        f"Every {kind}, in the order of its injection (seed of the plan: {found.seed}).",
        columns,
        tuple((*_row(each), *([_reread(each)] if has_operations else [])) for each in found.faults),
        words=frozenset({0, 1, 2, len(COLUMNS)}),
    )
    repeats = ", ".join(f"{trial} {count:,}" for trial, count in found.repeated_dead_letters.items())
    return Section(
        heading(found),
        "resilience",
        (table, normal),
        warnings=tuple(_warnings(found)),
        notes=(
            TIMES_NOTE,
            *([OPERATIONS_NOTE] if has_operations else []),
            *_band_notes(found),
            COUNTS_NOTE,
            *([REPEATS_NOTE.format(repeats=repeats)] if repeats else []),
            *_not_applicable(found),
        ),
    )


def _normal_row(each: ControlBand) -> tuple[str, ...]:
    share = each.beyond_common_band_share
    return (
        each.trial,
        f"{each.lag_records:,.0f}",
        f"{each.latency_ms_p99:,.0f}",
        f"{each.worst_staleness_s:.1f}",
        NOT_MEASURED if share is None else f"{share:.0%}",
    )


def _band_notes(found: Resilience) -> list[str]:
    """What the common band is, and how long was waited for it; nothing of a result that has neither."""
    notes = [] if found.common_band_s is None else [BAND_NOTE.format(band_s=found.common_band_s)]
    return notes + ([] if found.recover_within_s is None else [WAIT_NOTE.format(within_s=found.recover_within_s)])


def _row(each: FaultOutcome) -> tuple[str, ...]:
    if each.verdict == NOT_APPLICABLE:
        return (each.fault, each.engine, each.verdict, *["-"] * (len(COLUMNS) - 2))
    return (
        f"{each.fault} ({each.changed})" if each.changed else each.fault,
        each.engine,
        each.verdict,
        NOT_MEASURED if each.lost_records is None else integer(each.lost_records),
        NOT_MEASURED if each.surplus_records is None else integer(each.surplus_records),
        _seconds(each, each.detect_s, NEVER),
        *_recovery(each),
        _seconds(each, each.recover_s, NOT_IN_TIME),
        _seconds(each, each.worst_staleness_s, NOT_MEASURED),
        ", ".join(restart.process for restart in each.restarts) or "-",
    )


def _reread(each: FaultOutcome) -> str:
    """How many records were read again after an operation; a fault has no such number."""
    if not each.operation or each.verdict == NOT_APPLICABLE:
        return "-"
    return NOT_MEASURED if each.reread_records is None else f"{each.reread_records:,}"


def _recovery(each: FaultOutcome) -> tuple[str, str]:
    """Time to recover by the common band, and excess lag; older results have neither."""
    if each.recovered is None:
        return NOT_MEASURED, NOT_MEASURED
    if each.common_recover_s is None or each.excess_lag_record_s is None:
        return NOT_IN_TIME, NOT_IN_TIME
    return f"{each.common_recover_s:.1f}", f"{each.excess_lag_record_s:,.0f}"


def _seconds(each: FaultOutcome, value: float | None, without: str) -> str:
    if each.worst_staleness_s is None:
        return NOT_MEASURED
    return without if value is None else f"{value:.1f}"


def _warnings(found: Resilience) -> list[str]:
    """Why faults did not pass, with the records that are wrong."""
    lines = []
    for each in applicable(found):
        lines += [f"{each.engine}, {each.fault}: {reason}" for reason in each.reasons]
        for cell in each.wrong_cells:
            where = f"{cell.window_s}|{cell.location}|{cell.operator}|{cell.type}"
            lines.append(f"{each.engine}, {each.fault}: {where}: {cell.expected} expected, {cell.observed} counted")
    return lines


def _not_applicable(found: Resilience) -> list[str]:
    """Which faults were not for which engines, and why."""
    return [
        f"{each.engine}, {each.fault}: not applicable: {'; '.join(each.reasons)}."
        for each in found.faults
        if each.verdict == NOT_APPLICABLE
    ]


def resilience_table(found: Resilience) -> Group:
    """The same for the terminal."""
    # Without lines, so that what an upgrade goes from and to has room beside the figures: in two rows, if need be.
    table = TerminalTable(box=None, pad_edge=False)
    table.add_column(kind_of(found), overflow="fold")
    for name in SHORT_COLUMNS[1:3]:
        table.add_column(name, no_wrap=True)
    for name in SHORT_COLUMNS[3:]:
        table.add_column(name.replace(", ", ",\n"), justify="right", no_wrap=True)
    for each in found.faults:
        fault, engine, verdict, *numbers = _row(each)[: len(COLUMNS)]
        lost, surplus, detect, recover, _excess_lag, _own, stale = numbers
        shown = (lost, surplus, detect, recover, stale)
        table.add_row(Text(fault), Text(engine), Text(verdict, style=STYLES[verdict]), *map(Text, shown))
    return Group(
        table,
        *(Text(line, style="red") for line in _warnings(found)),
        *(Text(line, style="dim") for line in (*_not_applicable(found), SHORT_NOTE, TIMES_NOTE, *_band_notes(found))),
    )
