"""Arrays of records, gathered batch by batch in no more memory than their values need."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ConfigurationError

#: More than this are not prepared.
MAX_RECORDS = 50_000_000

Arrays = dict[str, NDArray[Any]]

#: Types that hold every value of an array; of others, the array's own.
_TYPES: dict[str, type[np.generic]] = {
    "counties": np.int8,
    "operators": np.int8,
    "types": np.int8,
    "chosen": np.bool_,
    "durations_ms": np.int32,
    "lines": np.int32,
    "files": np.int32,
}


class Parts:
    """Arrays of one length each time, to be joined in the end.

    Attributes:
        records: how many there are.
    """

    def __init__(self) -> None:
        self.records = 0
        self._parts: list[Arrays] = []

    def add(self, arrays: Arrays, good: NDArray[np.bool_]) -> None:
        """Take in what is good of `arrays`.

        Raises:
            ConfigurationError: there are too many.
        """
        self.records += int(good.sum())
        if self.records > MAX_RECORDS:
            raise too_many(self.records)
        self._parts.append({name: array[good].astype(_TYPES.get(name, array.dtype)) for name, array in arrays.items()})

    def joined(self) -> Arrays:
        """All of them, which are held no longer; none are no arrays."""
        parts, self._parts = self._parts, []
        return {name: np.concatenate([part.pop(name) for part in parts]) for name in list(parts[0])} if parts else {}


def joined(parts: list[Arrays]) -> Arrays:
    """Arrays put one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}


def too_many(count: int) -> ConfigurationError:
    """What is said of an input with `count` records or more."""
    return ConfigurationError(
        f"the input holds {count:,} records or more, and at most {MAX_RECORDS:,} can be replayed",
        fix="give fewer files; or, of the layout activity, lower input.map.records_per_unit",
    )
