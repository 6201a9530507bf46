"""Count trajectories are matched with the records that caused them; loss, surplus and regressions show."""

from functools import cache
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.measurement.changes import Changes
from harness.measurement.trajectory import NEVER, Trajectories, Window
from tests.builders.trajectories import tell
from workloads.cells import CELLS
from workloads.workload import Workload, WorkloadSpecification

WORKLOAD = Workload(
    WorkloadSpecification(
        seed=3, rate_records_per_s=2000, warmup_s=1, duration_s=1, partitions=2, malformed_per_million=10_000
    )
)
EPOCH_S = WORKLOAD.specification.epoch_s


@cache
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


def _seen(followed: Trajectories) -> dict[int, int]:
    """When each record, by its intended send offset, was first shown; those that were not are left out."""
    return {
        offset: at_ms
        for window in followed.take_rest()
        for offset, at_ms in zip(window.offsets_ns.tolist(), window.seen_ms.tolist(), strict=True)
        if at_ms != NEVER
    }


def test_an_increase_shows_the_next_records(busiest: tuple[int, list[int]]) -> None:
    cell, offsets = busiest
    followed = Trajectories(WORKLOAD)
    tell(followed, EPOCH_S, cell, 2, 1000)
    tell(followed, EPOCH_S, cell, 5, 1007)
    assert followed.matched_records == 5
    assert _seen(followed) == dict(zip(offsets[:5], [1000, 1000, 1007, 1007, 1007], strict=True))


def test_repeated_and_lower_counts_show_nothing(busiest: tuple[int, list[int]]) -> None:
    cell, offsets = busiest
    followed = Trajectories(WORKLOAD)
    for at_ms, count in enumerate((4, 4, 3, 4)):
        tell(followed, EPOCH_S, cell, count, at_ms)
    assert (followed.regressions, followed.matched_records) == (1, 4), "a replay must not be counted a second time"
    assert _seen(followed) == dict.fromkeys(offsets[:4], 0)


def test_a_count_beyond_the_records_is_surplus(busiest: tuple[int, list[int]]) -> None:
    cell, offsets = busiest
    followed = Trajectories(WORKLOAD)
    tell(followed, EPOCH_S, cell, len(offsets) + 3, 1)
    tell(followed, EPOCH_S, cell, len(offsets) + 4, 2)
    assert (followed.matched_records, followed.surplus_records) == (len(offsets), 4)
    assert set(_seen(followed).values()) == {1}


@pytest.mark.parametrize("window_s", [0, EPOCH_S - 1, EPOCH_S + 2, 10**12])
def test_a_window_without_records_is_all_surplus(window_s: int) -> None:
    followed = Trajectories(WORKLOAD)
    assert not tell(followed, window_s, 5, 2, 1)
    assert (followed.matched_records, followed.surplus_records) == (0, 2)


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(3, 10))])
def test_every_record_is_shown_once_whatever_the_steps(seed: int) -> None:
    """In random steps over all cells of both windows, the last one completes each window; all records are there."""
    random = Random(seed)
    followed = Trajectories(WORKLOAD)
    left = {(second, cell): len(each) for second in (0, 1) for cell, each in _offsets_by_cell(second).items()}
    count = dict.fromkeys(left, 0)
    windows = []
    while left:
        second, cell = key = random.choice(list(left))
        step = random.randint(1, left[key])
        count[key] += step
        left[key] -= step
        if not left[key]:
            del left[key]
        if tell(followed, EPOCH_S + second, cell, count[key], len(left)):
            assert not any(each == second for each, _ in left), "complete too early"
            windows.append(followed.take(EPOCH_S + second))
    columns = WORKLOAD.columns(0, WORKLOAD.total_records)
    well_formed = np.flatnonzero(~columns.malformed)
    assert sorted(np.concatenate([each.indexes for each in windows]).tolist()) == well_formed.tolist()
    for each in windows:
        assert columns.offsets_ns[each.indexes].tolist() == each.offsets_ns.tolist()
        assert (each.seen_ms != NEVER).all()
    assert followed.take_rest() == []


def test_of_a_window_that_was_taken_more_is_surplus_and_less_a_regression() -> None:
    followed = Trajectories(WORKLOAD)
    sizes = {cell: len(each) for cell, each in _offsets_by_cell(0).items()}
    assert [tell(followed, EPOCH_S, cell, size, 1) for cell, size in sizes.items()][-1]
    followed.take(EPOCH_S)
    cell, size = next(iter(sizes.items()))
    for count in (size, size + 2, size + 1, size + 3):
        assert not tell(followed, EPOCH_S, cell, count, 2)
    assert (followed.surplus_records, followed.regressions) == (3, 1)
    assert followed.matched_records == sum(sizes.values())


@given(st.lists(st.integers(1, 900), min_size=2, max_size=30), st.randoms())
def test_of_all_matchings_this_one_has_the_same_mean_and_the_least_spread(delays_ms: list[int], random: Random) -> None:
    """What first-in-first-out can say (the mean) and cannot (single latencies), on records that overtake each other."""
    due_ms = sorted(random.randint(0, 999) for _ in delays_ms)
    left_ms = [due + delay for due, delay in zip(due_ms, delays_ms, strict=True)]
    matched = np.array(sorted(left_ms)) - np.array(due_ms)
    true = np.array(delays_ms)
    assert matched.sum() == true.sum()
    assert (matched**2).sum() <= (true**2).sum()
    assert matched.max() <= true.max()
    assert abs(int(matched.max()) - int(true.max())) < 1000
    assert np.abs(np.sort(matched) - np.sort(true)).max() < 1000


@pytest.mark.parametrize("examples", [20, pytest.param(60, marks=pytest.mark.proof)])
def test_changes_taken_together_show_what_they_show_one_by_one(examples: int) -> None:
    """Repeats, regressions, surplus, windows without records, and windows that are complete and told of again."""
    settings(max_examples=examples, deadline=None)(given(st.data())(compare_together_and_singly))()


def compare_together_and_singly(data: st.DataObject) -> None:
    """Hold changes that are taken in parts to the same ones by one."""
    sizes = [(second, cell, len(each)) for second in (0, 1) for cell, each in _offsets_by_cell(second).items()]
    all_of_one = [(EPOCH_S, cell, size) for second, cell, size in sizes if second == 0]
    some = st.sampled_from(sizes).flatmap(
        lambda each: st.tuples(st.sampled_from((EPOCH_S + each[0], EPOCH_S + 7)), st.just(each[1]), st.integers(0, 9))
    )
    told = data.draw(st.lists(some, max_size=40))
    if data.draw(st.booleans()):
        told += all_of_one + data.draw(st.lists(some, max_size=40))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(told)), max_size=5)))
    singly, together = Trajectories(WORKLOAD), Trajectories(WORKLOAD)
    taken: dict[Trajectories, list[Window]] = {singly: [], together: []}
    for at_ms, each in enumerate(told):
        if tell(singly, *each, at_ms):
            taken[singly].append(singly.take(each[0]))
    for first, last in pairwise([0, *cuts, len(told)]):
        part = told[first:last]
        found = Changes(
            np.array([window_s * len(CELLS) + cell for window_s, cell, _ in part], dtype=np.int64),
            np.array([count for *_, count in part], dtype=np.int64),
            np.arange(first, last),
        )
        taken[together] += map(together.take, together.update(found).complete)
    for each in taken:
        taken[each] += each.take_rest()
    for one, other in zip(*taken.values(), strict=True):
        assert one.seen_ms.tolist() == other.seen_ms.tolist() and one.counts.tolist() == other.counts.tolist()
    assert (singly.matched_records, singly.surplus_records) == (together.matched_records, together.surplus_records)
    assert singly.regressions == together.regressions
