"""An operation stops the engine in good order, and starts it again; what from is told. All else is a fake."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from engines.contract.job import JobSpecification
from harness.engines.prepare import ENGINE_STOP_S, PreparedEngine
from harness.evaluation.operations import BEGAN_ANEW, NOT_CHANGED, NOT_UPGRADED, operation_reasons, reread_records
from harness.faults.catalogue import OPERATIONS, STOP_S
from harness.faults.plan import Change, DueFault, Upgrade
from harness.measurement.pace import Pace
from harness.trial import processes
from harness.trial.operations import PLANNED
from harness.trial.outcome import Injected, Trial
from tests.builders.processes import FakeChild
from tests.builders.trials import World, plan
from workloads.workload import Workload

NAMES = [each.name for each in OPERATIONS]
#: What is operated on, and what it is upgraded to.
MINE = "mine"
NEWER = Upgrade("mine@2", "2", {"linger_ms": 5}, "mine@2, linger_ms=5")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    found = World(tmp_path, monkeypatch)
    found.scenario["duration_s"] = 20
    return found


def _engines(world: World) -> list[FakeChild]:
    return [each for each in world.started if each.name == "engine"]


def _against(trial: Trial) -> list[str]:
    (injected,) = trial.injected
    return operation_reasons(injected, MINE)


def test_an_engine_has_as_long_to_stop_as_at_the_end_of_a_trial() -> None:
    assert STOP_S == ENGINE_STOP_S


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_is_asked_to_stop_and_started_again_as_soon_as_it_has_stopped(world: World, name: str) -> None:
    trial = world.run(faults=plan((name, 6, STOP_S)))
    (injected,), (restart,) = trial.injected, trial.restarts
    old, new = _engines(world)
    assert old.process.signals == [signal.SIGTERM] and old.process.code == 0
    assert new.process.signals == []
    assert injected.started_s is not None and injected.healed_s is not None and restart.started_s is not None
    assert injected.started_s < injected.healed_s <= restart.started_s < 8, "it was not waited for the whole grace"
    assert restart.planned and restart.reason == PLANNED
    assert injected.against == []
    assert trial.is_complete and trial.engine_troubles == []


def test_an_engine_that_does_not_stop_is_killed_after_its_time_and_this_is_told(world: World) -> None:
    world.on_term["engine"] = FakeChild.ignore
    trial = world.run(faults=plan(("restart", 6, 5)))
    (injected,) = trial.injected
    assert injected.healed_s is not None and injected.healed_s >= 11
    assert _engines(world)[0].process.signals == [signal.SIGTERM, signal.SIGKILL]
    assert len(_engines(world)) == 2 and "was killed" in _against(trial)[0]


@pytest.mark.parametrize(("end", "words"), [(FakeChild.die, "exit code 1, without `stopped`")])
def test_an_engine_that_ends_in_bad_order_fails_the_operation(world: World, end: object, words: str) -> None:
    world.on_term["engine"] = end  # type: ignore[assignment]
    assert words in _against(world.run(faults=plan(("restart", 6, STOP_S))))[0]


def test_an_exit_code_after_the_last_words_fails_the_operation(world: World) -> None:
    def end(child: FakeChild) -> None:
        child.tell("stopped", records_in=0)
        child.process.end(3)

    world.on_term["engine"] = end
    assert "`stopped`, but exit code 3" in _against(world.run(faults=plan(("restart", 6, STOP_S))))[0]


def test_an_engine_that_is_still_stopping_when_the_load_ends_gets_its_time(world: World) -> None:
    def end_later(child: FakeChild) -> None:
        world.at(0, FakeChild.ignore)
        world.clock.at(world.clock.now_ns + 4 * 10**9, lambda: child.end(records_in=0))

    world.scenario["duration_s"] = 7
    world.on_term["engine"] = end_later
    trial = world.run(faults=plan(("restart", 6, STOP_S)))
    assert _against(trial) == [] and trial.is_complete
    assert trial.injected[0].healed_s == pytest.approx(10, abs=1)


def _reads(world: World, from_record: int) -> None:
    """Have the engine tell that it has read all that was sent since that record."""

    def tell() -> None:
        sent = world.children["generator"].latest("acked_records", 0)
        world.told["engine"]["records_in"] = max(0, sent - from_record)

    for tick in range(160):
        world.at(tick / 4 - 1, tell)


def test_what_was_read_after_a_restart_tells_where_it_went_on_from(world: World) -> None:
    # It had 700 records when it was stopped, and went on from a checkpoint after 500.
    _reads(world, 500)
    trial = world.run(faults=plan(("restart", 6, STOP_S)))
    (injected,) = trial.injected
    injected.records_before = 700  # the fake has one total for both
    assert injected.began_anew is False
    assert reread_records(trial, injected) == 200


def test_an_engine_that_reads_the_whole_topic_again_did_not_go_on_from_its_state(world: World) -> None:
    _reads(world, 0)
    trial = world.run(faults=plan(("restart", 6, STOP_S)))
    assert trial.injected[0].began_anew
    assert _against(trial)[0].startswith(BEGAN_ANEW)


@pytest.mark.parametrize(("read_before", "anew"), [(250, None), (300, None), (301, True), (None, True)])
def test_an_engine_that_had_hardly_read_anything_cannot_be_told_from_one_that_began_anew(
    read_before: int | None, anew: bool | None
) -> None:
    told = {"records_in": 4800, "visible_records": 4700, "visible_since": 300}
    (planned,) = plan(("restart", 6, STOP_S))
    assert Injected(planned, records_before=read_before, **told).began_anew is anew


def test_what_an_engine_has_not_told_is_not_known(world: World) -> None:
    trial = world.run(faults=plan(("restart", 6, STOP_S)))
    (injected,) = trial.injected
    assert (injected.began_anew, reread_records(trial, injected)) == (None, None)


def test_each_of_two_operations_is_judged_by_the_process_that_it_has_started(world: World) -> None:
    world.scenario["duration_s"] = 30
    _reads(world, 500)
    pace = Pace(Workload(world.setting().scenario.workload()), range(2), 60, ends_load=False)
    first, second = world.run(faults=plan(("restart", 6, 5), ("restart", 15, 5)), pace=pace).injected
    assert first.records_in is not None and second.records_in is not None
    assert second.records_in - first.records_in > 3 * world.rate, "the first one had no more until its own end"
    assert first.began_anew is False and second.began_anew is False


def test_a_rescale_starts_the_same_job_with_another_parallelism(world: World) -> None:
    jobs: list[JobSpecification] = []
    for t_s in (2, 15):
        world.at(t_s, lambda: jobs.append(JobSpecification.load(world.orders("x").with_name("engine.job.json"))))
    world.run(faults=[DueFault("rescale", 6, STOP_S, Change(parallelism=3))])
    before, after = jobs
    assert (before.parallelism, after.parallelism) == (2, 3)
    assert replace(after, parallelism=2) == before, "it is the same checkpoint folder, too"


def test_an_engine_that_says_that_it_has_another_parallelism_has_not_been_rescaled() -> None:
    injected = Injected(DueFault("rescale", 6, STOP_S, Change(parallelism=3)), parallelism=2)
    assert operation_reasons(injected, MINE) == [NOT_CHANGED.format(wanted=3, told=2)]
    injected.parallelism = 3
    assert operation_reasons(injected, MINE) == []
    injected.parallelism = None
    assert operation_reasons(injected, MINE) == [], "it does not say"


def test_an_upgrade_starts_another_version_with_other_settings_from_the_same_checkpoints(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    start = processes.Child
    monkeypatch.setattr(processes, "Child", lambda name, argv, **how: (started.append(argv), start(name, **how))[1])
    jobs: list[JobSpecification] = []
    for t_s in (2, 15):
        world.at(t_s, lambda: jobs.append(JobSpecification.load(world.orders("x").with_name("engine.job.json"))))
    setting = world.setting(faults=[DueFault("upgrade", 6, STOP_S, Change(upgrades={MINE: NEWER}))])
    newer = PreparedEngine(setting.prepared.engine, Path("newer-python"), [Path("newer.jar")])
    world.drive(replace(setting, engines={NEWER.engine: newer}))
    before, after = jobs
    assert [argv[0] for argv in started] == ["python", "newer-python"]
    assert (before.settings, after.settings) == ({}, {"linger_ms": 5})
    assert replace(after, settings={}, jars=[]) == before and after.jars == ["newer.jar"]


def test_an_upgrade_that_another_contestant_gets_changes_nothing(world: World) -> None:
    jobs: list[JobSpecification] = []
    for t_s in (2, 15):
        world.at(t_s, lambda: jobs.append(JobSpecification.load(world.orders("x").with_name("engine.job.json"))))
    world.run(faults=[DueFault("upgrade", 6, STOP_S, Change(upgrades={"other": NEWER}))])
    before, after = jobs
    assert before == after


def test_an_engine_that_says_that_it_is_of_another_version_has_not_been_upgraded() -> None:
    injected = Injected(DueFault("upgrade", 6, STOP_S, Change(upgrades={MINE: NEWER})), version="1")
    assert operation_reasons(injected, MINE) == [NOT_UPGRADED.format(wanted="2", told="1")]
    for version in ("2", None):
        injected.version = version
        assert operation_reasons(injected, MINE) == []


def test_operations_are_no_deaths(world: World) -> None:
    world.scenario["duration_s"] = 60
    trial = world.run(faults=plan(*[("restart", 4 + 6 * number, 3) for number in range(7)]))
    assert len(trial.restarts) == 7 and trial.is_complete and trial.broken_off == ""


def test_a_fault_is_no_operation() -> None:
    (fault,) = plan(("engine-kill", 5, 2))
    assert not Injected(fault).is_operation and operation_reasons(Injected(fault), MINE) == []
