"""The price of delivery exactly once: two contestants of one run that differ in it, block by block.

A price is shown although no winner is named by it: whoever pays it wants to know how much, and not who is better. Pure
functions; reports ask them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import geometric_mean

from engines.contract.job import AT_LEAST_ONCE, EXACTLY_ONCE
from harness.conclusions.engine_comparison import CONFIDENCE, told_interval
from harness.conclusions.headline_figures import CPU, HeadlineFigure, cpu_with_pipeline, figures, headline
from harness.numerics.intervals import adjusted, paired_ratio
from harness.results.performance import TopicBytes
from harness.results.result import Confidence, EngineResult, Result, TrialResult


def delivery_of(result: Result, engine: EngineResult) -> str:
    """The delivery of one of the run's contestants; one from before there was a choice is at least once."""
    return str(engine.own.get("delivery", result.scenario.get("delivery", AT_LEAST_ONCE)))


def commit_interval_ms(result: Result, engine: EngineResult) -> int | None:
    """How often a contestant's transactions are to be committed, or its checkpoints taken; None if it is not known."""
    found = engine.own.get("checkpoint_interval_ms", result.scenario.get("checkpoint_interval_ms"))
    return found if isinstance(found, int) else None


def pairs(result: Result, same: Sequence[EngineResult]) -> list[tuple[EngineResult, EngineResult]]:
    """Of contestants that run the `same` engine, each that delivers at least once with each that does exactly once."""
    by_delivery = {
        delivery: [each for each in same if delivery_of(result, each) == delivery]
        for delivery in (AT_LEAST_ONCE, EXACTLY_ONCE)
    }
    return list(product(by_delivery[AT_LEAST_ONCE], by_delivery[EXACTLY_ONCE]))


@dataclass(frozen=True)
class Price:
    """By what factor delivery exactly once raises a figure.

    Attributes:
        of: the figure.
        factor: the geometric mean over the blocks; None if it was not measured in all of them, or is 0 in one.
        interval: of the factor; None with too few blocks.
    """

    of: HeadlineFigure
    factor: float | None
    interval: Confidence | None


def prices(without: EngineResult, once: EngineResult) -> list[Price]:
    """The price of each figure that both have, paired by block; all intervals hold together with `CONFIDENCE`."""
    blocks = sorted({each.block for each in without.trials} & {each.block for each in once.trials})
    mine, others = ([_in_block(engine, each) for each in blocks] for engine in (once, without))
    measured = [
        (of, over, under)
        for of in PRICED
        if (over := figures(mine, of)) is not None and (under := figures(others, of)) is not None
    ]
    each_confidence = adjusted(CONFIDENCE, max(1, len(measured)))
    return [
        Price(of, _factor(over, under), told_interval(paired_ratio(over, under, each_confidence)))
        for of, over, under in measured
    ]


def _in_block(engine: EngineResult, block: int) -> TrialResult:
    return next(each for each in engine.trials if each.block == block)


def _factor(over: Sequence[float], under: Sequence[float]) -> float | None:
    if not over or min(*over, *under) <= 0:
        return None
    return geometric_mean(over) / geometric_mean(under)


def _of_a_trial(measure: Callable[[TrialResult], float | None]) -> Callable[[TrialResult | EngineResult], float | None]:
    """`measure`, which says nothing of all trials together."""
    return lambda found: measure(found) if isinstance(found, TrialResult) else None


def _stored(of: Callable[[TopicBytes], int | None]) -> Callable[[TrialResult], float | None]:
    """Bytes in the broker's log for each record sent."""

    def per_record(trial: TrialResult) -> float | None:
        sent = trial.generator.acked_records if trial.generator else 0
        stored = of(trial.kafka_bytes) if trial.kafka_bytes else None
        return None if stored is None or not sent else stored / sent

    return per_record


def _written(stored: TopicBytes) -> int | None:
    return None if stored.aggregates is None else stored.aggregates + stored.dead_letter


def _with_own(stored: TopicBytes) -> int | None:
    written = _written(stored)
    return None if written is None or stored.own is None else written + stored.own


#: What is paid with: time, CPU time, bytes.
PRICED = (
    headline("latency_ms_p50"),
    headline("latency_ms_p99"),
    headline("latency_ms_mean"),
    headline(CPU),
    HeadlineFigure(
        f"{CPU}_with_pipeline",
        "CPU per million records, with broker, Redis writer and Redis",
        "s",
        True,
        False,
        0.0,
        _of_a_trial(cpu_with_pipeline),
    ),
    HeadlineFigure(
        "kafka_bytes_per_record_written",
        "counts and dead letters in Kafka",
        "bytes/record",
        True,
        False,
        0.0,
        _of_a_trial(_stored(_written)),
    ),
    HeadlineFigure(
        "kafka_bytes_per_record_with_own",
        "the same, with the engine's own topics",
        "bytes/record",
        True,
        False,
        0.0,
        _of_a_trial(_stored(_with_own)),
    ),
)
