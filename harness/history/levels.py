"""Where the levels of series begin, computed once for each series that there ever was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from harness.history.index import keep_levels, known_levels
from harness.numerics import change_points as method
from harness.numerics import intervals

#: Takes figures in the order of time, and returns where levels begin: see `harness.numerics.change_points`.
Starts = Callable[[Sequence[float]], list[int]]


class KnownLevels:
    """`change_points`, which remembers in the index what it found: a series has changed, or has the levels it had."""

    def __init__(self, index: Path) -> None:
        self._index = index
        self._known = known_levels(index)
        self._new: dict[str, list[int]] = {}
        self._made_by = _made_by()

    def __call__(self, values: Sequence[float]) -> list[int]:
        """Where new levels begin: indices into `values`, ascending."""
        key = hashlib.sha256(self._made_by + np.asarray(values, dtype=np.float64).tobytes()).hexdigest()
        if key not in self._known:
            self._known[key] = self._new[key] = method.change_points(values)
        return self._known[key]

    def save(self) -> None:
        """Keep what was found anew.

        Raises:
            ConfigurationError: the index cannot be written.
        """
        if self._new:
            keep_levels(self._index, self._new)


def _made_by() -> bytes:
    """What decides on the levels of a series besides its figures: the method's own code, and its library."""
    code = b"".join(Path(str(each.__file__)).read_bytes() for each in (method, intervals))
    return hashlib.sha256(code).digest() + version("ruptures").encode()
