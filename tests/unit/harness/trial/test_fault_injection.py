"""Faults begin and are healed in the course of a trial, whatever becomes of it. Around it, all is a fake."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.measurement.pace import Pace
from harness.measurement.recovery import CALM_S
from harness.processes.supervisor import RESTART_AFTER_S
from harness.services.kafka import KafkaService
from harness.trial.options import View
from harness.trial.outcome import Trial
from harness.trial.setting import TICK_S
from tests.builders.backing import FakeRedis
from tests.builders.processes import FakeChild, FakeProcess
from tests.builders.trials import World, plan
from workloads.workload import Workload

FROZEN_AND_THAWED = [signal.SIGSTOP, signal.SIGCONT]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def _pace(world: World, within_s: float = 60, *, ends_load: bool = False) -> Pace:
    workload = Workload(world.setting().scenario.workload())
    return Pace(workload, range(world.malformed_records), within_s, ends_load=ends_load)


def _process(world: World, name: str) -> FakeProcess:
    found = world.children[name] if name in world.children else world.backing.services[name]
    assert isinstance(found.process, FakeProcess)
    return found.process


def _times(trial: Trial) -> list[Any]:
    """When each fault began and was healed."""
    return [(each.started_s, each.healed_s) for each in trial.injected]


def test_a_fault_begins_and_is_healed_when_it_is_time(world: World) -> None:
    trial = world.run(faults=plan(("engine-stop", 1.9, 1), ("kafka-stop", 4, 1.4)))
    assert _times(trial) == [
        (pytest.approx(1.9, abs=TICK_S), pytest.approx(2.9, abs=TICK_S)),
        (pytest.approx(4, abs=TICK_S), pytest.approx(5.4, abs=TICK_S)),
    ]
    assert _process(world, "engine").signals == _process(world, "kafka").signals == FROZEN_AND_THAWED
    assert trial.is_complete
    assert [note.partition(": ")[2] for note in world.watcher.notes] == [
        "engine-stop begins",
        "engine-stop is healed",
        "kafka-stop begins",
        "kafka-stop is healed",
    ]


def test_what_was_killed_is_started_again_when_the_fault_is_healed_and_not_before(world: World) -> None:
    lasts_s = 2 * RESTART_AFTER_S
    trial = world.run(faults=plan(("writer-kill", 1, lasts_s)))
    (restart,) = trial.restarts
    assert restart.started_s is not None and restart.ready_s is not None
    assert 1 + lasts_s <= restart.started_s < restart.ready_s
    assert [child.name for child in world.started].count("redis writer") == 2
    assert trial.is_complete and trial.engine_troubles == []


def test_a_fault_for_which_the_load_is_too_short_is_not_begun(world: World) -> None:
    trial = world.run(faults=plan(("engine-stop", 60, 1)))
    assert _times(trial) == [(None, None)]
    assert trial.is_complete


def test_a_fault_that_the_load_is_over_before_is_healed_then(world: World) -> None:
    trial = world.run(faults=plan(("kafka-stop", 4, 60)))
    assert _times(trial) == [(4, pytest.approx(6, abs=TICK_S))]
    assert _process(world, "kafka").signals == FROZEN_AND_THAWED
    assert trial.is_complete


def _lose_probe(world: World) -> Callable[[View], str]:
    world.at(3, world.dies("probe"))
    return lambda _view: ""


def _break_off(_world: World) -> Callable[[View], str]:
    return lambda view: "enough" if view.t_s >= 3 else ""


@pytest.mark.parametrize("end", [_lose_probe, _break_off])
def test_a_fault_is_healed_however_the_trial_ends(world: World, end: Callable[[World], Callable[[View], str]]) -> None:
    trial = world.run(faults=plan(("engine-stop", 2, 60), ("kafka-stop", 2, 60), ("s3-kill", 50, 1)), meddle=end(world))
    assert not trial.is_complete
    assert _process(world, "engine").signals == _process(world, "kafka").signals == FROZEN_AND_THAWED
    assert _process(world, "engine").code == 0, "healed before it is to end, which it does not while it is frozen"
    assert trial.injected[-1].healed_s is None, "it had not begun"


def test_a_fault_is_healed_if_the_trial_is_interrupted(world: World) -> None:
    def interrupt(view: View) -> str:
        if view.t_s >= 3:
            raise KeyboardInterrupt
        return ""

    with pytest.raises(KeyboardInterrupt):
        world.run(faults=plan(("kafka-stop", 2, 60)), meddle=interrupt)
    assert _process(world, "kafka").signals == FROZEN_AND_THAWED


def test_a_fault_is_healed_once(world: World) -> None:
    launched: list[FakeProcess] = []
    kafka = world.backing.services["kafka"]
    assert isinstance(kafka, KafkaService)

    def launch() -> FakeProcess:
        launched.append(FakeProcess("kafka"))
        return launched[-1]

    kafka.launch = launch
    assert world.run(faults=plan(("kafka-kill", 2, 1))).is_complete
    assert launched == [kafka.process]


def test_a_service_that_does_not_come_back_makes_the_trial_invalid(world: World) -> None:
    redis = world.backing.services["redis"]
    assert isinstance(redis, FakeRedis)
    redis.why_not_ready = "Redis does not answer"
    trial = world.run(faults=plan(("redis-restart", 2, 1)))
    assert trial.invalid_reasons == ["a service did not come back after a fault: Redis does not answer"]
    assert not trial.is_complete and trial.engine_troubles == []
    assert "mine: drain" not in world.watcher.phases


@pytest.mark.parametrize(("harmed_at_s", "did_something"), [(None, False), (0.5, False), (2.5, True)])
def test_a_fault_did_something_only_if_its_evidence_comes_after_it_has_begun(
    world: World, harmed_at_s: float | None, did_something: bool
) -> None:
    if harmed_at_s is not None:
        world.at(harmed_at_s, world.tells("proxy", harmed=1))
    trial = world.run(faults=plan(("network-cut", 2, 1)), proxied=True)
    (injected,) = trial.injected
    assert injected.healed_s is not None and injected.did_something is did_something
    assert trial.is_complete


# Keeping pace


def test_a_fault_is_put_off_until_the_last_one_is_recovered_from_and_lasts_as_long(world: World) -> None:
    world.scenario["duration_s"] = 20
    trial = world.run(faults=plan(("engine-kill", 1, 1), ("kafka-stop", 3, 2)), pace=_pace(world))
    (restart,), (first, second) = trial.restarts, trial.injected
    assert restart.ready_s is not None and first.healed_s is not None
    assert second.started_s is not None and second.healed_s is not None
    calm_s = 1  # between the first one's end and the second one, as planned
    assert second.started_s == pytest.approx(restart.ready_s + CALM_S + calm_s, abs=4 * TICK_S)
    assert second.healed_s - second.started_s == pytest.approx(2, abs=TICK_S)


def test_without_pace_a_fault_waits_for_nothing(world: World) -> None:
    trial = world.run(faults=plan(("engine-kill", 1, 1), ("kafka-stop", 3, 2)))
    assert trial.injected[1].started_s == pytest.approx(3, abs=TICK_S)


def test_a_recovery_that_does_not_come_is_waited_for_no_longer_than_stated(world: World) -> None:
    world.scenario["duration_s"] = 20
    world.told["probe"]["visible_records"] = 0
    pace = _pace(world, within_s=8)
    trial = world.run(faults=plan(("engine-stop", 1, 1), ("kafka-stop", 3, 2)), pace=pace)
    assert trial.injected[1].started_s == pytest.approx(1 + 1 + 8 + 1, abs=4 * TICK_S)


def test_the_load_ends_early_once_the_last_fault_is_recovered_from(world: World) -> None:
    world.scenario["duration_s"] = 60
    # The second malformed record is never sent.
    world.malformed_records, world.refused_records = 2, 1
    pace = _pace(world, ends_load=True)
    pace.malformed_indexes = [5, 6000]
    trial = world.run(faults=plan(("engine-stop", 1, 1)), pace=pace)
    assert 2 + CALM_S < trial.duration_s < 20
    assert f"the load ends at {trial.duration_s} s" in world.watcher.notes
    assert trial.generator.acked_records == (1 + trial.duration_s) * world.rate
    assert trial.is_complete and trial.drain_s is not None and trial.drain_s > 0
    assert world.t_s < trial.duration_s + 4, "all that was sent is visible: nothing more is waited for"


def test_a_load_that_is_to_go_on_does_not_end_with_the_last_recovery(world: World) -> None:
    world.scenario["duration_s"] = 20
    trial = world.run(faults=plan(("engine-stop", 1, 1)), pace=_pace(world))
    assert trial.duration_s == 20 and trial.generator.acked_records == 21 * world.rate


def test_an_engine_that_stays_down_is_no_recovery(world: World) -> None:
    world.scenario["duration_s"] = 20
    world.told["probe"]["visible_records"] = 21 * world.rate
    world.at(1, lambda: world.on_start.update(engine=FakeChild.ignore))
    trial = world.run(faults=plan(("engine-kill", 1, 1), ("kafka-stop", 3, 2)), pace=_pace(world))
    assert trial.injected[1].started_s is None, "whatever is visible"
