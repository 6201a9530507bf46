"""The path behind the engine by itself: what is printed, what is saved, and the exit code."""

import json
from pathlib import Path

import pytest

from tests.integration.ringbench import Ringbench

pytestmark = pytest.mark.integration

RATE, DURATION_S, WARMUP_S = 2000, 3, 2


def test_every_count_and_every_update_is_verified_and_a_rate_that_is_too_low_fails(tmp_path: Path) -> None:
    arguments = ["--rate", str(RATE), "--duration", str(DURATION_S), "--no-capacity", "--at-least", "1000000"]
    with Ringbench(tmp_path, "bench", "path", *arguments, "--json") as bench:
        code = bench.end()
        bench.wait_until_gone()
    found = json.loads(bench.stdout)
    (saved,) = bench.runs.glob("bench-path-*/path.json")
    assert json.loads(saved.read_text(encoding="utf-8")) == found
    (pace,) = found["paces"]
    # On a busy machine, the feeder may be late: nothing is known of the path then.
    assert code == (3 if pace["verdict"] == "invalid" else 1)
    assert pace["wrong_counts"] == pace["unseen_updates"] == 0
    assert 0 < pace["changes"] <= RATE * (DURATION_S + WARMUP_S)
    assert pace["delay_ms_p50"] <= pace["delay_ms_p99"] <= pace["delay_ms_max"]
    assert all(cores > 0 for cores in pace["cpu_cores"].values())
