"""What is said of faults: of those about which nothing is known, and of what was written again."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines.contract.job import AT_LEAST_ONCE, EXACTLY_ONCE
from harness.evaluation.fault_outcomes import (
    NO_BAND,
    STARTED_ANEW,
    Done,
    common_band_s,
    forgive_repeats,
    outcomes,
    own_band,
)
from harness.evaluation.operations import BEGAN_ANEW, STATE_UNKNOWN
from harness.experiments.chaos import exit_code
from harness.experiments.run import exit_code as exit_code_of_a_run
from harness.faults.plan import DueFault
from harness.results.correctness import Committed
from harness.results.resilience import ControlBand, FaultOutcome, Resilience
from harness.scenarios.scenario import Scenario
from harness.trial.outcome import Injected, Restart, Trial
from harness.workers.accounts import ProbeAccount
from tests.builders.results import make_result
from workloads.truth import expected_counts
from workloads.workload import Workload

SCENARIO = Scenario.model_validate({"name": "x", "rate_records_per_s": 10, "warmup_s": 1, "duration_s": 4})
EXPECTED = expected_counts(Workload(SCENARIO.workload()))


def _why(measured: ProbeAccount | None, **trial: Any) -> str:
    injected = [Injected(DueFault("engine-kill", 2.0, 1.0), started_s=2.0, healed_s=3.0)]
    done = Done(
        "x",
        1,
        Trial("x", "x", "", Path("nowhere"), measured=measured, injected=injected, **trial),
        SCENARIO,
        EXPECTED,
        3.0,
    )
    (found,) = outcomes(done, own_band(done), wrong=None)
    assert found.verdict == "unknown" and found.recover_s is None
    return found.reasons[0]


def test_an_engine_that_gave_nothing_before_the_fault_shows_nothing_of_what_is_normal() -> None:
    late = ProbeAccount(by_step=[(40, 45)], by_second={4: (45, 3000.0, 3000.0)})
    assert _why(late) == NO_BAND


@pytest.mark.parametrize(
    ("trial", "reason"),
    [({"broken_off": "Ctrl-C"}, "Ctrl-C"), ({"engine_troubles": ["the engine died"]}, "the engine died")],
)
def test_a_trial_that_ended_early_says_why(trial: dict[str, Any], reason: str) -> None:
    assert _why(None, **trial) == f"the trial ended before: {reason}"


LONG = SCENARIO.model_copy(update={"duration_s": 30})
NORMAL = ControlBand(
    engine="x", trial="x-control", lag_records=5, latency_ms_p99=150, worst_staleness_s=0.1, beyond_common_band_share=0
)


def _found(
    back_s: float | None,
    *,
    waited: bool = True,
    normal: ControlBand = NORMAL,
    fault: str = "engine-kill",
    did_something: bool = True,
    told: Mapping[str, Any] | None = None,
    commit_s: int = 0,
    **trial: Any,
) -> FaultOutcome:
    """What came of a fault from 5 to 7 s, if nothing is visible from 5 s on until `back_s`, or until the load ends.

    With `commit_s`, what there is becomes visible at each multiple of it.
    """
    end_s = 31.0 if back_s is None else back_s
    visible_s = [second if not 5 <= second < end_s else end_s for second in range(-1, 30)]
    visible_s = [-(-each // commit_s) * commit_s if commit_s else each for each in visible_s]
    by_step = [(round((second + 1) * 10), 10) for second in visible_s]
    by_second = {round(second + 1): (10, 50.0, 90.0) for second in visible_s}
    measured = ProbeAccount.model_validate({"by_step": by_step, "by_second": by_second})
    planned = DueFault(fault, 5.0, 2.0)
    injected = [Injected(planned, started_s=5.0, healed_s=7.0, did_something=did_something, **(told or {}))]
    ended = Trial("x", "x", "", Path("nowhere"), measured=measured, injected=injected, **trial)
    done = Done("x", 1, ended, LONG, expected_counts(Workload(LONG.workload())), 3.0 + 2 * commit_s)
    (found,) = outcomes(done, normal, wrong=[], recover_within_s=120 if waited else None)
    return found


def test_a_fault_that_is_recovered_from_has_its_time_and_its_excess_lag() -> None:
    found = _found(12)
    assert (found.verdict, found.reasons, found.recovered) == ("pass", [], True)
    assert found.common_recover_s == pytest.approx(5.0, abs=0.2)
    # 30 records may lag; the lag grows by 10 a second from 5 to 12 s.
    assert found.excess_lag_record_s == pytest.approx(10 * (7 - 3) ** 2 / 2, rel=0.2)


def test_an_engine_that_commits_every_three_seconds_recovers_though_nothing_is_visible_in_between() -> None:
    found = _found(18, commit_s=3)
    assert (found.verdict, found.recovered, found.common_recover_s) == ("pass", True, pytest.approx(11.0, abs=0.2))


def test_one_that_commits_nothing_any_more_is_not_taken_to_have_recovered_before_its_lag_leaves_the_band() -> None:
    found = _found(None, commit_s=5)
    assert (found.verdict, found.recovered) == ("fail", False)
    assert "not within 13 s of load" in found.reasons[0]


@pytest.mark.parametrize(
    ("contestants", "band_s"),
    [
        (["baseline"], 3.0),
        (
            [{"name": "eo", "engine": "flink", "delivery": "exactly-once", "checkpoint_interval_ms": 5000}, "spark"],
            13.0,
        ),
        ([{"name": "eo", "engine": "flink", "delivery": "exactly-once"}], 5.0),
    ],
)
def test_the_common_band_has_room_for_two_commits(contestants: list[Any], band_s: float) -> None:
    scenario = {"name": "x", "rate_records_per_s": 10, "checkpoint_interval_ms": 1000, "engines": contestants}
    assert common_band_s(Scenario.model_validate(scenario)) == band_s


RESUMED = {"records_in": 180, "visible_records": 280}


@pytest.mark.parametrize(
    ("told", "verdict", "reason"),
    [
        (RESUMED, "pass", ""),
        ({"records_in": 310, "visible_records": 280}, "fail", f"{BEGAN_ANEW}: 310 records"),
        (RESUMED | {"against": ["it was killed"]}, "fail", "it was killed"),
        ({}, "unknown", STATE_UNKNOWN),
    ],
)
def test_an_operation_passes_only_if_the_engine_is_known_to_have_gone_on_from_its_state(
    told: dict[str, Any], verdict: str, reason: str
) -> None:
    found = _found(12, fault="restart", told=told)
    assert (found.verdict, found.operation) == (verdict, True)
    assert [each for each in found.reasons if each == reason] == ([reason] if reason else [])


def test_what_was_read_by_an_engine_that_did_not_catch_up_says_nothing_of_its_state() -> None:
    found = _found(None, fault="restart", told=RESUMED, waited=False)
    assert (found.verdict, found.reasons) == ("unknown", [STATE_UNKNOWN])


def test_in_the_end_of_a_complete_trial_all_is_caught_up() -> None:
    found = _found(None, fault="restart", told=RESUMED, waited=False, is_complete=True)
    assert (found.verdict, found.reasons, found.recovered) == ("pass", [], False)


def test_a_task_that_only_a_new_process_ran_again_was_not_survived() -> None:
    restarts = [Restart("engine", "it died", 5.5)]
    assert _found(12, fault="task-kill").verdict == "pass"
    found = _found(12, fault="task-kill", did_something=False, restarts=restarts)
    assert (found.verdict, found.reasons) == ("fail", [STARTED_ANEW])
    assert _found(12, did_something=False, restarts=restarts).verdict == "pass", "what died was harmed"


TWICE = Committed(messages=9, repeated=1, lowered=0, examples=["offset 3 of partition 0: A is 2, again"])


def test_a_count_that_was_committed_twice_fails_the_fault_although_no_record_is_wrong() -> None:
    found = _found(12, committed=TWICE)
    assert (found.verdict, found.lost_records, found.surplus_records) == ("fail", 0, 0)
    assert found.reasons == [
        "of 9 committed messages, 1 repeat a count: offset 3 of partition 0: A is 2, again",
    ]
    assert _found(12, committed=TWICE.model_copy(update={"repeated": 0})).verdict == "pass"


@pytest.mark.parametrize(
    ("delivery", "restarts", "forgiven"),
    [
        (AT_LEAST_ONCE, [Restart("engine", "it was killed", 5.5)], {"x": 1}),
        (AT_LEAST_ONCE, [], {}),
        (EXACTLY_ONCE, [Restart("engine", "it was killed", 5.5)], {}),
    ],
)
def test_dead_letters_are_forgiven_that_an_engine_wrote_again_which_delivers_at_least_once(
    delivery: str, restarts: list[Restart], forgiven: dict[str, int]
) -> None:
    expected = replace(EXPECTED, malformed_lines=[b"one", b"other"])
    scenario = SCENARIO.model_copy(update={"delivery": delivery})
    again = [b"one", b"other", b"one"]
    trial = Trial("x", "x", "", Path("nowhere"), restarts=restarts, dead_letters=list(again))
    assert forgive_repeats([Done("x", 1, trial, scenario, expected, 3.0)]) == forgiven
    assert len(trial.dead_letters) == len(again) - len(forgiven)


def test_a_fault_that_was_waited_for_and_never_recovered_from_fails() -> None:
    found = _found(None)
    assert (found.verdict, found.recovered) == ("fail", False)
    assert (found.recover_s, found.common_recover_s, found.excess_lag_record_s) == (None, None, None)
    assert "never recovered from" in found.reasons[0] and "120 s" in found.reasons[0]


@pytest.mark.parametrize(("back_s", "code"), [(12, 0), (None, 1)])
def test_the_exit_code_tells_whether_all_faults_were_recovered_from(back_s: float | None, code: int) -> None:
    resilience = Resilience(seed=1, plan=[], controls=[], faults=[_found(back_s)], repeated_dead_letters={})
    assert exit_code(make_result().model_copy(update={"resilience": resilience})) == code


@pytest.mark.parametrize(
    ("changes", "code"), [({}, 0), ({"valid": False}, 3), ({"valid": False, "interrupted": True}, 130)]
)
def test_the_exit_code_tells_an_invalid_run_from_one_that_was_interrupted(changes: dict[str, Any], code: int) -> None:
    assert exit_code_of_a_run(make_result().model_copy(update=changes)) == code


def test_a_lag_that_ends_with_the_load_is_no_recovery_but_fails_no_fault_at_a_fixed_time() -> None:
    found = _found(None, waited=False)
    assert (found.verdict, found.recovered, found.recover_s) == ("pass", False, None)


def test_an_engine_that_is_beyond_the_common_band_without_a_fault_is_told_so() -> None:
    slow = NORMAL.model_copy(update={"beyond_common_band_share": 0.4})
    assert "without a fault, it was beyond that for 40% of the time" in _found(None, normal=slow).reasons[0]
