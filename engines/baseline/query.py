"""The baseline's query: counts per second, county, operator and type, in plain Python. No Kafka, no clock."""

from collections.abc import Iterable
from typing import Any

from engines.contract.aggregate import Cell
from engines.contract.record import CALIFORNIA, Record, parse


class Query:
    """The counts of the windows that are still open, and which of them changed since they were last published.

    A partition's greatest event time moves with every record, the watermark only at `advance_watermark`. As in Flink,
    the slowest partition holds it back, so that reading one partition of a backlog before another makes nothing late;
    a partition read to its end holds nothing back.
    """

    def __init__(self, allowed_lateness_ms: int, locations: str = CALIFORNIA) -> None:
        self.malformed_lines: list[bytes] = []
        self.changed: set[Cell] = set()
        self.records_in = self.malformed = self.late = 0
        self._locations = locations
        self._allowed_lateness_ms = allowed_lateness_ms
        self._watermark_ms = 0
        self._greatest_ms: dict[int, int] = {}
        self._at_end: set[int] = set()
        self._windows: dict[int, dict[Cell, int]] = {}

    def assign(self, partitions: Iterable[int]) -> None:
        """Name all partitions, before anything is read: those not heard of yet hold the watermark back too."""
        self._greatest_ms = dict.fromkeys(partitions, 0) | self._greatest_ms

    def add(self, partition: int, line: bytes) -> None:
        """Take in the next `line` of `partition`."""
        self.records_in += 1
        self._at_end.discard(partition)
        record = parse(line, self._locations)
        if record is None:
            self.malformed += 1
            self.malformed_lines.append(line)
            return
        if record.event_time_ms > self._greatest_ms[partition]:
            self._greatest_ms[partition] = record.event_time_ms
        if (record.window_s + 1) * 1000 <= self._watermark_ms:
            self.late += 1
            return
        self.count(record)

    def count(self, record: Record) -> None:
        """Count a well-formed record that is not late."""
        cell = Cell(record.window_s, record.location, record.operator, record.type)
        window = self._windows.setdefault(record.window_s, {})
        window[cell] = window.get(cell, 0) + 1
        self.changed.add(cell)

    def reach_end(self, partition: int) -> None:
        """Note that `partition` was read to its end."""
        self._at_end.add(partition)

    def advance_watermark(self) -> None:
        """Move the watermark up to what was seen, and forget the windows that it passes.

        Call it when `changed` was published: a forgotten window's counts are gone.
        """
        behind = [at_ms for partition, at_ms in self._greatest_ms.items() if partition not in self._at_end]
        seen_ms = min(behind) if behind else max(self._greatest_ms.values())
        self._watermark_ms = max(self._watermark_ms, seen_ms - self._allowed_lateness_ms)
        for window_s in [each for each in self._windows if (each + 1) * 1000 <= self._watermark_ms]:
            del self._windows[window_s]

    def take_changes(self) -> list[tuple[Cell, int]]:
        """The cells changed since the last call, with their counts."""
        changes = [(cell, self._windows[cell.window_s][cell]) for cell in self.changed]
        self.changed = set()
        return changes

    def take_malformed_lines(self) -> list[bytes]:
        """The malformed lines since the last call."""
        lines, self.malformed_lines = self.malformed_lines, []
        return lines

    def totals(self) -> dict[str, int]:
        """The totals of a ``progress`` event."""
        return {"records_in": self.records_in, "malformed": self.malformed, "late": self.late}

    def save(self) -> dict[str, Any]:
        """The state, for JSON. Take changes and malformed lines first: they are not part of it."""
        return {
            "watermark_ms": self._watermark_ms,
            "greatest_ms": list(self._greatest_ms.items()),
            "cells": [[*cell, count] for window in self._windows.values() for cell, count in window.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state` that `save` gave."""
        self._watermark_ms = state["watermark_ms"]
        self._greatest_ms = dict(state["greatest_ms"])
        for *cell, count in state["cells"]:
            self._windows.setdefault(cell[0], {})[Cell(*cell)] = count
