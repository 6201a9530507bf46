"""An engine's trials put together: sums, merged histograms, the worst verdict. No percentile is averaged."""

from collections.abc import Callable, Container, Sequence
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel

from harness.evaluation.counts import MAX_EXAMPLES
from harness.numerics.durations import encode, merged, quantiles_ms
from harness.results.correctness import (
    AnswerExamples,
    Answers,
    Approximation,
    Committed,
    Correctness,
    DeadLetters,
    Examples,
    Verdict,
)
from harness.results.performance import Cost, Emission, GeneratorFigures, Latency, Spread, Throughput
from harness.results.result import EngineResult, TrialResult
from harness.scenarios.contestants import Contestant

P = TypeVar("P")


def pool(
    name: str, version: str | None, config: dict[str, Any], trials: list[TrialResult], of: Contestant | None = None
) -> EngineResult:
    """The result of what is called `name` from its `trials`, at least one. A part that any trial lacks is null.

    `of` is the contestant whose trials these are; None for an engine by its own name.
    """
    return EngineResult(
        name=name,
        engine=of.engine if of else name,
        own=of.own if of else {},
        version=version,
        config=config,
        trials=trials,
        verdict=_worst([trial.verdict for trial in trials]),
        reasons=_reasons(trials),
        startup_s=_all(trials, lambda trial: trial.startup_s, _mean),
        drain_s=_all(trials, lambda trial: trial.drain_s, max),
        correctness=_all(trials, lambda trial: trial.correctness, total_correctness),
        answers=_all(trials, lambda trial: trial.answers, _answers),
        committed=_all(trials, lambda trial: trial.committed, _committed),
        emission=_all(trials, lambda trial: trial.emission, _emission),
        latency_ms=_all(trials, lambda trial: trial.latency_ms, _latency),
        throughput_records_per_s=_all(trials, lambda trial: trial.throughput_records_per_s, _throughput),
        cost=_cost(trials),
        generator=_all(trials, lambda trial: trial.generator, _generator),
        updates=sum(trial.updates for trial in trials),
        count_regressions=sum(trial.count_regressions for trial in trials),
    )


def _all(
    trials: list[TrialResult], part: Callable[[TrialResult], P | None], join: Callable[[Sequence[P]], P]
) -> P | None:
    parts = [found for trial in trials if (found := part(trial)) is not None]
    return join(parts) if len(parts) == len(trials) else None


def _worst(verdicts: list[Verdict]) -> Verdict:
    return next((each for each in (Verdict.FAIL, Verdict.UNKNOWN) if each in verdicts), Verdict.PASS)


def _reasons(trials: list[TrialResult]) -> list[str]:
    if len(trials) == 1:
        return trials[0].reasons
    return [f"trial {trial.number}: {reason}" for trial in trials for reason in trial.reasons]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _totals(parts: Sequence[BaseModel], skip: Container[str] = ()) -> dict[str, int]:
    """The sums of the parts' fields, but for those to `skip`."""
    names = [name for name in type(parts[0]).model_fields if name not in skip]
    return {name: sum(getattr(part, name) for part in parts) for name in names}


def _examples(parts: Sequence[Correctness] | Sequence[Answers]) -> dict[str, Any]:
    """Up to `MAX_EXAMPLES` of each kind."""
    return {
        kind: [example for part in parts for example in getattr(part.examples, kind)][:MAX_EXAMPLES]
        for kind in Examples.model_fields
    }


def total_correctness(parts: Sequence[Correctness]) -> Correctness:
    """The sums of `parts`, at least one, with up to `MAX_EXAMPLES` of their examples of each kind."""
    return Correctness(
        **_totals(parts, {"examples", "dead_letters"}),
        examples=Examples(**_examples(parts)),
        dead_letters=DeadLetters(**_totals([part.dead_letters for part in parts])),
    )


def _committed(parts: Sequence[Committed]) -> Committed:
    examples = [example for part in parts for example in part.examples][:MAX_EXAMPLES]
    later = {name: [getattr(part, name) for part in parts] for name in ("unseen", "left_open")}
    return Committed(
        **_totals(parts, {"examples", *later}),
        **{name: None if None in values else sum(values) for name, values in later.items()},
        examples=examples,
    )


def _answers(parts: Sequence[Answers]) -> Answers:
    """As `total_correctness`; of errors, the greatest, and the mean of the means."""
    same = {"query", "version", "parameters"}
    return Answers(
        **{name: getattr(parts[0], name) for name in same},
        **_totals(parts, same | {"approximation", "examples", "dead_letters"}),
        approximation=_approximation([part.approximation for part in parts if part.approximation]),
        examples=AnswerExamples(**_examples(parts)),
        dead_letters=DeadLetters(**_totals([part.dead_letters for part in parts])),
    )


def _approximation(parts: Sequence[Approximation]) -> Approximation | None:
    if not parts:
        return None
    return Approximation(
        standard_error=parts[0].standard_error,
        error_max=max(part.error_max for part in parts),
        error_mean=_mean([part.error_mean for part in parts]),
        # The trials are of the same records, so that their errors may be the same: more trials make no smaller bound.
        error_mean_bound=max(part.error_mean_bound for part in parts),
    )


def _emission(parts: Sequence[Emission]) -> Emission:
    return Emission(
        freshness_ms=_spread([part.freshness_ms for part in parts]),
        delay_ms=_spread([part.delay_ms for part in parts]),
        revised=sum(part.revised for part in parts),
    )


def _spread(parts: Sequence[Spread]) -> Spread:
    histogram = merged([part.histogram for part in parts])
    p50, p90, p99 = quantiles_ms(histogram, 50, 90, 99)
    count = sum(part.count for part in parts)
    return Spread(
        p50=p50,
        p90=p90,
        p99=p99,
        max=max(part.max for part in parts),
        mean=sum(part.mean * part.count for part in parts) / count,
        count=count,
        negative_count=sum(part.negative_count for part in parts),
        histogram=encode(histogram),
    )


def _latency(parts: Sequence[Latency]) -> Latency:
    histogram = merged([part.histogram for part in parts])
    p50, p90, p99, p999 = quantiles_ms(histogram, 50, 90, 99, 99.9)
    count = sum(part.count for part in parts)
    return Latency(
        p50=p50,
        p90=p90,
        p99=p99,
        p999=p999,
        max=max(part.max for part in parts),
        mean=sum(part.mean * part.count for part in parts) / count,
        count=count,
        negative_count=sum(part.negative_count for part in parts),
        never_visible_count=sum(part.never_visible_count for part in parts),
        ambiguous_count=sum(part.ambiguous_count for part in parts),
        histogram=encode(histogram),
    )


def _throughput(parts: Sequence[Throughput]) -> Throughput:
    starts, ends = ([getattr(part, name) for part in parts] for name in ("lag_records_start", "lag_records_end"))
    return Throughput(
        offered=_mean([part.offered for part in parts]),
        sustained=_mean([part.sustained for part in parts]),
        lag_records_start=None if None in starts else max(starts),
        lag_records_end=None if None in ends else max(ends),
    )


def _cost(trials: list[TrialResult]) -> Cost | None:
    """CPU time of all trials over the records of all trials."""
    costs = [trial.cost for trial in trials if trial.cost]
    if len(costs) < len(trials):
        return None
    records = sum(cost.records for cost in costs)
    return Cost(
        records=records,
        cpu_s_per_million_records=sum(cost.cpu_user_s + cost.cpu_system_s for cost in costs) / records * 1e6,
        cpu_user_s=sum(cost.cpu_user_s for cost in costs),
        cpu_system_s=sum(cost.cpu_system_s for cost in costs),
        rss_bytes_peak=max(cost.rss_bytes_peak for cost in costs),
    )


def _generator(parts: Sequence[GeneratorFigures]) -> GeneratorFigures:
    histogram = merged([part.schedule_error_histogram for part in parts])
    p50, p99 = quantiles_ms(histogram, 50, 99)
    return GeneratorFigures(
        schedule_error_ms_p50=p50,
        schedule_error_ms_p99=p99,
        schedule_error_ms_max=max(part.schedule_error_ms_max for part in parts),
        schedule_error_histogram=encode(histogram),
        sent_records=sum(part.sent_records for part in parts),
        acked_records=sum(part.acked_records for part in parts),
        failed_records=sum(part.failed_records for part in parts),
    )
