"""What is wrong with a user's rows: counted, and the first of them told with file and line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SHOWN = 10


class Problems:
    """Bad rows of all files.

    Attributes:
        count: how many there are.
        shown: the first `SHOWN` of them as ``FILE:LINE: what was found; what was expected``, file by file, by line.
    """

    def __init__(self) -> None:
        self.count = 0
        self._files: dict[str, int] = {}
        self._first: list[tuple[int, int, str]] = []

    def add(self, file: str, line: int, what: str) -> None:
        """Take in a bad row."""
        self.count += 1
        place = self._files.setdefault(file, len(self._files))
        self._first = sorted([*self._first, (place, line, f"{file}:{line}: {what}")])[:SHOWN]

    def add_rest(self, count: int) -> None:
        """Take in that there are `count` bad rows more, none of which is among the first of its batch."""
        self.count += count

    @property
    def shown(self) -> list[str]:
        return [text for _, _, text in self._first]

    def told(self) -> str:
        """The first of them, a line each, and how many there are more."""
        more = self.count - len(self.shown)
        return "\n".join([*self.shown, *([f"and {more:,} more"] if more else [])])


class Check:
    """Looks at the rows of a batch, one requirement after the other; a row's first failure is the one to be told.

    Attributes:
        bad: which rows are bad.
        left_out: which rows the map leaves out: nothing is required of them.
    """

    def __init__(self, rows: int) -> None:
        self.bad = np.zeros(rows, dtype=np.bool_)
        self.left_out = np.zeros(rows, dtype=np.bool_)
        self._told: dict[int, str] = {}

    def require(self, holds: NDArray[np.bool_], say: Callable[[int], str]) -> None:
        """Mark the rows in which something does not hold; `say` tells of the row with a number what is wrong."""
        new = ~holds & ~self.bad & ~self.left_out
        self.bad |= new
        # The first of all bad rows are among the first of each requirement.
        self._told |= {at: say(at) for at in np.flatnonzero(new)[:SHOWN].tolist()}

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which rows give records."""
        return ~self.bad & ~self.left_out

    def tell(self, problems: Problems, file: str, lines: NDArray[np.int64]) -> None:
        """Add what was found to `problems`."""
        for at in sorted(self._told)[:SHOWN]:
            problems.add(file, int(lines[at]), self._told[at])
        problems.add_rest(int(self.bad.sum()) - min(len(self._told), SHOWN))
