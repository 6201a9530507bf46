"""What people read of a soak test: the terminal's table, the report's section, and small pictures of all resources."""

from __future__ import annotations

from collections.abc import Iterable

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from rich.console import Group
from rich.table import Table as TerminalTable
from rich.text import Text

from harness.resilience_result import FaultOutcome
from harness.result import Result
from harness.soak_result import Soak, SoakGrowth, SoakSeries, SoakTrial
from reports.figures import ALARM, GRID, INK, MUTED, STYLE, Picture, new_figure
from reports.summary import NOT_MEASURED
from reports.tables import Section, Table

COLUMNS = ("resource", "verdict", "level", "growth an hour", "interval", "judged, min")
GROWTH_NOTE = (
    "Growth is the median of the slopes of all pairs of readings (Theil, Sen), with Sen's interval; the intervals of a "
    "trial hold together with {confidence:.0%} confidence. A resource leaks if it grows by more than {percent:g} % of "
    "its level an hour, the interval excludes 0, its lows rise too, and it has grown by more than a few units. Of "
    "processes that were started again, each is judged by itself; shown is the one that leaks, or that was there for "
    "longest."
)
TIME_NOTE = (
    "What is not judged had not settled for long enough: docs/soak.md says how long each resource needs. Redis keys "
    "count without the windows, and Redis memory without the stream of updates, that are there by design."
)
STYLES = {"pass": "bold green", "fail": "bold red", "not judged": "bold yellow"}
COLUMNS_OF_PANELS, PANEL_IN, HEADING_IN, WIDTH_IN = 3, 1.0, 0.35, 7.5
#: Of each process group; what is not among them is drawn before.
OF_EACH = ("memory", "descriptors", "threads")
MINUTES_UP_TO_S = 3 * 3600


def soak_section(result: Result) -> Section | None:
    """The section on the soak test; None if it was none."""
    found = result.soak
    if found is None:
        return None
    tables = [
        Table(_caption(trial), COLUMNS, tuple(map(_row, trial.growth)), words=frozenset({0, 1}))
        for trial in found.trials
    ]
    notes = (GROWTH_NOTE.format(confidence=found.confidence, percent=found.percent_per_hour), TIME_NOTE)
    return Section("Soak test", "soak", tuple(tables), warnings=tuple(_warnings(found)), notes=notes)


def _caption(trial: SoakTrial) -> str:
    verified = trial.verified
    return (
        f"{trial.engine}: {trial.lasted_s / 60:,.1f} minutes of load. Counts of the first {verified.windows:,} s were "
        f"verified meanwhile, {verified.wrong_cells:,} cells of which were wrong; the rest at the end."
    )


def _warnings(found: Soak) -> list[str]:
    lines = ["The soak test was ended by Ctrl-C: what was seen until then is shown."] if found.interrupted else []
    for trial in found.trials:
        if trial.ended_early:
            lines.append(f"{trial.engine}: the trial ended early: {trial.ended_early}")
        if trial.verdict == "not judged":
            lines.append(f"{trial.engine}: nothing was there for long enough to be judged: take a longer time")
        lines += [f"{trial.engine}: {each.why}" for each in trial.growth if each.verdict == "fail"]
    return lines


def _row(each: SoakGrowth) -> tuple[str, ...]:
    name = f"{each.process}: {each.resource}"
    if each.level is None or each.from_s is None or each.to_s is None:
        return (name, each.verdict, *[NOT_MEASURED] * 4)
    low, high = (_amount(each, value) for value in (each.growth_per_hour_low, each.growth_per_hour_high))
    return (
        name,
        each.verdict,
        _amount(each, each.level, sign=""),
        _amount(each, each.growth_per_hour),
        f"{low} to {high}",
        f"{(each.to_s - each.from_s) / 60:,.0f}",
    )


def _amount(each: SoakGrowth, value: float | None, sign: str = "+") -> str:
    if value is None:
        return NOT_MEASURED
    if each.resource in ("descriptors", "threads", "keys"):
        return f"{value:{sign},.1f}" if sign else f"{value:,.0f}"
    return f"{value / 2**20:{sign},.1f} MiB"


def soak_table(found: Soak) -> Group:
    """The same for the terminal: what was judged, and what leaks."""
    parts: list[Text | TerminalTable] = []
    for trial in found.trials:
        table = TerminalTable(show_edge=False, pad_edge=False)
        for name in COLUMNS[:2]:
            table.add_column(name, no_wrap=True)
        for name in COLUMNS[2:4]:
            table.add_column(name, justify="right")
        judged = [each for each in trial.growth if each.verdict != "not judged"]
        for each in judged:
            name, verdict, level, growth, *_ = _row(each)
            table.add_row(Text(name), Text(verdict, style=STYLES[verdict]), Text(level), Text(growth))
        left = [f"{each.process} {each.resource}" for each in trial.growth if each.verdict == "not judged"]
        parts += [Text(_caption(trial)), table]
        if left:
            parts.append(Text(f"Not judged, for want of time: {', '.join(left)}.", style="yellow"))
    return Group(*parts, *(Text(line, style="red") for line in _warnings(found)))


# The picture


def draw_soak(result: Result) -> Picture | None:
    """A small panel for each process and resource, the engines' trials in rows of their own; None if it was no soak."""
    found = result.soak
    if found is None or not any(trial.t_s for trial in found.trials):
        return None
    trials = [trial for trial in found.trials if trial.t_s]
    rows = [-(-len(_drawn(trial)) // COLUMNS_OF_PANELS) for trial in trials]
    with matplotlib.rc_context(STYLE | {"font.size": 8, "axes.titlesize": 8}):
        heights = [HEADING_IN + PANEL_IN * each for each in rows]
        figure = new_figure("Soak test: resources over time", height_in=0.6 + sum(heights), width_in=WIDTH_IN)
        parts = np.ravel(np.array(figure.subfigures(len(trials), 1, height_ratios=heights), dtype=object))
        for part, trial, count in zip(parts, trials, rows, strict=True):
            part.suptitle(trial.engine, x=0.02, ha="left", fontsize=9)
            panels = part.subplots(count, COLUMNS_OF_PANELS, sharex=True, squeeze=False).ravel()
            faults = _faults(result, trial)
            for axes, series in zip(panels, _drawn(trial), strict=False):
                _draw(axes, trial, series, faults)
            for axes in panels[len(_drawn(trial)) :]:
                axes.set_axis_off()
            for axes in panels[-COLUMNS_OF_PANELS:]:
                axes.set_xlabel("hours" if _in_hours(trial) else "minutes", color=MUTED)
    return Picture(
        "soak",
        "Soak test: resources over time",
        f"Memory, descriptors, threads, Redis, checkpoint, log and disk over time, of {len(trials)} engines.",
        "Each panel has its own scale, from 0. Shaded stretches are faults. What leaks is drawn in red.",
        figure,
    )


def _drawn(trial: SoakTrial) -> list[SoakSeries]:
    """All series but those of nothing: what leaks first, then what is one process's only, then process by process."""
    leaking = _leaking(trial)

    def place(each: SoakSeries) -> tuple[bool, bool, str, int]:
        own = OF_EACH.index(each.resource) if each.resource in OF_EACH else 0
        return (each.process, each.resource) not in leaking, each.resource in OF_EACH, each.process, own

    return sorted((each for each in trial.series if any(each.values)), key=place)


def _in_hours(trial: SoakTrial) -> bool:
    return trial.t_s[-1] > MINUTES_UP_TO_S


def _leaking(trial: SoakTrial) -> set[tuple[str, str]]:
    return {(each.process, each.resource) for each in trial.growth if each.verdict == "fail"}


def _faults(result: Result, trial: SoakTrial) -> list[FaultOutcome]:
    faults = result.resilience.faults if result.resilience else []
    return [each for each in faults if each.trial == trial.trial and each.started_s is not None]


def _draw(axes: Axes, trial: SoakTrial, series: SoakSeries, faults: Iterable[FaultOutcome]) -> None:
    unit_s = 3600 if _in_hours(trial) else 60
    scale = 2**20 if series.unit == "bytes" else 1
    values = np.array([np.nan if value is None else value / scale for value in series.values])
    colour = ALARM if (series.process, series.resource) in _leaking(trial) else INK
    axes.plot(np.array(trial.t_s) / unit_s, values, color=colour, linewidth=1)
    axes.set_ylim(0, max(1e-9, 1.15 * float(np.nanmax(values))))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.4g}"))
    axes.grid(color=GRID, linewidth=0.4)
    unit = ", MiB" if series.unit == "bytes" else ""
    axes.set_title(f"{series.process}: {series.resource}{unit}", color=colour)
    for each in faults:
        if each.started_s is not None and each.healed_s is not None:
            axes.axvspan(each.started_s / unit_s, each.healed_s / unit_s, color=ALARM, alpha=0.2, linewidth=0)
