"""What is taken into a trial at its end, and what of one that was broken off. Processes, services, clock are fakes."""

import signal
from pathlib import Path

import pytest

from harness.clients.kafka_topics import Topics
from harness.results.performance import TopicBytes
from harness.trial.collection import stored_bytes
from tests.builders.processes import FakeChild
from tests.builders.trials import UPSERTS, World, plan


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_counts_and_dead_letters_are_taken_in(world: World) -> None:
    world.letters = [b"no", b"nor this"]
    trial = world.run()
    assert trial.observed == {} and trial.answers is None
    assert trial.dead_letters == [b"no", b"nor this"]
    assert trial.measured.updates > 0
    assert trial.generator_progress[-1] == (7000, 7 * world.rate, 7 * world.rate)


def test_of_another_query_answers_are_taken_in_and_no_counts(world: World) -> None:
    world.scenario["query"] = "distinct-callers"
    trial = world.run()
    assert trial.answers == {} and trial.observed is None


def test_what_is_committed_is_looked_at_of_delivery_exactly_once_only(world: World) -> None:
    assert world.run().committed is None


def test_a_transaction_that_is_open_at_the_end_is_told(world: World) -> None:
    world.scenario["delivery"] = "exactly-once"
    world.left_open = 5
    found = world.run().committed
    assert found and (found.messages, found.unseen, found.left_open) == (0, UPSERTS, 5)


@pytest.mark.parametrize("arrived", [690, 710])
def test_a_topic_that_does_not_hold_what_was_acknowledged_makes_the_trial_invalid(world: World, arrived: int) -> None:
    world.held["input"] = arrived
    trial = world.run()
    assert trial.invalid_reasons == [f"the input topic holds {arrived} messages, and 700 were acknowledged"]
    assert not trial.is_complete


def test_more_may_have_arrived_than_was_acknowledged_after_a_fault(world: World) -> None:
    world.held["input"] = 710
    assert world.run(faults=plan(("kafka-stop", 2, 1))).is_complete


def test_a_drain_is_measured_from_when_the_last_record_was_due(world: World) -> None:
    trial = world.run()
    last_due_s, last_visible_s = trial.anchor_ns / 1e9 + 7 - 1 / world.rate, trial.measured.last_visible_ms / 1000
    assert trial.drain_s == pytest.approx(last_visible_s - last_due_s, abs=0.01)


def test_a_drain_in_which_nothing_became_visible_was_not_measured(world: World) -> None:
    world.at(-1, lambda: world.children["engine"].process.heed(signal.SIGSTOP))
    trial = world.run()
    assert trial.measured.updates == 0 and trial.drain_s is None


def test_of_a_trial_that_was_broken_off_what_was_measured_is_kept_and_no_counts(world: World) -> None:
    trial = world.run(meddle=lambda view: "enough" if view.t_s >= 3 else "", faults=plan(("writer-stop", 2, 90)))
    assert 0 < trial.generator.acked_records < 7 * world.rate
    assert trial.measured.updates > 0 and trial.generator_progress
    assert trial.observed is None and not trial.is_complete
    assert trial.injected[0].healed_s is not None, "a frozen writer would hold up the end of the others"
    assert {child.process.code for child in world.started} == {0}


def test_of_a_generator_that_does_not_end_when_a_trial_is_broken_off_nothing_is_known(world: World) -> None:
    world.on_term["generator"] = FakeChild.ignore
    trial = world.run(meddle=lambda view: "enough" if view.t_s >= 3 else "")
    assert trial.broken_off == "enough" and trial.generator is None
    assert trial.invalid_reasons == [
        "the generator did not stop in good order, and how it kept its schedule is not known"
    ]


def test_of_a_probe_that_does_not_end_in_good_order_nothing_is_known(world: World) -> None:
    world.on_term["probe"] = FakeChild.die
    trial = world.run()
    assert trial.invalid_reasons == ["the probe did not stop in good order, and what it measured is lost"]
    assert trial.measured is None and trial.drain_s is None and not trial.is_complete


def test_what_a_broker_stores_is_told_by_topic(tmp_path: Path) -> None:
    topics = Topics.of("run", "mine")
    for partition, length in enumerate((3, 4)):
        folder = tmp_path / f"{topics.input}-{partition}"
        folder.mkdir()
        (folder / "0.log").write_bytes(b"x" * length)
        (folder / "0.index").write_bytes(b"x" * 100)
    assert stored_bytes(tmp_path, topics) == TopicBytes(input=7, aggregates=0, dead_letter=0, own=0)
    own = tmp_path / f"{topics.input}.mine-counts-changelog-0"
    own.mkdir()
    (own / "0.log").write_bytes(b"x" * 9)
    assert stored_bytes(tmp_path, topics) == TopicBytes(input=7, aggregates=0, dead_letter=0, own=9)
    assert stored_bytes(None, topics) is None
