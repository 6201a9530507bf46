"""What keeps a long run's memory small changes no answer: counts by parts, windows and events that are let go of."""

import sys
from pathlib import Path

import numpy as np
import pytest

from harness.measurement import trajectory
from harness.measurement.recovery import Course, time_to_recover_s, worst_staleness_s
from harness.measurement.trajectory import Trajectories
from harness.processes import child
from harness.processes.child import Child
from harness.workers.jobs import ProbeJob
from harness.workers.probe import KEPT_SECONDS, Probe
from tests.builders.trajectories import tell
from tests.deadlines import DEADLINE_S
from tests.unit.harness.measurement.test_resilience import BAND, course
from workloads.cells import CELL_NUMBERS
from workloads.truth import counts_between, expected_counts, expected_malformed
from workloads.workload import Workload, WorkloadSpecification

WORKLOAD = Workload(
    WorkloadSpecification(
        seed=3, rate_records_per_s=500, warmup_s=2, duration_s=8, partitions=2, malformed_per_million=10_000
    )
)
EPOCH_S = WORKLOAD.specification.epoch_s


def test_counts_of_parts_are_those_of_the_whole() -> None:
    whole = expected_counts(WORKLOAD)
    parts = [counts_between(WORKLOAD, start_s, end_s, chunk_records=99) for start_s, end_s in ((0, 3), (3, 7), (7, 10))]
    assert {cell: count for part in parts for cell, count in part.items()} == whole.counts
    assert [len({cell.window_s for cell in part}) for part in parts] == [3, 4, 3]


def test_malformed_lines_are_known_without_counts() -> None:
    whole, found = expected_counts(WORKLOAD), expected_malformed(WORKLOAD, chunk_records=99)
    assert found.counts == {}
    assert (found.malformed_lines, found.malformed_indexes) == (whole.malformed_lines, whole.malformed_indexes)


def test_a_window_that_is_let_go_of_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trajectory, "KEPT_WINDOWS", 2)
    followed = Trajectories(WORKLOAD)
    counts = expected_counts(WORKLOAD).counts
    for _ in range(2):
        for cell, count in sorted(counts.items()):
            if tell(followed, cell.window_s, CELL_NUMBERS[cell[1:]], count, 1000):
                followed.take(cell.window_s)
    assert followed.matched_records == sum(counts.values())
    assert (followed.surplus_records, followed.take_rest()) == (0, [])


def test_a_child_keeps_its_newest_events_and_those_that_are_no_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "MAX_EVENTS", 10)
    talk = (
        "from engines.contract.events import EventWriter; events = EventWriter();"
        "events.send('ready', version='', config={}, port=7);"
        "[events.send('progress', number=number) for number in range(100)];"
        "events.send('stopped', total=100)"
    )
    with Child("talker", [sys.executable, "-c", talk], log_path=tmp_path / "log") as talker:
        talker.wait_for("stopped", DEADLINE_S)
        assert len(talker.events) <= 10 + 1
        assert (talker.latest("port"), talker.latest("number"), talker.latest("total")) == (7, 99, 100)


def test_all_events_since_the_last_look_are_told_and_no_others(tmp_path: Path) -> None:
    talk = (
        "from engines.contract.events import EventWriter; import time; events = EventWriter();"
        "events.send('ready', version='', config={});"
        "[(events.send('progress', number=number), time.sleep(0.002)) for number in range(20)];"
        "events.send('stopped', total=20)"
    )
    with Child("talker", [sys.executable, "-c", talk], log_path=tmp_path / "log") as talker:
        talker.wait_for("stopped", DEADLINE_S)
        told = talker.since("progress", 0)
        assert [event.fields["number"] for event in told] == list(range(20))
        later = talker.since("progress", told[11].at_ms)
        assert [event.fields["number"] for event in later] == list(range(12, 20))
        assert talker.since("progress", told[-1].at_ms) == []


def _probe() -> Probe:
    return Probe(
        ProbeJob(workload=WORKLOAD.specification, anchor="", redis_url="redis://unused:1", namespace="x", output="")
    )


def test_latencies_of_the_warm_up_are_kept_apart_and_each_slot_has_its_mean() -> None:
    probe = _probe()
    probe._add(np.array([-1, -1, 0, 0, 1]), np.array([900, 700, 10, 30, 50]) * 1_000_000)
    probe._add(np.array([1]), np.array([70]) * 1_000_000)
    assert (probe._warmup.count, probe._warmup.max_ms) == (2, 900)
    assert (probe._measured.count, probe._measured.max_ms, probe._measured.mean_ms) == (4, 70, 40)
    means_ms = {slot: probe._slot_sums_ns[slot] / records / 1e6 for slot, records in probe._slot_records.items()}
    assert means_ms == {-1: 800, 0: 20, 1: 60}


def test_old_seconds_keep_their_quantiles() -> None:
    probe = _probe()
    for second in range(KEPT_SECONDS + 5):
        probe._seconds[second].record_ns(np.array([second * 1_000_000]))
    probe._let_go()
    assert len(probe._seconds) == KEPT_SECONDS
    assert list(probe._quantiles_ms) == [0, 1, 2, 3, 4]
    assert probe._quantiles_ms[4] == pytest.approx([4, 4], rel=0.01)


def test_a_part_of_a_course_gives_the_same_times() -> None:
    whole: Course = course(stuck_from_s=15, stuck_to_s=19, back_s=20)
    part = whole.part(10, 27)
    assert part.ends_s == pytest.approx(whole.ends_s[(whole.ends_s > 10 + 1e-9) & (whole.ends_s < 27 + 1e-9)])
    assert worst_staleness_s(part, 15, 27) == worst_staleness_s(whole, 15, 27)
    assert time_to_recover_s(part, BAND, 17, 27) == pytest.approx(time_to_recover_s(whole, BAND, 17, 27))
    assert len(whole.part(-99, float("inf")).due) == len(whole.due)
