"""The plan of faults is a pure function of the seed, and faults do not overlap."""

import itertools
import re
import signal
from pathlib import Path

import pytest

from harness.engines.catalogue import find_engines
from harness.errors import UsageError
from harness.evaluation.fault_outcomes import verdict_of
from harness.experiments.chaos import USUAL, ChaosOptions, check_names, plan_of
from harness.faults.catalogue import BY_NAME, FAULTS, GENERATOR, KAFKA_PROXY, OPERATIONS, REDIS_PROXY, needs
from harness.faults.plan import CALM_BEFORE_S, DueFault, anywhere, draw_plan, make_plan, put_off, trial_s
from harness.processes.process import start_process, wait_until
from harness.trial.fault_actions import ACTIONS
from harness.trial.outcome import Injected
from harness.trial.stage import program_below, send
from tests.deadlines import DEADLINE_S

NAMES = [fault.name for fault in FAULTS]


def test_each_kind_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(FAULTS) + len(OPERATIONS)


def test_every_kind_is_documented_as_it_is_called() -> None:
    text = (Path(__file__).parents[4] / "docs" / "chaos.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE) == NAMES


def test_every_kind_has_its_action_and_no_action_is_without_a_kind() -> None:
    assert sorted(ACTIONS) == sorted(BY_NAME)


def test_a_fault_of_the_network_acts_through_the_proxy_on_its_way() -> None:
    assert needs(REDIS_PROXY, ["network-cut"]) and not needs(KAFKA_PROXY, ["network-cut"])
    assert needs(KAFKA_PROXY, ["engine-stop", "kafka-cut"]) and not needs(REDIS_PROXY, ["engine-stop", "kafka-cut"])
    assert not needs(KAFKA_PROXY, ["kafka-kill", "kafka-stop"])
    assert needs(GENERATOR, ["clock-step"]) and not needs(GENERATOR, ["task-kill"])


def test_the_plan_says_which_engines_a_fault_is_not_for() -> None:
    chosen = ChaosOptions(["engine-jvm-kill", "engine-kill", "task-kill"], seed=1, per_trial=4, recover_within_s=120)
    plan = plan_of(chosen, {each.name: each for each in find_engines(["flink", "spark", "baseline"])})
    assert {each.fault: each.not_for for each in plan} == {
        "engine-jvm-kill": ["baseline"],
        "engine-kill": [],
        "task-kill": ["baseline"],
    }


def test_a_fault_that_did_nothing_was_not_survived() -> None:
    assert verdict_of([], is_unverified=False, is_idle=False) == "pass"
    assert verdict_of([], is_unverified=False, is_idle=True) == "unknown"
    assert verdict_of(["2 records lost"], is_unverified=False, is_idle=True) == "fail"
    assert verdict_of(["2 records lost"], is_unverified=True, is_idle=False) == "unknown"


def test_a_fault_did_something_if_the_total_that_tells_of_it_rose() -> None:
    injected = Injected(DueFault("kafka-cut", at_s=5, duration_s=4), started_s=5.1, before=3)
    injected.look(3)
    assert not injected.did_something
    injected.look(4)
    injected.look(0)  # what keeps the total was started again
    assert injected.did_something


def test_a_fault_without_a_total_cannot_but_do_something() -> None:
    injected = Injected(DueFault("engine-stop", at_s=5, duration_s=4), started_s=5.1)
    injected.look(0)
    assert injected.did_something


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert make_plan(7, NAMES, 4) == make_plan(7, NAMES, 4) == make_plan(7, NAMES[::-1], 4)
    assert make_plan(7, NAMES, 4) != make_plan(8, NAMES, 4)


def test_every_fault_is_planned_once_in_trials_of_the_wanted_size() -> None:
    plan = make_plan(3, NAMES, 4)
    assert sorted(each.fault for planned in plan for each in planned) == sorted(NAMES)
    assert max(map(len, plan)) == 4


@pytest.mark.parametrize("seed", range(20))
def test_the_load_is_planned_long_enough_for_every_fault_to_be_waited_for(seed: int) -> None:
    for planned in make_plan(seed, NAMES, 4):
        late = planned
        for number, one in enumerate(planned[:-1]):
            gap_s = planned[number + 1].at_s - one.healed_s
            assert gap_s >= CALM_BEFORE_S - 1e-9
            late = put_off(late, number + 1, late[number].healed_s + 120 + gap_s)
        assert trial_s(planned, 120) >= late[-1].healed_s + 120


def test_a_fault_that_is_put_off_puts_off_those_after_it_and_lasts_as_long() -> None:
    planned = [DueFault("engine-kill", 5, 2), DueFault("redis-stop", 12, 4), DueFault("kafka-kill", 21, 2)]
    assert put_off(planned, 1, 20.5) == [
        planned[0],
        DueFault("redis-stop", 20.5, 4),
        DueFault("kafka-kill", 29.5, 2),
    ]
    assert put_off(planned, 1, 11) == planned


def test_a_fault_that_needs_the_archive_has_a_trial_of_its_own() -> None:
    plan = make_plan(1, ["engine-kill", "s3-kill", "redis-lost"], 4)
    assert [sorted(each.fault for each in planned) for planned in plan] == [["engine-kill", "redis-lost"], ["s3-kill"]]


def test_the_usual_faults_are_known() -> None:
    check_names(USUAL)


def test_an_unknown_fault_is_named_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown fault 'engin-kill'") as caught:
        check_names(["engine-stop", "engin-kill"])
    assert "engine-kill" in caught.value.fix


def test_the_program_of_a_group_is_what_its_guard_started(tmp_path: Path) -> None:
    argv = ["sh", "-c", "sleep 61 & exec sleep 60"]
    with start_process("x", argv, log_path=tmp_path / "log") as process:
        wait_until(lambda: len(process.child_tree()) == 2, deadline_s=DEADLINE_S, what="both run", process=process)
        (program,) = program_below(process.pid)
        wait_until(lambda: program.cmdline() == ["sleep", "60"], deadline_s=DEADLINE_S, what="it runs", process=process)


def test_a_signal_to_a_process_that_is_gone_is_no_error(tmp_path: Path) -> None:
    with start_process("x", ["sleep", "60"], log_path=tmp_path / "log") as process:
        found = wait_until(process.child_tree, deadline_s=DEADLINE_S, what="it runs", process=process)
        send(found, signal.SIGKILL)
        wait_until(lambda: process.poll() is not None, deadline_s=DEADLINE_S, what="it has ended")
        send(found, signal.SIGCONT)


def test_random_faults_are_the_same_for_the_same_seed_and_each_kind_comes_before_any_comes_again() -> None:
    names = anywhere(archive=True)
    plan = draw_plan(7, names, 20, 5, 1200)
    assert plan == draw_plan(7, names[::-1], 20, 5, 1200) != draw_plan(8, names, 20, 5, 1200)
    assert {each.fault for each in plan[: len(names)]} == set(names)


@pytest.mark.parametrize("seed", range(20))
def test_random_faults_have_their_time_to_recover_and_end_within_the_time(seed: int) -> None:
    plan = draw_plan(seed, anywhere(archive=False), 6, 30, 300)
    for one, other in itertools.pairwise(plan):
        assert other.at_s >= one.healed_s + BY_NAME[one.fault].recovery_s
    assert plan[0].at_s >= 30
    assert plan[-1].healed_s + BY_NAME[plan[-1].fault].recovery_s <= 300


def test_too_many_random_faults_are_refused_with_how_many_fit() -> None:
    with pytest.raises(ValueError, match=r"10 random faults need .* enough for 3"):
        draw_plan(1, anywhere(archive=True), 10, 5, 120)


def test_faults_for_any_engine_need_no_jvm_and_only_archiving_trials_harm_the_archive() -> None:
    assert not any(BY_NAME[name].jvm for name in anywhere(archive=True))
    assert "s3-kill" in set(anywhere(archive=True)) - set(anywhere(archive=False))
