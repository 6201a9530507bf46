"""When the records of an input are sent, and which of them."""

from typing import Any

import numpy as np
import pytest

from workloads.replay import Timing, time_replay

START_MS = 1_709_287_200_000


def _timing(times_s: list[float], **keys: Any) -> Timing:
    event_times_ms = START_MS + np.round(np.array(times_s) * 1000).astype(np.int64)
    plain = {"speed": 1.0, "rate_records_per_s": None, "warmup_s": 3, "duration_s": None, "allowed_lateness_ms": 10_000}
    return time_replay(event_times_ms, **plain | keys)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({}, (10, 7, 100, 70)),
        ({"duration_s": 4}, (10, 4, 70, 40)),
        ({"duration_s": 60}, (10, 7, 100, 70)),
        ({"speed": 2.0}, (5, 2, 100, 40)),
        ({"rate_records_per_s": 20, "speed": 9.0}, (5, 2, 100, 40)),
        ({"warmup_s": 10}, (10, 0, 100, 0)),
        ({"warmup_s": 20}, (10, -10, 100, 0)),
    ],
)
def test_what_is_measured_is_what_the_warm_up_leaves_up_to_the_duration(
    keys: dict[str, Any], found: tuple[int, int, int, int]
) -> None:
    timing = _timing([number / 10 for number in range(100)], **keys)
    assert (timing.total_s, timing.measured_s, timing.records, timing.measured_records) == found


def test_a_lull_after_the_warm_up_leaves_nothing_to_be_measured() -> None:
    timing = _timing([0, 20], duration_s=5)
    assert (timing.measured_s, timing.records, timing.measured_records) == (5, 1, 0)


def test_where_nothing_is_sent_the_lateness_is_the_allowed_one() -> None:
    timing = _timing([0.9, 5], speed=0.01, duration_s=5)
    assert (timing.records, timing.lateness_ms) == (0, 10_000)


def test_the_lateness_is_of_what_is_sent_and_the_resolution_of_all() -> None:
    assert _timing([0, 1, 2, 3, 4, 5, 6, 7, 86_400], duration_s=4).lateness_ms == 10_000
    assert _timing([0, 1, 2, 3, 4, 5, 6, 7, 86_400], speed=10_000.0, warmup_s=1).lateness_ms == 86_400_000
    assert _timing([0, 1, 2, 3, 4, 5, 6, 7.001]).resolution_ms == 1
