"""Processes of a trial that do not start, do not stop, or leave work undone. They and the clock are fakes."""

from pathlib import Path
from typing import Any

import pytest

from harness.errors import ServiceError
from harness.trial import processes
from harness.trial.processes import ARCHIVE_DEADLINE_S, WRITER_DEADLINE_S
from tests.builders.processes import FakeChild
from tests.builders.trials import UPSERTS, World, plan


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["proxy", "redis_writer", "probe", "generator", "archiver"])
def test_a_worker_that_dies_in_the_start_ends_the_run_and_nothing_stays_behind(world: World, name: str) -> None:
    world.on_start[name] = FakeChild.die
    with pytest.raises(ServiceError, match=f"{name.replace('_', ' ')} ended by itself with exit code 1"):
        world.run(archive=True, proxied=True)
    assert not any(child.is_running for child in world.started)
    assert world.topics == set()


def test_a_worker_that_is_not_ready_in_time_ends_the_run(world: World) -> None:
    world.on_start["probe"] = FakeChild.ignore
    with pytest.raises(ServiceError, match="probe: no 'ready' within 60 s"):
        world.run()


def test_all_processes_have_ended_after_the_trial(world: World) -> None:
    world.run(archive=True, proxied=True, producers_stamps=True)
    assert {child.name for child in world.started} == {
        "engine",
        "generator",
        "probe",
        "redis writer",
        "archiver",
        "proxy",
    }
    assert {child.process.code for child in world.started} == {0}, "each in good order"


def test_an_engine_that_writes_redis_by_itself_has_no_writer(world: World) -> None:
    world.scenario["route"] = "direct"
    assert world.run().is_complete
    assert "redis_writer" not in world.children


def test_an_engine_that_does_not_stop_is_in_trouble(world: World) -> None:
    world.on_term["engine"] = FakeChild.ignore
    trial = world.run()
    assert trial.engine_troubles == ["engine mine did not stop in good order on SIGTERM"]
    assert trial.invalid_reasons == []


def test_a_writer_that_dies_with_upserts_left_makes_the_trial_invalid(world: World) -> None:
    def stop_engine(engine: FakeChild) -> None:
        engine.end()
        world.children["redis_writer"].die()

    world.told["redis_writer"]["upserts"] = UPSERTS - 1
    world.on_term["engine"] = stop_engine
    trial = world.run()
    assert trial.invalid_reasons == [f"the redis writer took {UPSERTS - 1} of {UPSERTS} upserts"]
    assert not trial.is_complete and trial.engine_troubles == []
    assert world.t_s < WRITER_DEADLINE_S, "nobody waits for a dead one"


def test_a_writer_that_does_not_get_on_makes_the_trial_invalid(world: World) -> None:
    world.told["redis_writer"]["upserts"] = 0
    assert world.run().invalid_reasons == [f"the redis writer took 0 of {UPSERTS} upserts"]
    assert world.t_s > WRITER_DEADLINE_S


def test_a_writer_that_is_late_is_waited_for(world: World) -> None:
    world.told["redis_writer"]["upserts"] = 0
    world.at(20, world.tells("redis_writer", upserts=UPSERTS))
    assert world.run().is_complete
    assert world.t_s >= 20


def test_refused_upserts_are_the_engines_trouble(world: World) -> None:
    world.told["redis_writer"]["refused"] = 3
    trial = world.run()
    assert trial.engine_troubles == ["3 messages in the aggregates topic break the contract"]
    assert trial.invalid_reasons == []


def test_an_archive_that_is_never_complete_makes_the_trial_invalid(world: World) -> None:
    world.archives = False
    trial = world.run(archive=True)
    assert trial.invalid_reasons == ["the archive is not complete: archiver: no 'stopped' within 60 s\nlast words"]
    assert world.t_s > ARCHIVE_DEADLINE_S and not trial.is_complete


def test_an_archive_that_lacks_what_a_partition_holds_makes_the_trial_invalid(world: World) -> None:
    world.told["archiver"]["archived_offsets"] = [699]
    trial = world.run(archive=True)
    assert trial.invalid_reasons == [
        "the archive is not complete: 699 of 700 messages of the topic are in it, partition 0 is the first that differs"
    ]
    assert not trial.is_complete


def _noted(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[tuple[str, Any]]]:
    """By worker: the module and the job of each start."""
    started: dict[str, list[tuple[str, Any]]] = {}
    start = processes.start_worker

    def note(module: str, job: Any, *place: Any, name: str = "") -> Any:
        started.setdefault(name, []).append((module, job))
        return start(module, job, *place, name=name)

    monkeypatch.setattr(processes, "start_worker", note)
    return started


def test_several_processes_of_a_kind_are_one_worker_of_the_trial(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    started = _noted(monkeypatch)
    world.scenario |= {"archivers": 2, "redis_writers": 3, "probes": 4}
    assert world.run(archive=True, producers_stamps=True).is_complete
    modules = {name: module for name, ((module, _),) in started.items()}
    assert modules == {
        "archiver": "archivers",
        "redis_writer": "redis_writers",
        "probe": "probes",
        "generator": "generator",
    }
    jobs = {name: job for name, ((_, job),) in started.items()}
    assert (jobs["archiver"].archivers, jobs["redis_writer"].writers, jobs["probe"].probes) == (2, 3, 4)
    assert (
        jobs["redis_writer"].probes == 4 and Path(jobs["redis_writer"].directory) == Path(jobs["probe"].output).parent
    )


def test_one_process_of_a_kind_is_started_as_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    started = _noted(monkeypatch)
    assert world.run(archive=True, producers_stamps=True).is_complete
    assert all(module == name for name, ((module, _),) in started.items())


def test_writers_that_are_killed_are_started_again_all_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    started = _noted(monkeypatch)
    world.scenario["redis_writers"] = 2
    world.run(faults=plan(("writer-kill", 1.0, 1.0)))
    assert [module for module, _ in started["redis_writer"]] == ["redis_writers"] * 2
    assert {job.writers for _, job in started["redis_writer"]} == {2}


def test_an_archiver_that_dies_at_the_end_makes_the_trial_invalid(world: World) -> None:
    def stop_engine(engine: FakeChild) -> None:
        engine.end()
        world.children["archiver"].fail("the store is full")

    world.archives = False
    world.on_term["engine"] = stop_engine
    trial = world.run(archive=True)
    assert trial.invalid_reasons == [
        "the archive is not complete: archiver failed: the store is full; its log says more"
    ]
    assert world.t_s < ARCHIVE_DEADLINE_S
