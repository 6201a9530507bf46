"""Distributions of durations that keep everything they are given, negatives and stalls alike, and can be merged."""

from __future__ import annotations

import base64
import struct
import zlib
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

#: One microsecond to one day, to three significant digits.
LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS = 1, 86_400_000_000, 3
#: So many leading bits of a value are kept, as HdrHistogram does for three digits.
_KEPT_BITS = 11
#: All counts of a histogram of ours, each different from the others, take a quarter of this.
MAX_UNPACKED_BYTES = 1 << 20
#: Of HdrHistogram V2: what stands before the compressed payload, and how that begins: cookie, length, an offset,
#: digits, lowest and highest value.
_HEADER_BYTES, _PAYLOAD = 8, struct.Struct(">iiiiqq")


@dataclass
class Durations:
    """A distribution of durations: counts by value, in microseconds to three digits; count, sum and maximum exact.

    Small, where few values differ, and cheap to add to many at a time; `to_histogram` gives its HdrHistogram.

    Attributes:
        tolerance_us: durations below minus this are counted in `negative_count`.
        counts: number of durations by value in microseconds. A negative one counts as 0 here, as itself in `sum_ns`.
        count, negative_count, sum_ns, max_ns: of all durations.
    """

    tolerance_us: int = 0
    counts: Counter[int] = field(default_factory=Counter)
    count: int = 0
    negative_count: int = 0
    sum_ns: int = 0
    max_ns: int = 0

    def record_ns(self, durations_ns: NDArray[np.int64]) -> None:
        """Record `durations_ns`, shape (n,)."""
        if not len(durations_ns):
            return
        self.count += len(durations_ns)
        self.negative_count += int(np.count_nonzero(durations_ns < -self.tolerance_us * 1000))
        self.sum_ns += int(durations_ns.sum())
        self.max_ns = max(self.max_ns, int(durations_ns.max()))
        values, counts = np.unique(_three_digits(np.maximum(durations_ns // 1000, 0)), return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self.counts[value] += count

    def merge(self, other: Durations) -> None:
        """Add all durations of `other`."""
        self.counts.update(other.counts)
        self.count += other.count
        self.negative_count += other.negative_count
        self.sum_ns += other.sum_ns
        self.max_ns = max(self.max_ns, other.max_ns)

    @property
    def mean_ms(self) -> float:
        """Mean in milliseconds, exact; NaN if there is no duration."""
        return self.sum_ns / self.count / 1e6 if self.count else float("nan")

    @property
    def max_ms(self) -> float:
        """The greatest duration in milliseconds, exact."""
        return self.max_ns / 1e6

    def at_least(self, duration_ms: float) -> int:
        """How many durations are at least `duration_ms`, to three digits."""
        least_us = int(_three_digits(np.array([int(duration_ms * 1000)]))[0])
        return sum(count for value, count in self.counts.items() if value >= least_us)

    def as_json(self) -> dict[str, Any]:
        """All of it, for JSON; `from_json` takes it back."""
        return asdict(self) | {"counts": sorted(self.counts.items())}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Durations:
        """What `as_json` gave."""
        return cls(**(saved | {"counts": Counter(dict(saved["counts"]))}))

    def to_histogram(self) -> HdrHistogram:
        """The HdrHistogram of the durations, in microseconds."""
        histogram = HdrHistogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS)
        for value, count in self.counts.items():
            histogram.record_value(min(value, HIGHEST_US), count)
        return histogram


def _three_digits(values_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """The lower bounds of HdrHistogram's buckets for non-negative `values_us`."""
    _, bits = np.frexp(values_us.astype(np.float64))
    shift = np.maximum(bits - _KEPT_BITS, 0)
    rounded: NDArray[np.int64] = values_us >> shift << shift
    return rounded


def quantiles_ms(histogram: HdrHistogram, *percents: float) -> list[float]:
    """The values, in milliseconds, that `percents` (above 0) of the values in `histogram` do not exceed.

    As the library's `get_value_at_percentile`, which goes through the counts one by one, and anew for each percentile.
    """
    up_to = np.cumsum(np.ctypeslib.as_array(histogram.counts))
    places = np.searchsorted(up_to, [histogram.get_target_count_at_percentile(percent) for percent in percents])
    if not histogram.get_total_count():
        return [0.0] * len(percents)
    values = [histogram.get_value_from_index(place) for place in places.tolist()]
    return [float(histogram.get_highest_equivalent_value(value)) / 1000 for value in values]


def encode(histogram: HdrHistogram) -> str:
    """HdrHistogram V2, compressed, in base64."""
    return str(histogram.encode().decode("ascii"))


def decode(text: str) -> HdrHistogram:
    """The histogram that `encode` wrote.

    Raises:
        ValueError: `text` is no histogram.
    """
    try:
        _check_size(base64.b64decode(text, validate=True))
        return HdrHistogram.decode(text)
    except Exception as error:  # the library raises errors of several libraries' own
        raise ValueError(f"no HdrHistogram: {error}") from error


def _check_size(encoded: bytes) -> None:
    """Refuse what unpacks to more than a histogram of ours: the library would unpack it whole.

    Raises:
        ValueError: it does.
        zlib.error: it cannot be unpacked.
    """
    unpacked = zlib.decompressobj().decompress(encoded[_HEADER_BYTES:], MAX_UNPACKED_BYTES + 1)
    if len(unpacked) > MAX_UNPACKED_BYTES:
        raise ValueError(f"more than {MAX_UNPACKED_BYTES:,} bytes")
    _, _, _, digits, _, highest_us = _PAYLOAD.unpack_from(unpacked)
    if digits > SIGNIFICANT_DIGITS or highest_us > HIGHEST_US:
        raise ValueError(f"{digits} digits up to {highest_us:,} us; at most {SIGNIFICANT_DIGITS} up to {HIGHEST_US:,}")


def merged(texts: list[str]) -> HdrHistogram:
    """The sum of the histograms that `encode` wrote as `texts`."""
    total = HdrHistogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS)
    for text in texts:
        total.add(decode(text))
    return total
