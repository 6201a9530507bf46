"""The figures that people quote, with their intervals, and what must be known where they stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.conclusions.engine_comparison import CONFIDENCE
from harness.conclusions.headline_figures import BOUNDED, HeadlineFigure, figures, headlines_of
from harness.numerics.intervals import typical
from harness.results.result import EngineResult, Result
from reports.wording.cautions import Caution, marked_cautions
from reports.wording.notes import has_exact_quantiles, most_trials
from reports.wording.numbers import NOT_MEASURED, decimal, mebibytes, milliseconds
from reports.wording.winner import best_engine, capitalised, compared, confidence_text

#: Quoted although no winner is named by it: within a run, all engines are offered the same.
SUSTAINED = "throughput_records_per_s_sustained"
ONE_TRIAL = "One trial: no interval."
ESTIMATE = "estimate"


@dataclass(frozen=True)
class Quoted:
    """A figure of one engine.

    Attributes:
        value: estimate over the trials, as text.
        interval: as text, or why there is none.
        marks: short warnings, each with the place of its caution in `marked_cautions`, if it has one.
        place, low, high: estimate and ends of the interval on the axis that all engines share, from 0 to 1; None if
            there is nothing to show.
    """

    engine: str
    value: str
    interval: str
    marks: tuple[tuple[str, int | None], ...] = ()
    place: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class QuotedFigure:
    """A figure of all engines.

    Attributes:
        conclusion: who is best by it, or that nobody is.
    """

    title: str
    unit: str
    better: str
    rows: tuple[Quoted, ...]
    conclusion: str


@dataclass(frozen=True)
class Range:
    """A figure over an engine's trials: its estimate, and between which ends it lies, by which `text` says."""

    estimate: float
    low: float
    high: float
    text: str


def quoted_figures(result: Result) -> list[QuotedFigure]:
    """Latency at its median and 99th percentile, sustained throughput, CPU time; of another query, its delays."""
    return [_figure(result, of) for of in headlines_of(result.engines) if of.ranked or of.name == SUSTAINED]


def _figure(result: Result, of: HeadlineFigure) -> QuotedFigure:
    ranges = [range_of(engine, of) for engine in result.engines]
    found = marked_cautions(result)
    rows = [
        Quoted(engine.name, NOT_MEASURED, "")
        if each is None
        else Quoted(engine.name, figure_text(of, each.estimate), each.text, tuple(_marks(result, engine, of, found)))
        for engine, each in zip(result.engines, ranges, strict=True)
    ]
    ends = [(each.estimate, each.low, each.high) if each else None for each in ranges]
    unit = "MiB" if of.unit == "bytes" else of.unit
    better = "lower is better" if of.lower_is_better else "higher is better"
    return QuotedFigure(capitalised(of.label), unit, better, on_one_axis(rows, ends), _conclusion(result, of))


def range_of(engine: EngineResult, of: HeadlineFigure) -> Range | None:
    """The figure over an engine's trials: with its interval, or, of too few trials, from the least to the greatest."""
    found = figures(engine.trials, of)
    if not found:
        return None
    if interval := typical(found, CONFIDENCE):
        ends = f"{figure_text(of, interval.low)} to {figure_text(of, interval.high)}"
        text = f"{confidence_text(CONFIDENCE)} %: {ends}"
        return Range(interval.estimate, interval.low, interval.high, text)
    if len(found) > 1:
        text = f"trials: {figure_text(of, min(found))} to {figure_text(of, max(found))}"
        return Range(geometric_mean(found), min(found), max(found), text)
    low, high = _bounds(engine, of) or (found[0], found[0])
    text = f"within {figure_text(of, low)} to {figure_text(of, high)}" if low < high else ""
    return Range(found[0], low, high, text)


def geometric_mean(values: Sequence[float]) -> float:
    """Of figures of trials; 0 if any is."""
    return math.exp(sum(map(math.log, values)) / len(values)) if min(values) > 0 else 0.0


def _bounds(engine: EngineResult, of: HeadlineFigure) -> tuple[float, float] | None:
    """Of an estimated quantile of one trial: between what it lies."""
    latency = engine.trials[0].latency_ms
    if latency is None or latency.quantile_bounds_ms is None or of.name not in BOUNDED:
        return None
    low, high = getattr(latency.quantile_bounds_ms, BOUNDED[of.name])
    return float(low), float(high)


def figure_text(of: HeadlineFigure, value: float) -> str:
    """A headline figure as it is written, without its unit; bytes in MiB."""
    if of.unit == "bytes":
        return mebibytes(round(value))
    if of.unit == "ms":
        return milliseconds(value)
    return f"{value:,.0f}" if of.unit == "records/s" else decimal(value)


def on_one_axis(rows: Sequence[Quoted], ranges: Sequence[tuple[float, float, float] | None]) -> tuple[Quoted, ...]:
    """`rows` with the places of their estimates and ends of intervals, `ranges`, on one logarithmic axis.

    A row without a range has no place, and none has if one reaches down to 0.
    """
    scale = _scale([each for each in ranges if each])
    placed = []
    for row, each in zip(rows, ranges, strict=True):
        place, low, high = (_place(value, scale) for value in each) if each else (None, None, None)
        placed.append(replace(row, place=place, low=low, high=high))
    return tuple(placed)


def _scale(ranges: Sequence[tuple[float, float, float]]) -> tuple[float, float] | None:
    """The logarithms of the ends of an axis on which all of `ranges` have a place; None if they have none."""
    ends = [end for each in ranges for end in each]
    if not ends or min(ends) <= 0:
        return None
    # Never narrower than by a tenth, so that a difference of nothing does not look like one of something.
    middle, half = math.log(min(ends) * max(ends)) / 2, max(math.log(max(ends) / min(ends)), 0.1) / 2
    return middle - half, middle + half


def _place(value: float, scale: tuple[float, float] | None) -> float | None:
    return None if scale is None else (math.log(value) - scale[0]) / (scale[1] - scale[0])


def _marks(
    result: Result, engine: EngineResult, of: HeadlineFigure, found: Sequence[Caution]
) -> list[tuple[str, int | None]]:
    marks: dict[str, int | None] = {}
    for index, each in enumerate(found):
        if each.engine in (None, engine.name) and not (each.of_latency_and_cost and of.name == SUSTAINED):
            marks.setdefault(each.mark, index)
    if of.name in BOUNDED and not has_exact_quantiles(result):
        marks[ESTIMATE] = None
    return list(marks.items())


def _conclusion(result: Result, of: HeadlineFigure) -> str:
    parts = [] if most_trials(result) > 1 else [ONE_TRIAL]
    comparison = compared(result)
    if of.name == SUSTAINED:
        offered = [each.throughput_records_per_s.offered for each in result.engines if each.throughput_records_per_s]
        parts += [f"{max(offered):,.0f} were offered. Engines are not ranked by it."] if offered else []
    elif comparison:
        best = best_engine(comparison, of.name)
        parts.append(f"Best: {best}." if best else "None is better than all others.")
    return " ".join(parts)
