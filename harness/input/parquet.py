"""Parquet files read in batches of columns, with the rows' numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.errors import ConfigurationError
from harness.input.batches import Batch, Wanted, find_columns, with_folders
from harness.input.values import is_number

BATCH_ROWS = 50_000


def read_parquet(path: Path, name: str, columns: Wanted, folders: Mapping[str, str]) -> Iterator[Batch]:
    """The rows of a file; see `TextReader.batches`.

    Raises:
        ConfigurationError: it lacks a column, or one has a type that is no value's.
    """
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        names = schema.names
        places = find_columns(name, columns, names, len(names), folders)
        for key, wanted in columns.items():
            if wanted in places:
                _check_type(name, key, schema.field(places[wanted]))
        row = 1
        for found in file.iter_batches(BATCH_ROWS, columns=sorted({names[place] for place in places.values()})):
            lines = np.arange(row, row + found.num_rows, dtype=np.int64)
            row += found.num_rows
            batch = Batch(name, lines, {each: _plain(found.column(names[at])) for each, at in places.items()})
            yield with_folders(batch, folders, columns)


def _check_type(name: str, key: str, field: pa.Field) -> None:
    if pa.types.is_nested(field.type):
        raise ConfigurationError(
            f"{name}: input.map.columns.{key}: column {field.name!r} is of the type {field.type}; "
            "expected single values",
            fix="write the part that is meant to a column of its own",
        )


def _plain(column: pa.Array) -> pa.Array:
    """A column as strings, nulls as empty ones; but times, dates, durations and numbers as they are."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.dictionary_decode())
    if pa.types.is_temporal(kind) or is_number(kind):
        return column
    if pa.types.is_null(kind):
        return pa.repeat(pa.scalar(""), len(column))
    return pc.fill_null(column.cast(pa.string()), "")
