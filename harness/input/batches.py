"""Batches of a file's columns, and where in the file the columns of a map are."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.errors import ConfigurationError
from harness.input.problems import plain, shape

#: Names or numbers (from 1 on) of columns, by the keys of the map that ask for them.
Wanted = Mapping[str, str | int]
_SHOWN_NAMES = 30
_DIGITS_OF_NUMBERS = 7


@dataclass(frozen=True)
class Batch:
    """Some rows of a file.

    Attributes:
        file: its name, for people.
        lines: of the rows, from 1 on; of Parquet, their numbers. Shape (rows,).
        columns: by name or number, as they were asked for; strings, or what Parquet has for times and durations.
    """

    file: str
    lines: NDArray[np.int64]
    columns: dict[str | int, pa.Array]


def find_columns(
    name: str,
    columns: Wanted,
    names: Sequence[str] | None,
    width: int,
    folders: Mapping[str, str],
    lenient: bool = False,
) -> dict[str | int, int]:
    """Places of the wanted columns in a file, those left out that its folders are named by.

    Args:
        name: the file's.
        columns: what is wanted.
        names: of its columns; None if they have none.
        width: how many columns it has.
        folders: values of the columns that stand in folders' names.
        lenient: whether rows may have more columns than the first.

    Raises:
        ConfigurationError: a column is not there, or more than once.
    """
    places: dict[str | int, int] = {}
    for key, wanted in columns.items():
        if isinstance(wanted, int):
            if wanted > width and not lenient:
                raise ConfigurationError(
                    f"{name}: input.map.columns.{key}: there is no column {wanted}; the first row has {width}",
                    fix="correct the map, or input.map.delimiter; or set input.map.row_width to any",
                )
            places[wanted] = wanted - 1
        elif names is None and wanted in folders:
            continue
        elif names is None:
            raise ConfigurationError(
                f"{name}: input.map.columns.{key}: {wanted!r} is a name, and a file without a header has none",
                fix="give the column's number, from 1 on, or set input.map.header to true",
            )
        elif names.count(wanted) == 1:
            places[wanted] = names.index(wanted)
        elif wanted not in folders or wanted in names:
            raise _not_found(name, key, wanted, names)
    return places


def _not_found(name: str, key: str, wanted: str, names: Sequence[str]) -> ConfigurationError:
    times = "twice or more" if wanted in names else "not"
    close = difflib.get_close_matches(wanted.lower(), [each.lower() for each in names], n=1)
    meant = next((each for each in names if close and each.lower() == close[0]), None)
    hint = f" (did you mean {meant!r}?)" if meant and meant != wanted else ""
    shown = ", ".join(_named(each) for each in names[:_SHOWN_NAMES])
    fix = f"give one of its columns: {shown}; a number, from 1 on; or another layout"
    if len(names) == 1 and "   " in names[0]:
        fix = "columns of a fixed width are not read: write the file with a delimiter"
    elif len(names) == 1:
        fix = f"the first row is one column, {_named(names[0])}: set input.map.delimiter to what separates it"
    elif any("\udc80" <= letter <= "\udcff" for each in names for letter in each):
        fix = f"the header is not UTF-8: set input.map.encoding, to cp1252 or latin-1, say; its columns are {shown}"
    elif all(_is_value(each) for each in names if each):
        fix = "the first row reads as data: set input.map.header to false, and give columns' numbers, from 1 on"
    return ConfigurationError(
        f"{name}: input.map.columns.{key}: column {wanted!r} is {times} in the file's header{hint}", fix=fix
    )


def _named(name: str) -> str:
    """A column's name; but its shape, if it may be a telephone number, of a first row that names no columns."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return shape(text) if sum(map(str.isdigit, text)) >= _DIGITS_OF_NUMBERS else plain(text)


def _is_value(text: str) -> bool:
    return any(letter.isdigit() for letter in text)


def with_folders(batch: Batch, folders: Mapping[str, str], columns: Wanted) -> Batch:
    """A batch with the columns that its file's folders are named by."""
    further: dict[str | int, pa.Array] = {
        each: pa.repeat(pa.scalar(folders[each]), len(batch.lines))
        for each in columns.values()
        if isinstance(each, str) and each in folders and each not in batch.columns
    }
    return Batch(batch.file, batch.lines, batch.columns | further) if further else batch
