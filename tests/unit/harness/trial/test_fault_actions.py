"""What is done for each fault harms something, and its healing leaves nothing harmed. All that is harmed is a fake."""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.faults.catalogue import BY_NAME, FAULTS, KAFKA, KAFKA_PROXY, needs
from harness.processes.process import start_process
from harness.trial.fault_actions import ACTIONS
from harness.workers.orders import ClockOrders
from harness.workers.proxy import ProxyOrders
from tests.builders.processes import FakeProcess
from tests.builders.trials import World, plan

#: Those that need neither an engine's cluster nor a second way to the broker.
PLAIN = [fault.name for fault in FAULTS if fault.cluster in ("", KAFKA) and not needs(KAFKA_PROXY, [fault.name])]
#: These leave nothing harmed even while they last: what they do is over at once.
AT_ONCE = {"task-kill"}
#: The orders stay, which number the resets so far.
STAYS = {"network-reset"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_every_fault_of_the_catalogue_has_an_action_and_no_other_has() -> None:
    assert ACTIONS.keys() == BY_NAME.keys()


def _harmed(world: World) -> Iterator[str]:
    for name, owner in (world.children | world.backing.services).items():
        process = owner.process
        assert isinstance(process, FakeProcess)
        # A child may have ended in good order; a service may not.
        if process.code is not None and (process.code or name in world.backing.services):
            yield f"{name} is dead"
        if process.is_frozen:
            yield f"{name} is frozen"
        if process.file_bytes[0] != resource.RLIM_INFINITY:
            yield f"{name} cannot write"
    if ProxyOrders.read(world.orders("proxy")) != ProxyOrders():
        yield "the network is harmed"
    if ClockOrders.read(world.orders("generator")) != ClockOrders():
        yield "the clock is harmed"


@pytest.mark.parametrize("name", PLAIN)
def test_a_fault_harms_something_until_it_is_healed(world: World, name: str) -> None:
    before: list[str] = []
    meanwhile: list[str] = []
    afterwards: list[str] = []
    for t_s, found in ((1.9, before), (2.5, meanwhile), (5.5, afterwards)):
        world.at(t_s, lambda found=found: found.extend(_harmed(world)))  # type: ignore[misc]
    trial = world.run(faults=plan((name, 2, 2)), proxied=True, archive=True, producers_stamps=True)
    assert before == []
    assert len(meanwhile) == (name not in AT_ONCE)
    assert afterwards == (meanwhile if name in STAYS else [])
    assert trial.is_complete, trial.engine_troubles + trial.invalid_reasons


def test_a_task_is_killed_by_the_signal_that_the_contract_has_for_that(world: World) -> None:
    world.run(faults=plan(("task-kill", 2, 2)))
    assert [number.name for number in world.children["engine"].process.signals] == ["SIGUSR1"]


def test_a_broker_that_is_healed_as_soon_as_it_is_killed_is_started_again(tmp_path: Path) -> None:
    """As when the wall clock leaps to the end of the load: a real process, since a fake one dies in no time."""
    started: list[str] = []
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with start_process("broker", command, log_path=tmp_path / "broker.log") as process:
        broker = SimpleNamespace(process=process, start_again=lambda: started.append("broker"))
        backing = SimpleNamespace(brokers={"kafka 2": broker}, leader=lambda _topic: "kafka 2")
        stage: Any = SimpleNamespace(backing=backing, input_topic="cdr")
        ACTIONS["broker-leader-kill"].start(stage)
        ACTIONS["broker-leader-kill"].heal(stage)
    assert started == ["broker"]
