"""Histograms keep what they are given: stalls, negatives and exact means."""

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from harness.histogram import Histogram


def test_a_stall_of_a_minute_appears() -> None:
    histogram = Histogram()
    histogram.record_ns(np.full(999, 5_000_000))
    histogram.record_ns(np.array([60_000_000_000]))
    assert histogram.quantile_ms(50) == pytest.approx(5, rel=1e-3)
    assert histogram.max_ms == 60_000
    assert histogram.quantile_ms(100) == pytest.approx(60_000, rel=1e-3)
    assert histogram.mean_ms == pytest.approx((999 * 5 + 60_000) / 1000)


def test_negatives_beyond_the_tolerance_are_counted() -> None:
    histogram = Histogram(tolerance_us=1000)
    histogram.record_ns(np.array([-999_999, -1_000_000, -1_000_001, 4]))
    assert (histogram.count, histogram.negative_count) == (4, 1)


def test_quantiles_are_within_three_digits() -> None:
    values_ns = np.random.default_rng(1).lognormal(16, 1.5, 50_000).astype(np.int64)
    histogram = Histogram()
    for part in np.array_split(values_ns, 7):
        histogram.record_ns(part)
    for percent in (50, 90, 99, 99.9):
        assert histogram.quantile_ms(percent) == pytest.approx(np.percentile(values_ns, percent) / 1e6, rel=5e-3)


def test_the_encoding_can_be_merged() -> None:
    one, other = Histogram(), Histogram()
    one.record_ns(np.full(10, 1_000_000))
    other.record_ns(np.full(30, 9_000_000))
    merged = HdrHistogram.decode(one.encode())
    merged.add(HdrHistogram.decode(other.encode()))
    assert merged.get_total_count() == 40
    assert merged.get_value_at_percentile(20) == pytest.approx(1000, rel=1e-3)
    assert merged.get_value_at_percentile(30) == pytest.approx(9000, rel=1e-3)
