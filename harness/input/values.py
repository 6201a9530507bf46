"""Columns of text: what is missing, what is a number, and how errors show a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.input.problems import Say, Show

#: Words that mean a missing value in every file: of spreadsheets, data frames and databases.
MISSING = ("", "NaN", "nan", "NaT", "NULL", "null", "\\N", "None", "<NA>", "NA", "N/A", "n/a", "0000-00-00",
           "0000-00-00 00:00:00")  # fmt: skip
#: The greatest whole number up to which a double has all of them.
_EXACT = 2.0**53
_NUMBER = r"^[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?$"


def wrong(key: str, column: pa.Array, expected: str, hint: Callable[[str, Show], str] | None = None) -> Say:
    """What says of a row that its value is wrong; `hint` may add what to do about it."""

    def say(at: int, show: Show) -> str:
        text = str(column[at].as_py())
        more = hint(text.strip(), show) if hint else ""
        return f"{key}: found {show(text)}; expected {expected}" + (f" ({more})" if more else "")

    return say


def as_text(column: pa.Array) -> pa.Array:
    """A column as strings without blanks around them; nulls as empty ones."""
    if pa.types.is_floating(column.type):
        return _of_floats(column.cast(pa.float64()))
    text = column if pa.types.is_string(column.type) else pc.fill_null(column.cast(pa.string()), "")
    return pc.utf8_trim_whitespace(text)


def is_number(kind: pa.DataType) -> bool:
    """Whether a Parquet column of this type holds numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _of_floats(column: pa.Array) -> pa.Array:
    """Floating-point numbers as text: whole ones without a fraction, and NaN as nothing."""
    found = pc.fill_null(column, float("nan")).to_numpy(zero_copy_only=False)
    whole = (np.abs(found) < _EXACT) & (found == np.floor(found))
    integers = pa.array(np.where(whole, found, 0).astype(np.int64)).cast(pa.string())
    other = pc.if_else(pa.array(np.isnan(found)), "", column.cast(pa.string()))
    return pc.fill_null(pc.if_else(pa.array(whole), integers, other), "")


def missing(text: pa.Array, words: Iterable[str]) -> NDArray[np.bool_]:
    """Which values are missing: one of `words` and of those that always mean it."""
    found: NDArray[np.bool_] = pc.is_in(text, pa.array([*MISSING, *words])).to_numpy(zero_copy_only=False)
    return found


def matching(text: pa.Array, pattern: str) -> pa.Array:
    """`text`, with nulls in place of what does not match."""
    return pc.if_else(pc.match_substring_regex(text, pattern), text, None)


def filled(values: pa.Array, default: int) -> NDArray[np.int64]:
    """An array of integers, with `default` in place of nulls."""
    found: NDArray[np.int64] = pc.fill_null(values, default).to_numpy(zero_copy_only=False)
    return found


class Numbers:
    """How numbers are written, by the map's `decimal` and `thousands`."""

    def __init__(self, decimal: str, thousands: str | None) -> None:
        self._decimal, self._thousands = decimal, thousands
        group, point = re.escape(thousands or ""), re.escape(decimal)
        self._grouped = rf"^[0-9]{{1,3}}({group}[0-9]{{3}})*({point}[0-9]*)?$"

    def read(self, column: pa.Array, nulls: Iterable[str]) -> NDArray[np.float64]:
        """Numbers of a column, shape (rows,): NaN for what is none, 0 for what is missing.

        Args:
            column: text, or Parquet's own numbers.
            nulls: words that mean a missing value.
        """
        text = as_text(column)
        if is_number(column.type):
            found = pc.fill_null(column.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
        else:
            found = self._parse(text)
        return np.where(missing(text, nulls), 0.0, found)

    def _parse(self, text: pa.Array) -> NDArray[np.float64]:
        if self._thousands:
            grouped = pc.match_substring_regex(text, self._grouped)
            text = pc.if_else(grouped, pc.replace_substring(text, self._thousands, ""), text)
        if self._decimal == ",":
            # What has a point in it, too, is something else.
            text = pc.if_else(pc.match_substring(text, "."), "x", pc.replace_substring(text, ",", "."))
        parsed = matching(text, _NUMBER).cast(pa.float64())
        found: NDArray[np.float64] = pc.fill_null(parsed, float("nan")).to_numpy(zero_copy_only=False)
        return found

    def hint(self, text: str, show: Show) -> str:
        """What to do about a value that is no number."""
        if re.fullmatch(r"-[0-9]+(\.[0-9]+)?", text):
            return f"if {show(text)} means that there is none, add it to input.map.null_values"
        if self._decimal == "." and re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+", text):
            return 'set input.map.thousands or input.map.decimal to ",", whichever the comma is'
        if self._decimal == "." and re.fullmatch(r"[0-9]+,[0-9]+", text):
            return 'set input.map.decimal to ","'
        return ""
