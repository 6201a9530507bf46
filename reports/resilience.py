"""What people read of injected faults: the terminal's table, the report's section, and the picture of the timelines."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from rich.console import Group
from rich.table import Table as TerminalTable
from rich.text import Text

from harness.resilience_result import ControlBand, FaultOutcome, Resilience
from harness.result import Result, TrialResult
from reports.figures import ALARM, MUTED, OKABE_ITO, STYLE, Picture, label_milliseconds, new_figure
from reports.summary import NOT_MEASURED, integer
from reports.tables import Section, Table

LAG, P99 = OKABE_ITO[0], OKABE_ITO[1]
#: In a colour-blind reader's eyes, too, these are apart; the terminal also has the word.
STYLES = {"pass": "bold green", "fail": "bold red", "unknown": "bold yellow", "not applicable": "dim"}
TIMES_NOTE = (
    "Detect: from the fault to the lag's leaving what is normal, by a trial without faults or by the time before the "
    "first fault, or to a process's being seen dead. Recover: from the heal until lag and p99 have been in a band for "
    "3 s; that wait is not counted. The common band is the same for all engines: only its times compare engines. The "
    "own band is what is normal for that engine: a slow one is back in it sooner. Excess lag: the lag above the common "
    "band, times how long it lasted, from the fault to the recovery. Stale: the longest time in which no further "
    "record became visible."
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
NOT_APPLICABLE = "not applicable"
NEVER = "never"
NOT_IN_TIME = "not in time"


def resilience_section(result: Result) -> Section | None:
    """The section on injected faults; None if there were none."""
    found = result.resilience
    if found is None:
        return None
    columns = (*COLUMNS, "restarts")
    normal = Table(
        "What is normal: each engine's own band, from a trial without faults or the time before the first fault.",
        ("trial", "lag up to, records", "p99 up to, ms", "stale, s", "beyond the common band"),
        tuple(_normal_row(each) for each in found.controls),
    )
    table = Table(
        f"Every fault, in the order of its injection (seed of the plan: {found.seed}).",
        columns,
        tuple(_row(each) for each in found.faults),
        words=frozenset({0, 1, 2, len(columns) - 1}),
    )
    repeats = ", ".join(f"{trial} {count:,}" for trial, count in found.repeated_dead_letters.items())
    return Section(
        "Faults and recovery",
        "resilience",
        (table, normal),
        warnings=tuple(_warnings(found)),
        notes=(
            TIMES_NOTE,
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
        each.fault,
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
    for each in _applicable(found):
        lines += [f"{each.engine}, {each.fault}: {reason}" for reason in each.reasons]
        for cell in each.wrong_cells:
            where = f"{cell.window_s}|{cell.location}|{cell.operator}|{cell.type}"
            lines.append(f"{each.engine}, {each.fault}: {where}: {cell.expected} expected, {cell.observed} counted")
    return lines


def _applicable(found: Resilience) -> list[FaultOutcome]:
    return [each for each in found.faults if each.verdict != NOT_APPLICABLE]


def _not_applicable(found: Resilience) -> list[str]:
    """Which faults were not for which engines, and why."""
    return [
        f"{each.engine}, {each.fault}: not applicable: {'; '.join(each.reasons)}."
        for each in found.faults
        if each.verdict == NOT_APPLICABLE
    ]


def resilience_table(found: Resilience) -> Group:
    """The same for the terminal."""
    table = TerminalTable(show_edge=False, pad_edge=False)
    for name in SHORT_COLUMNS[:3]:
        table.add_column(name, no_wrap=True)
    for name in SHORT_COLUMNS[3:]:
        table.add_column(name, justify="right")
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


def draw_resilience(result: Result) -> Picture | None:
    """Lag and p99 over time of each trial with faults, each fault marked; None if there were none."""
    found = result.resilience
    if found is None:
        return None
    trials = [trial for engine in result.engines for trial in engine.trials if trial.series]
    faults = [[each for each in found.faults if each.trial in _labels(trial, result)] for trial in trials]
    shown = [(trial, marks) for trial, marks in zip(trials, faults, strict=True) if marks]
    if not shown:
        return None
    with matplotlib.rc_context(STYLE):
        figure = new_figure("Faults and recovery", height_in=2.6 * len(shown) + 0.6, width_in=7.5)
        for axes, (trial, marks) in zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True):
            _draw(axes, trial, marks)
    return Picture(
        "resilience",
        "Faults and recovery",
        f"Lag and p99 second by second of {len(shown)} trials with faults, each fault marked.",
        "Records due and not visible yet (solid), and p99 of those that became visible (dotted, right). Each shaded "
        "stretch is a fault, from its start to its heal; the paler one after it lasts until lag and p99 are back in "
        "the common band.",
        figure,
    )


def _labels(trial: TrialResult, result: Result) -> tuple[str, str]:
    """What a trial with faults may be called: after its engine, as named in the result; of several, with its number."""
    name = next(engine.name for engine in result.engines if trial in engine.trials)
    return name, f"{name}-{trial.block}"


def _draw(axes: Axes, trial: TrialResult, marks: list[FaultOutcome]) -> None:
    t_s = np.array([sample.t_s for sample in trial.series])
    axes.plot(t_s, [sample.lag_records for sample in trial.series], color=LAG)
    axes.set_yscale("symlog", linthresh=100)
    axes.set_ylim(0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda records, _place: f"{records:,.0f}"))
    axes.set_ylabel("lag, records", color=LAG)
    right = axes.twinx()
    p99_ms = np.array([sample.latency_ms_p99 for sample in trial.series], dtype=np.float64)
    right.plot(t_s, p99_ms, ":", color=P99)
    right.set_yscale("log")
    label_milliseconds(right, vertical=True)
    right.set_ylabel("p99", color=P99)
    right.grid(visible=False)
    for each in marks:
        if each.started_s is not None and each.healed_s is not None:
            axes.axvspan(each.started_s, each.healed_s, color=ALARM, alpha=0.15, linewidth=0)
            if each.common_recover_s:
                end_s = each.healed_s + each.common_recover_s
                axes.axvspan(each.healed_s, end_s, color=ALARM, alpha=0.06, linewidth=0)
            axes.annotate(
                each.fault,
                (each.started_s, 0.98),
                xycoords=("data", "axes fraction"),
                rotation=90,
                va="top",
                ha="right",
                fontsize=8,
                color=MUTED,
            )
    engine, label = marks[0].engine, marks[0].trial
    axes.set_title(engine if engine == label else f"{engine}, {label}")
    axes.set_xlabel("s")
