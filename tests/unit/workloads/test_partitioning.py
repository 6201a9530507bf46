"""A cell's records are in one partition, in order; partitions are even; and who must take turns still can."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from engines.contract.record import LOCATIONS
from harness.errors import ConfigurationError, UsageError
from harness.experiments.scale.run import ScaleOptions, scale
from harness.scenarios.loading import load_scenario
from harness.scenarios.scenario import Scenario
from harness.session.options import SessionOptions
from harness.workers.generator import producer_properties
from workloads.disorder import Disorder
from workloads.partitioning import CELL, EVEN_WITHIN, ROUND_ROBIN, cell_partitions, shares_of, why_uneven
from workloads.parts import Part
from workloads.replay import ARRAYS, Replay
from workloads.surges import Surge
from workloads.workload import Workload, WorkloadSpecification

SPECIFICATION = WorkloadSpecification(
    seed=7, rate_records_per_s=3000, warmup_s=2, duration_s=5, partitions=4, malformed_per_million=20_000
)
#: Of the first cells: operators and types of Alameda and Alpine.
FIRST_PARTITIONS = [2, 2, 1, 3, 0, 2, 1, 1, 1, 3, 1, 0, 1, 3, 2, 0]
SPECIFICATIONS = {
    "usual": SPECIFICATION,
    "hot": replace(SPECIFICATION, hot_share=0.5),
    "us": replace(SPECIFICATION, locations="us", partitions=7),
    "dirty": replace(SPECIFICATION, duplicates_per_million=100_000, disorder=Disorder(shuffle_ms=1500)),
    "surging": replace(SPECIFICATION, surges=(Surge("Kern", 1, 2, 20.0),), zipf_exponent=1.0),
}


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_all_records_of_a_cell_are_in_one_partition_in_the_order_of_their_intended_times(name: str) -> None:
    workload = Workload(SPECIFICATIONS[name])
    columns = workload.columns(0, workload.total_records)
    partitions = workload.partitions(0, workload.total_records)
    assert set(partitions.tolist()) == set(range(workload.specification.partitions))
    by_cell = np.full(workload.locations.cell_count, -1)
    by_cell[columns.cells] = partitions
    assert np.array_equal(by_cell[columns.cells], partitions), "a county's, operator's and type's, in every window"
    assert (np.diff(columns.offsets_ns) >= 0).all(), "and a partition's records are sent in the order of their indexes"


def test_the_partition_of_a_record_is_that_of_its_cell_in_any_range_and_for_any_seed() -> None:
    for seed in (7, 8):
        workload = Workload(replace(SPECIFICATION, seed=seed))
        whole = workload.partitions(0, workload.total_records)
        assert np.array_equal(workload.partitions(777, 9_999), whole[777:9_999])
        assert np.array_equal(workload.partitions_of(workload.columns(777, 9_999)), whole[777:9_999])
        assert workload.partitions(5, 5).size == 0
        cells = workload.columns(0, workload.total_records).cells
        assert np.array_equal(cell_partitions("california", 4)[cells], whole)


def test_lines_are_the_same_however_they_are_divided() -> None:
    one, other = (Workload(replace(SPECIFICATION, partitioning=each)) for each in (CELL, ROUND_ROBIN))
    assert one.lines(one.columns(0, 5000)) == other.lines(other.columns(0, 5000))
    assert not np.array_equal(one.partitions(0, 5000), other.partitions(0, 5000))


def test_first_partitions_stay_what_they_are() -> None:
    """A change here changes every archive ever made: it must be meant, and its reason recorded."""
    assert cell_partitions("california", 4)[:16].tolist() == FIRST_PARTITIONS
    turns = Workload(replace(SPECIFICATION, partitioning=ROUND_ROBIN)).partitions(0, 26)
    assert turns.tolist() == [partition for partition in (0, 1, 2, 3) for _ in range(6)] + [0, 0]


@pytest.mark.parametrize("locations", LOCATIONS)
@pytest.mark.parametrize("partitions", [1, 4, 5, 16])
def test_partitions_are_even_for_every_set_of_locations(locations: str, partitions: int) -> None:
    assert why_uneven(locations, partitions) == ""
    workload = Workload(replace(SPECIFICATION, locations=locations, partitions=partitions, rate_records_per_s=40_000))
    counts = np.bincount(workload.partitions(0, 60_000), minlength=partitions)
    assert np.abs(counts / counts.mean() - 1).max() < EVEN_WITHIN


@pytest.mark.parametrize(("share", "partitions"), [(0.5, 4), (0.9, 3), (0.123456, 7), (0.001, 2), (0.999, 2)])
def test_a_hot_partition_has_its_share_and_the_others_the_same(share: float, partitions: int) -> None:
    found = shares_of("california", partitions, share)
    assert found[0] == pytest.approx(share, rel=1e-3)
    assert found[1:] == pytest.approx([(1 - share) / (partitions - 1)] * (partitions - 1), rel=EVEN_WITHIN)
    counts = np.bincount(
        Workload(replace(SPECIFICATION, hot_share=share, partitions=partitions)).partitions(0, 20_000),
        minlength=partitions,
    )
    deviation = (20_000 * share * (1 - share)) ** 0.5
    assert abs(counts[0] - 20_000 * share) < 5 * deviation


@pytest.mark.parametrize(("locations", "most"), [("california", 18), ("us", 155)])
def test_more_partitions_than_the_largest_cell_allows_are_told(locations: str, most: int) -> None:
    assert why_uneven(locations, most) == ""
    assert f"{most + 1} partitions of the cells of {locations} are not even" in why_uneven(locations, most + 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("partitions: 64", ["partitions: 64 partitions of the cells of california", "5.927% of the records", "1.562%"]),
        ("partitions: 1000\nlocations: us", ["would get", "`partitioning: round-robin`"]),
        ("partitioning: hash", ["partitioning: found 'hash'", "'cell' or 'round-robin'"]),
    ],
)
def test_what_cannot_be_divided_is_refused(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(tmp_path, text)
    assert all(word in caught.value.message for word in words), caught.value.message


def test_turns_are_for_any_number_of_partitions(tmp_path: Path) -> None:
    scenario = _load(tmp_path, "partitions: 64\npartitioning: round-robin")
    assert scenario.workload().partitioning == ROUND_ROBIN
    assert _load(tmp_path, "").workload().partitioning == CELL
    assert _load(tmp_path, "partitions: 1000\nlocations: synthetic").partitions == 1000


def test_a_scaling_refuses_partitions_that_are_uneven_at_one_of_its_points(tmp_path: Path) -> None:
    session: Any = SessionOptions(runs_dir=tmp_path, command=[], keep_logs=False)
    with pytest.raises(UsageError, match=r"--partitions 32: 32 partitions of the cells of california"):
        scale(load_scenario("scale", {}), ScaleOptions(partitions=[4, 32]), session, Mock())


def test_a_users_own_records_are_divided_alike(tmp_path: Path) -> None:
    source = Workload(replace(SPECIFICATION, malformed_per_million=0))
    columns = source.columns(0, source.total_records)
    for name, kind in ARRAYS.items():
        np.save(tmp_path / f"{name}.npy", getattr(columns, name).astype(kind))
    replay = Replay(replace(source.specification, replayed=str(tmp_path)))
    assert np.array_equal(replay.partitions(0, 5000), source.partitions(0, 5000))


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_a_generators_part_is_whole_cells(name: str) -> None:
    workload = Workload(SPECIFICATIONS[name])
    whole, own = workload.columns(0, 6000), [Part(workload, shard, 3).records(0, 6000) for shard in range(3)]
    indexes = np.concatenate([found for found, _, _ in own])
    assert sorted(indexes.tolist()) == list(range(6000))
    cells = [set(columns.cells.tolist()) for _, columns, _ in own]
    assert not cells[0] & cells[1] and not cells[1] & cells[2] and not cells[0] & cells[2]
    for found, columns, partitions in own:
        assert np.array_equal(columns.offsets_ns, whole.offsets_ns[found])
        assert np.array_equal(partitions, workload.partitions(0, 6000)[found])


def test_records_wait_longer_for_others_only_where_they_are_many_and_of_all_partitions() -> None:
    def linger_ms(brokers: int = 1, **changes: Any) -> object:
        return producer_properties(brokers, replace(SPECIFICATION, **changes))["linger.ms"]

    assert linger_ms() == linger_ms(rate_records_per_s=10**6, partitioning=ROUND_ROBIN) == 2
    assert linger_ms(rate_records_per_s=10**6, partitions=1) == 2
    assert linger_ms(rate_records_per_s=10**6) == 10
    assert linger_ms(3, rate_records_per_s=10**6) == linger_ms(3) == 50


def _load(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "x.yaml"
    path.write_text(f"name: x\n{text}", encoding="utf-8")
    return load_scenario(str(path), {})
