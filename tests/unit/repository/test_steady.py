"""The gate tries again what failed while the host's wall clock leapt, once, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TESTS = """
from pathlib import Path

RAN = Path(__file__).with_name("ran")

def _runs(name):
    with RAN.open("a") as file:
        file.write(name + "\\n")
    return RAN.read_text().split().count(name)

def test_that_passes():
    _runs("passes")

def test_that_fails_once():
    assert _runs("once") > 1

def test_that_fails():
    assert _runs("twice") > {failures}
"""
#: The wall clock leaps when the first test has run.
COMMAND = """
import sys, time
from pathlib import Path
from harness.measurement.clock import ClockWatch
from tests.steady import main

ran = Path(sys.argv[1]).with_name("ran")
sys.exit(main(sys.argv[1:], ClockWatch(lambda: time.time_ns() + ran.exists() * {leap_ms} * 1_000_000)))
"""


@pytest.mark.parametrize(
    ("leap_ms", "failures", "code", "ran"),
    [
        (46_000, 1, 0, ["passes", "once", "twice", "once", "twice"]),
        (46_000, 2, 1, ["passes", "once", "twice", "once", "twice"]),
        (500, 1, 1, ["passes", "once", "twice"]),
    ],
)
def test_what_failed_is_tried_again_if_the_clock_leapt(
    tmp_path: Path, leap_ms: int, failures: int, code: int, ran: list[str]
) -> None:
    tests = tmp_path / "test_these.py"
    tests.write_text(TESTS.format(failures=failures), encoding="utf-8")
    command = [sys.executable, "-c", COMMAND.format(leap_ms=leap_ms), str(tests), "-q", f"--rootdir={tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert (tmp_path / "ran").read_text(encoding="utf-8").split() == ran
    assert ("moved by 46,000 ms" in done.stdout) is (leap_ms > 1000)
