"""Changes of cells by the array: what stream entries or upserts say, as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.contract.keys import decode_updates
from workloads.locations import Locations

#: The code of a key that names no cell.
NO_CELL = -1
#: Keys come again and again: the codes of so many are remembered, those of some minutes.
KNOWN_KEYS = 100_000
#: A window that is named by more digits is none.
_WINDOW_DIGITS = 15
#: A count beyond is taken for this one: it is wrong in any case, and sums of such must fit into 64 bits.
GREATEST_COUNT = 10**12


class CellCodes(dict[bytes, int]):
    """Codes by aggregate key: see `workloads.locations.Locations.key`; or NO_CELL."""

    def __init__(self, locations: Locations) -> None:
        super().__init__()
        self._numbers, self._cell_count = locations.numbers, locations.cell_count

    def __missing__(self, key: bytes) -> int:
        if len(self) >= KNOWN_KEYS:
            self.clear()
        window_s, _, name = key.partition(b"|")
        number = self._numbers.get(name)
        code = NO_CELL
        if number is not None and window_s.isdigit() and len(window_s) <= _WINDOW_DIGITS:
            code = int(window_s) * self._cell_count + number
        self[key] = code
        return code


@dataclass(frozen=True)
class Changes:
    """Changes in order: codes as in `CellCodes`, counts, and since when; each of shape (changes,)."""

    codes: NDArray[np.int64]
    counts: NDArray[np.int64]
    at_ms: NDArray[np.int64]

    def only(self, chosen: NDArray[np.bool_]) -> "Changes":
        """Those that are `chosen`, shape (changes,)."""
        return Changes(self.codes[chosen], self.counts[chosen], self.at_ms[chosen])


def changes_of(entries: Sequence[tuple[int, bytes]], codes: CellCodes) -> Changes:
    """What stream entries say: their IDs' milliseconds, and their fields (see `engines.contract.keys.encode_updates`).

    Raises:
        ValueError: a field is not a stream entry's.
    """
    keys: list[bytes] = []
    counts: list[int] = []
    sizes = []
    for _, field in entries:
        before = len(keys)
        parts = field.replace(b"=", b"\n").split(b"\n")
        if len(parts) == 2 * field.count(b"="):
            keys += parts[::2]
            counts += map(int, parts[1::2])
        else:
            for key, count in decode_updates(field):
                keys.append(key)
                counts.append(count)
        sizes.append(len(keys) - before)
    at_ms = np.repeat(np.array([each for each, _ in entries], dtype=np.int64), sizes)
    return Changes(np.array([codes[key] for key in keys], dtype=np.int64), as_counts(counts), at_ms)


def as_counts(counts: list[int]) -> NDArray[np.int64]:
    """`counts` as an array, those beyond `GREATEST_COUNT` as that."""
    try:
        found = np.array(counts, dtype=np.int64)
    except OverflowError:
        found = np.array([min(count, GREATEST_COUNT) for count in counts], dtype=np.int64)
    return np.minimum(found, GREATEST_COUNT)
