"""Shards of a workload: put together, they are the workload, byte for byte, each record once."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from workloads.disorder import Disorder
from workloads.partitioning import CELL, ROUND_ROBIN
from workloads.parts import Part, partitions_of
from workloads.replay import ARRAYS, Replay
from workloads.workload import Workload, WorkloadSpecification

SLOW = WorkloadSpecification(
    seed=7,
    rate_records_per_s=3000,
    warmup_s=1,
    duration_s=2,
    partitions=6,
    partitioning=ROUND_ROBIN,
    malformed_per_million=20_000,
)
#: Fast enough that each turn of a partition is a range to make by itself.
FAST = replace(SLOW, rate_records_per_s=450_000, warmup_s=0, duration_s=1, partitions=5)
DIRTY = replace(FAST, duplicates_per_million=50_000, disorder=Disorder(shuffle_ms=500), rate_records_per_s=500_001)
#: So many records of each are compared, the first ones.
COMPARED = 60_000
SPECIFICATIONS = {
    "slow": SLOW,
    "fast": FAST,
    "hot": replace(FAST, hot_share=0.5),
    "dirty": DIRTY,
    "by cell": replace(FAST, partitioning=CELL),
    "dirty by cell": replace(DIRTY, partitioning=CELL),
    "varying": replace(FAST, warmup_s=3, warmup_rate_records_per_s=20_000, rate_records_per_s=200_000),
}


def _sent(workload: Workload, shard: int, shards: int, slice_records: int) -> dict[int, tuple[int, int, bytes]]:
    """What a generator sends: the index of each record, when it is due, its partition and its line."""
    part, found = Part(workload, shard, shards), {}
    total = min(workload.total_records, COMPARED)
    for first in range(0, total, slice_records):
        indexes, columns, partitions = part.records(first, min(first + slice_records, total))
        lines = workload.lines(columns)
        rows = zip(columns.offsets_ns.tolist(), partitions.tolist(), lines, strict=True)
        for index, row in zip(indexes.tolist(), rows, strict=True):
            assert index not in found
            found[index] = row
    return found


@cache
def _whole(name: str) -> tuple[Workload, dict[int, tuple[int, int, bytes]]]:
    """A workload, and what one generator sends of it."""
    workload = Workload(replace(SPECIFICATIONS[name], duration_s=1))
    return workload, _sent(workload, 0, 1, 20_011)


@pytest.mark.parametrize("name", SPECIFICATIONS)
@pytest.mark.parametrize("shards", [2, 3, 5])
def test_the_union_of_shards_is_the_stream_byte_for_byte(name: str, shards: int) -> None:
    workload, whole = _whole(name)
    parts = [_sent(workload, shard, shards, 7_001 * shards) for shard in range(shards)]
    assert sum(map(len, parts)) == len(whole) == min(workload.total_records, COMPARED)
    assert {index: row for part in parts for index, row in part.items()} == whole


def test_a_shard_has_the_partitions_that_are_its_own_and_all_of_them() -> None:
    workload = Workload(FAST)
    for shard in range(2):
        _, _, partitions = Part(workload, shard, 2).records(0, 100_000)
        assert set(partitions.tolist()) == set(partitions_of(shard, 2, FAST.partitions))
    assert partitions_of(0, 2, 5) == [0, 2, 4]


def test_ranges_are_made_alone_where_they_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    workload = Workload(FAST)
    made: list[int] = []
    columns = workload.columns
    monkeypatch.setattr(workload, "columns", lambda first, last: made.append(last - first) or columns(first, last))
    indexes, _, _ = Part(workload, 1, 5).records(0, 90_000)
    assert sum(made) == len(indexes) == 18_000


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_a_shards_share_is_what_it_gets_in_the_long_run(name: str) -> None:
    specification = replace(SPECIFICATIONS[name], partitions=5, duration_s=30)
    workload = Workload(specification)
    partitions = workload.partitions(0, min(workload.total_records, 3_000_000))
    for shard in range(3):
        assert np.mean(partitions % 3 == shard) == pytest.approx(Part(workload, shard, 3).share, abs=0.002)


def test_a_replay_is_divided_alike(tmp_path: Path) -> None:
    source = Workload(replace(SLOW, malformed_per_million=0))
    columns = source.columns(0, source.total_records)
    for name, kind in ARRAYS.items():
        np.save(tmp_path / f"{name}.npy", getattr(columns, name).astype(kind))
    replay = Replay(replace(SLOW, malformed_per_million=0, replayed=str(tmp_path)))
    parts = [_sent(replay, shard, 4, 1000) for shard in range(4)]
    assert {index: row for part in parts for index, row in part.items()} == _sent(source, 0, 1, 1000)
