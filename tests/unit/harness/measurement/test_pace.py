"""A fault waits for the recovery from the one before it, and no longer than it is to; by a clock of the test's own."""

from bisect import bisect_left

import pytest

from harness.measurement.pace import FRESH_S, Pace
from harness.measurement.recovery import CALM_S, COMMON_BAND_S
from workloads.truth import expected_malformed
from workloads.workload import Workload, WorkloadSpecification

RATE = 100
WORKLOAD = Workload(
    WorkloadSpecification(
        seed=1, rate_records_per_s=RATE, warmup_s=2, duration_s=300, partitions=1, malformed_per_million=100_000
    )
)
MALFORMED = expected_malformed(WORKLOAD).malformed_indexes
HEALED_S = 10.0


def _visible(t_s: float, lag_s: float) -> int:
    """How many records are visible so many seconds after the start of the measured time, if the lag is of `lag_s`."""
    due = int((t_s + 2 - lag_s) * RATE)
    return due - bisect_left(MALFORMED, due)


def _waits_s(
    lags_s: dict[float, float], *, within_s: float = 60, down_until_s: float = 0, silent_s: float = 0
) -> float:
    """How long after the heal the next fault may come, if the lag is each of `lags_s` from its time on."""
    pace = Pace(WORKLOAD, MALFORMED, within_s)
    for tick in range(1200):
        t_s = tick / 4
        lag_s = next(lag_s for since_s, lag_s in reversed(lags_s.items()) if since_s <= t_s)
        pace.look(t_s, t_s - silent_s, _visible(t_s - silent_s, lag_s), is_over=t_s >= down_until_s)
        if t_s >= HEALED_S and pace.goes_on(t_s, HEALED_S):
            return t_s - HEALED_S
    raise AssertionError("it waits for ever")


def test_what_stays_in_the_band_is_waited_for_as_long_as_calm_has_to_last() -> None:
    assert _waits_s({0: 0.5}) == CALM_S


@pytest.mark.parametrize("recovered_s", [14.0, 50.0])
def test_the_next_fault_waits_until_the_lag_has_been_back_in_the_band_for_a_while(recovered_s: float) -> None:
    lags_s = {0: 0.5, 8: COMMON_BAND_S + 0.5, recovered_s: COMMON_BAND_S - 0.5}
    assert _waits_s(lags_s) == recovered_s - HEALED_S + CALM_S


def test_a_lag_that_comes_back_is_waited_for_again() -> None:
    lags_s = {0: 0.5, 8: 9.0, 14: 0.5, 16: 9.0, 20: 0.5}
    assert _waits_s(lags_s) == 20 - HEALED_S + CALM_S


def test_a_fault_that_is_never_recovered_from_is_waited_for_no_longer_than_given() -> None:
    assert _waits_s({0: 0.5, 8: 9.0}, within_s=60) == 60


def test_a_process_that_is_not_up_again_is_waited_for_though_the_lag_is_small_yet() -> None:
    assert _waits_s({0: 0.5}, down_until_s=25) == 25 - HEALED_S + CALM_S


def test_what_was_told_long_ago_says_nothing_of_now() -> None:
    assert _waits_s({0: 0.5}, within_s=60, silent_s=FRESH_S + 1) == 60
    assert _waits_s({0: 0.5}, within_s=60, silent_s=FRESH_S - 1) == CALM_S


def test_malformed_records_are_not_waited_for() -> None:
    pace = Pace(WORKLOAD, MALFORMED, 60)
    assert pace.malformed_before(WORKLOAD.total_records) == len(MALFORMED) > WORKLOAD.total_records // 20
    assert pace.malformed_before(MALFORMED[3]) == 3
