"""Count trajectories are matched with the records that caused them; loss, surplus and regressions show."""

from random import Random

import numpy as np
import pytest

from harness.trajectory import Trajectories
from workloads.workload import Workload, WorkloadSpecification

WORKLOAD = Workload(
    WorkloadSpecification(
        seed=3, rate_records_per_s=2000, warmup_s=1, duration_s=1, partitions=2, malformed_per_million=10_000
    )
)
EPOCH_S = WORKLOAD.specification.epoch_s


def _offsets_by_cell(second: int) -> dict[int, list[int]]:
    columns = WORKLOAD.columns(*WORKLOAD.second(second))
    found: dict[int, list[int]] = {}
    for cell, offset, bad in zip(columns.cells.tolist(), columns.offsets_ns.tolist(), columns.malformed, strict=True):
        if not bad:
            found.setdefault(cell, []).append(offset)
    return found


@pytest.fixture
def busiest() -> tuple[int, list[int]]:
    """The cell of the first window with most records, and their offsets."""
    return max(_offsets_by_cell(0).items(), key=lambda item: len(item[1]))


def test_an_increase_makes_the_next_records_visible(busiest: tuple[int, list[int]]) -> None:
    cell, offsets = busiest
    followed = Trajectories(WORKLOAD)
    assert followed.update(EPOCH_S, cell, 2).tolist() == offsets[:2]
    assert followed.update(EPOCH_S, cell, 5).tolist() == offsets[2:5]
    assert followed.visible_records == 5


def test_repeated_and_lower_counts_make_nothing_visible(busiest: tuple[int, list[int]]) -> None:
    cell, _ = busiest
    followed = Trajectories(WORKLOAD)
    followed.update(EPOCH_S, cell, 4)
    assert len(followed.update(EPOCH_S, cell, 4)) == 0
    assert len(followed.update(EPOCH_S, cell, 3)) == 0
    assert followed.regressions == 1
    assert len(followed.update(EPOCH_S, cell, 4)) == 0, "a replay must not be counted a second time"
    assert followed.visible_records == 4


def test_a_count_beyond_the_records_is_surplus(busiest: tuple[int, list[int]]) -> None:
    cell, offsets = busiest
    followed = Trajectories(WORKLOAD)
    assert len(followed.update(EPOCH_S, cell, len(offsets) + 3)) == len(offsets)
    assert len(followed.update(EPOCH_S, cell, len(offsets) + 4)) == 0
    assert (followed.visible_records, followed.surplus_records) == (len(offsets), 4)


@pytest.mark.parametrize("window_s", [0, EPOCH_S - 1, EPOCH_S + 2, 10**12])
def test_a_window_without_records_is_all_surplus(window_s: int) -> None:
    followed = Trajectories(WORKLOAD)
    assert len(followed.update(window_s, 5, 2)) == 0
    assert (followed.visible_records, followed.surplus_records) == (0, 2)


@pytest.mark.parametrize("seed", range(10))
def test_every_record_becomes_visible_once_whatever_the_steps(seed: int) -> None:
    """In random steps, over all cells of both windows, the offsets that come out are those that went in."""
    random = Random(seed)
    followed, seen = Trajectories(WORKLOAD), []
    left = {(second, cell): len(each) for second in (0, 1) for cell, each in _offsets_by_cell(second).items()}
    count = dict.fromkeys(left, 0)
    while left:
        key = random.choice(list(left))
        step = random.randint(1, left[key])
        count[key] += step
        seen.append(followed.update(EPOCH_S + key[0], key[1], count[key]))
        left[key] -= step
        if not left[key]:
            del left[key]
    columns = WORKLOAD.columns(0, WORKLOAD.total_records)
    assert sorted(np.concatenate(seen).tolist()) == columns.offsets_ns[~columns.malformed].tolist()
