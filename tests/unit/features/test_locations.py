"""Sets of locations: what is sent is well formed by the pattern of the set, and California's is as it was before."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.contract.aggregate import Cell
from engines.contract.job import JobSpecification
from engines.contract.record import COLUMNS, LOCATIONS, OPERATORS, TYPES, parse
from harness.errors import ConfigurationError
from harness.measurement.trajectory import Trajectories
from harness.scenarios.loading import load_scenario
from reports.pictures.workload import draw_workload, totals
from tests.builders.jobs import make_job
from tests.builders.trajectories import changes_to, tell
from workloads.disorder import Disorder
from workloads.locations import locations_of
from workloads.surges import Surge, usual_weights
from workloads.tally import tally
from workloads.truth import expected_counts
from workloads.workload import Workload, WorkloadSpecification

SPECIFICATION = WorkloadSpecification(
    seed=7, rate_records_per_s=3000, warmup_s=2, duration_s=5, partitions=4, malformed_per_million=5000
)
SIZES = {"california": 58, "us": 3143, "synthetic": 12_500}
OTHERS = pytest.mark.parametrize("name", ["us", "synthetic"])


def _lines(specification: WorkloadSpecification) -> list[bytes]:
    workload = Workload(specification)
    return workload.lines(workload.columns(0, workload.total_records))


@pytest.mark.parametrize(
    ("specification", "sha256"),
    [
        (SPECIFICATION, "6e7dbb492b242454b16d9e196298097fc069aabda6dd2cd7638462d0a2a34c93"),
        (
            WorkloadSpecification(
                seed=11,
                rate_records_per_s=2000,
                warmup_s=2,
                duration_s=6,
                partitions=3,
                zipf_exponent=1.1,
                hot_share=0.4,
                surges=(Surge("Fresno", 1, 3, 3.0),),
                duplicates_per_million=20_000,
                disorder=Disorder(shuffle_ms=500),
                malformed_per_million=3000,
            ),
            "83b3a8073c72ae627084c6c2c3fe780fd2c9635b8d3cae0827c717b892b2e041",
        ),
    ],
)
def test_california_sends_what_it_sent_before_there_were_other_sets(
    specification: WorkloadSpecification, sha256: str
) -> None:
    assert hashlib.sha256(b"".join(line + b"\n" for line in _lines(specification))).hexdigest() == sha256


@pytest.mark.parametrize("name", LOCATIONS)
def test_every_location_of_a_set_is_well_formed_and_has_its_cells(name: str) -> None:
    locations = locations_of(name)
    assert len(locations.codes) == len(set(locations.codes)) == SIZES[name]
    assert len(locations.weights) == len(locations.area_codes) == SIZES[name] and min(locations.weights) > 0
    line = b"+12137168280,+12136305790,%b,1767225600000,1767225600001,text,T-Mobile"
    for code in locations.codes:
        record = parse(line % code.encode(), name)
        assert record and record.location == code
    assert locations.cell_count == len(locations.cells) == len(locations.numbers) == SIZES[name] * 8
    assert locations.cell(1_767_225_600 * locations.cell_count + 9) == Cell(1_767_225_600, *locations.cells[9])
    assert locations.cells[9] == (locations.codes[1], OPERATORS[0], TYPES[1])


def test_the_us_are_the_counties_of_the_50_states_and_the_district_by_their_populations() -> None:
    us = locations_of("us")
    assert len({code[:2] for code in us.codes}) == 51
    assert sum(us.weights) == 331_449_281, "the resident population in the 2020 census"
    assert dict(zip(us.codes, us.weights, strict=True))["06037"] == 10_014_009
    assert {code for code in us.codes if code.startswith("06")} == set(locations_of("california").codes)


def test_locations_of_one_set_are_malformed_in_the_others_but_for_californias_in_the_us() -> None:
    line = b"+12137168280,+12136305790,%b,1767225600000,1767225600001,text,T-Mobile"
    accepted = {
        (name, other)
        for name in LOCATIONS
        for other in LOCATIONS
        for code in locations_of(name).codes
        if parse(line % code.encode(), other)
    }
    assert accepted == {(name, name) for name in LOCATIONS} | {("california", "us"), ("us", "california")}


@OTHERS
def test_the_truth_is_that_of_the_lines(name: str) -> None:
    specification = replace(SPECIFICATION, locations=name)
    lines = _lines(specification)
    parsed = [parse(line, name) for line in lines]
    counts = Counter(Cell(r.window_s, r.location, r.operator, r.type) for r in parsed if r)
    expected = expected_counts(Workload(specification), chunk_records=1000)
    assert expected.counts == counts
    assert expected.malformed_lines == [line for line, record in zip(lines, parsed, strict=True) if record is None]
    assert 30 < len(expected.malformed_lines) < 200
    location = slice(COLUMNS["Location"][0] - 1, sum(COLUMNS["Location"]) - 1)
    assert {line[location] for line in lines if parse(line, name)} <= {
        code.encode() for code in locations_of(name).codes
    }


@OTHERS
def test_every_malformed_kind_is_malformed_in_every_set(name: str) -> None:
    for kind in ("unknown_county", "truncated", "quotes"):
        specification = replace(
            SPECIFICATION,
            locations=name,
            malformed_kinds=(kind,),
            malformed_per_million=1_000_000,
            rate_records_per_s=50,
        )
        assert {parse(line, name) for line in _lines(specification)} == {None}


@OTHERS
def test_shares_follow_the_weights(name: str) -> None:
    """Each location's count lies within six standard deviations of what its weight comes to."""
    columns = Workload(replace(SPECIFICATION, locations=name, rate_records_per_s=100_000)).columns(0, 400_000)
    counts = np.bincount(columns.cells // 8, minlength=SIZES[name])
    weights = np.array(locations_of(name).weights, dtype=np.float64)
    expected = 400_000 * weights / weights.sum()
    assert (np.abs(counts - expected) < 6 * np.sqrt(expected) + 6).all()


def test_ranks_are_each_locations_own_where_weights_are_equal() -> None:
    """The US have counties of the same population; Zipf's law gives each a rank of its own."""
    us = locations_of("us")
    assert len(set(us.weights)) < len(us.weights)
    assert len(set(usual_weights(us, 1.0))) == len(us.codes)


@pytest.mark.parametrize("disorder", [None, Disorder(shuffle_ms=800)])
@pytest.mark.parametrize("name", LOCATIONS)
def test_trajectories_match_every_record(name: str, disorder: Disorder | None) -> None:
    workload = Workload(replace(SPECIFICATION, duration_s=2, locations=name, disorder=disorder))
    trajectories, counts = Trajectories(workload), expected_counts(workload).counts
    trajectories.update(changes_to(counts, workload.locations, at_ms=1))
    assert (trajectories.matched_records, trajectories.surplus_records) == (sum(counts.values()), 0)
    assert sum(np.count_nonzero(window.counts) for window in trajectories.take_rest()) == len(counts)


def test_counts_of_windows_that_were_taken_stay_known_until_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workload = Workload(replace(SPECIFICATION, locations="synthetic", duration_s=2, malformed_per_million=0))
    counts = expected_counts(workload).counts
    changes = changes_to(dict(sorted(counts.items())), workload.locations, at_ms=1)
    followed = Trajectories(workload)

    def follow() -> None:
        for window_s in followed.update(changes).complete:
            followed.take(window_s)

    follow()
    window_s, number = divmod(int(changes.codes[0]), 100_000)
    count = int(changes.counts[0])
    tell(followed, window_s, number, count + 2, 1, 100_000)
    tell(followed, window_s, number, count + 1, 1, 100_000)
    told = set(changes.codes.tolist())
    unknown = next(each for each in range(100_000) if window_s * 100_000 + each not in told)
    tell(followed, window_s, unknown, 5, 1, 100_000)
    assert (followed.surplus_records, followed.regressions) == (7, 1)
    monkeypatch.setattr("harness.measurement.trajectory.KEPT_COUNTS", 100_000)
    followed = Trajectories(workload)
    follow()
    tell(followed, window_s, number, count + 2, 1, 100_000)
    assert followed.surplus_records == 0, "the window was forgotten, and makes no new one"
    assert followed.matched_records == workload.total_records and followed.take_rest() == []


def test_an_unknown_set_is_refused_by_the_job_and_by_the_scenario(tmp_path: Path) -> None:
    job = make_job(locations="mars")
    job.save(tmp_path / "job.json")
    with pytest.raises(ValueError, match=r"unknown locations 'mars'; known: california, us, synthetic"):
        JobSpecification.load(tmp_path / "job.json")
    replace(job, locations="us").save(tmp_path / "job.json")
    assert JobSpecification.load(tmp_path / "job.json").locations == "us"
    for text, words in (
        ("locations: mars", "locations: found 'mars'"),
        (
            "locations: us\nsurges: [{county: Fresno, at_s: 0, duration_s: 1, factor: 2.0}]",
            "surges are of California's counties",
        ),
        ("locations: us\ninput: {path: x.csv}", "locations: cannot stand beside `input`"),
    ):
        path = tmp_path / "bad.yaml"
        path.write_text(f"name: x\n{text}\n", encoding="utf-8")
        with pytest.raises(ConfigurationError) as caught:
            load_scenario(str(path), {})
        assert words in caught.value.message


@OTHERS
def test_what_a_set_sends_can_be_drawn(name: str) -> None:
    specification = replace(SPECIFICATION, locations=name)
    found = tally(Workload(specification))
    said = totals("x", specification, found)
    assert len(said["counties"]) == SIZES[name] and sum(said["counties"].values()) == 15_000
    axes = {each.get_title(loc="left"): each for each in draw_workload("x", specification, found).figure.axes}
    (bars,) = (each for title, each in axes.items() if title.startswith("Counties"))
    assert len(bars.patches) == 58 and f"{SIZES[name] - 58:,} more have less" in bars.get_title(loc="left")
