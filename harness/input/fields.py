"""Values of a user's columns turned into numbers, a batch at a time; what cannot be is marked as bad."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from engines.contract.record import OPERATORS, TYPES
from harness.input.problems import Check, Show, plain
from harness.input.values import Numbers, as_text, filled, matching, missing, wrong
from harness.scenarios.input import LEAVE_OUT, ColumnSection
from workloads.activity import Words, text_words
from workloads.california import COUNTIES

_MAX_AMOUNT = 1e9
_UNKNOWN, _LEFT_OUT = -1, -2
#: What is written after a county's name.
_AFTER_COUNTY = re.compile(r",? (?:ca|calif\.?|california)$")
_COUNTY = re.compile(r" (?:county|co\.?)$")

COUNTY_NAMES = {
    **{county.name.lower(): number for number, county in enumerate(COUNTIES)},
    **{county.fips: number for number, county in enumerate(COUNTIES)},
    # What is left of a code that a spreadsheet took for a number.
    **{county.fips[1:]: number for number, county in enumerate(COUNTIES)},
}
OPERATOR_NAMES = {name.lower(): number for number, name in enumerate(OPERATORS)}
TYPE_NAMES = {name: number for number, name in enumerate(TYPES)}


def amounts(check: Check, key: str, column: pa.Array, numbers: Numbers, nulls: Sequence[str]) -> NDArray[np.float64]:
    """How much activity there was, shape (rows,); what is missing is none."""
    found = numbers.read(column, nulls)
    holds = (found >= 0) & (found <= _MAX_AMOUNT)
    check.require(holds, wrong(key, column, f"a number from 0 to {_MAX_AMOUNT:,.0f}, or nothing", numbers.hint))
    return np.where(holds, found, 0.0)


def identifiers(check: Check, key: str, column: pa.Array) -> NDArray[np.int64]:
    """Whole numbers that name something, shape (rows,)."""
    # As data frames write them where one of the column is missing.
    text = pc.replace_substring_regex(as_text(column), r"\.0+$", "")
    found = filled(matching(text, r"^[0-9]{1,18}$").cast(pa.int64()), _UNKNOWN)
    check.require(found != _UNKNOWN, wrong(key, column, "a whole number, 0 or more"))
    return found


@dataclass(frozen=True)
class Categories:
    """Numbers of counties, operators or types; every array of shape (rows,).

    Attributes:
        numbers: of bad rows and those that are left out, 0.
        by_share: which were chosen by a hash.
        left_out: which rows the map leaves out.
    """

    numbers: NDArray[np.int64]
    by_share: NDArray[np.bool_]
    left_out: NDArray[np.bool_]


class CategoryReader:
    """Reads a column of counties, operators or types.

    Args:
        key: what it is in the map.
        section: what the map says of it.
        known: numbers by names, in small letters.
        expected: what errors say of them.
        by_share: chooses numbers by words; None where nothing is chosen.
        nulls: words that mean that there is none.
        seed: of the hashes.
    """

    def __init__(
        self,
        key: str,
        section: ColumnSection,
        known: dict[str, int],
        expected: str,
        by_share: Callable[[Words], NDArray[np.int64]] | None,
        nulls: Collection[str],
        seed: int,
    ) -> None:
        self._key, self._section, self._known = key, section, known
        self._by_share = by_share if section.by_share else None
        self._nulls, self._seed = nulls, seed
        own = ", ".join(section.values)
        self._expected = f"{own} (of input.map.columns.{key}.values), or {expected}" if own else expected

    def read(self, column: pa.Array, row_words: Words) -> Categories:
        """What a batch's rows have; -1 for what is not known, for `judge` to tell."""
        seen = pc.dictionary_encode(as_text(column))
        texts = seen.dictionary.to_pylist()
        # What the map gives a meaning is there.
        named = np.array([text in self._section.values for text in texts], dtype=np.bool_)
        lacking = missing(seen.dictionary, self._nulls) & ~named
        found = [self._number("" if lacks else text) for text, lacks in zip(texts, lacking.tolist(), strict=True)]
        numbers = np.array(found, dtype=np.int64)
        open_ = numbers == _UNKNOWN
        at = seen.indices.to_numpy()
        if self._by_share and open_.any():
            numbers = np.where(open_, self._by_share(text_words(texts, self._seed)), numbers)
            found_by_row = np.where(lacking[at] & open_[at], self._by_share(row_words), numbers[at])
            return Categories(found_by_row, open_[at], numbers[at] == _LEFT_OUT)
        return Categories(numbers[at], np.zeros(len(at), dtype=np.bool_), numbers[at] == _LEFT_OUT)

    def judge(self, check: Check, column: pa.Array, found: Categories) -> NDArray[np.int64]:
        """The numbers, and `check` is told of what is not known."""
        check.require(found.numbers != _UNKNOWN, wrong(self._key, column, self._expected, self._hint))
        return np.maximum(found.numbers, 0)

    def _number(self, text: str) -> int:
        """The number of what `text` means; of nothing, that of the default."""
        meaning = self._section.values.get(text, text)
        number = category(meaning, self._known)
        if text in self._section.values and meaning == LEAVE_OUT:
            return _LEFT_OUT
        if number == _UNKNOWN and self._section.default:
            return _LEFT_OUT if self._section.default == LEAVE_OUT else category(self._section.default, self._known)
        return number

    def _hint(self, text: str, show: Show) -> str:
        share = ", and by_share: true chooses one" if self._key != "type" else ""
        name = text if show is plain and text else show(text)
        return f"values: {{{name}: ...}} gives it a meaning, {LEAVE_OUT} leaves its rows out{share}"


def category(text: str, known: dict[str, int]) -> int:
    """The number of what `text` names, in capitals or not; -1 if it names nothing."""
    name = text.strip().lower()
    bare = _AFTER_COUNTY.sub("", name)
    for each in (name, bare, _COUNTY.sub("", bare)):
        if each in known:
            return known[each]
    return _UNKNOWN
