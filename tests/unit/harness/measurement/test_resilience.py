"""Times of detection and recovery, and staleness, of courses whose answers are known."""

import numpy as np
import pytest

from engines.contract.aggregate import Cell
from harness.evaluation.fault_outcomes import owner, wrong_cells
from harness.measurement.recovery import (
    COMMON_BAND_S,
    Course,
    NormalBand,
    beyond_share,
    common_band,
    excess_lag_record_s,
    normal_band,
    time_to_detect_s,
    time_to_recover_s,
    visible_by_step,
    worst_staleness_s,
)

BAND = NormalBand(lag_records=30.0, p99_ms=100.0)


def course(*, stuck_from_s: float, stuck_to_s: float, back_s: float, slow_until_s: int = 0) -> Course:
    """10 records a step of 0.1 s for 30 s, the first 2 s warm-up; nothing visible for a while, then all by `back_s`.

    Otherwise a record is visible a step after it was due. p99 is bad in the seconds from the stall to `slow_until_s`.
    """
    ends_s = -2 + 0.1 * np.arange(1, 301)
    due = 10 * np.arange(1, 301)
    visible = due - 10
    stuck = (ends_s > stuck_from_s + 1e-9) & (ends_s < back_s - 1e-9)
    before = visible[~stuck & (ends_s <= stuck_from_s + 1e-9)]
    catching_up = np.interp(ends_s, [stuck_to_s, back_s], [before[-1] if len(before) else 0, visible[-1]])
    visible = np.where(stuck, np.minimum(np.maximum(catching_up, before[-1]), visible), visible)
    p99_ms = {second: 500.0 if stuck_from_s <= second < slow_until_s else 20.0 for second in range(-2, 28)}
    return Course(-2.0, due, visible.astype(np.int64), p99_ms)


CALM = course(stuck_from_s=99, stuck_to_s=100, back_s=100)


def test_the_band_is_the_controls_extreme_and_some_room() -> None:
    assert normal_band(CALM, 28) == NormalBand(pytest.approx(1.5 * 10 + 25, abs=1), pytest.approx(1.5 * 20 + 100))


def test_a_stall_is_detected_when_the_lag_leaves_the_band() -> None:
    found = course(stuck_from_s=5, stuck_to_s=9, back_s=9)
    # 10 records of lag at 5.0 s, 40 at 5.3 s.
    assert time_to_detect_s(found, BAND, 5.0, 28) == pytest.approx(0.3)


def test_what_does_not_show_is_not_detected() -> None:
    assert time_to_detect_s(CALM, BAND, 5.0, 28) is None


def test_recovery_counts_from_the_heal_to_the_start_of_the_calm() -> None:
    found = course(stuck_from_s=5, stuck_to_s=9, back_s=9)
    assert time_to_recover_s(found, BAND, 7.0, 28) == pytest.approx(2.0, abs=0.11)


def test_a_bad_p99_puts_the_recovery_off() -> None:
    found = course(stuck_from_s=5, stuck_to_s=9, back_s=9, slow_until_s=12)
    assert time_to_recover_s(found, BAND, 7.0, 28) == pytest.approx(5.0, abs=0.11)


def test_what_never_left_the_band_recovers_at_once() -> None:
    assert time_to_recover_s(CALM, BAND, 7.0, 28) == pytest.approx(0, abs=0.11)


def test_no_recovery_before_the_next_fault_is_none() -> None:
    found = course(stuck_from_s=5, stuck_to_s=9, back_s=9)
    assert time_to_recover_s(found, BAND, 7.0, 11.5) is None
    assert time_to_recover_s(found, BAND, 7.0, 12.1) is not None


def outage(usual_lag_s: float) -> Course:
    """100 records a second for 60 s; nothing is visible from 20 to 30 s, what was due is caught up at 200 a second.

    Otherwise records are visible `usual_lag_s` after they were due.
    """
    ends_s = np.arange(1, 601) * 0.1
    usual = np.maximum(100 * (ends_s - usual_lag_s), 0)
    stuck_at = 100 * (20 - usual_lag_s)
    visible = np.where(ends_s <= 20, usual, np.minimum(np.maximum(stuck_at, stuck_at + 200 * (ends_s - 30)), usual))
    oldest_ms = 1000 * (ends_s - visible / 100)
    p99_ms = {second: float(oldest_ms[second * 10 : second * 10 + 10].max()) for second in (*range(20), *range(30, 60))}
    return Course(0.0, np.rint(100 * ends_s).astype(np.int64), np.rint(visible).astype(np.int64), p99_ms)


def _recovery_s(found: Course, band: NormalBand) -> float:
    recover_s = time_to_recover_s(found, band, 30.0, 60)
    assert recover_s is not None
    return recover_s


def test_of_one_outage_the_slow_engine_recovers_no_sooner_by_the_common_band() -> None:
    fast, slow = outage(0.1), outage(2.5)
    own = [_recovery_s(each, normal_band(outage(lag_s), 18)) for each, lag_s in ((fast, 0.1), (slow, 2.5))]
    assert own[1] < own[0], "by its own band, it would"
    assert _recovery_s(slow, common_band(slow)) >= _recovery_s(fast, common_band(fast)) > 0


def test_the_common_band_is_a_lag_of_so_many_seconds_of_load_whatever_the_rate() -> None:
    rates = np.repeat([10, 30], 100)  # records a step: another rate from the tenth second on
    found = Course(0.0, np.cumsum(rates), np.zeros(200, dtype=np.int64), {})
    band = common_band(found)
    assert isinstance(band.lag_records, np.ndarray)
    steps = round(COMMON_BAND_S * 10)
    assert band.lag_records[[99, 199]].tolist() == [10 * steps, 30 * steps]
    assert band.p99_ms == COMMON_BAND_S * 1000


def test_the_excess_lag_is_the_area_above_the_band() -> None:
    lag = np.concatenate([np.zeros(50), np.full(20, 130), np.full(30, 40)]).astype(np.int64)
    due = 100 + 10 * np.arange(1, 101)
    found = Course(0.0, due, due - lag, {})
    assert excess_lag_record_s(found, BAND, 5.0, 7.0) == pytest.approx(100 * 2.0)
    assert excess_lag_record_s(found, BAND, 5.0, 10.0) == pytest.approx(100 * 2.0 + 10 * 3.0)
    assert excess_lag_record_s(found, BAND, 6.0, 7.0) == pytest.approx(100 * 1.0)
    assert excess_lag_record_s(CALM, BAND, 5.0, 28.0) == 0


def test_how_long_an_engine_is_beyond_the_common_band_without_a_fault() -> None:
    assert beyond_share(outage(0.1), common_band(outage(0.1)), 20) == 0
    assert beyond_share(outage(3.5), common_band(outage(3.5)), 20) == pytest.approx(1, abs=0.2)


def test_staleness_is_the_longest_time_without_a_new_record() -> None:
    assert worst_staleness_s(course(stuck_from_s=5, stuck_to_s=9, back_s=9), 5.0, 28) == pytest.approx(3.9, abs=0.11)
    assert worst_staleness_s(CALM, 5.0, 28) == 0


def test_the_end_of_the_load_is_no_staleness() -> None:
    ended = Course(0.0, np.full(50, 10), np.full(50, 10), {})
    assert worst_staleness_s(ended, 0, 5) == 0


def test_steps_add_up_and_what_is_beyond_the_last_is_left_out() -> None:
    assert visible_by_step([(-1, 2), (0, 3), (2, 5), (9, 7)], 4).tolist() == [5, 5, 10, 10]


def test_wrong_cells_are_named_with_both_counts() -> None:
    right, short, gone, more = (Cell(second, "06037", "Verizon", "text") for second in range(4))
    found = wrong_cells({right: 1, short: 5, gone: 2}, {right: 1, short: 4, more: 3})
    assert [(cell.window_s, cell.expected, cell.observed) for cell in found] == [(1, 5, 4), (2, 2, None), (3, None, 3)]


def test_a_window_is_put_down_to_the_last_fault_that_had_begun() -> None:
    assert [owner(end_s, [5.0, 30.0]) for end_s in (-3, 5, 6, 30, 31, 99)] == [0, 0, 0, 0, 1, 1]
