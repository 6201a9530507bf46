"""What is wrong with a user's rows: counted, and the first of them told with file and line.

Values may be telephone numbers. So whatever tells of one is worded twice: with the value, and with its shape alone,
which is what is kept and printed unless the user asks for values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

SHOWN = 10
_SHOWN_CHARACTERS = 60
#: Tells of a value: `plain` or `shape`.
Show = Callable[[str], str]
#: What is wrong with the row of a number, its values told by the second argument.
Say = Callable[[int, Show], str]


def plain(text: str) -> str:
    """A value in quotes, not at any length."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}...")


def shape(text: str) -> str:
    """What a value looks like: digits as d, letters as a and A, and its length. Of ``555-0199``, 'ddd-dddd'."""
    looks = "".join(map(_class_of, text[:_SHOWN_CHARACTERS]))
    more = "..." if len(text) > _SHOWN_CHARACTERS else ""
    return f"{looks + more!r} ({len(text):,} characters)" if text else "nothing"


def _class_of(letter: str) -> str:
    if letter.isdigit():
        return "d"
    if letter.isalpha():
        return "A" if letter.isupper() else "a"
    return letter


@dataclass(frozen=True)
class Told:
    """What is wrong with a row, worded with values, and with their shapes alone."""

    with_values: str
    with_shapes: str


class Problems:
    """Bad rows of all files.

    Attributes:
        count: how many there are.
    """

    def __init__(self) -> None:
        self.count = 0
        self._files: dict[str, int] = {}
        self._first: list[tuple[int, int, str, Told]] = []

    def add(self, file: str, line: int, what: str | Told) -> None:
        """Take in a bad row; `what` is wrong, and if that is a string, it tells no values."""
        self.count += 1
        place = self._files.setdefault(file, len(self._files))
        told = what if isinstance(what, Told) else Told(what, what)
        self._first = sorted([*self._first, (place, line, f"{file}:{line}", told)], key=itemgetter(0, 1))[:SHOWN]

    def add_rest(self, count: int) -> None:
        """Take in that there are `count` bad rows more, none of which is among the first of its batch."""
        self.count += count

    def shown(self, *, values: bool) -> list[str]:
        """The first `SHOWN` as ``FILE:LINE: what was found; what was expected``, file by file, by line.

        Args:
            values: whether to tell values as they stand, and not their shapes.
        """
        return [f"{at}: {told.with_values if values else told.with_shapes}" for _, _, at, told in self._first]

    def told(self, *, values: bool) -> str:
        """The first of them, a line each, and how many there are more; `values` is that of `shown`."""
        shown = self.shown(values=values)
        more = self.count - len(shown)
        return "\n".join([*shown, *([f"and {more:,} more"] if more else [])])


class Check:
    """Looks at the rows of a batch, one requirement after the other; a row's first failure is the one to be told.

    Attributes:
        bad: which rows are bad.
        left_out: which rows the map leaves out: nothing is required of them.
    """

    def __init__(self, rows: int) -> None:
        self.bad = np.zeros(rows, dtype=np.bool_)
        self.left_out = np.zeros(rows, dtype=np.bool_)
        self._told: dict[int, Told] = {}

    def require(self, holds: NDArray[np.bool_], say: Say) -> None:
        """Mark the rows in which something does not hold; `say` tells of the row with a number what is wrong."""
        new = ~holds & ~self.bad & ~self.left_out
        self.bad |= new
        # The first of all bad rows are among the first of each requirement.
        self._told |= {at: Told(say(at, plain), say(at, shape)) for at in np.flatnonzero(new)[:SHOWN].tolist()}

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which rows give records."""
        return ~self.bad & ~self.left_out

    def tell(self, problems: Problems, file: str, lines: NDArray[np.int64]) -> None:
        """Add what was found to `problems`."""
        for at in sorted(self._told)[:SHOWN]:
            problems.add(file, int(lines[at]), self._told[at])
        problems.add_rest(int(self.bad.sum()) - min(len(self._told), SHOWN))
