"""The generator against Kafka's own load tool: what is printed, what is saved, and the exit code."""

import json
from pathlib import Path

import pytest

from tests.integration.ringbench import Ringbench

pytestmark = pytest.mark.integration

RECORDS = 100_000


def test_both_sides_are_measured_and_a_ratio_that_is_too_small_fails(tmp_path: Path) -> None:
    arguments = ["--pairs", "2", "--records", str(RECORDS), "--no-paces", "--at-least", "1000000"]
    with Ringbench(tmp_path, "bench", "producer", *arguments, "--json") as bench:
        assert bench.end() == 1
        bench.wait_until_gone()
    found = json.loads(bench.stdout)
    (saved,) = bench.runs.glob("bench-producer-*/producer.json")
    assert json.loads(saved.read_text(encoding="utf-8")) == found
    assert found["records"] == RECORDS
    for pair in found["pairs"]:
        assert pair["ratio"] == pytest.approx(pair["ours_records_per_s"] / pair["kafka_records_per_s"])
    ratios = [pair["ratio"] for pair in found["pairs"]]
    assert len(ratios) == 2 and found["ratio"] == pytest.approx((ratios[0] * ratios[1]) ** 0.5)
