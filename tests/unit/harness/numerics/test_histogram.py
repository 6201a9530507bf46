"""Distributions keep what they are given: stalls, negatives and exact means; they can be merged, encoded or not."""

import base64
import struct
import zlib

import numpy as np
import pytest

from harness.numerics.durations import Durations, decode, encode, merged, quantiles_ms


def _of(*durations_ns: int) -> Durations:
    durations = Durations()
    durations.record_ns(np.array(durations_ns, dtype=np.int64))
    return durations


def test_a_stall_of_a_minute_appears() -> None:
    durations = _of(*[5_000_000] * 999, 60_000_000_000)
    assert quantiles_ms(durations.to_histogram(), 50, 100) == pytest.approx([5, 60_000], rel=1e-3)
    assert durations.max_ms == 60_000
    assert durations.mean_ms == pytest.approx((999 * 5 + 60_000) / 1000)


def test_a_stall_of_more_than_a_day_is_kept_at_the_end_of_the_scale() -> None:
    durations = _of(100 * 3600 * 10**9)
    assert durations.max_ms == 100 * 3600 * 1000
    assert durations.to_histogram().get_total_count() == 1


def test_negatives_beyond_the_tolerance_are_counted() -> None:
    durations = Durations(tolerance_us=1000)
    durations.record_ns(np.array([-999_999, -1_000_000, -1_000_001, 4]))
    assert (durations.count, durations.negative_count) == (4, 1)
    assert durations.sum_ns == -2_999_996, "a negative one counts as itself in the mean"


def test_nothing_can_be_recorded() -> None:
    durations = _of()
    assert durations == Durations()
    assert np.isnan(durations.mean_ms)


def test_quantiles_are_within_three_digits() -> None:
    values_ns = np.random.default_rng(1).lognormal(16, 1.5, 50_000).astype(np.int64)
    durations = Durations()
    for part in np.array_split(values_ns, 7):
        durations.record_ns(part)
    percents = (50, 90, 99, 99.9)
    assert quantiles_ms(durations.to_histogram(), *percents) == pytest.approx(
        (np.percentile(values_ns, percents) / 1e6).tolist(), rel=5e-3
    )


@pytest.mark.parametrize("count", [0, 1, 2, 2_000])
def test_quantiles_are_those_of_the_library_to_the_bit(count: int) -> None:
    histogram = _of(*np.random.default_rng(2).lognormal(16, 3, count).astype(np.int64).tolist()).to_histogram()
    percents = (1e-6, 50, 99, 100)
    for each in (histogram, merged([encode(histogram)] * 3), decode(encode(histogram))):
        expected = [float(each.get_value_at_percentile(percent)) / 1000 for percent in percents]
        assert quantiles_ms(each, *percents) == expected


def test_as_many_are_at_least_a_duration_as_were_recorded() -> None:
    durations = _of(*[249_000_000] * 4, *[250_000_000] * 3, *[10**10] * 2)
    assert [durations.at_least(each) for each in (0, 250, 251, 10_000, 10_100)] == [9, 5, 2, 2, 0]


def test_merging_is_recording_all_at_once() -> None:
    one, other = _of(1_000_000, 70_000_000_000), _of(3, 9_000_000)
    one.merge(other)
    assert one == _of(1_000_000, 70_000_000_000, 3, 9_000_000)


def test_json_gives_it_back() -> None:
    durations = _of(1, 2_000_000, 2_000_000, 10**12)
    assert Durations.from_json(durations.as_json()) == durations


def test_encoded_histograms_can_be_merged() -> None:
    texts = [encode(_of(*[1_000_000] * 10).to_histogram()), encode(_of(*[9_000_000] * 30).to_histogram())]
    total = merged(texts)
    assert total.get_total_count() == 40
    assert quantiles_ms(total, 20, 30) == pytest.approx([1, 9], rel=1e-3)


@pytest.mark.parametrize("text", ["", "no histogram", "HISTFAAA"])
def test_what_is_no_histogram_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no HdrHistogram"):
        decode(text)


def _wired(payload: bytes) -> str:
    """A payload as HdrHistogram V2 has it on the wire."""
    packed = zlib.compress(payload)
    return base64.b64encode(struct.pack(">ii", 0x1C849304, len(packed)) + packed).decode()


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (bytes(10_000_000), "more than 1,048,576 bytes"),
        (struct.pack(">iiiiqqq", 0x1C849303, 0, 0, 5, 1, 2**62, 0), "5 digits up to"),
    ],
    ids=["unpacks to 10 MB", "has counts for 100 years"],
)
def test_a_histogram_that_would_take_much_memory_is_refused(payload: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decode(_wired(payload))
