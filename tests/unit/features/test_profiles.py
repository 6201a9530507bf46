"""Profiles, skew and a hot partition do what they say, are pure, and leave all other workloads as they were."""

import hashlib
import math
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from engines.contract.record import CALIFORNIA, OPERATORS, TYPES
from harness.console.progress import ConsoleWatcher
from harness.errors import UsageError
from harness.experiments.sweep import SweepOptions, sweep
from harness.scenarios.loading import load_scenario
from harness.session.options import SessionOptions
from harness.workers.jobs import GeneratorJob, load_job, save_job
from workloads.california import COUNTIES
from workloads.locations import locations_of
from workloads.partitioning import CELL, ROUND_ROBIN
from workloads.profiles import NANOSECONDS_PER_S
from workloads.shapes import Bursts, Diurnal, Ramp, Shape, Spike, Step, profile_factors
from workloads.surges import Surge, usual_weights
from workloads.truth import expected_counts
from workloads.workload import Workload, WorkloadSpecification

RATE, WARMUP_S, DURATION_S = 1000, 3, 30
TURN_RECORDS = 2  # at that rate
USUAL = WorkloadSpecification(
    seed=7,
    rate_records_per_s=RATE,
    warmup_s=WARMUP_S,
    duration_s=DURATION_S,
    partitions=4,
    partitioning=ROUND_ROBIN,
)
#: Deviations that a test on chance allows: one in two million, and seeds are fixed.
DEVIATIONS = 5
SEEDS = range(1, 6)


def _rates(*shapes: Shape, **changes: object) -> list[int]:
    """Records of each second of the measured time."""
    workload = Workload(replace(USUAL, profile=shapes, **changes))
    rates = [int(np.diff(workload.second(second))[0]) for second in range(workload.total_s)]
    warmup = USUAL.warmup_s
    assert sum(rates) == workload.total_records
    assert rates[:warmup] == [RATE] * warmup, "a profile leaves the warm-up alone"
    return rates[warmup:]


@pytest.mark.parametrize(
    ("warmup_rate", "digest"),
    [
        (0, "1151c016b51efca840510381b0af7490f9cd8c647d0b6ff342f9ebfad703ba43"),
        (50, "7ffee14434544889a4c11abb6ac5739339afa99da96d4a649050e58f5e4b08f9"),
    ],
)
def test_without_the_new_keys_all_is_as_it_was_before_there_were_any(warmup_rate: int, digest: str) -> None:
    assert _digest(replace(USUAL, warmup_rate_records_per_s=warmup_rate)) == digest


def test_what_a_profile_sends_stays_what_it_is() -> None:
    """A change here changes every archive with a profile ever made: it must be meant, and its reason recorded."""
    profile = (Ramp(0.2, 1.0), Diurnal(10), Bursts(3.0, 3.0), Spike(9, 3, 4.0), Step(20, 0.5))
    digest = _digest(replace(USUAL, profile=profile, zipf_exponent=1.2, hot_share=0.5))
    assert digest == "ad5aa4e49b80aa46e56c09c9230cdf60155a3f06176be01f41815693371d6ba2"


def _digest(specification: WorkloadSpecification) -> str:
    """A hash of all lines and intended send times."""
    workload = Workload(specification)
    columns = workload.columns(0, workload.total_records)
    lines = b"\n".join(workload.lines(columns))
    return hashlib.sha256(lines + columns.offsets_ns.tobytes()).hexdigest()


# The rate over time


def test_a_ramp_goes_straight_from_one_rate_to_the_other() -> None:
    rates = _rates(Ramp(0.2, 1.4))
    steps = np.diff(rates)
    assert sum(rates) == RATE * DURATION_S * 0.8
    assert set(steps.tolist()) == {40} and rates[0] == 220 and rates[-1] == 1380


def test_a_ramp_holds_its_ends() -> None:
    assert _rates(Ramp(0.5, 1.5, at_s=10, duration_s=4)) == [500] * 10 + [625, 875, 1125, 1375] + [1500] * 16


def test_a_step_stays_and_a_spike_goes() -> None:
    assert _rates(Step(12, 0.25)) == [1000] * 12 + [250] * 18
    assert _rates(Spike(12, 3, 8.0)) == [1000] * 12 + [8000] * 3 + [1000] * 15


def test_a_day_has_its_trough_at_both_ends_its_peak_at_noon_and_the_mean_of_the_two() -> None:
    rates = _rates(Diurnal(10, 0.2), rate_records_per_s=RATE)
    assert rates[:10] == rates[10:20] == rates[20:]
    assert rates[:10] == rates[9::-1]
    assert rates[:5] == [round(RATE * (0.6 - 0.4 * math.cos(2 * math.pi * (second + 0.5) / 10))) for second in range(5)]
    assert sum(rates[:10]) == pytest.approx(10 * RATE * 0.6, abs=5)


def test_shapes_multiply_each_other() -> None:
    assert _rates(Step(10, 0.5), Step(20, 0.5), Spike(15, 10, 3.0)) == (
        [1000] * 10 + [500] * 5 + [1500] * 5 + [750] * 5 + [250] * 5
    )


def test_shapes_and_surges_multiply_each_other() -> None:
    surges = (Surge("Los Angeles", 5, 10, 3.0),)
    share = Fraction(10_014_009, 39_538_223)
    assert _rates(Step(10, 0.5), surges=surges) == (
        [1000] * 5 + [round(1000 * (1 + 2 * share))] * 5 + [round(500 * (1 + 2 * share))] * 5 + [500] * 15
    )


def test_no_second_is_without_a_record() -> None:
    assert _rates(Step(5, 0.0)) == [1000] * 5 + [1] * 25


# Bursts


def _lengths(bursts: Bursts, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """So many on and off times."""
    lengths = list(islice(bursts.lengths_s(seed + (1 << 64)), 2 * count))
    return np.array(lengths[::2]), np.array(lengths[1::2])


@pytest.mark.parametrize("seed", SEEDS)
def test_bursts_and_pauses_have_their_means(seed: int) -> None:
    """With alpha at 4, the variance exists, and so the mean of many is normal."""
    for lengths, mean_s in zip(_lengths(Bursts(4.5, 9.0, alpha=4.0), seed, 4000), (4.5, 9.0), strict=True):
        assert lengths.min() >= 1
        assert abs(lengths.mean() - mean_s) < DEVIATIONS * lengths.std() / math.sqrt(len(lengths))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("alpha", [1.1, 1.5, 3.0])
def test_bursts_have_paretos_tail(seed: int, alpha: float) -> None:
    """Rounding by chance makes the share of times of k s or more the mean of Pareto's survival from k - 2 to k - 1."""
    lengths, _ = _lengths(Bursts(5.0, 5.0, alpha=alpha), seed, 4000)
    scale_s = 4 * (alpha - 1)
    for at_least_s in (2, 5, 20, 100):
        between = at_least_s - 2 + (np.arange(1000) + 0.5) / 1000
        survival = float(np.where(between < 0, 1.0, (1 + np.maximum(between, 0) / scale_s) ** -alpha).mean())
        spread = math.sqrt(survival * (1 - survival) / len(lengths))
        assert abs((lengths >= at_least_s).mean() - survival) < DEVIATIONS * spread + 1 / len(lengths)


def test_a_burst_of_a_second_is_just_that() -> None:
    on, off = _lengths(Bursts(1.0, 3.0), 1, 200)
    assert set(on.tolist()) == {1} and len(set(off.tolist())) > 3


def test_bursts_are_on_first_and_then_in_turn_as_long_as_drawn() -> None:
    bursts = Bursts(3.0, 2.0, off_factor=0.1)
    lengths = list(islice(bursts.lengths_s(7 + (1 << 64)), 20))
    expected = [RATE if number % 2 == 0 else 100 for number, length in enumerate(lengths) for _ in range(length)]
    assert _rates(bursts) == expected[:DURATION_S]


def test_bursts_differ_by_seed_and_by_their_place_in_the_profile() -> None:
    bursts = Bursts(3.0, 3.0)
    found = [tuple(profile_factors([bursts], 200, seed)) for seed in range(20)]
    assert len(set(found)) == 20
    (first, second) = (bursts.factors(200, 7 + (number << 64)) for number in (1, 2))
    assert first != second
    assert profile_factors([bursts, bursts], 200, 7) == [one * other for one, other in zip(first, second, strict=True)]


# Whence


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("exponent", [0.5, 1.2])
def test_zipfs_law_has_its_slope(seed: int, exponent: float) -> None:
    workload = Workload(replace(USUAL, seed=seed, zipf_exponent=exponent))
    counties = workload.columns(0, 33_000).cells // (len(OPERATORS) * len(TYPES))
    by_population = np.argsort([-county.population for county in COUNTIES])
    counts = np.bincount(counties, minlength=len(COUNTIES))[by_population]
    ranks = np.arange(1, len(COUNTIES) + 1)
    slope, _ = np.polyfit(np.log(ranks), np.log(counts), 1, w=np.sqrt(counts))
    assert -slope == pytest.approx(exponent, abs=0.05)
    expected = len(counties) * ranks**-exponent / (ranks**-exponent).sum()
    # The 99.99 % quantile of Pearson's chi-squared with 57 degrees of freedom.
    assert ((counts - expected) ** 2 / expected).sum() < 108


def test_with_an_exponent_of_0_all_counties_weigh_the_same() -> None:
    assert set(usual_weights(locations_of(CALIFORNIA), 0.0)) == {1}
    assert usual_weights(locations_of(CALIFORNIA), 1.0)[18] == 1, "Los Angeles is the largest"


def test_a_surge_multiplies_the_skewed_rate() -> None:
    surges = (Surge("Los Angeles", 0, 30, 3.0),)
    weights = usual_weights(locations_of(CALIFORNIA), 1.0)
    assert _rates(surges=surges, zipf_exponent=1.0) == [round(RATE * (1 + 2 / sum(weights)))] * DURATION_S


# Whither


@pytest.mark.parametrize(("share", "partitions"), [(0.5, 4), (0.9, 3), (0.123456, 7), (0.001, 2), (0.999, 2)])
def test_the_hot_partition_has_its_share_exactly_and_the_others_the_same(share: float, partitions: int) -> None:
    workload = Workload(replace(USUAL, hot_share=share, partitions=partitions))
    counts = np.bincount(workload.partitions(0, TURN_RECORDS * 1_000_000), minlength=partitions)
    assert counts[0] == TURN_RECORDS * round(share * 1_000_000)
    assert counts[1:].max() - counts[1:].min() <= TURN_RECORDS
    for first in (0, 17, 123_456):
        hot = np.count_nonzero(workload.partitions(first, first + 5000) == 0)
        assert abs(hot - 5000 * share) <= 2 * TURN_RECORDS, "spread evenly"


def test_the_hot_partition_of_a_record_is_that_of_its_index_alone() -> None:
    workload = Workload(replace(USUAL, hot_share=0.4))
    whole = workload.partitions(0, 20_000)
    assert np.array_equal(workload.partitions(777, 9_999), whole[777:9_999])
    assert workload.partitions(5, 5).size == 0
    for far in (TURN_RECORDS * 10**6, TURN_RECORDS * 10**14):
        assert np.array_equal(workload.partitions(far, far + 20_000), whole), "exact, however far"
    assert np.array_equal(np.concatenate([workload.partitions(at, at + 1) for at in range(100)]), whole[:100])


def test_without_one_partitions_take_turns() -> None:
    assert Workload(USUAL).partitions(5, 13).tolist() == [2, 3, 3, 0, 0, 1, 1, 2]


def test_a_turn_is_as_long_at_every_rate_and_never_empty() -> None:
    for rate, records in ((1, 1), (999, 1), (6000, 12), (1_000_000, 2000)):
        found = Workload(replace(USUAL, rate_records_per_s=rate)).partitions(0, 5 * records)
        assert found.tolist() == [partition for partition in (0, 1, 2, 3, 0) for _ in range(records)]


# Any range can be made alone, and times and indexes are each other's inverse


FACTORS = st.floats(0, 5)
SHAPES = st.one_of(
    st.builds(Ramp, FACTORS, FACTORS, st.integers(0, 4), st.one_of(st.none(), st.integers(1, 10))),
    st.builds(Step, st.integers(0, 14), FACTORS),
    st.builds(Spike, st.integers(0, 14), st.integers(1, 10), FACTORS),
    st.builds(Diurnal, st.integers(2, 20), st.floats(0, 0.99)),
    st.builds(Bursts, st.floats(1, 5), st.floats(1, 5), st.floats(1.1, 10), st.floats(0, 0.99)),
)
SPECIFICATIONS = st.builds(
    WorkloadSpecification,
    seed=st.integers(0, 2**64 - 1),
    rate_records_per_s=st.integers(1, 100),
    warmup_s=st.integers(1, 4),
    duration_s=st.integers(5, 15),
    partitions=st.integers(2, 5),
    partitioning=st.sampled_from([CELL, ROUND_ROBIN]),
    profile=st.lists(SHAPES, max_size=3).map(tuple),
    warmup_rate_records_per_s=st.sampled_from([0, 50]),
    surges=st.sampled_from([(), (Surge("Kern", 2, 3, 5.0), Surge("Napa", 3, 1, 0.5))]),
    zipf_exponent=st.one_of(st.none(), st.floats(0, 5)),
    hot_share=st.one_of(st.none(), st.floats(0.001, 0.999)),
    malformed_per_million=st.just(50_000),
)


@settings(deadline=None, max_examples=60)
@given(specification=SPECIFICATIONS, ends=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_any_range_is_part_of_the_whole(specification: WorkloadSpecification, ends: tuple[float, float]) -> None:
    workload = Workload(specification)
    whole = workload.columns(0, workload.total_records)
    first, last = sorted(int(end * workload.total_records) for end in ends)
    part = workload.columns(first, last)
    for name in ("offsets_ns", "event_times_ms", "cells", "source_numbers", "durations_ms", "malformed"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[first:last]), name
    assert workload.lines(part) == workload.lines(whole)[first:last]
    assert np.array_equal(workload.partitions(first, last), workload.partitions(0, last)[first:])


@settings(deadline=None, max_examples=60)
@given(specification=SPECIFICATIONS)
def test_due_before_is_the_inverse_of_offsets_which_never_decrease(specification: WorkloadSpecification) -> None:
    workload = Workload(specification)
    offsets = workload.offsets_ns(0, workload.total_records)
    assert (np.diff(offsets) >= 0).all()
    assert offsets[-1] < workload.total_s * NANOSECONDS_PER_S
    for offset in offsets[:: max(1, len(offsets) // 50)].tolist():
        assert workload.due_before(offset) == np.searchsorted(offsets, offset, side="left")
        assert workload.due_before(offset + 1) == np.searchsorted(offsets, offset, side="right")
    seconds = [workload.second(second) for second in range(workload.total_s)]
    assert all(last == first for (_, last), (first, _) in pairwise(seconds))
    assert all(first < last for first, last in seconds)


@given(specification=SPECIFICATIONS)
def test_a_workers_job_file_keeps_all_of_it(tmp_path_factory: pytest.TempPathFactory, specification: object) -> None:
    assert isinstance(specification, WorkloadSpecification)
    job = GeneratorJob(workload=specification, anchor="a", bootstrap_servers="b", topic="t", output="o")
    path = tmp_path_factory.mktemp("job") / "job.json"
    save_job(job, path)
    assert load_job(GeneratorJob, str(path)) == job


# What uses the workload


def test_expected_counts_are_those_of_all_that_is_sent() -> None:
    workload = Workload(replace(USUAL, profile=(Diurnal(10), Bursts(2.0, 2.0)), zipf_exponent=1.0, hot_share=0.4))
    assert sum(expected_counts(workload, chunk_records=777).counts.values()) == workload.total_records


def test_quiet_is_the_time_before_the_rate_changes() -> None:
    surge = Surge("Alpine", 4, 3, 2.0)
    for profile, surges, quiet_s in (
        ((), (), DURATION_S),
        ((Step(9, 2.0),), (), 9),
        ((Step(9, 2.0),), (surge,), 4),
        ((Diurnal(10),), (surge,), 0),
    ):
        assert Workload(replace(USUAL, profile=profile, surges=surges)).quiet_s == quiet_s
    warm = replace(USUAL, warmup_rate_records_per_s=10, zipf_exponent=1.0, hot_share=0.5)
    assert Workload(warm).quiet_s == DURATION_S


@pytest.mark.parametrize("day_s", [8640, pytest.param(86_400, marks=pytest.mark.proof)])
def test_a_long_day_is_made_in_a_moment(day_s: int) -> None:
    workload = Workload(replace(USUAL, duration_s=day_s, profile=(Diurnal(day_s), Bursts(30.0, 30.0))))
    last = workload.total_records
    assert workload.offsets_ns(last - 1, last)[0] < workload.total_s * NANOSECONDS_PER_S
    assert len(workload.columns(last - 1000, last).cells) == 1000


@pytest.mark.parametrize("name", ["diurnal", "bursts", "flash-crowd"])
def test_a_sweep_refuses_rates_that_vary(tmp_path: Path, name: str) -> None:
    options = SessionOptions(runs_dir=tmp_path, command=[])
    with pytest.raises(UsageError, match=r"surges|profile"):
        sweep(load_scenario(name, {}), SweepOptions(), options, ConsoleWatcher(Console()))
