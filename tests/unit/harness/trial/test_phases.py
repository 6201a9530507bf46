"""How load and drain of a trial end: well, early, or because a process dies. The processes and the clock are fakes."""

from pathlib import Path

import pytest

from harness.console.interrupt import SIGNALS
from harness.processes.supervisor import MOST_RESTARTS
from harness.trial.options import View
from tests.builders.processes import FakeChild
from tests.builders.trials import World, plan

#: The trial's last look at its load may be so much later than its end.
LATER_S = 0.5


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def _drain_s(world: World) -> float:
    """How long the drain of a trial that has ended took."""
    return world.t_s - float(world.scenario["duration_s"])


def test_a_trial_that_goes_well_is_complete(world: World) -> None:
    trial = world.run()
    assert trial.is_complete
    assert trial.engine_troubles == trial.invalid_reasons == []
    assert trial.generator.acked_records == 7 * world.rate
    assert trial.startup_s is not None and trial.startup_s > 0
    assert [text.removeprefix("mine: ") for text in world.watcher.phases] == [
        "starting the engine",
        "load",
        "drain",
        "collecting the counts",
    ]


@pytest.mark.parametrize(("t_s", "phase"), [(2, "load"), (6.7, "drain")])
def test_an_engine_that_dies_ends_the_trial_at_once_and_that_is_its_trouble(
    world: World, t_s: float, phase: str
) -> None:
    world.at(t_s, world.dies("engine"))
    trial = world.run()
    assert trial.engine_troubles == ["engine ended by itself with exit code 1\nlast words"]
    assert trial.invalid_reasons == [] and not trial.is_complete
    assert world.watcher.phases[-1] == f"mine: {phase}"
    assert world.t_s < t_s + LATER_S


def test_an_engine_that_says_that_it_failed_ends_the_trial_with_its_reason(world: World) -> None:
    world.at(2, lambda: world.children["engine"].fail("the state is lost\nat line 7"))
    assert world.run().engine_troubles == ["engine failed: the state is lost; its log says more"]


@pytest.mark.parametrize("error", ["", " \n", None])
def test_an_engine_that_fails_without_a_word_is_said_to_give_no_reason(world: World, error: str | None) -> None:
    world.at(2, lambda: world.children["engine"].fail(error))
    assert world.run().engine_troubles == ["engine failed: no reason given; its log says more"]


@pytest.mark.parametrize(("stopped_s", "continued", "is_told"), [(3.0, 1, True), (3.0, 0, False), (0.1, 1, False)])
def test_a_trial_in_which_ringbench_itself_was_stopped_is_invalid(
    world: World, monkeypatch: pytest.MonkeyPatch, stopped_s: float, continued: int, is_told: bool
) -> None:
    monkeypatch.setattr(SIGNALS, "continued", 0)

    def stop_once(view: View) -> str:
        if view.t_s >= 2 and not slept:
            slept.append(view.t_s)
            world.clock.sleep(stopped_s)  # the others work on meanwhile
            SIGNALS.continued += continued
        return ""

    slept: list[float] = []
    trial = world.run(meddle=stop_once)
    assert slept and trial.is_complete is not is_told
    assert [each[:31] for each in trial.invalid_reasons] == ["ringbench itself was stopped (C"] * is_told


def test_an_engine_that_dies_before_it_is_ready_gets_no_load(world: World) -> None:
    world.on_start["engine"] = FakeChild.die
    trial = world.run()
    assert trial.engine_troubles == ["engine ended by itself with exit code 1\nlast words"]
    assert trial.invalid_reasons == [] and trial.startup_s is None and not trial.anchor_ns


def test_an_engine_that_is_not_ready_in_time_gets_no_load(world: World) -> None:
    world.on_start["engine"] = FakeChild.ignore
    trial = world.run()
    assert trial.engine_troubles == ["engine: no 'ready' within 5 s\nlast words"]
    assert not trial.anchor_ns


@pytest.mark.parametrize("name", ["generator", "probe", "redis_writer", "archiver"])
def test_a_worker_that_dies_in_the_load_makes_the_trial_invalid_and_is_not_the_engines_fault(
    world: World, name: str
) -> None:
    world.at(2, world.dies(name))
    trial = world.run(archive=True)
    assert trial.invalid_reasons == [f"{name.replace('_', ' ')} ended by itself with exit code 1\nlast words"]
    assert trial.engine_troubles == [] and not trial.is_complete
    assert world.t_s < 2 + LATER_S


def test_a_worker_that_dies_in_the_drain_makes_the_trial_invalid(world: World) -> None:
    world.at(6.7, world.dies("probe"))
    trial = world.run()
    assert trial.invalid_reasons == ["probe ended by itself with exit code 1\nlast words"]
    assert not trial.is_complete


def test_a_generator_that_dies_between_two_looks_makes_the_trial_invalid(world: World) -> None:
    def meddle(_view: View) -> str:
        world.children["generator"].die()
        return ""

    trial = world.run(meddle=meddle)
    assert trial.invalid_reasons == ["generator ended by itself with exit code 1\nlast words"]
    assert not trial.is_complete


def test_a_worker_that_stopped_in_good_order_is_not_missed(world: World) -> None:
    world.at(2, lambda: world.children["archiver"].end(archived_offsets=[700]))
    assert world.run(archive=True, producers_stamps=True).is_complete


def test_a_supervisor_that_gives_up_breaks_the_trial_off(world: World) -> None:
    world.scenario["duration_s"] = 20
    world.at(1, lambda: world.on_start.update(engine=FakeChild.die))
    world.at(1, world.dies("engine"))
    trial = world.run(faults=plan(("writer-stop", 15, 1)))
    assert f"it had been restarted {MOST_RESTARTS} times" in trial.broken_off
    assert [each.ready_s for each in trial.restarts] == [None] * MOST_RESTARTS
    assert world.t_s < 15 and not trial.is_complete
    assert trial.measured, "what was measured until then is kept"


def test_a_process_that_is_not_ready_again_in_time_breaks_the_trial_off(world: World) -> None:
    world.at(4, lambda: world.on_start.update(engine=FakeChild.ignore))
    trial = world.run(faults=plan(("engine-kill", 4, 1)))
    assert trial.broken_off == "a process that had died was not ready again in time"
    assert not trial.is_complete and "mine: drain" not in world.watcher.phases


def test_what_was_killed_just_before_the_end_of_the_load_is_waited_for(world: World) -> None:
    trial = world.run(faults=plan(("engine-kill", 5.5, 1)))
    (restart,) = trial.restarts
    assert restart.ready_s is not None and restart.ready_s > 6
    assert trial.is_complete


def test_a_meddler_sees_how_the_load_goes(world: World) -> None:
    views: list[View] = []

    def meddle(view: View) -> str:
        views.append(view)
        return ""

    world.run(meddle=meddle)
    at_2_s = next(view for view in views if view.t_s >= 2)
    assert at_2_s.sent_records == at_2_s.acked_records == at_2_s.visible_records + world.refused_records
    assert at_2_s.sent_records == round((1 + at_2_s.t_s) * world.rate)
    assert at_2_s.pids.keys() >= {"engine", "generator", "probe", "kafka"}


def test_a_meddler_breaks_the_trial_off(world: World) -> None:
    trial = world.run(meddle=lambda view: "it is too slow" if view.t_s >= 3 else "")
    assert trial.broken_off == "it is too slow"
    assert trial.broken_off_s == pytest.approx(3, abs=LATER_S)
    assert "mine: drain" not in world.watcher.phases and not trial.is_complete


def test_a_drain_ends_soon_once_everything_is_visible_and_all_dead_letters_are_there(world: World) -> None:
    assert world.run().is_complete
    assert 1 < _drain_s(world) <= 1 + 2 * LATER_S


def test_a_drain_goes_on_while_anything_changes(world: World) -> None:
    world.at(7.5, world.tells("probe", updates=1_000_000))
    assert world.run().is_complete
    assert 1.5 + 1 < _drain_s(world) <= 1.5 + 1 + 2 * LATER_S


def test_a_drain_waits_until_it_is_quiet_for_long_if_records_are_missing(world: World) -> None:
    world.told["probe"]["visible_records"] = 7 * world.rate - world.malformed_records - 1
    trial = world.run()
    assert 4 < _drain_s(world) <= 4 + 2 * LATER_S
    assert trial.is_complete, "that they are missing is for the verifier to tell"


def test_a_drain_waits_until_it_is_quiet_for_long_if_dead_letters_are_missing(world: World) -> None:
    world.held["dead_letter"] = world.malformed_records - 1
    world.run()
    assert 4 < _drain_s(world) <= 4 + 2 * LATER_S


@pytest.mark.parametrize(("found", "at_least_s"), [(4, 4), (5, 1)])
def test_the_drain_of_another_query_waits_for_its_answers(world: World, found: int, at_least_s: int) -> None:
    world.scenario["query"] = "distinct-callers"
    world.told["probe"] |= {"answers": found, "visible_records": 0}
    world.run(answers=5)
    assert at_least_s < _drain_s(world) <= at_least_s + 2 * LATER_S
