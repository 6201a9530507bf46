"""CPU time and memory come from the kernel and are attributed to the right group and time."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.measurement.accounting import Readings, Usage, UsageMeter
from harness.processes.process import start_process, wait_until
from tests.deadlines import DEADLINE_S

#: The kernel's accounts are in ticks of 10 ms, of user and of system time.
TICK_S = 0.02
BURN = "import time\nwhile time.process_time() < {}: pass\n"


def test_a_groups_cpu_time_includes_its_children_and_not_the_guard(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {BURN.format(0.4) + 'time.sleep(60)'!r}])\n"
        f"{BURN.format(0.3)}\ntime.sleep(60)\n"
    )
    with start_process("burner", [sys.executable, "-c", program], log_path=tmp_path / "log") as process:
        meter = UsageMeter(process.pid)
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
        meter = UsageMeter(one.pid)
        wait_until(lambda: meter.read().cpu_s > 0.2, deadline_s=DEADLINE_S, what="0.2 CPU-seconds used")
        before = meter.read()
        one.stop()
        assert meter.read().cpu_s >= before.cpu_s
        assert meter.read().rss_bytes == 0


def test_what_short_lived_children_used_counts_though_no_reading_ever_saw_them(tmp_path: Path) -> None:
    """Twenty children, one after the other, each of which has ended before the first reading is made."""
    child = BURN.format(0.05)
    program = (
        "import subprocess, sys, time\n"
        f"for _ in range(20): subprocess.run([sys.executable, '-c', {child!r}], check=True)\n"
        "print('done', flush=True); time.sleep(60)\n"
    )
    argv = [sys.executable, "-c", program]
    with start_process("parent", argv, log_path=tmp_path / "log", stdout="pipe") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        assert UsageMeter(process.pid).read().cpu_s >= 20 * 0.05 - TICK_S


def test_a_group_that_was_started_anew_goes_on_counting(tmp_path: Path) -> None:
    burner = [sys.executable, "-c", BURN.format(0.3) + "print('done', flush=True); time.sleep(60)"]
    first, second = (start_process("burner", burner, log_path=tmp_path / "log", stdout="pipe") for _ in range(2))
    with first, second:
        for each in (first, second):
            assert each.stdout is not None
            assert each.stdout.readline() == "done\n"
        meter = UsageMeter(first.pid)
        alone = meter.read().cpu_s
        first.stop()
        meter.follow(second.pid)
        assert alone >= 0.3 - TICK_S
        assert meter.read().cpu_s >= alone + 0.3 - TICK_S


def test_usage_between_two_times_is_interpolated() -> None:
    readings = Readings()
    for at, (user_s, rss_bytes) in enumerate([(0.0, 10), (1.0, 99), (3.0, 20), (3.0, 50)]):
        readings.add(float(at), Usage(user_s, 2 * user_s, rss_bytes))
    used = readings.between(1.5, 3)
    assert used.cpu_user_s == pytest.approx(1.0)
    assert used.cpu_system_s == pytest.approx(2.0)
    assert used.rss_bytes == 50, "the peak before that time does not count"


def test_psutil_agrees_with_the_processs_own_clock() -> None:
    """Asked before and after its own clock is read."""
    program = "import psutil\n" + BURN.format(1.0) + "own = psutil.Process()\nask = lambda: sum(own.cpu_times()[:2])\n"
    program += "print(ask(), time.process_time(), ask())"
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=DEADLINE_S
    ).stdout
    before_s, own_s, after_s = map(float, out.split())
    assert own_s >= 1
    assert before_s - TICK_S <= own_s <= after_s + TICK_S
