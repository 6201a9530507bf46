"""What the probe makes of entries of the stream, by itself: what was due when, and visible when."""

from pathlib import Path

import pytest

from engines.contract.aggregate import encode_key
from engines.contract.keys import encode_updates
from harness.workers.jobs import ProbeJob
from harness.workers.orders import EndOrders
from harness.workers.probe import Probe
from workloads.truth import expected_counts
from workloads.workload import Workload, WorkloadSpecification

WORKLOAD = Workload(WorkloadSpecification(seed=3, rate_records_per_s=500, warmup_s=2, duration_s=8, partitions=2))
SPECIFICATION = WORKLOAD.specification


def _probe(visible_after_s: dict[int, float], end: str = "") -> Probe:
    """A probe of an engine that shows all counts of a second at once: when, in seconds after the load's start."""
    job = ProbeJob(workload=SPECIFICATION, anchor="", redis_url="redis://unused:1", namespace="x", output="", end=end)
    probe = Probe(job)
    probe.anchor_ns = SPECIFICATION.epoch_s * 10**9
    probe.start_ms = SPECIFICATION.epoch_s * 1000
    counts = expected_counts(WORKLOAD).counts
    for second, at_s in sorted(visible_after_s.items(), key=lambda each: each[1]):
        window_s = SPECIFICATION.epoch_s + second
        changes = {encode_key(cell): b"%d" % count for cell, count in counts.items() if cell.window_s == window_s}
        probe.take([(probe.start_ms + int(at_s * 1000), encode_updates(changes))])
    return probe


@pytest.mark.parametrize(
    ("visible_after_s", "sustained_s"),
    [
        # At once: all of the measured time, which is the seconds 2 to 9, but for the last one.
        ({second: second + 1.0 for second in range(10)}, 7),
        # The warm-up's seconds become visible in the measured time, with all others: no more is sustained.
        ({0: 5.0, 1: 5.0} | {second: second + 1.0 for second in range(2, 10)}, 7),
        # All is late by three seconds.
        ({second: second + 3.5 for second in range(10)}, 5),
        # Nothing before the end.
        (dict.fromkeys(range(10), 11.0), 0),
    ],
)
def test_only_what_is_due_and_visible_in_the_measured_time_is_sustained(
    visible_after_s: dict[int, float], sustained_s: int
) -> None:
    probe = _probe(visible_after_s)
    assert probe._sustained == sustained_s * SPECIFICATION.rate_records_per_s
    assert probe._sustained <= SPECIFICATION.rate_records_per_s * SPECIFICATION.duration_s


def test_what_becomes_visible_after_a_load_that_ended_early_is_not_sustained(tmp_path: Path) -> None:
    orders = tmp_path / "end"
    probe = _probe({second: second + 1.0 for second in range(2)} | dict.fromkeys(range(2, 6), 6.5), str(orders))
    assert probe._sustained == 4 * SPECIFICATION.rate_records_per_s
    EndOrders(6).give(orders)
    assert probe._sustained == 0


def test_a_lowered_count_is_told_with_its_cell() -> None:
    probe = _probe({second: second + 1.0 for second in range(3)})
    (cell, count), *_ = expected_counts(WORKLOAD).counts.items()
    probe.take([(probe.start_ms + 4000, encode_updates({encode_key(cell): b"%d" % (count - 1)}))])
    assert probe._trajectories.regressions == 1
    (found,) = map(probe._lowered, probe._trajectories.lowered)
    assert found == f"second {cell.window_s}, {'|'.join(cell[1:])}: {count - 1} after {count}"
