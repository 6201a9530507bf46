"""A picture of a figure over many results, with the host's noise below it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator

from harness.conclusions.headline_figures import headline
from harness.results.history import HistoryPlan, HistoryPoint, HistorySeries, Noise
from reports.pictures.series import Floats
from reports.pictures.style import (
    ALARM,
    INK,
    MUTED,
    STYLE,
    Picture,
    colours_of,
    new_figure,
    sentence,
)

#: Heights of a contestant's panel, of the noise's, and of what is above and below.
PANEL_IN, NOISE_IN, EDGES_IN = 1.25, 0.75, 0.9
#: A panel spans so much of its middle at least.
LEAST_RANGE = 0.1
CAPTION = (
    "Shaded: each run's own interval. Horizontal: levels. Upright: where a level changed. Crosses: results that do not "
    "count. Below: what others had of the machine, and the pressure on its cores."
)
#: With more results than this, they are a line without markers.
MARKERS_UP_TO = 150
TICKS = 5
#: The name of each kind of noise, its field, and how its line looks.
NOISES = (("stolen", "stolen_share", "-"), ("others", "foreign_share", "--"), ("pressure", "cpu_pressure_share", ":"))


def draw_trend(plan: HistoryPlan, figure: str) -> Picture | None:
    """One figure of all contestants of a plan, a panel for each; None if no result has it."""
    chosen = [each for each in plan.series if each.figure == figure and each.points]
    if not chosen:
        return None
    of = headline(figure)
    places = _places(plan)
    colours = colours_of([each.contestant for each in plan.series])
    heights = [PANEL_IN] * len(chosen) + [NOISE_IN]
    with matplotlib.rc_context(STYLE | {"font.size": 9, "axes.titlesize": 9}):
        picture = new_figure(f"{of.label}, {_unit(figure)}", EDGES_IN + sum(heights))
        panels = picture.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        for axes, each in zip(panels, chosen, strict=False):
            _draw(axes, each, places, colours[each.contestant])
            _finish(axes, each)
        _draw_noise(panels[-1], plan, places)
        _label_results(panels[-1], plan, places)
    return Picture(
        f"trend-{plan.id}-{figure}",
        of.label,
        sentence([_in_words(each) for each in chosen]),
        CAPTION,
        picture,
    )


def _unit(figure: str) -> str:
    unit = headline(figure).unit
    return "MiB" if unit == "bytes" else unit


def _scale(figure: str) -> float:
    return 2.0**20 if headline(figure).unit == "bytes" else 1.0


def _places(plan: HistoryPlan) -> dict[str, int]:
    """The place of each result among all of the plan, by its path."""
    moments = {point.path: (point.started_at, point.run_id) for series in plan.series for point in series.points}
    return {path: place for place, path in enumerate(sorted(moments, key=lambda each: moments[each]))}


def _draw(axes: Axes, series: HistorySeries, places: dict[str, int], colour: str) -> None:
    scale = _scale(series.figure)
    counted = [each for each in series.points if not each.not_counted]
    others = [each for each in series.points if each.not_counted]
    at = np.array([places[each.path] for each in counted], dtype=float)
    values = np.array([each.value for each in counted]) / scale
    marker = "o" if len(counted) <= MARKERS_UP_TO else None
    axes.plot(at, values, color=colour, linewidth=0.8, marker=marker, markersize=3, alpha=0.8)
    low, high = (_ends(counted, end) / scale for end in ("low", "high"))
    axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(
        [places[each.path] for each in others],
        [each.value / scale for each in others],
        color=colour,
        linestyle="none",
        marker="x",
        markersize=5,
    )
    _draw_levels(axes, series, counted, at, values, colour)


def _ends(points: Sequence[HistoryPoint], end: str) -> Floats:
    return np.array([getattr(each.interval, end) if each.interval else math.nan for each in points], dtype=np.float64)


def _draw_levels(
    axes: Axes, series: HistorySeries, counted: Sequence[HistoryPoint], at: Floats, values: Floats, colour: str
) -> None:
    """A line for each level, and one upright where it changes."""
    first = [each.first_after for each in series.changes]
    starts = [place for place, each in enumerate(counted) if each.run_id in first]
    for start, end in zip([0, *starts], [*starts, len(counted)], strict=True):
        if end > start:
            level = float(np.exp(np.log(values[start:end]).mean()))
            axes.plot([at[start] - 0.4, at[end - 1] + 0.4], [level, level], color=INK, linewidth=0.9)
    for start in starts:
        axes.axvline(at[start] - 0.5, color=colour, linewidth=1.1, linestyle="--")


def _finish(axes: Axes, series: HistorySeries) -> None:
    """The title and the scale of a panel, which does not make mountains of noise."""
    axes.set_title(series.contestant)
    low, high = axes.get_ylim()
    missing = LEAST_RANGE * (low + high) / 2 - (high - low)
    if missing > 0:
        axes.set_ylim(low - missing / 2, high + missing / 2)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.4g}"))


def _draw_noise(axes: Axes, plan: HistoryPlan, places: dict[str, int]) -> None:
    """Of each result, the greatest that any contestant had."""
    found: dict[str, list[Noise]] = {}
    for series in plan.series:
        for point in series.points:
            found.setdefault(point.path, []).append(point.noise)
    ordered = sorted(found, key=lambda each: places[each])
    at = [places[each] for each in ordered]
    for name, field, style in NOISES:
        shares = [[share for one in found[path] if (share := getattr(one, field)) is not None] for path in ordered]
        if any(shares):
            values = [100 * max(each) if each else math.nan for each in shares]
            axes.plot(
                at, values, color=ALARM if name == "stolen" else MUTED, linestyle=style, linewidth=0.9, label=name
            )
    axes.set_title("noise, %")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(axis="x", labelsize=8)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=7, borderaxespad=0, borderpad=0)
    else:
        axes.text(0.5, 0.5, "noise not measured", transform=axes.transAxes, ha="center", va="center", color=MUTED)


def _label_results(axes: Axes, plan: HistoryPlan, places: dict[str, int]) -> None:
    """The date and the commit of a few results."""
    points = {places[point.path]: point for series in plan.series for point in series.points}
    steps = np.unique(np.linspace(0, len(points) - 1, min(TICKS, len(points))).round().astype(int))
    axes.xaxis.set_major_locator(FixedLocator([float(each) for each in steps]))
    axes.xaxis.set_major_formatter(FixedFormatter([_label(points[int(each)]) for each in steps]))


def _label(point: HistoryPoint) -> str:
    return f"{point.started_at:%Y-%m-%d}\n{(point.commit or '')[:7]}"


def _in_words(series: HistorySeries) -> str:
    unit, scale = _unit(series.figure), _scale(series.figure)
    newest = series.points[-1].value / scale
    told = f"{series.contestant}: {len(series.points)} results, the newest {newest:,.4g} {unit}"
    changes = [f"{(each.new / each.old - 1) * 100:+.1f} % at {each.first_after}" for each in series.changes]
    return f"{told}, {'changed by ' + ' and '.join(changes) if changes else 'no change found'}"
