"""A surge changes one county's rate for a while and nothing else, wherever the workload is used."""

import hashlib
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rich.console import Console

from engines.contract.aggregate import Cell
from engines.contract.record import OPERATORS, TYPES, parse
from harness.console.progress import ConsoleWatcher
from harness.errors import ConfigurationError, UsageError
from harness.experiments.sweep import SweepOptions, sweep
from harness.measurement.trajectory import Trajectories
from harness.scenarios.loading import load_scenario
from harness.scenarios.scenario import Scenario
from harness.session.options import SessionOptions
from harness.workers.jobs import GeneratorJob, load_job, save_job
from tests.builders.trajectories import changes_to
from viewer.cells import by_county_and_operator
from viewer.zscore import BASELINE_WINDOWS, EXCLUDED_WINDOWS, Detector
from workloads.california import CALL_SHARE, COUNTIES, OPERATOR_SHARES
from workloads.cells import CELL_NUMBERS, CELLS
from workloads.profiles import NANOSECONDS_PER_S
from workloads.surges import Surge
from workloads.truth import expected_counts
from workloads.workload import Columns, Workload, WorkloadSpecification

NAMES = [county.name for county in COUNTIES]
FRESNO, LOS_ANGELES = NAMES.index("Fresno"), NAMES.index("Los Angeles")
POPULATIONS = [county.population for county in COUNTIES]
SHARES = np.array(POPULATIONS) / sum(POPULATIONS)
RATE, WARMUP_S, DURATION_S = 5000, 3, 30
USUAL = WorkloadSpecification(
    seed=7, rate_records_per_s=RATE, warmup_s=WARMUP_S, duration_s=DURATION_S, partitions=4, malformed_per_million=5000
)
AT_S, LENGTH_S, FACTOR = 8, 12, 3.0
SPECIFICATION = replace(USUAL, surges=(Surge("Fresno", AT_S, LENGTH_S, FACTOR),))
#: Deviations that a test on chance allows: one in two million, and seeds are fixed.
DEVIATIONS = 5
SEEDS = range(1, 6)


def _counties(columns: Columns) -> NDArray[np.int64]:
    """How many records come from each county."""
    return np.bincount(columns.cells // (len(OPERATORS) * len(TYPES)), minlength=len(COUNTIES))


def _between(workload: Workload, first_s: int, last_s: int) -> Columns:
    """The records due from a second of the measured time on and before another."""
    offsets = [(workload.specification.warmup_s + second) * NANOSECONDS_PER_S for second in (first_s, last_s)]
    return workload.columns(*map(workload.due_before, offsets))


def _rates(workload: Workload) -> list[int]:
    return [int(np.diff(workload.second(second))[0]) for second in range(workload.total_s)]


# What a surge does


@pytest.mark.parametrize("seed", SEEDS)
def test_the_county_has_its_multiple_and_the_others_have_what_they_had(seed: int) -> None:
    workload = Workload(replace(SPECIFICATION, seed=seed))
    for first_s, last_s, factor in (
        (-WARMUP_S, AT_S, 1.0),
        (AT_S, AT_S + LENGTH_S, FACTOR),
        (AT_S + LENGTH_S, DURATION_S, 1.0),
    ):
        counts = _counties(_between(workload, first_s, last_s))
        weights = SHARES.copy()
        weights[FRESNO] *= factor
        share = weights[FRESNO] / weights.sum()
        spread = np.sqrt(counts.sum() * share * (1 - share))
        assert abs(counts[FRESNO] - counts.sum() * share) < DEVIATIONS * spread
        expected = RATE * (last_s - first_s) * SHARES
        assert abs(counts[LOS_ANGELES] - expected[LOS_ANGELES]) < DEVIATIONS * np.sqrt(expected[LOS_ANGELES])
        others = np.arange(len(COUNTIES)) != FRESNO
        # The 99.99 % quantile of Pearson's chi-squared with 57 degrees of freedom.
        assert ((counts - expected)[others] ** 2 / expected[others]).sum() < 108


@pytest.mark.parametrize("factor", [0.25, 1.5, 3.0, 40.0])
def test_the_rate_rises_by_what_the_county_adds(factor: float) -> None:
    workload = Workload(replace(USUAL, surges=(Surge("Fresno", AT_S, LENGTH_S, factor),)))
    share = Fraction(COUNTIES[FRESNO].population, sum(POPULATIONS))
    in_surge = round(RATE * (1 + (Fraction(factor) - 1) * share))
    after_s = DURATION_S - AT_S - LENGTH_S
    assert _rates(workload) == [RATE] * (WARMUP_S + AT_S) + [in_surge] * LENGTH_S + [RATE] * after_s


def test_surges_of_several_counties_add_up() -> None:
    surges = (Surge("Fresno", 5, 10, 3.0), Surge("Los Angeles", 10, 10, 0.5), Surge("Fresno", 20, 5, 2.0))
    workload = Workload(replace(USUAL, surges=surges))
    fresno, los_angeles = RATE * SHARES[FRESNO], RATE * SHARES[LOS_ANGELES]
    added = [0.0] * 5 + [2 * fresno] * 5 + [2 * fresno - los_angeles / 2] * 5 + [-los_angeles / 2] * 5
    added += [fresno] * 5 + [0.0] * 5
    assert _rates(workload) == [RATE] * WARMUP_S + [round(RATE + each) for each in added]
    counts = _counties(_between(workload, 10, 15))
    for county, expected in ((FRESNO, 15 * fresno), (LOS_ANGELES, 2.5 * los_angeles)):
        assert abs(counts[county] - expected) < DEVIATIONS * np.sqrt(expected)


def test_operators_and_types_surge_alike() -> None:
    columns = _between(Workload(replace(SPECIFICATION, rate_records_per_s=50_000)), AT_S, AT_S + LENGTH_S)
    each = len(OPERATORS) * len(TYPES)
    cells = columns.cells[columns.cells // each == FRESNO] % each
    expected = np.outer(OPERATOR_SHARES, (CALL_SHARE, 1 - CALL_SHARE)).ravel() * len(cells)
    # The 99.99 % quantile with 7 degrees of freedom.
    assert ((np.bincount(cells, minlength=each) - expected) ** 2 / expected).sum() < 30


def test_nothing_changes_before_the_surge_but_from_it_on_records_have_other_indexes() -> None:
    usual, workload = Workload(USUAL), Workload(SPECIFICATION)
    border = workload.due_before((WARMUP_S + AT_S) * NANOSECONDS_PER_S)
    assert workload.lines(workload.columns(0, border)) == usual.lines(usual.columns(0, border))
    assert workload.total_records > usual.total_records


def test_the_lines_of_a_surge_stay_what_they_are() -> None:
    """A change here changes every archive with a surge ever made: it must be meant, and its reason recorded."""
    workload = Workload(SPECIFICATION)
    lines = workload.lines(workload.columns(*workload.second(WARMUP_S + AT_S + 1)))
    assert lines[0] == b"+19098104157,+19512979160,06071,1767225565603,1767225612000,call,AT&T"
    digest = hashlib.sha256(b"\n".join(lines)).hexdigest()
    assert digest == "56738d627d7ddead36937e2e660b92723415a18fd28210694f4345b255046fd4"


def test_the_destination_does_not_surge() -> None:
    columns = _between(Workload(replace(SPECIFICATION, rate_records_per_s=50_000)), AT_S, AT_S + LENGTH_S)
    codes = [county.area_code for county in COUNTIES]
    fresno = sum(share for code, share in zip(codes, SHARES, strict=True) if code == COUNTIES[FRESNO].area_code)
    found = int((columns.destination_numbers // 10_000_000 == COUNTIES[FRESNO].area_code).sum())
    expected = len(columns.cells) * fresno
    assert abs(found - expected) < DEVIATIONS * np.sqrt(expected)


# What it leaves as it is: any range can be made alone, and times and indexes are each other's inverse

SURGES = st.lists(
    st.builds(
        Surge,
        county=st.sampled_from(NAMES),
        at_s=st.integers(0, 9),
        duration_s=st.integers(1, 5),
        factor=st.floats(1e-3, 20).filter(lambda factor: factor != 1),
    ),
    max_size=4,
    unique_by=lambda surge: surge.county,
).map(tuple)
SPECIFICATIONS = st.builds(
    WorkloadSpecification,
    seed=st.integers(0, 2**64 - 1),
    rate_records_per_s=st.integers(1, 200),
    warmup_s=st.integers(1, 4),
    duration_s=st.integers(5, 15),
    partitions=st.just(3),
    warmup_rate_records_per_s=st.sampled_from([0, 50]),
    surges=SURGES,
    malformed_per_million=st.just(50_000),
)


@settings(deadline=None)
@given(specification=SPECIFICATIONS, ends=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_any_range_is_part_of_the_whole(specification: WorkloadSpecification, ends: tuple[float, float]) -> None:
    workload = Workload(specification)
    whole = workload.columns(0, workload.total_records)
    first, last = sorted(int(end * workload.total_records) for end in ends)
    part = workload.columns(first, last)
    for name in ("offsets_ns", "event_times_ms", "cells", "source_numbers", "durations_ms", "malformed"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[first:last]), name
    assert workload.lines(part) == workload.lines(whole)[first:last]


@settings(deadline=None)
@given(specification=SPECIFICATIONS)
def test_due_before_is_the_inverse_of_offsets_which_never_decrease(specification: WorkloadSpecification) -> None:
    workload = Workload(specification)
    offsets = workload.offsets_ns(0, workload.total_records)
    assert (np.diff(offsets) >= 0).all()
    assert offsets[-1] < workload.total_s * NANOSECONDS_PER_S
    for offset in offsets[:: max(1, len(offsets) // 50)].tolist():
        assert workload.due_before(offset) == np.searchsorted(offsets, offset, side="left")
        assert workload.due_before(offset + 1) == np.searchsorted(offsets, offset, side="right")
    assert sum(_rates(workload)) == workload.total_records == workload.due_before(10**18)


@pytest.mark.parametrize("factor", [1e-9, 100.0])
def test_the_greatest_and_the_smallest_rates_are_exact_too(factor: float) -> None:
    """Every county surges: nothing overflows at a thousand million records a second, and no rate becomes 0."""
    surges = tuple(Surge(name, 0, 60, factor) for name in NAMES)
    for rate, in_surge in ((10_000_000, 1_000_000_000), (1, 100)) if factor > 1 else ((1, 1),):
        workload = Workload(replace(USUAL, rate_records_per_s=rate, duration_s=60, surges=surges))
        first = workload.due_before((WARMUP_S + 59) * NANOSECONDS_PER_S)
        assert workload.total_records - first == in_surge
        assert workload.offsets_ns(first, first + 1).tolist() == [(WARMUP_S + 59) * NANOSECONDS_PER_S]
        last = workload.total_records - 1
        assert workload.offsets_ns(last, last + 1)[0] < workload.total_s * NANOSECONDS_PER_S


# What uses the workload


def test_the_seeds_truth_is_that_of_the_lines() -> None:
    workload = Workload(replace(SPECIFICATION, rate_records_per_s=1000))
    lines = workload.lines(workload.columns(0, workload.total_records))
    records = [record for record in map(parse, lines) if record]
    counts = Counter(Cell(each.window_s, each.location, each.operator, each.type) for each in records)
    assert expected_counts(workload, chunk_records=777).counts == counts


def test_trajectories_match_every_record_of_a_surge() -> None:
    workload = Workload(replace(SPECIFICATION, rate_records_per_s=1000))
    trajectories = Trajectories(workload)
    expected = expected_counts(workload).counts
    trajectories.update(changes_to(expected, workload.locations, at_ms=1))
    assert trajectories.matched_records == sum(expected.values())
    assert trajectories.surplus_records == 0


def test_surges_survive_a_workers_job_file(tmp_path: Path) -> None:
    surges = (Surge("Fresno", 8, 12, 3.0), Surge("Alpine", 0, 30, 0.1))
    for specification in (USUAL, replace(USUAL, surges=surges)):
        job = GeneratorJob(workload=specification, anchor="a", bootstrap_servers="b", topic="t", output="o")
        path = tmp_path / f"{len(specification.surges)}.json"
        save_job(job, path)
        assert load_job(GeneratorJob, str(path)) == job


def test_the_map_shows_the_surge_of_the_built_in_scenario_and_nothing_else() -> None:
    scenario = load_scenario("surge", {})
    (surge,) = scenario.surges
    assert scenario.warmup_s + surge.at_s >= BASELINE_WINDOWS + EXCLUDED_WINDOWS, "the baseline is whole before it"
    workload = Workload(scenario.workload())
    epoch_s = workload.specification.epoch_s
    counts = np.zeros((workload.total_s, len(CELLS)), dtype=np.int64)
    for (window_s, *cell), count in expected_counts(workload).counts.items():
        counts[window_s - epoch_s, CELL_NUMBERS[tuple(cell)]] = count
    detector = Detector()
    for second in range(workload.total_s):
        detector.add(epoch_s + second, by_county_and_operator(counts[second]))
    (anomaly,) = detector.anomalies
    begin_s = epoch_s + scenario.warmup_s + surge.at_s
    assert COUNTIES[anomaly.county].name == surge.county == "Fresno"
    assert begin_s <= anomaly.since_s <= begin_s + 3
    assert anomaly.until_s is not None
    assert begin_s + surge.duration_s <= anomaly.until_s <= begin_s + surge.duration_s + 3
    assert anomaly.factor == pytest.approx(surge.factor, rel=0.2)


def test_a_sweep_refuses_surges(tmp_path: Path) -> None:
    options = SessionOptions(runs_dir=tmp_path, command=[])
    with pytest.raises(UsageError, match="surges"):
        sweep(load_scenario("surge", {}), SweepOptions(), options, ConsoleWatcher(Console()))


# How scenarios write it

WHEN = "at_s: 5, duration_s: 10, factor: 2"


def _load(tmp_path: Path, surges: str) -> Scenario:
    path = tmp_path / "scenario.yaml"
    path.write_text(f"name: x\nduration_s: 30\nsurges: {surges}", encoding="utf-8")
    return load_scenario(str(path), {})


@pytest.mark.parametrize("county", ["Los Angeles", "los angeles", "'06037'"])
def test_a_county_goes_by_its_name_or_its_code(tmp_path: Path, county: str) -> None:
    scenario = _load(tmp_path, f"[{{county: {county}, {WHEN}}}]")
    assert scenario.workload().surges == (Surge("Los Angeles", 5, 10, 2.0),)
    assert Scenario.model_validate(scenario.model_dump()) == scenario


def test_counties_in_a_list_surge_at_once(tmp_path: Path) -> None:
    scenario = _load(tmp_path, f"[{{county: [napa, '06029'], {WHEN}}}]")
    assert scenario.workload().surges == (Surge("Napa", 5, 10, 2.0), Surge("Kern", 5, 10, 2.0))
    assert Scenario.model_validate(scenario.model_dump()) == scenario


def test_no_surges_are_the_usual_workload(tmp_path: Path) -> None:
    assert _load(tmp_path, "[]").workload().surges == ()


def test_surges_may_touch_and_those_of_other_counties_overlap(tmp_path: Path) -> None:
    found = _load(
        tmp_path,
        f"[{{county: Kern, {WHEN}}}, {{county: Napa, {WHEN}}}, {{county: Kern, at_s: 15, "
        "duration_s: 15, factor: 0.5}]",
    )
    assert len(found.surges) == 3


@pytest.mark.parametrize(
    ("surges", "words"),
    [
        (f"[{{county: Fresnno, {WHEN}}}]", ["surges.0.county: found 'Fresnno'", "(did you mean 'Fresno'?)"]),
        (f"[{{county: Kern, {WHEN}}}, {{county: los angles, {WHEN}}}]", ["surges.1.county", "mean 'Los Angeles'?"]),
        (f"[{{county: '06020', {WHEN}}}]", ["surges.0.county: found '06020'", "unknown county '06020'; give a name"]),
        (f"[{{county: 06037, {WHEN}}}]", ["surges.0.county", "FIPS code in quotes"]),
        (f"[{{county: null, {WHEN}}}]", ["surges.0.county", "unknown county"]),
        (f"[{{county: [Kern, Fresnno], {WHEN}}}]", ["surges.0.county", "unknown county 'Fresnno' (did you mean"]),
        (f"[{{county: [], {WHEN}}}]", ["surges.0.county: found []", "one or more, each once"]),
        (f"[{{county: [Kern, '06029'], {WHEN}}}]", ["surges.0.county", "each once"]),
        (f"[{{county: [Kern, Napa], {WHEN}}}, {{county: Napa, {WHEN}}}]", ["surges.1: overlaps surges.0"]),
        (f"[{{{WHEN}}}]", ["surges.0.county", "required"]),
        ("[{county: Kern, at_s: 5, factor: 2}]", ["surges.0.duration_s", "required"]),
        (f"[{{county: Kern, {WHEN}, rate: 2}}]", ["surges.0.rate", "keys: county, at_s, duration_s, factor"]),
        (f"[{{county: Kern, {WHEN}, factr: 2}}]", ["surges.0.factr", "unknown key (did you mean 'factor'?)"]),
        ("[{county: Kern, at_s: 1.5, duration_s: 1, factor: 2}]", ["surges.0.at_s", "found 1.5"]),
        ("[{county: Kern, at_s: -1, duration_s: 1, factor: 2}]", ["surges.0.at_s", "found -1"]),
        ("[{county: Kern, at_s: 1, duration_s: 0, factor: 2}]", ["surges.0.duration_s", "found 0"]),
        ("[{county: Kern, at_s: 1, duration_s: 1, factor: 0}]", ["surges.0.factor", "found 0"]),
        ("[{county: Kern, at_s: 1, duration_s: 1, factor: 1}]", ["surges.0.factor", "1 changes nothing"]),
        ("[{county: Kern, at_s: 1, duration_s: 1, factor: 101}]", ["surges.0.factor", "found 101"]),
        ("[{county: Kern, at_s: 1, duration_s: 1, factor: .nan}]", ["surges.0.factor", "found nan"]),
        ("[{county: Kern, at_s: 1, duration_s: 1, factor: '3'}]", ["surges.0.factor", "found '3'"]),
        (f"{{county: Kern, {WHEN}}}", ["surges: found", "list"]),
        ("[{county: Kern, at_s: 21, duration_s: 10, factor: 2}]", ["surges.0: ends 31 s", "which has 30 s"]),
        (f"[{{county: Kern, {WHEN}}}, {{county: '06029', {WHEN}}}]", ["surges.1: overlaps surges.0"]),
    ],
)
def test_bad_surges_get_one_clear_error(tmp_path: Path, surges: str, words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(tmp_path, surges)
    assert all(word in caught.value.message for word in words), caught.value.message
    assert len(caught.value.message.splitlines()) == 1


def test_all_surges_out_of_place_are_named_at_once(tmp_path: Path) -> None:
    late = "{county: Kern, at_s: 30, duration_s: 10, factor: 2}"
    with pytest.raises(ConfigurationError) as caught:
        _load(tmp_path, f"[{late}, {{county: Napa, {WHEN}}}, {late}]")
    assert [line.split(": ")[1] for line in caught.value.message.splitlines()] == ["surges.0", "surges.2"]


def test_a_shorter_run_by_an_option_does_not_cut_a_surge_off() -> None:
    with pytest.raises(ConfigurationError, match=r"surges\.0: ends 80 s"):
        load_scenario("surge", {"duration_s": 70})
