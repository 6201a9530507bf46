"""Histograms of durations that keep everything they are given, negatives and stalls alike, and can be merged."""

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

#: One microsecond to one day, to three significant digits.
LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS = 1, 86_400_000_000, 3


class Histogram:
    """Durations in microseconds, in an HdrHistogram, which holds no negative values: those are counted apart.

    Attributes:
        count: values recorded, the negative ones too.
        negative_count: values below `-tolerance_us`.
        mean_us: exact, from the values themselves.
    """

    def __init__(self, tolerance_us: int = 0) -> None:
        self._histogram = HdrHistogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS)
        self._tolerance_us = tolerance_us
        self._sum_ns = 0
        self.count = 0
        self.negative_count = 0
        self.max_ns = 0

    def record_ns(self, durations_ns: NDArray[np.int64]) -> None:
        """Record `durations_ns`, shape (n,), n of at least 1."""
        self.count += len(durations_ns)
        self.negative_count += int(np.count_nonzero(durations_ns < -self._tolerance_us * 1000))
        self._sum_ns += int(durations_ns.sum())
        self.max_ns = max(self.max_ns, int(durations_ns.max()))
        values, counts = np.unique(np.maximum(durations_ns // 1000, 0), return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self._histogram.record_value(value, count)

    @property
    def mean_ms(self) -> float:
        """Mean in milliseconds, exact; NaN if there is no value."""
        return self._sum_ns / self.count / 1e6 if self.count else float("nan")

    @property
    def max_ms(self) -> float:
        """The greatest value in milliseconds, exact."""
        return self.max_ns / 1e6

    def quantile_ms(self, percent: float) -> float:
        """The value, in milliseconds, that `percent` of the values do not exceed."""
        return float(self._histogram.get_value_at_percentile(percent)) / 1000

    def encode(self) -> str:
        """HdrHistogram V2, compressed, in base64."""
        return str(self._histogram.encode().decode("ascii"))
