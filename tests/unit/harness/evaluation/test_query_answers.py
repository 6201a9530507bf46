"""Wrong answers to queries are found out, and it is measured when answers were final."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.contract.queries import HLL_STANDARD_ERROR
from harness.evaluation.pooling import pool
from harness.evaluation.query_answers import (
    compare_answers,
    delay_means_ms,
    emission,
    judge_answers,
    truth_of,
)
from harness.results.correctness import Answers, Verdict
from harness.results.result import Result, TrialResult
from harness.scenarios.scenario import Scenario
from harness.workers.accounts import ProbeAccount
from harness.workers.jobs import ProbeJob
from harness.workers.probe import AnswersProbe
from reports.documents.run import html_text, markdown_text
from reports.wording.summary import groups
from tests.builders.queries import OTHERS, PARAMETERS, SPECIFICATION, scenario_of
from tests.builders.results import make_result, make_trial
from workloads.answers import Answer, ExpectedAnswers
from workloads.truth import expected_counts
from workloads.workload import Workload


@pytest.fixture(params=OTHERS)
def asked(request: pytest.FixtureRequest) -> tuple[Scenario, ExpectedAnswers]:
    return _asked(request.param)


@cache
def _asked(query: str) -> tuple[Scenario, ExpectedAnswers]:
    # A caller has to be silent for a while, for a session to end.
    subscribers = 300 if query == "sessions" else 5
    load = {"duration_s": 8, "warmup_s": 1, "subscribers": subscribers}
    scenario = scenario_of(query, query_parameters=PARAMETERS[query], **load)
    return scenario, truth_of(scenario, Workload(scenario.workload()))


def verify(
    asked: tuple[Scenario, ExpectedAnswers], observed: dict[bytes, int], letters: list[bytes] | None = None
) -> tuple[Answers, Verdict, list[str]]:
    found = compare_answers(
        *asked, observed, expected_dead_letters=[b"bad"], observed_dead_letters=[b"bad"] if letters is None else letters
    )
    return found, *judge_answers(found, [])


def values_of(asked: tuple[Scenario, ExpectedAnswers]) -> dict[bytes, int]:
    return {key: answer.value for key, answer in asked[1].due.items()}


def test_the_truth_passes(asked: tuple[Scenario, ExpectedAnswers]) -> None:
    found, verdict, reasons = verify(asked, values_of(asked))
    assert (verdict, reasons) == (Verdict.PASS, [])
    assert found.expected == found.observed > 0 and found.open > 0
    assert (found.query, found.version) == (asked[0].query, 1)


def test_what_is_open_at_the_end_may_be_there_but_not_wrong(asked: tuple[Scenario, ExpectedAnswers]) -> None:
    whole = {key: answer.value for key, answer in asked[1].answers.items()}
    assert verify(asked, whole)[1] is Verdict.PASS
    (still_open, *_) = asked[1].answers.keys() - asked[1].due.keys()
    found, verdict, _ = verify(asked, whole | {still_open: whole[still_open] + 1000})
    assert verdict is Verdict.FAIL and found.mismatched == 1


def test_each_kind_of_wrong_answer_fails(asked: tuple[Scenario, ExpectedAnswers]) -> None:
    right = values_of(asked)
    first, second, *_ = sorted(right)
    for kind, observed in (
        ("missing", {key: value for key, value in right.items() if key != first}),
        ("extra", right | {b"1|+12092000000|1|1": 1}),
        ("mismatched", right | {second: right[second] + 1000}),
        ("mismatched", right | {first: right[first] + 1000}),
    ):
        found, verdict, reasons = verify(asked, observed)
        assert verdict is Verdict.FAIL and reasons[0].startswith("1 answers"), kind
        assert {name: getattr(found, name) for name in ("missing", "extra", "mismatched")} == {
            name: int(name == kind) for name in ("missing", "extra", "mismatched")
        }
        (example,) = getattr(found.examples, kind)
        assert example.expected == right.get(example.key.encode("ascii"))


def test_an_exact_query_forgives_nothing(asked: tuple[Scenario, ExpectedAnswers]) -> None:
    right = values_of(asked)
    first = min(right)
    _, verdict, _ = verify(asked, right | {first: right[first] + 1})
    assert verdict is (Verdict.PASS if asked[0].query.endswith("-hll") else Verdict.FAIL)


def test_a_lost_malformed_line_fails(asked: tuple[Scenario, ExpectedAnswers]) -> None:
    assert verify(asked, values_of(asked), [])[1] is Verdict.FAIL


def test_without_answers_nothing_is_proven() -> None:
    assert judge_answers(None, ["it died"]) == (Verdict.UNKNOWN, ["it died"])
    assert judge_answers(None, [])[0] is Verdict.UNKNOWN


# The approximation


def estimates(errors: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[Answers, Verdict, list[str]]:
    """The verdict on estimates of 10,000 callers that are so far off."""
    answers = {f"{number}|06037".encode("ascii"): Answer(10_000, 0, 0) for number in range(len(errors))}
    observed = {key: round(10_000 * (1 + error)) for key, error in zip(answers, errors.tolist(), strict=True)}
    return verify((scenario_of("distinct-callers-hll"), ExpectedAnswers(answers, 0)), observed)


def test_estimates_with_the_promised_error_pass() -> None:
    for seed in range(200):
        found, verdict, reasons = estimates(np.random.default_rng(seed).normal(0, HLL_STANDARD_ERROR, 400))
        assert verdict is Verdict.PASS, reasons
        assert found.approximation and 0.02 < found.approximation.error_max < 0.05


def test_an_estimate_that_is_too_far_off_fails() -> None:
    found, verdict, _ = estimates(np.array([0.0] * 399 + [0.051]))
    assert verdict is Verdict.FAIL and found.mismatched == 1


def test_estimates_that_are_each_near_but_all_too_high_fail() -> None:
    found, verdict, reasons = estimates(np.random.default_rng(1).normal(0.005, HLL_STANDARD_ERROR, 400))
    assert found.mismatched == 0
    assert verdict is Verdict.FAIL and "on average" in reasons[0]


# When answers are final


def test_emission_is_measured_from_the_last_record_and_from_when_the_watermark_could_pass() -> None:
    scenario = scenario_of("distinct-callers", warmup_s=1, duration_s=20)
    epoch_ms, anchor_ms = scenario.workload().epoch_s * 1000, 5_000_000
    early, late, unseen = (
        Answer(1, epoch_ms + last_ms, epoch_ms + settled_ms)
        for last_ms, settled_ms in ((900, 1000), (9_800, 10_000), (9_900, 10_000))
    )
    expected = ExpectedAnswers({b"a": early, b"b": late, b"c": unseen}, epoch_ms + 10_000)
    visible_ms = anchor_ms + 10_000 + scenario.allowed_lateness_ms + 7
    seen = {"a": (anchor_ms + 9000, 1), "b": (visible_ms, 2)}
    found = emission(scenario, expected, seen, anchor_ms * 1_000_000)
    assert found and found.delay_ms.count == 1, "what was settled in the warm-up does not count"
    assert found.delay_ms.mean == 7
    assert found.freshness_ms.mean == 200 + scenario.allowed_lateness_ms + 7
    assert found.revised == 1
    slots = delay_means_ms(scenario, expected, seen, anchor_ms * 1_000_000, slot_s=2)
    closed_s = scenario.allowed_lateness_ms // 1000
    assert slots == {closed_s // 2: -1000 - scenario.allowed_lateness_ms + 9000, (10 + closed_s - 1) // 2: 7}
    assert emission(scenario, expected, {}, 0) is None
    assert delay_means_ms(scenario, expected, {}, 0, slot_s=1) == {}


def test_the_probe_notes_when_an_answer_was_last_another(tmp_path: Path) -> None:
    job = ProbeJob(
        workload=SPECIFICATION,
        anchor="",
        redis_url="redis://unused:1",
        namespace="x",
        output=str(tmp_path / "probe.json"),
        query="sessions",
    )
    probe = AnswersProbe(job)
    probe.take([(10, b"1|a=3\n1|b=4"), (20, b"1|a=5")])
    probe.take([(30, b"1|a=5\n1|b=4")])
    probe.finish()
    assert (probe.totals()["answers"], probe.totals()["updates"], probe.totals()["last_visible_ms"]) == (2, 5, 20)
    account = ProbeAccount.model_validate_json((tmp_path / "probe.json").read_text(encoding="utf-8"))
    assert account.seen == {"1|a": (20, 2), "1|b": (10, 1)}


# Results


def asked_result(answers: Answers, verdict: Verdict) -> Result:
    """A result of two trials of one engine."""
    scenario = scenario_of(answers.query)
    epoch_ms = scenario.workload().epoch_s * 1000
    expected = ExpectedAnswers({b"b": Answer(1, epoch_ms + 20_000, epoch_ms + 21_000)}, epoch_ms + 30_000)
    emitted = emission(scenario, expected, {"b": (25_000, 1)}, 0)
    changes = {"correctness": None, "latency_ms": None, "throughput_records_per_s": None, "waterfall": None}
    trials = [
        make_trial("flink", 10, number=number).model_copy(
            update=changes | {"answers": answers, "emission": emitted, "verdict": verdict, "series": []}
        )
        for number in (1, 2)
    ]
    trials = [TrialResult.model_validate(trial.model_dump()) for trial in trials]
    result = make_result(engines=[pool("flink", "1", {}, trials)])
    return result.model_copy(update={"scenario": result.scenario | {"query": answers.query}})


def test_trials_are_put_together(asked: tuple[Scenario, ExpectedAnswers]) -> None:
    right = values_of(asked)
    answers, verdict, _ = verify(asked, right | {min(right): right[min(right)] + 1000})
    (engine,) = asked_result(answers, verdict).engines
    assert engine.answers and engine.emission
    assert (engine.answers.expected, engine.answers.mismatched) == (2 * answers.expected, 2)
    assert engine.answers.dead_letters.expected == 2 and len(engine.answers.examples.mismatched) == 2
    assert engine.emission.delay_ms.count == 2 and engine.emission.delay_ms.mean == pytest.approx(1000)


def test_reports_show_the_query_and_its_wrong_answers() -> None:
    asked = scenario_of("pairs"), ExpectedAnswers({b"1|+12092000000|+12092000001": Answer(4, 0, 0)}, 0)
    answers, verdict, _ = verify(asked, {b"1|+12092000000|+12092000001": 5})
    result = asked_result(answers, verdict)
    rows = {(group.name, row.label): row.cells for group in groups(result) for row in group.rows}
    assert rows["Correctness", "answers mismatched"] == ("2",)
    assert rows["Emission delay, ms", "p50"] == ("1,000",)
    assert not any("Latency" in name for name, _ in rows)
    for text in (html_text(result, []), markdown_text(result, [])):
        assert "Query pairs, version 1" in text and "2 of 2 answers are wrong" in text
        assert "+12092000001" in text.replace("\\", "")


def test_counts_have_no_answers() -> None:
    assert expected_counts(Workload(SPECIFICATION)).answers is None
