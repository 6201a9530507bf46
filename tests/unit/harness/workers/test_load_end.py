"""A load that ends early is the planned one up to then: what was sent is known to the record."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from harness.workers.generator import Generator, LoadEnd, _Slice
from harness.workers.orders import EndOrders
from workloads.profiles import NANOSECONDS_PER_S
from workloads.shapes import Bursts, Diurnal, Ramp, Shape, Spike, Step
from workloads.surges import Surge
from workloads.truth import expected_counts
from workloads.workload import Workload, WorkloadSpecification

SPECIFICATION = WorkloadSpecification(
    seed=3, rate_records_per_s=200, warmup_s=3, duration_s=40, partitions=4, malformed_per_million=5000
)
WORKLOAD = Workload(SPECIFICATION)


@pytest.mark.parametrize(
    ("profile", "surges"),
    [
        ((), ()),
        ((Step(5, 2.0), Spike(8, 20, 3.0)), ()),
        ((Ramp(1.0, 3.0, at_s=2, duration_s=30),), ()),
        ((Diurnal(day_s=15),), ()),
        ((Bursts(2.0, 3.0),), ()),
        ((), (Surge("Los Angeles", 5, 9, 4.0), Surge("Alameda", 30, 9, 4.0))),
    ],
)
def test_what_is_sent_until_a_second_does_not_hang_on_how_long_the_load_was_to_last(
    profile: tuple[Shape, ...], surges: tuple[Surge, ...]
) -> None:
    planned = Workload(dataclasses.replace(SPECIFICATION, profile=profile, surges=surges))
    ended = Workload(dataclasses.replace(planned.specification, duration_s=12))
    total = ended.total_records
    assert 0 < total == planned.due_before(ended.total_s * NANOSECONDS_PER_S) < planned.total_records
    assert ended.lines(ended.columns(0, total)) == planned.lines(planned.columns(0, total))
    assert np.array_equal(ended.offsets_ns(0, total), planned.offsets_ns(0, total))
    assert np.array_equal(ended.partitions(0, total), planned.partitions(0, total))
    whole = expected_counts(planned).counts
    assert expected_counts(ended).counts == {
        cell: count for cell, count in whole.items() if cell.window_s < SPECIFICATION.epoch_s + ended.total_s
    }


def test_the_load_ends_with_its_workload_until_it_is_ordered_to_end_before(tmp_path: Path) -> None:
    orders = tmp_path / "end"
    end = LoadEnd(str(orders), WORKLOAD)
    assert not end.look() and end.total_records == WORKLOAD.total_records
    EndOrders(10).give(orders)
    end._next_look_s = 0
    assert end.look() and end.total_records == 200 * 10
    end._next_look_s = 0
    assert not end.look()


def _made(sent: int) -> Any:
    """A generator that has made 150 records in two slices, the first 100 and so many of the others sent."""
    slices = [
        _Slice(100, np.arange(100), np.arange(100) * 10, cast(Any, None), 100),
        _Slice(150, np.arange(100, 150), np.arange(100, 150) * 10, cast(Any, None), sent),
    ]
    return SimpleNamespace(_ready=slices, _made=150, _passed=100)


def test_records_made_ahead_that_are_due_after_the_end_are_left_out() -> None:
    generator = _made(sent=10)
    Generator._leave_out(generator, 120)
    last = generator._ready[-1]
    assert (generator._made, last.end, last.indexes[-1], len(last.due_ns)) == (120, 120, 119, 20)


@pytest.mark.parametrize(("sent", "first"), [(21, 120), (0, 99)])
def test_an_end_that_is_heard_of_too_late_fails_the_load(sent: int, first: int) -> None:
    with pytest.raises(RuntimeError, match="heard of the load's end only when"):
        Generator._leave_out(_made(sent), first)
