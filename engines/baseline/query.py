"""The baseline's query: counts per second, county, operator and type, with NumPy by the batch. No Kafka, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from lines import CELLS, cell_of, read
from numpy.typing import NDArray

from engines.contract.aggregate import encode_count, encode_key
from engines.contract.record import CALIFORNIA

#: Some windows' worth of cells: those that are counted in now.
KEYS_KEPT = 2**14
#: A cell of a saved state.
_CELL = np.dtype([("number", np.int64), ("count", np.int64)])
_NO_CELLS = np.empty(0, dtype=_CELL)


class Query:
    """The counts of the windows that are still open, and which of them changed since they were last published.

    A partition's greatest event time moves with every record, the watermark only at `advance_watermark`. As in Flink,
    the slowest partition holds it back, so that reading one partition of a backlog before another makes nothing late;
    a partition read to its end holds nothing back.
    """

    def __init__(self, allowed_lateness_ms: int, locations: str = CALIFORNIA) -> None:
        self.malformed_lines: list[bytes] = []
        self.changed: set[int] = set()
        self.records_in = self.malformed = self.late = 0
        self._locations = locations
        self._allowed_lateness_ms = allowed_lateness_ms
        self._watermark_ms = 0
        self._greatest_ms = np.zeros(0, dtype=np.int64)  # by partition
        self._at_end = np.zeros(0, dtype=bool)  # the same
        self._windows: dict[int, dict[int, int]] = {}  # by start and number of the cell

    def assign(self, partitions: int) -> None:
        """Tell how many there are, before anything is read: those not heard of yet hold the watermark back too."""
        self._greatest_ms = np.zeros(partitions, dtype=np.int64)
        self._at_end = np.zeros(partitions, dtype=bool)

    def add(self, partitions: NDArray[np.int64], lines: Sequence[bytes]) -> None:
        """Take in the next `lines`, each of its one of the `partitions`, shape (lines,)."""
        found = read(lines, self._locations)
        self.records_in += len(lines)
        self._put_aside([lines[at] for at in np.flatnonzero(~found.well_formed).tolist()])
        self._at_end[partitions] = False
        np.maximum.at(self._greatest_ms, partitions[found.well_formed], found.times_ms[found.well_formed])
        in_time = found.well_formed & ((found.times_ms // 1000 + 1) * 1000 > self._watermark_ms)
        self.late += int(found.well_formed.sum() - in_time.sum())
        self.count(found.cells[in_time])

    def _put_aside(self, malformed: list[bytes]) -> None:
        self.malformed += len(malformed)
        self.malformed_lines += malformed

    def count(self, cells: NDArray[np.int64]) -> None:
        """Count well-formed records that are not late, shape (records,), by their cells' numbers."""
        numbers, counts = (each.tolist() for each in np.unique(cells, return_counts=True))
        for number, count in zip(numbers, counts, strict=True):
            window = self._windows.setdefault(number // CELLS, {})
            window[number] = window.get(number, 0) + count
        self.changed.update(numbers)

    def reach_end(self, partition: int) -> None:
        """Note that `partition` was read to its end."""
        self._at_end[partition] = True

    def advance_watermark(self) -> None:
        """Move the watermark up to what was seen, and forget the windows that it passes.

        Call it when `changed` was published: a forgotten window's counts are gone.
        """
        greatest_ms = self._greatest_ms.tolist()
        behind_ms = [each for each, at_end in zip(greatest_ms, self._at_end.tolist(), strict=True) if not at_end]
        seen_ms = min(behind_ms) if behind_ms else max(greatest_ms)
        self._watermark_ms = max(self._watermark_ms, seen_ms - self._allowed_lateness_ms)
        self._forget_passed_windows()

    def _forget_passed_windows(self) -> None:
        for window_s in [each for each in self._windows if (each + 1) * 1000 <= self._watermark_ms]:
            del self._windows[window_s]

    def take_upserts(self) -> list[tuple[bytes, bytes]]:
        """Keys and values of the cells that changed since the last call."""
        upserts = [(_key_of(each), encode_count(self._windows[each // CELLS][each])) for each in self.changed]
        self.changed = set()
        return upserts

    def take_malformed_lines(self) -> list[bytes]:
        """The malformed lines since the last call."""
        lines, self.malformed_lines = self.malformed_lines, []
        return lines

    def totals(self) -> dict[str, int]:
        """The totals of a ``progress`` event."""
        return {"records_in": self.records_in, "malformed": self.malformed, "late": self.late}

    def save(self) -> dict[str, NDArray[np.int64]]:
        """A copy of the state. Take upserts and malformed lines first: they are not part of it."""
        windows = self._windows.values()
        cells = [np.fromiter(window.items(), dtype=_CELL, count=len(window)) for window in windows]
        return {
            "watermark_ms": np.array(self._watermark_ms),
            "greatest_ms": self._greatest_ms.copy(),
            "cells": np.concatenate([_NO_CELLS, *cells]).view(np.int64),
        }

    def forget(self) -> None:
        """Be as before anything was read, but for the totals."""
        self.malformed_lines, self.changed, self._windows, self._watermark_ms = [], set(), {}, 0

    def catch_up(self, counts: Iterable[tuple[int, int]], watermark_ms: int, greatest_ms: NDArray[np.int64]) -> None:
        """Go on from what was published: numbers of cells and `counts`, in their order, and what makes records late.

        Args:
            watermark_ms: the watermark when the last of them had been published.
            greatest_ms: each partition's greatest event time then, shape (partitions,).
        """
        for number, count in counts:
            self._windows.setdefault(number // CELLS, {})[number] = count
        self._greatest_ms = greatest_ms
        self._watermark_ms = watermark_ms
        self._forget_passed_windows()

    def restore(self, state: Mapping[str, NDArray[np.int64]]) -> None:
        """Go on from a `state` that `save` gave, once partitions are assigned: there may be more than there were."""
        self._watermark_ms = int(state["watermark_ms"])
        self._greatest_ms[: len(state["greatest_ms"])] = state["greatest_ms"]
        for number, count in state["cells"].view(_CELL).tolist():
            self._windows.setdefault(number // CELLS, {})[number] = count


@lru_cache(maxsize=KEYS_KEPT)
def _key_of(number: int) -> bytes:
    return encode_key(cell_of(number))
