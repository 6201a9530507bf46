"""The counts of the last five minutes of event time: a mirror of what Redis holds, and of what has changed in it.

Counts are absolute, so that setting one twice, or an older one before a newer one, does no harm. Nothing here reads or
writes anything outside.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from viewer.cells import CELLS_PER_WINDOW, NUMBERS

HISTORY_S = 300

#: A window that is this much ahead of all others is no window: one such entry would push all others out.
LONGEST_LEAP_S = 3600
#: What the page can hold; a second has fewer records.
GREATEST_COUNT = 2**31 - 1
_LONGEST_WINDOW_DIGITS = 10

#: A window has finished when it is so far behind the newest one, and unchanged for so long by the stream's clock ...
FINISHED_BEHIND_S = 3
FINISHED_QUIET_MS = 1000
#: ... or so far behind the newest one that what still comes is late.
FINISHED_ANYWAY_S = 10

_ABSENT = -1


def encode_row(window_s: int, cells: Sequence[int]) -> str:
    """A window's row in a frame, as JSON: its start, then `cells`: cell, count, cell, count, and so on."""
    return f"[{window_s},{','.join(map(str, cells))}]"


class Counts:
    """Counts by window and cell.

    Attributes:
        updates: how many counts the stream has brought.
        malformed: entries and lines that break the form, and windows that cannot be.
        unknown_cells: lines whose county, operator or type is none of ours.
        too_old: updates of windows older than the history.
        now_s: the newest window, in seconds since the Unix epoch; None if there is none.
        updated_ms: ID of the newest stream entry, in milliseconds since the Unix epoch; None if there is none.
        since_ms: that of the oldest entry which no delta holds yet; None if all are told.
        generation: goes up when all counts are replaced; what was taken as a delta before is then void.
    """

    def __init__(self) -> None:
        self.updates = self.malformed = self.unknown_cells = self.too_old = 0
        self.now_s: int | None = None
        self.updated_ms: int | None = None
        self.since_ms: int | None = None
        self.generation = 0
        self._windows: dict[int, list[int]] = {}
        self._changed_ms: dict[int, int] = {}
        self._changed: set[int] = set()
        self._rows: dict[int, str] = {}

    @property
    def skipped(self) -> int:
        """How many entries and lines were left out because they make no sense."""
        return self.malformed + self.unknown_cells

    @property
    def oldest_s(self) -> int | None:
        """The oldest window that there is, in seconds since the Unix epoch."""
        return min(self._windows, default=None)

    def apply(self, updates: Iterable[tuple[bytes, int]], at_ms: int) -> None:
        """Take a stream entry's `updates` (`engines.contract.keys.decode_updates`), whose ID's time is `at_ms`."""
        self.updated_ms = at_ms
        if self.since_ms is None:
            self.since_ms = at_ms
        for key, count in updates:
            window_s, _, name = key.partition(b"|")
            number = NUMBERS.get(name)
            if number is None:
                self.unknown_cells += 1
            elif not 0 <= count <= GREATEST_COUNT or not self._is_window(window_s):
                self.malformed += 1
            else:
                self.updates += 1
                self._set(int(window_s), number, count, at_ms)

    def skip_malformed(self) -> None:
        """Count an entry that could not be decoded."""
        self.malformed += 1

    def replace(self, windows: dict[int, dict[bytes, bytes]], updated_ms: int | None) -> None:
        """Forget all counts and take those of `windows`: names of cells and counts in decimal, as Redis holds them."""
        self.generation += 1
        self._windows, self._changed_ms, self._changed, self._rows = {}, {}, set(), {}
        self.now_s, self.updated_ms, self.since_ms = None, updated_ms, None
        for window_s in sorted(windows):
            if self.now_s is not None and window_s > self.now_s + LONGEST_LEAP_S:
                self.malformed += 1
                break
            for name, count in windows[window_s].items():
                self._load(window_s, name, count)
        self._changed.clear()

    def take_delta(self) -> list[str]:
        """The cells that have changed since this was called last, as rows: see `encode_row`."""
        changed, self._changed, self.since_ms = self._changed, set(), None
        rows: dict[int, list[int]] = defaultdict(list)
        for code in sorted(changed):
            window_s, cell = divmod(code, CELLS_PER_WINDOW)
            if window_s in self._windows:
                rows[window_s] += (cell, self._windows[window_s][cell])
        return [encode_row(window_s, cells) for window_s, cells in rows.items()]

    def snapshot(self) -> list[str]:
        """All cells, as rows, the oldest first."""
        return [self._row(window_s) for window_s in sorted(self._windows)]

    def _row(self, window_s: int) -> str:
        """A window's row. Most windows change no more, while clients come and go: what was made once is kept."""
        row = self._rows.get(window_s)
        if row is None:
            counts = enumerate(self._windows[window_s])
            cells = [part for cell, count in counts if count != _ABSENT for part in (cell, count)]
            row = self._rows[window_s] = encode_row(window_s, cells)
        return row

    def window(self, window_s: int) -> NDArray[np.int64]:
        """The counts of a window by cell number, shape (cells,); 0 where there is none."""
        return np.maximum(np.array(self._windows.get(window_s, [0] * CELLS_PER_WINDOW), dtype=np.int64), 0)

    def is_finished(self, window_s: int) -> bool:
        """Whether a window's counts are as good as final."""
        if self.now_s is None or self.updated_ms is None or self.now_s - window_s < FINISHED_BEHIND_S:
            return False
        # One without any count is no more finished than the newest: it may be about to come.
        quiet_ms = self.updated_ms - self._changed_ms.get(window_s, self.updated_ms)
        return quiet_ms >= FINISHED_QUIET_MS or self.now_s - window_s >= FINISHED_ANYWAY_S

    def _is_window(self, text: bytes) -> bool:
        if not text.isdigit() or len(text) > _LONGEST_WINDOW_DIGITS:
            return False
        return self.now_s is None or int(text) <= self.now_s + LONGEST_LEAP_S

    def _load(self, window_s: int, name: bytes, count: bytes) -> None:
        number = NUMBERS.get(name)
        if number is None:
            self.unknown_cells += 1
        elif not count.isdigit() or len(count) > len(str(GREATEST_COUNT)) or int(count) > GREATEST_COUNT:
            self.malformed += 1
        else:
            self._set(window_s, number, int(count), 0)

    def _set(self, window_s: int, cell: int, count: int, at_ms: int) -> None:
        if self.now_s is None or window_s > self.now_s:
            self._advance(window_s)
        assert self.now_s is not None
        if window_s <= self.now_s - HISTORY_S:
            self.too_old += 1
            return
        row = self._windows.get(window_s)
        if row is None:
            row = self._windows[window_s] = [_ABSENT] * CELLS_PER_WINDOW
        if row[cell] != count:
            row[cell] = count
            self._rows.pop(window_s, None)
            self._changed.add(window_s * CELLS_PER_WINDOW + cell)
            self._changed_ms[window_s] = at_ms

    def _advance(self, window_s: int) -> None:
        self.now_s = window_s
        for old_s in [each for each in self._windows if each <= window_s - HISTORY_S]:
            del self._windows[old_s]
            self._changed_ms.pop(old_s, None)
            self._rows.pop(old_s, None)
