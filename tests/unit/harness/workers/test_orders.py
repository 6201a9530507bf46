"""Orders reach a worker by a file, and the generator's wall clock goes by them while its schedule does not."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.processes.process import wait_until
from harness.workers.generator import WallClock
from harness.workers.orders import ClockOrders
from tests.deadlines import DEADLINE_S

#: More than the time between two readings of a clock, and less than any step.
SLACK_MS = 5_000


def _look(clock: WallClock, steps: int) -> None:
    def has_stepped() -> bool:
        clock.look()
        return clock.steps == steps

    wait_until(has_stepped, deadline_s=DEADLINE_S, what="the clock is stepped")


def test_orders_are_read_as_they_were_given(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    assert ClockOrders.read(path) == ClockOrders()
    ClockOrders(offset_ms=-7).give(path)
    assert ClockOrders.read(path) == ClockOrders(offset_ms=-7)
    assert [each.name for each in tmp_path.iterdir()] == ["orders.json"]


def test_without_orders_messages_are_stamped_by_the_client() -> None:
    clock = WallClock("")
    clock.look()
    assert (clock.steps, clock.stamp_ms()) == (0, 0)


@pytest.mark.parametrize("step_ms", [300_000, -300_000])
def test_the_wall_clock_is_stepped_there_and_back(tmp_path: Path, step_ms: int) -> None:
    orders = tmp_path / "orders.json"
    clock = WallClock(str(orders))
    ClockOrders(offset_ms=step_ms).give(orders)
    _look(clock, steps=1)
    assert clock.stamp_ms() == pytest.approx(time.time() * 1000 + step_ms, abs=SLACK_MS)
    ClockOrders().give(orders)
    _look(clock, steps=2)
    assert clock.stamp_ms() == 0
    assert clock.now_ns() / 1e6 == pytest.approx(time.time() * 1000, abs=SLACK_MS)


def test_events_are_stamped_by_the_clock_that_their_writer_is_given() -> None:
    # A process of its own: the writer takes standard output for itself.
    program = (
        "from engines.contract.events import EventWriter\n"
        "events = EventWriter()\n"
        "events.wall_ns = lambda: 7_000_000\n"
        "events.send('progress')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True, timeout=DEADLINE_S)
    assert json.loads(done.stdout) == {"event": "progress", "at_ms": 7}
