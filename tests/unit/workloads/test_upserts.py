"""A workload's upserts are what an engine would send that counts its records one by one."""

import numpy as np

from engines.contract.aggregate import encode_count, encode_key
from workloads.cells import cell_of
from workloads.disorder import Disorder
from workloads.upserts import Counting
from workloads.workload import Workload, WorkloadSpecification

PARTITIONS = 3


def _workload(**changes: object) -> Workload:
    sizes = {"rate_records_per_s": 3000, "warmup_s": 1, "duration_s": 2, "partitions": PARTITIONS}
    return Workload(WorkloadSpecification(seed=5, **sizes | changes))  # type: ignore[arg-type]


def test_each_record_raises_its_cells_count_by_one() -> None:
    workload = _workload(disorder=Disorder(shuffle_ms=1500))
    counting, counts, partition_of = Counting(PARTITIONS), {}, {}
    for first in range(0, workload.total_records, 700):
        columns = workload.columns(first, min(first + 700, workload.total_records))
        found = counting.upserts(columns)
        keys, values = found.keys.as_list(), found.counts.as_list()
        for at, (window_s, number) in enumerate(zip(columns.windows_s.tolist(), columns.cells.tolist(), strict=True)):
            cell = cell_of(window_s, number)
            counts[cell] = counts.get(cell, 0) + 1
            assert (keys[at], values[at]) == (encode_key(cell), encode_count(counts[cell]))
            assert partition_of.setdefault(cell, found.partitions[at]) == found.partitions[at]
    assert max(counts.values()) > 50 and len({window_s for window_s, *_ in counts}) > 3
    assert np.bincount(list(partition_of.values())).min() > len(counts) / PARTITIONS / 2


def test_counts_of_any_length_are_written_in_full() -> None:
    workload = _workload()
    columns = workload.columns(0, 1)
    counting = Counting(PARTITIONS)
    counting.upserts(columns)
    (code,) = counting._totals
    for before in (8, 9, 98, 99_998, 99_999, 12_345_677):
        counting._totals[code] = before
        assert counting.upserts(columns).counts.as_list() == [b"%d" % (before + 1)]
