"""Pictures of a soak."""

from __future__ import annotations

from collections.abc import Iterable

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from harness.results.resilience import FaultOutcome
from harness.results.result import Result
from harness.results.soak import SoakSeries, SoakTrial
from reports.pictures.style import ALARM, GRID, INK, MUTED, STYLE, Picture, new_figure

NAME = "soak"
STYLES = {"pass": "bold green", "fail": "bold red", "not judged": "bold yellow"}
COLUMNS_OF_PANELS, PANEL_IN, HEADING_IN, WIDTH_IN = 3, 1.0, 0.35, 7.5
#: Of each process group; what is not among them is drawn before.
OF_EACH = ("memory", "descriptors", "threads")
MINUTES_UP_TO_S = 3 * 3600


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
        NAME,
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
