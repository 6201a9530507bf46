"""CPU time and memory come from the kernel and are attributed to the right group and time."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.accounting import Meter, Readings, Usage
from harness.processes import start_process, wait_until
from tests.deadlines import DEADLINE_S

BURN = "import time\nwhile time.process_time() < {}: pass\n"


def test_a_groups_cpu_time_includes_its_children_and_not_the_guard(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {BURN.format(0.4) + 'time.sleep(60)'!r}])\n"
        f"{BURN.format(0.3)}\ntime.sleep(60)\n"
    )
    with start_process("burner", [sys.executable, "-c", program], log_path=tmp_path / "log") as process:
        meter = Meter(process.pid)
        usage = wait_until(
            lambda: found if (found := meter.read()).cpu_s > 0.6 else None,
            deadline_s=DEADLINE_S,
            what="0.6 CPU-seconds used",
        )
        assert usage.cpu_s < 5
        assert usage.rss_bytes > 5_000_000


def test_what_an_ended_process_used_is_kept(tmp_path: Path) -> None:
    with start_process(
        "burner", [sys.executable, "-c", BURN.format(0.5) + "input()"], log_path=tmp_path / "log"
    ) as one:
        meter = Meter(one.pid)
        wait_until(lambda: meter.read().cpu_s > 0.2, deadline_s=DEADLINE_S, what="0.2 CPU-seconds used")
        before = meter.read()
        one.stop()
        assert meter.read().cpu_s >= before.cpu_s
        assert meter.read().rss_bytes == 0


def test_usage_between_two_times_is_interpolated() -> None:
    readings = Readings()
    for at, (user_s, rss_bytes) in enumerate([(0.0, 10), (1.0, 99), (3.0, 20), (3.0, 50)]):
        readings.add(float(at), Usage(user_s, 2 * user_s, rss_bytes))
    used = readings.between(1.5, 3)
    assert used.cpu_user_s == pytest.approx(1.0)
    assert used.cpu_system_s == pytest.approx(2.0)
    assert used.rss_bytes == 50, "the peak before that time does not count"


def test_psutil_agrees_with_the_processs_own_clock() -> None:
    """Asked before and after its own clock is read, within the kernel's tick of 10 ms, of user and of system time."""
    program = "import psutil\n" + BURN.format(1.0) + "own = psutil.Process()\nask = lambda: sum(own.cpu_times()[:2])\n"
    program += "print(ask(), time.process_time(), ask())"
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=DEADLINE_S
    ).stdout
    before_s, own_s, after_s = map(float, out.split())
    assert own_s >= 1
    assert before_s - 0.02 <= own_s <= after_s + 0.02
