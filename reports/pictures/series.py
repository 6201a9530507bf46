"""Numbers to be drawn, from a result: distributions, rates, tables of volume."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from harness.results.performance import Sample
from harness.results.result import EngineResult, OperatorVolume

Floats = NDArray[np.float64]
LONGEST_STEP_S = 1.5  # samples are a second apart; beyond this, one is missing


# What is drawn: pure functions of the result.


def cdf_points(histogram: str) -> tuple[Floats, Floats]:
    """The distribution in an encoded HdrHistogram of microseconds.

    Returns latencies in ms, ascending, and the share of the records slower than each: 0 at the last.
    """
    decoded = HdrHistogram.decode(histogram)
    # The library's own iterator takes a hundred times as long: it makes an object for each of its 56,000 places.
    counts = np.array(decoded.counts, dtype=np.int64)
    recorded = np.flatnonzero(counts)
    starts_us = map(decoded.get_value_from_index, recorded.tolist())
    values_us = np.array([decoded.get_highest_equivalent_value(start_us) for start_us in starts_us], dtype=np.float64)
    at_most = np.cumsum(counts[recorded])
    slower = 1.0 - at_most / at_most[-1] if len(recorded) else np.array([])
    return values_us / 1000.0, slower


def rates(series: Sequence[Sample], total: Callable[[Sample], int]) -> tuple[Floats, Floats]:
    """Records per second of a running `total`: the edges of the intervals in s, and a rate for each interval.

    The rate is NaN where a sample is missing: the mean over the gap is known, but not what went on within it.
    """
    edges_s = np.array([sample.t_s for sample in series])
    steps_s = np.diff(edges_s)
    per_s = np.diff(np.array([float(total(sample)) for sample in series])) / steps_s
    return edges_s, np.where(steps_s > LONGEST_STEP_S, np.nan, per_s)


def with_gaps(times_s: Floats, values: Floats) -> tuple[Floats, Floats]:
    """The same points, with a NaN put wherever a sample is missing, so that no line crosses the gap."""
    gaps = np.flatnonzero(np.diff(times_s) > LONGEST_STEP_S) + 1
    return np.insert(times_s, gaps, np.nan), np.insert(values, gaps, np.nan)


def volume_table(volumes: Sequence[OperatorVolume]) -> tuple[list[int], list[str], Floats]:
    """Minutes (s since the epoch, none left out), operators (greatest first) and records [operator, minute].

    A minute or operator that the batch job does not list had no records, so 0 is its true volume.
    """
    if not volumes:
        return [], [], np.zeros((0, 0))
    starts_s = [volume.minute_s for volume in volumes]
    minutes_s = list(range(min(starts_s), max(starts_s) + 60, 60))
    totals: dict[str, int] = {}
    for volume in volumes:
        totals[volume.operator] = totals.get(volume.operator, 0) + volume.records
    operators = sorted(totals, key=lambda operator: (-totals[operator], operator))
    records = np.zeros((len(operators), len(minutes_s)))
    for volume in volumes:
        records[operators.index(volume.operator), (volume.minute_s - minutes_s[0]) // 60] += volume.records
    return minutes_s, operators, records


def spread(positions: Sequence[float], gap: float, upper: float) -> list[float]:
    """`positions` moved apart by at least `gap`, in their order, and none beyond `upper`: places for labels."""
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    placed = list(positions)
    for left, right in itertools.pairwise(order):
        placed[right] = max(placed[right], placed[left] + gap)
    limit = upper
    for index in reversed(order):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - gap
    return placed


def samples_of(engine: EngineResult) -> list[Sample]:
    """The samples of all trials."""
    return [sample for trial in engine.trials for sample in trial.series]
