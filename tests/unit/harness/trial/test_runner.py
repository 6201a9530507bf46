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
