"""The workload is a pure function of its seed, has the documented shape, and counts to what its lines say."""

from collections import Counter
from dataclasses import replace
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contract.aggregate import Cell
from engines.contract.record import OPERATORS, parse
from workloads.california import CALL_SHARE, COUNTIES, OPERATOR_SHARES
from workloads.cells import CELLS
from workloads.malformed import KINDS
from workloads.profiles import NANOSECONDS_PER_S, ConstantRate, Pieces
from workloads.truth import expected_counts
from workloads.workload import Workload, WorkloadSpecification

SPECIFICATION = WorkloadSpecification(
    seed=7, rate_records_per_s=3000, warmup_s=2, duration_s=5, partitions=4, malformed_per_million=5000
)


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    workload = Workload(SPECIFICATION)
    return workload.lines(workload.columns(0, workload.total_records))


def test_counties_are_the_58_of_the_2020_census() -> None:
    assert len(COUNTIES) == 58
    assert sum(county.population for county in COUNTIES) == 39_538_223
    assert {county.name: county.fips for county in COUNTIES}["Los Angeles"] == "06037"
    assert [county.name for county in COUNTIES] == sorted(county.name for county in COUNTIES)


def test_first_lines_stay_what_they_are(lines: list[bytes]) -> None:
    """A change here changes every archive ever made: it must be meant, and its reason recorded."""
    assert lines[0] == b"+12137168280,+12136305790,06037,1767225600000,1767225600000,text,Verizon"
    assert lines[1].endswith(b",06059,1767225550337,1767225600000,call,AT&T")


def test_any_range_gives_the_same_lines_as_the_whole(lines: list[bytes]) -> None:
    workload = Workload(SPECIFICATION)
    assert workload.lines(workload.columns(1234, 2345)) == lines[1234:2345]


def test_another_seed_gives_other_lines(lines: list[bytes]) -> None:
    workload = Workload(replace(SPECIFICATION, seed=8))
    other = workload.lines(workload.columns(0, 1000))
    assert sum(a == b for a, b in zip(other, lines, strict=False)) == 0


def test_expected_counts_are_those_of_the_lines(lines: list[bytes]) -> None:
    parsed = [parse(line) for line in lines]
    counts = Counter(Cell(r.window_s, r.location, r.operator, r.type) for r in parsed if r)
    malformed = [index for index, record in enumerate(parsed) if record is None]
    expected = expected_counts(Workload(SPECIFICATION), chunk_records=1000)
    assert expected.counts == counts
    assert expected.malformed_indexes == malformed
    assert expected.malformed_lines == [lines[index] for index in malformed]


def test_malformed_lines_are_as_frequent_as_asked_and_of_every_kind(lines: list[bytes]) -> None:
    malformed = [line for line in lines if parse(line) is None]
    expected = len(lines) * SPECIFICATION.malformed_per_million / 1e6
    assert abs(len(malformed) - expected) < 5 * expected**0.5
    whole = b"+12137168280,+12136305790,06037,1767225600000,1767225600000,text,Verizon"
    assert parse(whole) is not None
    assert all(parse(spoil(whole)) is None for spoil in KINDS.values())


def test_shares_follow_population_operators_and_types() -> None:
    """Pearson's chi-squared stays below its 99.99 % quantile; one seed, so that the test always goes the same way."""
    columns = Workload(replace(SPECIFICATION, rate_records_per_s=100_000)).columns(0, 400_000)
    population = np.array([county.population for county in COUNTIES], dtype=float)
    operators, types = len(OPERATORS), 2
    assert _chi_squared(columns.cells // (operators * types), population) < 108  # 57 degrees of freedom
    assert _chi_squared(columns.cells // types % operators, np.array(OPERATOR_SHARES)) < 22  # 3
    assert _chi_squared(columns.cells % types, np.array([CALL_SHARE, 1 - CALL_SHARE])) < 16  # 1


def _chi_squared(chosen: np.ndarray, weights: np.ndarray) -> float:
    expected = weights / weights.sum() * len(chosen)
    return float(((np.bincount(chosen, minlength=len(weights)) - expected) ** 2 / expected).sum())


def test_call_durations_are_plausible() -> None:
    durations_s = Workload(SPECIFICATION).columns(0, 20_000).durations_ms / 1000
    calls = durations_s[durations_s > 0]
    assert 55 < np.median(calls) < 65
    assert 95 < calls.mean() < 125
    assert calls.max() < 3 * 3600


def test_every_second_has_its_records() -> None:
    workload = Workload(SPECIFICATION)
    bounds = [workload.second(second) for second in range(workload.total_s)]
    assert bounds[0][0] == 0 and bounds[-1][1] == workload.total_records == 21_000
    assert all(last == first for (_, last), (first, _) in pairwise(bounds))
    windows = workload.columns(*workload.second(3)).windows_s
    assert set(windows.tolist()) == {SPECIFICATION.epoch_s + 3}
    assert len(CELLS) == 464


@given(rate=st.integers(1, 3_000_000), seconds=st.floats(0, 10**8))
def test_due_before_inverts_offsets(rate: int, seconds: float) -> None:
    """For three years of records: a scenario lasts a day and an hour at most."""
    index = int(rate * seconds)
    profile = ConstantRate(rate)
    (offset,) = profile.offsets_ns(index, index + 1).tolist()
    assert profile.due_before(offset) <= index < profile.due_before(offset + 1)
    assert offset == index * NANOSECONDS_PER_S // rate


RATES = st.integers(1, 5000)


@given(pieces=st.lists(st.tuples(st.integers(1, 20), RATES), max_size=5), last=RATES, at=st.integers(0, 200_000))
def test_pieces_are_one_rate_after_the_other(pieces: list[tuple[int, int]], last: int, at: int) -> None:
    starts_s = [0, *accumulate(length_s for length_s, _ in pieces)]
    rates = [*(rate for _, rate in pieces), last]
    profile = Pieces([(start_s, ConstantRate(rate)) for start_s, rate in zip(starts_s, rates, strict=True)])
    offsets = profile.offsets_ns(at, at + 300)
    assert (np.diff(offsets) >= 0).all()
    whole = profile.offsets_ns(0, at + 300) if at < 3000 else None
    assert whole is None or whole[at:].tolist() == offsets.tolist(), "any range is part of the whole"
    for index in (0, 150, 299):
        assert profile.due_before(int(offsets[index])) <= at + index < profile.due_before(int(offsets[index]) + 1)
    records = [0, *accumulate(length_s * rate for length_s, rate in pieces)]
    assert [profile.due_before(start_s * NANOSECONDS_PER_S) for start_s in starts_s] == records
    assert profile.due_before((starts_s[-1] + 7) * NANOSECONDS_PER_S) == records[-1] + last * 7
    assert profile.due_before(-1) == 0


def test_no_records_are_a_range_too() -> None:
    workload = Workload(replace(SPECIFICATION, warmup_s=3, warmup_rate_records_per_s=100))
    for at in (0, 150, 200, 9000):
        assert workload.lines(workload.columns(at, at)) == []


def test_a_warmup_at_another_rate_takes_its_first_two_thirds() -> None:
    workload = Workload(replace(SPECIFICATION, warmup_s=6, warmup_rate_records_per_s=100))
    seconds = [np.diff(workload.second(second))[0] for second in range(workload.total_s)]
    assert seconds == [100] * 4 + [3000] * 7
    assert expected_counts(workload).counts.keys() <= {
        Cell(SPECIFICATION.epoch_s + second, *cell) for second in range(11) for cell in CELLS
    }
