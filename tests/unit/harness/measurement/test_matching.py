"""Bounds of quantiles are the least and the greatest over every matching that causality allows: all are tried."""

from itertools import permutations
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.measurement.matching import RESOLUTION_NS, Cells, LatencyBounds

#: Of a cell's records: when each was due, how long it took to come, and how long until the count showed it.
RECORDS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=5)


def _cells(told: list[list[tuple[int, int, int]]]) -> Cells:
    """Times in ms; records of a cell come in the order in which they were due."""
    rows = []
    for key, records in enumerate(told):
        records = sorted(records)
        due = [each for each, _, _ in records]
        come = np.maximum.accumulate([each + took for each, took, _ in records]).tolist()
        shown = sorted(at + held for at, (_, _, held) in zip(come, records, strict=True))
        rows += [(key, *row) for row in zip(due, come, shown, strict=True)]
    keys, due_ms, come_ms, shown_ms = np.array(rows, dtype=np.int64).T
    return Cells(keys, *(each * 1_000_000 for each in (due_ms, come_ms, shown_ms)))


def _latencies_of_all_matchings(cells: Cells) -> list[list[np.ndarray]]:
    """By cell, the latencies of each matching that is possible, in ns."""
    found = []
    for key in np.unique(cells.keys):
        own = cells.keys == key
        due, come, visible = cells.due_ns[own], cells.come_ns[own], cells.visible_ns[own]
        shown = [visible[list(order)] for order in permutations(range(own.sum()))]
        found.append([each - due for each in shown if (each >= come).all()])
    return found


@settings(deadline=None, max_examples=150)
@given(st.lists(RECORDS, min_size=1, max_size=3), st.integers(-1, 25))
def test_as_many_and_as_few_are_within_a_latency_as_any_matching_has(
    told: list[list[tuple[int, int, int]]], latency_ms: int
) -> None:
    cells = _cells(told)
    counts = [
        [int((each <= latency_ms * 1_000_000).sum()) for each in matchings]
        for matchings in _latencies_of_all_matchings(cells)
    ]
    bounds = LatencyBounds(cells)
    assert bounds.most_within(latency_ms * 1_000_000) == sum(map(max, counts))
    assert bounds.fewest_within(latency_ms * 1_000_000) == sum(map(min, counts))


@settings(deadline=None, max_examples=60)
@given(RECORDS, st.sampled_from([50.0, 90.0, 99.0, 100.0]))
def test_a_quantile_has_the_least_and_the_greatest_value_of_all_matchings(
    records: list[tuple[int, int, int]], percent: float
) -> None:
    cells = _cells([records])
    (matchings,) = _latencies_of_all_matchings(cells)
    rank = max(1, ceil(percent / 100 * len(records)))
    true_ms = [float(np.sort(each)[rank - 1]) / 1e6 for each in matchings]
    low_ms, high_ms = LatencyBounds(cells).quantile_ms(percent)
    resolution_ms = RESOLUTION_NS / 1e6
    assert min(true_ms) - resolution_ms <= low_ms <= min(true_ms)
    assert max(true_ms) <= high_ms <= max(true_ms) + resolution_ms


def test_the_order_in_which_records_are_given_makes_no_difference() -> None:
    cells = _cells([[(0, 1, 5), (3, 1, 0), (4, 2, 9)], [(1, 0, 0), (2, 0, 7)]])
    order = np.random.default_rng(1).permutation(len(cells.keys))
    shuffled = Cells(*(each[order] for each in (cells.keys, cells.due_ns, cells.come_ns, cells.visible_ns)))
    assert LatencyBounds(shuffled).quantile_ms(90) == LatencyBounds(cells).quantile_ms(90)


def test_a_record_that_came_late_by_its_own_clock_only_widens_the_bounds() -> None:
    cells = _cells([[(0, 0, 5), (1, 0, 5), (2, 0, 5)]])
    late = Cells(cells.keys, cells.due_ns, cells.come_ns + np.array([9_000_000, 0, 0]), cells.visible_ns)
    (low, high), (other_low, other_high) = LatencyBounds(cells).quantile_ms(50), LatencyBounds(late).quantile_ms(50)
    assert low == pytest.approx(other_low) and high == pytest.approx(other_high)
