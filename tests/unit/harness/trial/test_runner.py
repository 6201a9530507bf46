"""A trial leaves no topics and no processes behind, whatever happens. Processes, services and clock are fakes."""

from pathlib import Path

import pytest

from harness.errors import ServiceError
from harness.trial.collection import Collection
from harness.trial.options import View
from harness.trial.phases import Phases
from tests.builders.processes import FakeChild
from tests.builders.trials import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def _assert_nothing_is_left(world: World) -> None:
    assert world.topics == set()
    assert not any(child.is_running for child in world.started)


def test_nothing_is_left_of_a_trial_that_went_well(world: World) -> None:
    there_were: set[str] = set()
    world.at(3, lambda: there_were.update(world.topics))
    assert world.run().is_complete
    assert there_were == {"cdr-run-mine", "cdr-aggregates-run-mine", "cdr-dead-letter-run-mine"}
    _assert_nothing_is_left(world)


def test_nothing_is_left_if_the_engine_does_not_start(world: World) -> None:
    world.on_start["engine"] = FakeChild.die
    world.run()
    _assert_nothing_is_left(world)


@pytest.mark.parametrize(
    "part", [(Phases, "start_load"), (Phases, "watch_load"), (Phases, "watch_drain"), (Collection, "collect")]
)
def test_nothing_is_left_if_a_part_of_the_trial_fails(
    world: World, monkeypatch: pytest.MonkeyPatch, part: tuple[type, str]
) -> None:
    def fail(_self: object) -> bool:
        raise ServiceError("Kafka does not answer")

    monkeypatch.setattr(*part, fail)
    with pytest.raises(ServiceError, match="Kafka does not answer"):
        world.run()
    assert world.started
    _assert_nothing_is_left(world)


def test_nothing_is_left_of_a_trial_that_is_interrupted(world: World) -> None:
    def interrupt(_view: View) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.run(meddle=interrupt)
    _assert_nothing_is_left(world)


def test_no_topics_are_left_if_not_all_could_be_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def make_one(*_place: object, **_how: object) -> None:
        world.topics.add("cdr-run-mine")
        raise ServiceError("cannot create the topic cdr-aggregates-run-mine")

    monkeypatch.setattr("harness.trial.runner.create_topics", make_one)
    with pytest.raises(ServiceError, match="cannot create the topic"):
        world.run()
    _assert_nothing_is_left(world)


def test_nothing_but_a_complete_trials_archive_stays_in_services_of_the_users_own(world: World) -> None:
    world.with_services_of_the_users_own()
    assert world.run().is_complete
    assert world.removals.taken == ["group", "key"]
    _assert_nothing_is_left(world)


@pytest.mark.parametrize("end", [KeyboardInterrupt(), SystemExit(143), ServiceError("away"), TimeoutError("away")])
def test_a_trial_that_does_not_end_well_leaves_nothing_in_services_of_the_users_own(
    world: World, end: BaseException
) -> None:
    world.with_services_of_the_users_own()

    def end_it(_view: View) -> str:
        raise end

    with pytest.raises(type(end)):
        world.run(meddle=end_it)
    assert world.removals.taken == ["group", "key", "object"]
    _assert_nothing_is_left(world)


def test_a_trial_whose_engine_dies_leaves_no_archive(world: World) -> None:
    world.with_services_of_the_users_own()
    world.on_start["engine"] = FakeChild.die
    world.run()
    assert world.removals.taken == ["group", "key", "object"]


def test_what_could_not_be_deleted_is_told_by_name_and_hides_no_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.with_services_of_the_users_own()
    world.removals.refused = {"topic", "group", "key", "object"}

    def fail(_self: object) -> bool:
        raise ServiceError("Kafka does not answer")

    monkeypatch.setattr(Phases, "watch_load", fail)
    with pytest.raises(ServiceError, match="Kafka does not answer"):
        world.run()
    told = "\n".join(world.watcher.notes)
    for name in ("cdr-run-mine", "cdr-aggregates-run-mine", "cdr-dead-letter-run-mine"):
        assert name in told
    assert all(f"{kind}-of-run" in told for kind in ("group", "key", "object"))
    assert "ringbench clean run" in told


def test_what_goes_with_a_broker_that_was_started_here_is_not_told(world: World) -> None:
    world.removals.refused = {"topic"}
    assert world.run().is_complete
    assert world.removals.taken == [] and not any("left behind" in note for note in world.watcher.notes)
