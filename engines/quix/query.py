"""Quix's query: counts per second, county, operator and type; malformed lines apart. No Kafka, no clock.

Lines are sorted by partition of the input. What is to be counted goes on by cell, together with where it came from:
after a restart, records since the last checkpoint come again, and Kafka's own record of how far the input was read does
not know what had gone on already. A cell's state therefore holds up to which offset of each partition it has the
records; those of one partition and cell come in the order of their offsets.
"""

import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

from engines.contract.aggregate import Cell, encode_key
from engines.contract.record import parse

#: The process that sorted it, partition and offset.
_ORIGIN = struct.Struct(">iiq")


class Sorted(NamedTuple):
    """What became of a line that is not late.

    Attributes:
        key: of the cell that it counts for; None if it is no record.
        value: where it came from, see `count_in`; of what is no record, the line.
    """

    key: bytes | None
    value: bytes


class Sorter:
    """Tells what a line is, and keeps the totals of a ``progress`` event.

    The watermark is each partition's own: its greatest event time less the allowed lateness.

    Attributes:
        repeated: how many records came again after a restart; whoever counts adds to it.
        on_their_way: how many records that were sorted here are yet to be counted.
    """

    def __init__(self, allowed_lateness_ms: int, locations: str, process: int) -> None:
        """Make one for this `process`, which a number tells from those before it."""
        self._allowed_lateness_ms, self._locations, self._process = allowed_lateness_ms, locations, process
        self._greatest_ms: dict[int, int] = {}
        self._kept_ms: dict[int, int] = {}
        self.records_in = self.malformed = self.late = self.repeated = self.on_their_way = 0

    def sort(self, line: bytes, partition: int, offset: int, restore: Callable[[], int]) -> Sorted | None:
        """What became of `line`; None if it is late.

        `restore` tells, at a partition's first line after a start, its greatest event time of before.
        """
        self.records_in += 1
        if partition not in self._greatest_ms:
            self._greatest_ms[partition] = self._kept_ms[partition] = restore()
        record = parse(line, self._locations)
        if record is None:
            self.malformed += 1
            return Sorted(None, line)
        greatest_ms = self._greatest_ms[partition]
        if record.event_time_ms > greatest_ms:
            self._greatest_ms[partition] = record.event_time_ms
        elif (record.window_s + 1) * 1000 <= greatest_ms - self._allowed_lateness_ms:
            self.late += 1
            return None
        cell = Cell(record.window_s, record.location, record.operator, record.type)
        self.on_their_way += 1
        return Sorted(encode_key(cell), _ORIGIN.pack(self._process, partition, offset))

    def arrived(self, origin: bytes) -> None:
        """Note that the record from there is about to be counted: it may be a former process's."""
        self.on_their_way -= _ORIGIN.unpack(origin)[0] == self._process

    def to_keep(self, partition: int) -> int | None:
        """What to `restore` after a restart, where that has changed: whole seconds, so that it seldom does."""
        greatest_ms = self._greatest_ms[partition] // 1000 * 1000
        if greatest_ms <= self._kept_ms[partition]:
            return None
        self._kept_ms[partition] = greatest_ms
        return greatest_ms

    def totals(self) -> dict[str, int | None]:
        """The totals of a ``progress`` event."""
        return {"records_in": self.records_in, "malformed": self.malformed, "late": self.late}


def count_in(state: Mapping[str, int], origin: bytes) -> dict[str, int] | None:
    """A cell's `state` with the record from there in it, too; None if it is in already.

    The state, for JSON: ``n``, the count, and by partition up to which offset, exclusive, its records are in.
    """
    _, partition, offset = _ORIGIN.unpack(origin)
    if state.get(str(partition), 0) > offset:
        return None
    return {**state, "n": state.get("n", 0) + 1, str(partition): offset + 1}
