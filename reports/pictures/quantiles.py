"""The picture that answers the question: each engine's latency at every percentile, over its trials.

`curves_of` has the numbers, of which the drawing is made, and the same picture in the page that answers to the pointer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator

from harness.conclusions.headline_figures import BOUNDED, headlines_of
from harness.numerics.intervals import MIN_TRIALS
from harness.results.performance import CLOCK_RESOLUTION_MS, Latency, Spread
from harness.results.result import EngineResult, Result, TrialResult
from reports.pictures.series import Floats, cdf_points, spread
from reports.pictures.style import (
    DASHES,
    MUTED,
    Picture,
    dash_numbers,
    engine_colours,
    engine_label,
    figure_with_axes,
    label_milliseconds,
    say_not_measured,
    sentence,
)
from reports.wording.notes import asks_for_counts
from reports.wording.numbers import milliseconds
from reports.wording.quoted import range_of
from reports.wording.setting import floor_warning

NAME = "latency-percentiles"
#: Shares of slower records within a decade, in percent of its greatest.
_STEPS = (80, 60, 50, 40, 30, 25, 20, 15, 10)
_DECADES = 7
#: The percentiles at which the curves are known.
PERCENTILES = np.array(
    [
        *(1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90),
        *(100 - step / 10**decade for decade in range(1, _DECADES) for step in _STEPS),
    ]
)
#: The percentiles of headline figures, by the end of their names.
QUOTED = {"p50": 50.0, "p99": 99.0, "p999": 99.9}
#: Those that the words for the picture tell.
SAID = (50.0, 99.0)
#: Labels of lines are no closer than this, as a share of the picture's height.
LABEL_GAP = 0.075
#: A longer name would leave the lines no room.
LONGEST_NAME = 20
#: By which factor the axis reaches beyond what it shows.
BEYOND = 1.3


@dataclass(frozen=True)
class Curve:
    """An engine's latency at `PERCENTILES`, in ms; NaN where it has too few records. Shapes (percentiles,).

    Attributes:
        typical_ms: of several trials, the geometric mean of theirs.
        least_ms, greatest_ms: of the trials.
        whiskers: (percentile, low, high) of the figures that have an interval, or that lie between bounds.
    """

    engine: EngineResult
    typical_ms: Floats
    least_ms: Floats
    greatest_ms: Floats
    whiskers: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Curves:
    """The curves of all engines that have one.

    Attributes:
        percentiles: those of `PERCENTILES` that any of the curves reaches.
        floor_ms: (percentile, ms) of the harness itself, where it was calibrated.
    """

    percentiles: Floats
    curves: tuple[Curve, ...]
    floor_ms: tuple[tuple[float, float], ...]

    @property
    def most_trials(self) -> int:
        """Of the engine that has the most; 0 without any."""
        return max((len(curve.engine.trials) for curve in self.curves), default=0)


DELAY = "From when the record was due that let an answer be final, to its being final in Redis."


def nines(percentiles: Floats) -> Floats:
    """Where percentiles stand on an axis on which each unit is ten times fewer records: 2 is the 99th."""
    places: Floats = -np.log10(1 - percentiles / 100)
    return places


def quantiles_ms(histogram: str, records: int) -> Floats:
    """The values at `PERCENTILES` of an encoded HdrHistogram of so many `records`, at least the clock's resolution.

    NaN where less than one record is slower.
    """
    values_ms, slower = cdf_points(histogram)
    if not values_ms.size:
        return np.full(len(PERCENTILES), np.nan)
    # Rounding must not move a percentile to the next value.
    found = np.searchsorted(1 - slower, PERCENTILES / 100 - 1e-12)
    known = (100 - PERCENTILES) / 100 * records >= 1 - 1e-9
    return np.where(known, np.maximum(values_ms[np.minimum(found, len(values_ms) - 1)], CLOCK_RESOLUTION_MS), np.nan)


def curves_of(result: Result) -> Curves:
    """The numbers of the picture."""
    curves = tuple(curve for engine in result.engines if (curve := _curve(engine)))
    reached = np.array([np.isfinite(curve.typical_ms) for curve in curves]).any(axis=0) if curves else slice(0)
    cut = [
        Curve(each.engine, each.typical_ms[reached], each.least_ms[reached], each.greatest_ms[reached], each.whiskers)
        for each in curves
    ]
    return Curves(PERCENTILES[reached], tuple(cut), _floor(result) if curves else ())


def _curve(engine: EngineResult) -> Curve | None:
    found = [spread_of(trial) for trial in engine.trials]
    of_trials = np.array([quantiles_ms(each.histogram, each.count) for each in found if each])
    if None in found or not np.isfinite(of_trials).any():
        return None
    typical_ms = np.exp(np.log(of_trials).mean(axis=0))
    return Curve(engine, typical_ms, of_trials.min(axis=0), of_trials.max(axis=0), tuple(_whiskers(engine)))


def spread_of(trial: TrialResult) -> Latency | Spread | None:
    """What the picture is of: latency of records, or of another query, the delay of answers."""
    return trial.latency_ms or (trial.emission.delay_ms if trial.emission else None)


def _whiskers(engine: EngineResult) -> list[tuple[float, float, float]]:
    """Intervals of the quantiles that are headline figures; of a single trial, the bounds of an estimate."""
    found = []
    for of in headlines_of([engine]):
        percentile = QUOTED.get(of.name.rpartition("_")[2])
        is_known = len(engine.trials) >= MIN_TRIALS or (len(engine.trials) == 1 and of.name in BOUNDED)
        if percentile and is_known and (each := range_of(engine, of)) and each.low < each.high:
            found.append((percentile, max(each.low, CLOCK_RESOLUTION_MS), max(each.high, CLOCK_RESOLUTION_MS)))
    return found


def _floor(result: Result) -> tuple[tuple[float, float], ...]:
    """The harness alone, unless an engine was faster: what was calibrated on a busier machine is nobody's floor."""
    found = result.environment.calibration
    if found is None or not asks_for_counts(result) or floor_warning(result):
        return ()
    return (50.0, found.floor_ms_p50), (99.0, found.floor_ms_p99)


def draw_quantiles(result: Result) -> Picture:
    """Latency by percentile, an engine a line."""
    of_records = asks_for_counts(result)
    title = f"{'Latency of every record' if of_records else 'Emission delay of every answer'}, by percentile"
    figure, axes = figure_with_axes(title, height_in=4.2)
    found = curves_of(result)
    if found.curves:
        _draw(axes, found, engine_colours(result.engines))
        axes.set_xlabel(f"percentile of {'records' if of_records else 'answers'}: the slower, the farther to the right")
        axes.set_ylabel("intended send to visible in Redis" if of_records else "delay that the engine adds")
    else:
        say_not_measured(axes)
    return Picture(NAME, title, f"{title}. {alt_of(found)}", caption_of(found, result), figure)


def alt_of(found: Curves) -> str:
    """The picture in words."""
    said = [f"{curve.engine.name}: {', '.join(_said(curve, found.percentiles))} ms" for curve in found.curves]
    if found.floor_ms:
        said.append(f"the harness alone: {', '.join(f'p{at:g} {milliseconds(ms)}' for at, ms in found.floor_ms)} ms")
    return sentence(said)


def _said(curve: Curve, percentiles: Floats) -> list[str]:
    return [
        f"p{percentile:g} {milliseconds(ms)}"
        for percentile, ms in zip(percentiles, curve.typical_ms, strict=True)
        if percentile in SAID and np.isfinite(ms)
    ]


def caption_of(found: Curves, result: Result) -> str:
    """How to read the picture."""
    of_records = asks_for_counts(result)
    what = "records" if of_records else "answers"
    parts = [
        "From a record's intended send time to its being visible in Redis." if of_records else DELAY,
        f"Lower is faster. Each step to the right is ten times fewer {what}; the right end is the slowest ones.",
    ]
    if found.most_trials > 1:
        parts.append("A line is the geometric mean of the trials; its band reaches from the least to the greatest.")
    if any(curve.whiskers for curve in found.curves):
        what = "the 95 % interval of a figure" if found.most_trials > 1 else "the bounds of an estimate"
        parts.append(f"An upright bar is {what}.")
    if found.floor_ms and result.environment.calibration:
        parts.append(
            "Dotted: the harness alone, which is the latency of an engine that does nothing, as calibrated with "
            f"{result.environment.calibration.rate_records_per_s:,} records a second, at p50 and p99."
        )
    return " ".join(parts)


def _draw(axes: Axes, found: Curves, colours: dict[str, str]) -> None:
    x = nines(found.percentiles)
    dashes = dash_numbers([colours[curve.engine.name] for curve in found.curves])
    for curve, dash in zip(found.curves, dashes, strict=True):
        colour = colours[curve.engine.name]
        if len(curve.engine.trials) > 1:
            axes.fill_between(x, curve.least_ms, curve.greatest_ms, color=colour, alpha=0.18, linewidth=0)
        axes.plot(x, curve.typical_ms, color=colour, linewidth=2, linestyle=DASHES[dash])
        for percentile, low, high in curve.whiskers:
            at = float(nines(np.array(percentile)))
            axes.plot([at, at], [low, high], color=colour, linewidth=1.6, marker="_", markersize=7)
    if found.floor_ms:
        floor = np.array(found.floor_ms)
        axes.plot(nines(floor[:, 0]), floor[:, 1], color=MUTED, linestyle=":", linewidth=1.6, marker="o", markersize=3)
    axes.set_yscale("log")
    low, high = bounds_ms(found)
    axes.set_ylim(low, high)
    axes.set_xlim(x[0], x[-1] + 0.03)  # a bar at the end can be seen
    label_milliseconds(axes, vertical=True)
    ticks = ticks_of(found.percentiles)
    axes.xaxis.set_major_locator(FixedLocator(nines(ticks).tolist()))
    axes.xaxis.set_major_formatter(FixedFormatter([f"p{tick:.10g}" for tick in ticks]))
    _name_lines(axes, found, colours)


def bounds_ms(found: Curves) -> tuple[float, float]:
    """The ends of the axis of latency: never narrower than by three times."""
    values = [curve.least_ms for curve in found.curves] + [curve.greatest_ms for curve in found.curves]
    ends = [end for curve in found.curves for _, *pair in curve.whiskers for end in pair]
    every = np.concatenate([*values, ends, [ms for _, ms in found.floor_ms]])
    low, high = float(np.nanmin(every)) / BEYOND, float(np.nanmax(every)) * BEYOND
    widen = max(1.0, 3 / (high / low)) ** 0.5
    return low / widen, high * widen


def ticks_of(percentiles: Floats) -> Floats:
    """50, 90, 99, 99.9 and so on, as far as `percentiles` reach."""
    every = np.array([50.0, *(100 - 100 / 10**decade for decade in range(1, _DECADES))])
    reached: Floats = every[every <= percentiles[-1]]
    return reached


def _name_lines(axes: Axes, found: Curves, colours: dict[str, str]) -> None:
    """The names of the lines at their right ends, kept apart."""
    low, high = np.log10(axes.get_ylim())
    names: list[tuple[str, str, float]] = []
    for curve in found.curves:
        last = int(np.flatnonzero(np.isfinite(curve.typical_ms))[-1])
        names.append((_short(engine_label(curve.engine)), colours[curve.engine.name], curve.typical_ms[last]))
    if found.floor_ms:
        names.append(("harness alone", MUTED, found.floor_ms[-1][1]))
    wanted = [float((np.log10(ms) - low) / (high - low)) for _, _, ms in names]
    for (name, colour, _), place in zip(names, spread(wanted, LABEL_GAP, 0.98), strict=True):
        axes.annotate(
            name, (1.02, place), xycoords="axes fraction", color=colour, fontweight="bold", fontsize=9, va="center"
        )


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
