"""What stands out is found, what all counties do together is not, and false alarms are as rare as stated.

Most tests draw Poisson counts whose means are known. The seeds are fixed: a test that passes once passes always.
"""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from viewer.zscore import (
    BASELINE_WINDOWS,
    EXCLUDED_WINDOWS,
    MAX_ANOMALIES,
    MEAN_WINDOWS,
    RUN_WINDOWS,
    THRESHOLD,
    WARMUP_WINDOWS,
    Detector,
)
from workloads.california import COUNTIES, OPERATOR_SHARES

Counts = NDArray[np.int64]
Means = Callable[[int], NDArray[np.float64]]

START_S = 1_767_225_600
POPULATIONS = np.array([county.population for county in COUNTIES], dtype=np.float64)
SHARES = np.outer(POPULATIONS / POPULATIONS.sum(), OPERATOR_SHARES)
FIRST_SCORED = WARMUP_WINDOWS + EXCLUDED_WINDOWS
LOS_ANGELES, FRESNO, ALPINE = (
    [county.name for county in COUNTIES].index(name) for name in ("Los Angeles", "Fresno", "Alpine")
)


def constant(count: int) -> Counts:
    """The same count everywhere."""
    return np.full(SHARES.shape, count, dtype=np.int64)


def watch(means: Means, seconds: int, seed: int = 1) -> Detector:
    """A detector that has seen so many seconds of Poisson counts."""
    random, detector = np.random.default_rng(seed), Detector()
    for second in range(seconds):
        detector.add(START_S + second, random.poisson(means(second)))
    return detector


def surge(county: int, factor: float, first: int, last: int, rate: float = 6000.0) -> Means:
    """A constant rate, but for a county that has `factor` times its own from second `first` to before `last`."""

    def means(second: int) -> NDArray[np.float64]:
        found = SHARES * rate
        if first <= second < last:
            found[county] *= factor
        return found

    return means


# Known answers


def test_there_are_no_scores_in_the_warm_up() -> None:
    detector = Detector()
    for second in range(FIRST_SCORED):
        detector.add(START_S + second, constant(9))
        assert np.isnan(detector.z).all()
    detector.add(START_S + FIRST_SCORED, constant(9))
    assert (detector.z == 0).all()
    assert np.isnan(detector.county_z).all()
    for second in range(FIRST_SCORED + 1, FIRST_SCORED + MEAN_WINDOWS):
        detector.add(START_S + second, constant(9))
    assert (detector.county_z == 0).all()


def test_the_score_is_the_excess_over_the_square_root_of_the_mean() -> None:
    """All series are constant, at 100; then one has 130. What the others say of the state's total stays as it was."""
    detector = Detector()
    for second in range(80):
        detector.add(START_S + second, constant(100))
    counts = constant(100)
    counts[FRESNO, 2] = 130
    detector.add(START_S + 80, counts)
    # Fresno has 430 in place of 400, which does not stand out, and so raises the total by 30 in 23,200.
    level = (58 * 400 + 30) / (58 * 400)
    assert detector.z[FRESNO, 2] == pytest.approx((130 - 100 * level) / np.sqrt(100 * level))
    assert detector.z[FRESNO, 1] == pytest.approx((100 - 100 * level) / np.sqrt(100 * level))
    county = (1230 - 400 * (2 + level)) / np.sqrt(400 * (2 + level) * (1 + MEAN_WINDOWS / BASELINE_WINDOWS))
    assert detector.county_z[FRESNO] == pytest.approx(county)


def test_the_variance_is_never_taken_for_less_than_1() -> None:
    detector = Detector()
    for second in range(80):
        detector.add(START_S + second, constant(0))
    counts = constant(0)
    counts[ALPINE, 0] = 2
    detector.add(START_S + 80, counts)
    assert detector.z[ALPINE, 0] == 2
    assert detector.z[FRESNO, 0] == 0


def test_a_variance_above_the_mean_is_believed() -> None:
    """Counts of 100 and 140 in turn have a mean of 120 and a variance of 400. The state's total stays the same."""
    detector = Detector()
    for second in range(90):
        counts = constant(120)
        counts[::2] += 20 * (-1) ** second
        counts[1::2] -= 20 * (-1) ** second
        detector.add(START_S + second, counts)
    assert detector.z == pytest.approx(np.where(np.arange(58)[:, np.newaxis] % 2, 1.0, -1.0) * np.ones(4), rel=0.03)


def test_windows_must_follow_each_other() -> None:
    detector = Detector()
    detector.add(START_S, constant(1))
    for wrong_s in (START_S, START_S - 1, START_S + 2):
        with pytest.raises(ValueError, match="does not follow"):
            detector.add(wrong_s, constant(1))


def test_the_threshold_is_the_normal_tail_shared_by_counties_and_seconds() -> None:
    tail = 2 * (1 - NormalDist().cdf(THRESHOLD))
    assert tail * len(COUNTIES) * 3600 == pytest.approx(1, rel=1e-6)
    assert pytest.approx(4.57, abs=0.01) == THRESHOLD


# Anomalies


@pytest.mark.parametrize("county", [FRESNO, LOS_ANGELES])
@pytest.mark.parametrize("factor", [3.0, 0.2])
def test_a_county_that_differs_for_20_s_stands_out_alone_and_leaves_no_echo(county: int, factor: float) -> None:
    """Also Los Angeles, which has a quarter of all records: the others must not seem to have fewer."""
    detector = watch(surge(county, factor, 150, 170), 260)
    (anomaly,) = detector.anomalies
    assert anomaly.county == county
    assert anomaly.since_s == START_S + 150
    assert anomaly.until_s is not None
    assert START_S + 170 <= anomaly.until_s < START_S + 170 + MEAN_WINDOWS
    assert anomaly.factor == pytest.approx(factor, rel=0.2)
    assert np.sign(anomaly.peak_z) == np.sign(factor - 1)
    assert abs(anomaly.peak_z) > THRESHOLD


def test_an_anomaly_is_told_while_it_lasts() -> None:
    detector = watch(surge(FRESNO, 3, 100, 200), 100 + RUN_WINDOWS - 1)
    assert (len(detector.anomalies), detector.version) == (0, 0)
    detector = watch(surge(FRESNO, 3, 100, 200), 100 + RUN_WINDOWS)
    assert [(each.county, each.until_s) for each in detector.anomalies] == [(FRESNO, None)]
    assert detector.version == 1


def test_a_lasting_change_becomes_the_usual() -> None:
    detector = watch(surge(FRESNO, 3, 100, 400), 400)
    (anomaly,) = detector.anomalies
    assert anomaly.until_s is not None
    assert anomaly.until_s - anomaly.since_s <= BASELINE_WINDOWS + EXCLUDED_WINDOWS
    assert abs(detector.county_z[FRESNO]) < THRESHOLD / 2


def test_a_second_anomaly_is_found_though_the_first_is_in_the_baseline() -> None:
    def means(second: int) -> NDArray[np.float64]:
        return surge(FRESNO, 3, 150, 160)(second) if second < 170 else surge(FRESNO, 3, 180, 190)(second)

    assert [each.since_s - START_S for each in watch(means, 230).anomalies] == [150, 180]


def test_a_single_second_is_no_anomaly_unless_it_is_enormous() -> None:
    assert not watch(surge(FRESNO, 1.5, 150, 151), 200).anomalies
    assert len(watch(surge(FRESNO, 30, 150, 151), 200).anomalies) == 1


def test_a_slow_change_of_all_counties_together_is_no_anomaly() -> None:
    """The rate goes from 2000 to 10,000 and back in five minutes, as the time of day would in hours."""
    detector = watch(lambda second: SHARES * (6000 - 4000 * np.cos(2 * np.pi * second / 300)), 600)
    assert not detector.anomalies
    assert np.abs(detector.county_z).max() < THRESHOLD


def test_a_step_of_all_counties_together_is_no_anomaly() -> None:
    """As when a warm-up at a gentler rate ends."""
    assert not watch(lambda second: SHARES * (1000 if second < 120 else 20_000), 240).anomalies


def test_a_pause_of_all_is_no_anomaly() -> None:
    assert not watch(lambda second: SHARES * (0 if 100 <= second < 140 else 6000), 240).anomalies


def test_a_surge_shows_against_a_change_of_all() -> None:
    def means(second: int) -> NDArray[np.float64]:
        found: NDArray[np.float64] = surge(FRESNO, 3, 150, 170)(second) * (1 + second / 100)
        return found

    assert [each.county for each in watch(means, 260).anomalies] == [FRESNO]


def test_old_anomalies_are_forgotten() -> None:
    """Every 15 s, ten other counties out of fifty have three times as many for 4 s."""

    def means(second: int) -> NDArray[np.float64]:
        found = np.full(SHARES.shape, 100.0)
        if second >= 60 and second % 15 < 4:
            found[second // 15 % 5 * 10 :][:10] *= 3
        return found

    detector = watch(means, 300)
    assert len(detector.anomalies) == MAX_ANOMALIES
    assert detector.anomalies[0].since_s > START_S + 60
    assert detector.anomalies[-1].since_s == START_S + 285


# Rates of error


def test_scores_of_quiet_counties_are_standard_at_most() -> None:
    """Their deviation is near 1 where counts are large, and below it where the floor of 1 rules."""
    random, detector = np.random.default_rng(3), Detector()
    scores, county_scores = [], []
    for second in range(600):
        detector.add(START_S + second, random.poisson(SHARES * 6000))
        scores.append(detector.z)
        county_scores.append(detector.county_z)
    deviations = np.nanstd(np.array(scores), axis=0)
    assert deviations[FRESNO] == pytest.approx(np.ones(4), abs=0.1)
    assert deviations[ALPINE].max() < 0.5
    assert np.nanstd(np.array(county_scores)[:, FRESNO]) == pytest.approx(1, abs=0.15)
    assert abs(np.nanmean(np.array(county_scores))) < 0.05


@pytest.mark.parametrize("rate", [200, 6000])
@pytest.mark.parametrize("seconds", [600, pytest.param(1800, marks=pytest.mark.proof)])
def test_false_alarms_are_no_more_frequent_than_one_an_hour(rate: int, seconds: int) -> None:
    """Scores of small counts have longer tails; that they must last makes up for it.

    At one alarm an hour, two or more would come by chance in 1.2 % of ten minutes, and in 9 % of half hours.
    """
    assert len(watch(lambda _: SHARES * rate, seconds, seed=rate).anomalies) <= 1
