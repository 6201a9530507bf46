"""The picture of two runs compared: every gated change with its interval, and what is allowed."""

from __future__ import annotations

import matplotlib
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from harness.conclusions.gate import Gate
from harness.conclusions.gate_figures import FigureChange, Status
from harness.conclusions.headline_figures import headline
from reports.pictures.style import ALARM, INK, MUTED, OKABE_ITO, STYLE, Picture, new_figure, sentence
from reports.wording.two_runs import percent_change

NAME = "changes"
COLOURS = {Status.REGRESSION: ALARM, Status.IMPROVEMENT: OKABE_ITO[2], Status.INCONCLUSIVE: OKABE_ITO[1]}
#: An axis of changes beyond this, in percent, is logarithmic but around 0.
FAR_PERCENT = 100.0
NEAR_PERCENT = 10.0


def draw_gate(gate: Gate) -> Picture | None:
    """A row for each gated figure that was measured, a panel for each engine; None if nothing was."""
    shown = [change for change in gate.changes if change.gated and change.change_percent is not None]
    engines = list(dict.fromkeys(change.engine for change in shown))
    if not engines:
        return None
    rows = [[change for change in shown if change.engine == engine] for engine in engines]
    heights = [0.5 + 0.34 * len(own) for own in rows]
    with matplotlib.rc_context(STYLE):
        figure = new_figure("Is NEW worse than OLD, by more than allowed?", height_in=1.2 + sum(heights))
        panels = figure.subplots(len(rows), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        _scale(panels[0], shown, gate.max_regression_percent)
        for axes, engine, own in zip(panels, engines, rows, strict=True):
            axes.set_title(engine)
            _draw(axes, own, gate.max_regression_percent)
        panels[-1].set_xlabel("change from OLD to NEW in %, + is worse")
    return Picture(
        NAME,
        "What has changed",
        "Change of each gated figure, with its interval, and what is allowed. "
        + sentence([f"{each.engine}, {headline(each.figure).label}: {_text(each)} %, {each.status}" for each in shown]),
        f"A dot is the change of a figure, a bar its interval. Right of 0, NEW is worse; the dashed line is what is "
        f"allowed, {gate.max_regression_percent:g} %. A regression lies beyond it with its whole bar (a red, full "
        "dot), an improvement left of 0 (green, full); a hollow dot is neither, and an orange one could not be "
        "decided.",
        figure,
    )


def _draw(axes: Axes, changes: list[FigureChange], allowed_percent: float) -> None:
    axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
    axes.axvline(allowed_percent, color=ALARM, linewidth=1.1, linestyle="--", zorder=1)
    axes.axvspan(allowed_percent, axes.get_xlim()[1], color=ALARM, alpha=0.06, linewidth=0, zorder=0)
    for place, change in enumerate(changes):
        colour = COLOURS.get(change.status, MUTED)
        filling = colour if change.status in (Status.REGRESSION, Status.IMPROVEMENT) else "white"
        if ends := change.interval_percent:
            axes.plot(ends, [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
            axes.plot(ends, [place, place], linestyle="", marker="|", color=colour, markersize=8)
        axes.plot(change.change_percent or 0.0, place, "o", color=colour, markerfacecolor=filling, markersize=6)
        axes.annotate(
            _text(change), (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=9, color=INK
        )
    axes.set_yticks(range(len(changes)), [headline(each.figure).label for each in changes], fontsize=9)
    axes.set_ylim(len(changes) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(visible=False, axis="y")


def _text(change: FigureChange) -> str:
    ends = change.interval_percent
    between = f" [{percent_change(ends[0])}, {percent_change(ends[1])}]" if ends else ""
    return f"{percent_change(change.change_percent or 0.0)}{between}"


def _scale(axes: Axes, changes: list[FigureChange], allowed_percent: float) -> None:
    """One axis that holds all changes, 0, and what is allowed."""
    ends = [end for each in changes for end in (each.change_percent or 0.0, *(each.interval_percent or ()))]
    # Never narrower than this, so that a difference of nothing does not look like one of something.
    least = max(2.0 * allowed_percent, 2.0)
    low, high = min(-least, *ends), max(least, *ends)
    if max(-low, high) > FAR_PERCENT:
        axes.set_xscale("symlog", linthresh=NEAR_PERCENT)
        margin = 1.5
    else:
        margin = 1.08
        axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlim(margin * low, margin * high)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
