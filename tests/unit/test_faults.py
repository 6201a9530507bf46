"""The plan of faults is a pure function of the seed, and faults do not overlap."""

import itertools
import signal
from pathlib import Path

import pytest

from harness.chaos import USUAL, check_names
from harness.errors import UsageError
from harness.faults import BY_NAME, FAULTS, anywhere, draw_plan, make_plan, send, trial_s
from harness.processes import start_process, wait_until

NAMES = [fault.name for fault in FAULTS]


def test_there_are_at_least_twelve_kinds_and_each_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(FAULTS) >= 12


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert make_plan(7, NAMES, 4) == make_plan(7, NAMES, 4) == make_plan(7, NAMES[::-1], 4)
    assert make_plan(7, NAMES, 4) != make_plan(8, NAMES, 4)


def test_every_fault_is_planned_once_in_trials_of_the_wanted_size() -> None:
    plan = make_plan(3, NAMES, 4)
    assert sorted(each.fault for planned in plan for each in planned) == sorted(NAMES)
    assert max(map(len, plan)) == 4


@pytest.mark.parametrize("seed", range(20))
def test_each_fault_has_its_time_to_recover_before_the_next(seed: int) -> None:
    for planned in make_plan(seed, NAMES, 4):
        for one, other in itertools.pairwise(planned):
            assert other.at_s >= one.healed_s + BY_NAME[one.fault].recovery_s
        assert trial_s(planned) >= planned[-1].healed_s + BY_NAME[planned[-1].fault].recovery_s


def test_the_usual_faults_are_known() -> None:
    check_names(USUAL)


def test_an_unknown_fault_is_named_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown fault 'engin-kill'") as caught:
        check_names(["engine-stop", "engin-kill"])
    assert "engine-kill" in caught.value.fix


def test_a_signal_to_a_process_that_is_gone_is_no_error(tmp_path: Path) -> None:
    with start_process("x", ["sleep", "60"], log_path=tmp_path / "log") as process:
        found = wait_until(process.child_tree, deadline_s=10, what="it runs", process=process)
        send(found, signal.SIGKILL)
        wait_until(lambda: process.poll() is not None, deadline_s=10, what="it has ended")
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
