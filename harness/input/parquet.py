"""Parquet files read in batches of columns, with the rows' numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.errors import ConfigurationError
from harness.input.batches import Batch, Wanted, find_columns, with_folders
from harness.input.kinds import FREE_BYTES, MAX_COMPRESSION
from harness.input.values import is_number

BATCH_ROWS = 50_000
#: Of a column, in a batch: a row names a value that is kept once, which may be long.
MAX_BATCH_BYTES = 64 << 20
#: Rows that are all the same take no bytes; records have times, which do.
MAX_ROWS_PER_BYTE = 1_000
FREE_ROWS = 1_000_000
MAX_FIXED_BYTES = 1_024


def read_parquet(path: Path, name: str, columns: Wanted, folders: Mapping[str, str]) -> Iterator[Batch]:
    """The rows of a file; see `TextReader.batches`.

    Raises:
        ConfigurationError: it lacks a column, or one has a type that is no value's; or it holds more than its size
            allows.
    """
    with open_bounded(path, name) as file:
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
            batch = Batch(
                name,
                lines,
                {each: _plain(found.column(names[at]), f"{name}: column {names[at]!r}") for each, at in places.items()},
            )
            yield with_folders(batch, folders, columns)


@contextmanager
def open_bounded(path: Path, name: str) -> Iterator[pq.ParquetFile]:
    """A file whose texts stay as they are in it, each once, until it is known how much they come to: see `decoded`.

    Raises:
        ConfigurationError: it holds more than its size allows.
    """
    with pq.ParquetFile(path) as file:
        texts = [each.name for each in file.schema_arrow if _is_text(each.type)]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        _check_size(file, path, name)
        yield file


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_large_binary(kind)
    )


def _check_size(file: pq.ParquetFile, path: Path, name: str) -> None:
    """Hold what a file says of itself against its size."""
    size, found = path.stat().st_size, file.metadata
    groups = [found.row_group(each) for each in range(found.num_row_groups)]
    unpacked = sum(each.column(at).total_uncompressed_size for each in groups for at in range(each.num_columns))
    for count, most, what in (
        (found.num_rows, FREE_ROWS + MAX_ROWS_PER_BYTE * size, "rows"),
        (unpacked, FREE_BYTES + MAX_COMPRESSION * size, "bytes, unpacked"),
    ):
        if count > most:
            raise ConfigurationError(
                f"{name}: it holds {count:,} {what}, and a file of {size:,} bytes may hold {most:,}",
                fix="write it without compression, if it is meant so",
            )


def _check_type(name: str, key: str, field: pa.Field) -> None:
    if pa.types.is_fixed_size_binary(field.type) and field.type.byte_width > MAX_FIXED_BYTES:
        raise ConfigurationError(
            f"{name}: input.map.columns.{key}: column {field.name!r} has values of {field.type.byte_width:,} bytes; at "
            f"most {MAX_FIXED_BYTES:,} are read",
            fix="write it as text",
        )
    if pa.types.is_nested(field.type):
        raise ConfigurationError(
            f"{name}: input.map.columns.{key}: column {field.name!r} is of the type {field.type}; "
            "expected single values",
            fix="write the part that is meant to a column of its own",
        )


def _plain(column: pa.Array, where: str) -> pa.Array:
    """A column as strings, nulls as empty ones; but times, dates, durations and numbers as they are."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(decoded(column, where), where)
    if pa.types.is_temporal(kind) or is_number(kind):
        return column
    if pa.types.is_null(kind):
        return pa.repeat(pa.scalar(""), len(column))
    return pc.fill_null(column.cast(pa.string()), "")


def decoded(column: pa.DictionaryArray, where: str) -> pa.Array:
    """A column in which each row has a value of its own.

    Raises:
        ConfigurationError: these would take too much memory; `where` says of which file and column.
    """
    if not _is_text(column.dictionary.type):
        return column.dictionary_decode()
    lengths = pc.take(pc.binary_length(column.dictionary).cast(pa.int64()), column.indices)
    if (total := pc.sum(lengths).as_py() or 0) > MAX_BATCH_BYTES:
        raise ConfigurationError(
            f"{where}: {len(column):,} rows have {total:,} bytes; at most {MAX_BATCH_BYTES:,} are read",
            fix="give a file whose values are those of records",
        )
    return column.dictionary_decode()
