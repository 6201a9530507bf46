"""The engines of a run compared by their trials: intervals, ratios, winners, and what could have misled them.

The trial is the unit: seconds within one are not independent of each other. All engines run once in each block, in
turn forwards and backwards (A B B A), so that the ratio within a block is free of what slowly changes on the host.
"""

import math
from itertools import combinations

from harness.conclusions.bands import why_not_the_engines
from harness.conclusions.disturbance import disturbance_text, disturbed_share
from harness.conclusions.headline_figures import (
    BOUNDED,
    CPU,
    MEAN,
    HeadlineFigure,
    by_block,
    cold_trials,
    cpu_with_pipeline,
    figures,
    headlines_of,
    of_trials,
    ratios_to_baseline,
    worst_of,
)
from harness.conclusions.settled import why_unsettled
from harness.numerics.intervals import MIN_TRIALS, Interval, adjusted, paired_ratio, typical
from harness.numerics.trends import drift, order_effect
from harness.results.correctness import Verdict
from harness.results.performance import CLOCK_RESOLUTION_MS
from harness.results.result import Comparison, Confidence, Drift, EngineResult, Figure, Ratio
from harness.scenarios.scenario import Scenario

CONFIDENCE = 0.95
TOO_FEW_TRIALS = "too few trials for an interval"
NOT_MEASURED = "the figure was not measured in every trial, or is 0"
INTERVAL_HOLDS_ONE = "the interval of the ratio holds 1"


def comparison_of(engines: list[EngineResult], reasons: list[str], scenario: Scenario) -> Comparison | None:
    """The comparison of engines as the scenario has it; None of a single one, and if `reasons` make the run invalid."""
    if len(engines) < 2 or reasons:
        return None
    return compare_engines(
        engines,
        host_marked_share=scenario.limits.host_marked_share,
        exact_quantiles=scenario.workload().keeps_cells_together,
    )


def compare_engines(
    engines: list[EngineResult],
    confidence: float = CONFIDENCE,
    *,
    host_marked_share: float = math.inf,
    exact_quantiles: bool = True,
) -> Comparison:
    """Compare every engine with every other, by every ranked headline figure. All must have a trial in each block.

    `confidence` is that of each figure's interval by itself, and of all ratios together (Bonferroni): if no engine
    differs from another, the chance that any winner is named in the whole run is at most 1 - confidence. If others had
    more than `host_marked_share` of the machine, on average over two engines' trials, no winner of theirs is named.
    Without `exact_quantiles`, because a cell's records are in several partitions, means of latency name winners, too,
    and a quantile only one who wins by the bounds of the quantiles as well.
    """
    headlines = headlines_of(engines)
    ranked = [each for each in headlines if each.ranked or (each.name == MEAN and not exact_quantiles)]
    pairs = list(combinations(engines, 2))
    each_confidence = adjusted(confidence, max(1, len(pairs) * len(ranked)))
    return Comparison(
        confidence=confidence,
        figures=[
            Figure(engine=engine.name, figure=of.name, trials=found, interval=told_interval(typical(found, confidence)))
            for engine in engines
            for of in headlines
            if (found := figures(by_block(engine), of))
        ],
        ratios=[
            _ratio(a, b, of, each_confidence, host_marked_share, exact=exact_quantiles or of.name not in BOUNDED)
            for of in ranked
            for a, b in pairs
        ],
        drifts=[trend for of in ranked if (trend := _drift(engines, of))],
        to_baseline=ratios_to_baseline(engines),
    )


def told_interval(interval: Interval | None) -> Confidence | None:
    """An interval as it stands in results."""
    if interval is None:
        return None
    return Confidence(estimate=interval.estimate, low=interval.low, high=interval.high, confidence=interval.confidence)


def _ratio(
    a: EngineResult, b: EngineResult, of: HeadlineFigure, confidence: float, host_marked_share: float, *, exact: bool
) -> Ratio:
    mine, others = figures(by_block(a), of), figures(by_block(b), of)
    ratio = paired_ratio(mine, others, confidence) if mine and others else None
    better, worse = (a, b) if ratio and (ratio.high < 1) is of.lower_is_better else (b, a)
    why_not = (
        _why_no_winner(a, b, of, ratio)
        or _disturbed(a, b, host_marked_share)
        or _why_not_the(better, worse, of, confidence, exact=exact)
    )
    effect = order_effect(*_by_order(a, b, mine, others)) if mine and others else None
    winner = None if why_not else better
    return Ratio(
        a=a.name,
        b=b.name,
        figure=of.name,
        ratio=told_interval(ratio),
        winner=winner.name if winner else None,
        why_not=why_not,
        winners_worst_trial=worst_of(won, of) if winner and (won := figures(winner.trials, of)) else None,
        first_percent=effect.percent if effect else None,
        first_p_value=effect.p_value if effect else None,
    )


def _why_no_winner(a: EngineResult, b: EngineResult, of: HeadlineFigure, ratio: Interval | None) -> str:
    for engine in (a, b):
        if engine.verdict is not Verdict.PASS:
            return f"the verdict on {engine.name} is {engine.verdict.value}"
    if ratio is None:
        return TOO_FEW_TRIALS if len(a.trials) < MIN_TRIALS else NOT_MEASURED
    if not ratio.excludes(1):
        return INTERVAL_HOLDS_ONE
    for engine in (a, b):
        if still := _still_starting(engine, of):
            return still
    if of.unit == "ms" and (stepped := _stepped(a, b)):
        return stepped
    means = [typical(found) for engine in (a, b) if (found := figures(engine.trials, of))]
    estimates = [mean.estimate for mean in means if mean]
    if abs(estimates[0] - estimates[1]) <= of.resolution:
        return f"the difference is within the resolution of {of.resolution:g} {of.unit}"
    return ""


def _why_not_the(
    winner: EngineResult, loser: EngineResult, of: HeadlineFigure, confidence: float, *, exact: bool
) -> str:
    """Why `winner`, who has the better figure, does not win all the same: what else could account for it."""
    if of.name == CPU:
        return _dearer_elsewhere(winner, loser, confidence)
    if path := why_not_the_engines(winner, loser, of.name, confidence):
        return path
    return "" if exact else _by_estimate_only(winner, loser, of, confidence)


def _still_starting(engine: EngineResult, of: HeadlineFigure) -> str:
    """Whether what was measured of an engine by a figure is, in part, its start."""
    if cold := cold_trials(engine):
        return f"{engine.name} was not warm in {of_trials(len(cold), engine.trials)}"
    unsettled = why_unsettled(engine.trials, by_latency_alone=of.name != CPU)
    return f"{engine.name} {unsettled}" if unsettled else ""


def _dearer_elsewhere(winner: EngineResult, loser: EngineResult, confidence: float) -> str:
    """Whether `winner` is not the cheaper one with what broker, Redis writer and Redis used; empty if it is."""
    totals = [[cpu_with_pipeline(trial) for trial in by_block(engine)] for engine in (winner, loser)]
    mine, others = ([value for value in found if value is not None] for found in totals)
    if min(len(mine), len(others)) < len(winner.trials):
        return ""  # they were not all measured: the engines' own is what there is
    together = paired_ratio(mine, others, confidence)
    if together and together.high < 1:
        return ""
    what = f"the ratio of {winner.name} to {loser.name} is {together or 'not known'}"
    return f"with broker, Redis writer and Redis, {what}"


def _by_estimate_only(winner: EngineResult, loser: EngineResult, of: HeadlineFigure, confidence: float) -> str:
    """Whether `winner` would not have the lower quantile by every matching of counts with records; empty if it would.

    By the least favourable ones, it has the greatest value that its quantile can have, and the other one the least.
    """
    own, others = _bounds(winner, of), _bounds(loser, of)
    if own is None or others is None:
        return "with round-robin partitioning, quantiles are estimates, and their bounds were not measured"
    worst = paired_ratio([high for _, high in own], [low for low, _ in others], confidence)
    if worst and worst.high < 1:
        return ""
    (low, high), (other_low, other_high) = _hull(own), _hull(others)
    return (
        f"with round-robin partitioning, quantiles are known within bounds only: {winner.name} has {low:,.1f} to "
        f"{high:,.1f} {of.unit}, {loser.name} {other_low:,.1f} to {other_high:,.1f}"
    )


def _bounds(engine: EngineResult, of: HeadlineFigure) -> list[tuple[float, float]] | None:
    """Of each trial in the order of blocks; None if those of one are not known."""
    found = [trial.latency_ms.quantile_bounds_ms if trial.latency_ms else None for trial in by_block(engine)]
    return None if None in found else [getattr(each, BOUNDED[of.name]) for each in found]


def _hull(bounds: list[tuple[float, float]]) -> tuple[float, float]:
    return min(low for low, _ in bounds), max(high for _, high in bounds)


def _stepped(a: EngineResult, b: EngineResult) -> str:
    """Whether the clock that latencies are taken by moved in a trial by more than what it resolves."""
    steps = [(trial.clock_step_ms, trial.number) for engine in (a, b) for trial in engine.trials if trial.clock_step_ms]
    step_ms, number = max(steps, default=(0.0, 0))
    if step_ms <= CLOCK_RESOLUTION_MS:
        return ""
    return f"the wall clock moved by {step_ms:.1f} ms in trial {number}, more than {CLOCK_RESOLUTION_MS:g} ms"


def _disturbed(a: EngineResult, b: EngineResult, host_marked_share: float) -> str:
    """Why the host was not quiet enough for a winner; empty if it was, or nobody looked."""
    hosts = [trial.host for engine in (a, b) for trial in engine.trials if trial.host]
    shares = [share for host in hosts if (share := disturbed_share(host)) is not None]
    if not shares or (mean := sum(shares) / len(shares)) <= host_marked_share:
        return ""
    worst = max(hosts, key=lambda host: disturbed_share(host) or 0.0)
    return (
        f"others had {mean:.0%} of the machine, limit {host_marked_share:.0%}; in one trial, {disturbance_text(worst)}"
    )


def _by_order(
    a: EngineResult, b: EngineResult, mine: list[float], others: list[float]
) -> tuple[list[float], list[float]]:
    """The ratios of the blocks in which `a` went before `b`, and of the others."""
    first: list[float] = []
    second: list[float] = []
    for one, other, figure, reference in zip(by_block(a), by_block(b), mine, others, strict=True):
        (first if one.number < other.number else second).append(figure / reference if reference else 0.0)
    return first, second


def _drift(engines: list[EngineResult], of: HeadlineFigure) -> Drift | None:
    trials = sorted(
        ((trial.number, engine.name, of.of(trial)) for engine in engines for trial in engine.trials),
        key=lambda each: each[0],
    )
    found = [(name, value) for _, name, value in trials if value is not None]
    trend = drift(found) if len(found) == len(trials) else None
    return Drift(figure=of.name, percent_per_trial=trend.percent_per_trial, p_value=trend.p_value) if trend else None
