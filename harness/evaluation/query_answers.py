"""Queries other than counts: what goes with them, their answers verified, and when these were final in Redis.

Definitions, and why each tolerance is what it is: docs/queries.md.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from engines.contract.queries import DISTINCT_CALLERS_HLL, HLL_STANDARD_ERROR, QUERIES
from harness.errors import UsageError
from harness.evaluation.counts import MAX_EXAMPLES, compare_dead_letters, dead_letter_differences, told, verdict_on
from harness.numerics.durations import Durations, encode, quantiles_ms
from harness.results.correctness import AnswerExample, AnswerExamples, Answers, Approximation, Verdict
from harness.results.performance import Emission, Spread
from harness.scenarios.scenario import Scenario
from workloads.answers import Answer, ExpectedAnswers, expected_answers, may_be_late
from workloads.workload import Workload

#: An approximate answer may be so many standard errors off. By chance, one in two million is further off.
SIGMAS = 5
#: And always by so much: small windows have no fractions.
LEAST_ERROR = 1


#: When each answer became what it is, and how often it had changed.
Seen = Mapping[str, tuple[int, int]]


def truth_of(scenario: Scenario, workload: Workload) -> ExpectedAnswers:
    """What the scenario's query must answer of `workload`.

    Raises:
        UsageError: records may be late, so that more than one answer would be right; or no answer has to be given.
    """
    if may_be_late(workload):
        raise UsageError(
            f"scenario {scenario.name}: the answers to {scenario.query} are known only if no record is late, "
            f"and with `allowed_lateness_ms` {scenario.allowed_lateness_ms} some may be",
            fix="raise `allowed_lateness_ms`, or lessen `disorder`",
        )
    found = expected_answers(workload, scenario.query, scenario.parameters)
    if not found.due:
        raise UsageError(
            f"scenario {scenario.name}: of the query {scenario.query}, no answer is final by the end of the load: "
            f"{len(found.answers):,} are still open then",
            fix="make the load longer, or `query_parameters`, `allowed_lateness_ms` or `subscribers` smaller",
        )
    return found


def compare_answers(
    scenario: Scenario,
    expected: ExpectedAnswers,
    observed: Mapping[bytes, int],
    *,
    expected_dead_letters: Iterable[bytes],
    observed_dead_letters: Iterable[bytes],
) -> Answers:
    """Compare every answer that an engine gave with the truth."""
    approximate = scenario.query == DISTINCT_CALLERS_HLL
    due, values = expected.due, {key: answer.value for key, answer in expected.answers.items()}
    given = sorted(observed.keys() & values.keys())
    missing = sorted(due.keys() - observed.keys())
    extra = sorted(observed.keys() - values.keys())
    mismatched = [key for key in given if abs(observed[key] - values[key]) > _allowed(values[key], approximate)]

    def examples(keys: list[bytes]) -> list[AnswerExample]:
        return [
            AnswerExample(key=key.decode("ascii", "replace"), expected=values.get(key), observed=observed.get(key))
            for key in keys[:MAX_EXAMPLES]
        ]

    return Answers(
        query=scenario.query,
        version=QUERIES[scenario.query].version,
        parameters=scenario.parameters,
        expected=len(due),
        open=len(values) - len(due),
        observed=len(observed),
        missing=len(missing),
        extra=len(extra),
        mismatched=len(mismatched),
        approximation=_approximation(values, observed, given) if approximate and given else None,
        examples=AnswerExamples(missing=examples(missing), extra=examples(extra), mismatched=examples(mismatched)),
        dead_letters=compare_dead_letters(expected_dead_letters, observed_dead_letters),
    )


def _allowed(exact: int, approximate: bool) -> float:
    """How far an answer may be from the exact one."""
    return max(LEAST_ERROR, SIGMAS * HLL_STANDARD_ERROR * exact) if approximate else 0


def _approximation(exact: Mapping[bytes, int], observed: Mapping[bytes, int], given: list[bytes]) -> Approximation:
    errors = np.array([observed[key] / exact[key] - 1 for key in given])
    return Approximation(
        standard_error=HLL_STANDARD_ERROR,
        error_max=float(np.abs(errors).max()),
        error_mean=float(errors.mean()),
        error_mean_bound=SIGMAS * HLL_STANDARD_ERROR / float(np.sqrt(len(errors))),
    )


def judge_answers(answers: Answers | None, troubles: list[str]) -> tuple[Verdict, list[str]]:
    """The verdict on an engine, and the reasons if it is not `pass`; see `harness.evaluation.counts.judge`."""
    if answers is None:
        return Verdict.UNKNOWN, troubles or ["the answers could not be verified"]
    found = {
        "answers missing": answers.missing,
        "answers that the truth does not have": answers.extra,
        "answers with a wrong value": answers.mismatched,
    }
    wrong = told(found | dead_letter_differences(answers.dead_letters))
    bias = answers.approximation
    if bias and abs(bias.error_mean) > bias.error_mean_bound:
        wrong.append(
            f"approximate answers are {bias.error_mean:+.2%} off on average, more than the {bias.error_mean_bound:.2%} "
            "that chance explains"
        )
    return verdict_on(wrong, troubles)


def emission(scenario: Scenario, expected: ExpectedAnswers, seen: Seen, anchor_ns: int) -> Emission | None:
    """When the answers of the measured time that had to be given were final; None if none of them was seen.

    Event times are put on the load's clock, on which a record in order has its intended send time.

    Args:
        seen: by answer, as in `harness.workers.accounts.ProbeAccount`.
        anchor_ns: when the load started.
    """
    spec = scenario.workload()
    first_ms = (spec.epoch_s + spec.warmup_s) * 1000
    found = [each for each in _final(expected, seen) if each[0].last_ms >= first_ms]
    if not found:
        return None
    last_ms = np.array([answer.last_ms for answer, _, _ in found], dtype=np.int64)
    visible_ns = np.array([visible_ms for _, visible_ms, _ in found], dtype=np.int64) * 1_000_000
    return Emission(
        freshness_ms=_spread(visible_ns - anchor_ns - (last_ms - spec.epoch_s * 1000) * 1_000_000),
        delay_ms=_spread(visible_ns - anchor_ns - _closed_ns(scenario, found)),
        revised=sum(changes > 1 for _, _, changes in found),
    )


def delay_means_ms(
    scenario: Scenario, expected: ExpectedAnswers, seen: Seen, anchor_ns: int, slot_s: int
) -> dict[int, float]:
    """The mean emission delay by the slot in which answers could be closed; slot 0 starts the measured time."""
    found = _final(expected, seen)
    if not found:
        return {}
    closed_ns = _closed_ns(scenario, found)
    visible_ns = np.array([visible_ms for _, visible_ms, _ in found], dtype=np.int64) * 1_000_000
    slots = (closed_ns // 1_000_000_000 - scenario.workload().warmup_s) // slot_s
    delays_ms = (visible_ns - anchor_ns - closed_ns) / 1e6
    return {slot: float(delays_ms[slots == slot].mean()) for slot in np.unique(slots).tolist()}


def _final(expected: ExpectedAnswers, seen: Seen) -> list[tuple[Answer, int, int]]:
    """Each answer that had to be given and was seen, when that was, in milliseconds, and how often it changed."""
    return [(answer, *seen[name]) for key, answer in expected.due.items() if (name := key.decode("ascii")) in seen]


def _closed_ns(scenario: Scenario, found: list[tuple[Answer, int, int]]) -> NDArray[np.int64]:
    """When the record was due whose event time let the watermark close each answer, after the start of the load."""
    settled_ms = np.array([answer.settled_ms for answer, _, _ in found], dtype=np.int64)
    since_start_ms = settled_ms - scenario.workload().epoch_s * 1000 + scenario.allowed_lateness_ms
    found_ns: NDArray[np.int64] = since_start_ms * 1_000_000
    return found_ns


def _spread(durations_ns: NDArray[np.int64]) -> Spread:
    found = Durations(tolerance_us=1000)  # the ID of an entry in Redis is rounded down to milliseconds
    found.record_ns(durations_ns)
    histogram = found.to_histogram()
    p50, p90, p99 = quantiles_ms(histogram, 50, 90, 99)
    return Spread(
        p50=p50,
        p90=p90,
        p99=p99,
        max=found.max_ms,
        mean=found.mean_ms,
        count=found.count,
        negative_count=found.negative_count,
        histogram=encode(histogram),
    )
