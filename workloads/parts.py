"""A workload divided among several generators by its partitions: what each of them sends."""

import numpy as np
from numpy.typing import NDArray

from workloads.partitioning import ROUND_ROBIN
from workloads.workload import Columns, Workload, WorkloadSpecification, joined

Integers = NDArray[np.int64]

#: To make a range of records by itself costs as much more as so many records of others that are made along with it.
RANGE_RECORDS = 800


def partitions_of(shard: int, shards: int, partitions: int) -> list[int]:
    """Numbers of the partitions of generator `shard` of `shards`: those that are its own number modulo theirs."""
    return list(range(shard, partitions, shards))


class Part:
    """What the generator `shard` of `shards`, from 0, sends of a workload.

    Attributes:
        share: of the workload's records, over a long time, if locations have their usual shares.
    """

    def __init__(self, workload: Workload, shard: int, shards: int) -> None:
        self._workload, self._shard, self._shards = workload, shard, shards
        self.share = _share(workload.specification, shard, shards)

    def records(self, first: int, last: int) -> tuple[Integers, Columns, Integers]:
        """Its own of the records `first` to `last` - 1: their indexes, the records, and their partitions."""
        # Where partitions take turns, a record's does not depend on what is in it.
        if self._shards > 1 and self._workload.specification.partitioning == ROUND_ROBIN:
            return self._of_turns(first, last)
        columns = self._workload.columns(first, last)
        partitions = self._workload.partitions_of(columns)
        if self._shards == 1:
            return np.arange(first, last), columns, partitions
        own = partitions % self._shards == self._shard
        return first + np.flatnonzero(own), columns.only(own), partitions[own]

    def _of_turns(self, first: int, last: int) -> tuple[Integers, Columns, Integers]:
        partitions = self._workload.partitions(first, last)
        own = partitions % self._shards == self._shard
        indexes = first + np.flatnonzero(own)
        return indexes, self._columns(first, last, own, indexes), partitions[own]

    def _columns(self, first: int, last: int, own: NDArray[np.bool_], indexes: Integers) -> Columns:
        if not len(indexes):
            return self._workload.columns(first, first)
        ranges = np.split(indexes, np.flatnonzero(np.diff(indexes) > 1) + 1)
        if last - first < RANGE_RECORDS * len(ranges):
            return self._workload.columns(first, last).only(own)
        # Of what others send, nothing is made: with many generators, that would be most of the work.
        return joined([self._workload.columns(int(each[0]), int(each[-1]) + 1) for each in ranges])


def _share(specification: WorkloadSpecification, shard: int, shards: int) -> float:
    own = len(partitions_of(shard, shards, specification.partitions))
    if specification.hot_share is None:
        return own / specification.partitions
    others = own - (shard == 0)
    cold = others * (1 - specification.hot_share) / (specification.partitions - 1)
    return cold + (specification.hot_share if shard == 0 else 0.0)
