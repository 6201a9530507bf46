"""The first rows of an input: of the first file that has any, a text or Parquet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from harness.errors import ConfigurationError
from harness.input.files import Found, Source, delimiter_of, find_sources
from harness.input.guess.columns import Column
from harness.input.guess.findings import Certainty, Finding
from harness.input.guess.text import Look, look_at_text
from harness.input.guess.times import TimeForm
from harness.input.kinds import DAMAGED, check_text, is_parquet, open_plain
from harness.input.parquet import decoded, open_bounded
from harness.processes.temporary import temporary_folder

#: So much of a file's beginning is looked at.
SAMPLE_BYTES = 1 << 20
_SAMPLE_ROWS = 5_000
_HEAD_BYTES = 512


@dataclass(frozen=True)
class Sample:
    """What was looked at.

    Attributes:
        name: of the file, for people.
        look: what was seen of it.
        files: how many files the input has.
        bytes: how many bytes they have.
    """

    name: str
    look: Look
    files: int
    bytes: int


def take_sample(path: str) -> Sample:
    """Look at an input.

    Raises:
        ConfigurationError: there is no such file, or none that holds rows of text or Parquet.
        ServiceError: S3 cannot be reached, or denies access.
    """
    with temporary_folder("ringbench-guess-") as work:
        found = _find(path, work)
        for source in found.sources:
            look = _look(source)
            if look:
                size = sum(each.bytes for each in found.sources)
                return Sample(source.name, _without_delimiter(look, found), len(found.sources), size)
    raise ConfigurationError(f"{path}: there is no row in it", fix="give a file that holds records")


def _find(path: str, work: Path) -> Found:
    """Files of usual names; if there are none, those of any name."""
    try:
        return find_sources(path, None, work)
    except ConfigurationError:
        return find_sources(path, ",", work)


def _without_delimiter(look: Look, found: Found) -> Look:
    """Beside other files, a delimiter makes texts of files of any name: it is left out if their names tell it, too."""
    is_alone = len(found.sources) == 1 and not found.passed_over
    told = all(delimiter_of(source.name) == look.keys.get("delimiter") for source in found.sources)
    if is_alone or not told:
        return look
    return replace(look, keys={key: value for key, value in look.keys.items() if key != "delimiter"})


def _look(source: Source) -> Look | None:
    with source.open() as local:
        if is_parquet(local):
            return _look_at_parquet(local, source)
        try:
            with open_plain(local, source.name) as file:
                data = file.read(SAMPLE_BYTES)
        except DAMAGED as error:
            raise ConfigurationError(
                f"{source.name}: cannot be read: {error}", fix="give a whole file of its kind"
            ) from error
    if not data.strip():
        return None
    check_text(data[:_HEAD_BYTES], source.name, None)
    cut = data.rfind(b"\n") + 1 if len(data) == SAMPLE_BYTES else len(data)
    look = look_at_text(data[: cut or len(data)])
    return _with_folders(look, source) if look.rows else None


def _with_folders(look: Look, source: Source) -> Look:
    further = [
        Column(len(look.columns) + at, name, [value] * look.rows)
        for at, (name, value) in enumerate(source.folders.items(), 1)
        if name not in [column.name for column in look.columns]
    ]
    return replace(look, columns=[*look.columns, *further])


def _look_at_parquet(local: Path, source: Source) -> Look | None:
    with open_bounded(local, source.name) as file:
        batch = next(file.iter_batches(_SAMPLE_ROWS), None)
    if batch is None or not batch.num_rows:
        return None
    columns = [
        _column(at, name, _values(batch.column(at - 1), f"{source.name}: column {name!r}"))
        for at, name in enumerate(batch.schema.names, 1)
        if not pa.types.is_nested(batch.schema.field(at - 1).type)
    ]
    finding = Finding("layout", "records", Certainty.SURE, "Parquet: columns have names and types of their own")
    return _with_folders(Look(columns, {}, [finding], batch.num_rows), source)


def _values(column: pa.Array, where: str) -> pa.Array:
    return decoded(column, where) if pa.types.is_dictionary(column.type) else column


def _column(number: int, name: str, values: pa.Array) -> Column:
    kind = values.type
    if pa.types.is_timestamp(kind):
        text = pc.strftime(values.cast(pa.timestamp("us", kind.tz), safe=False), "%Y-%m-%d %H:%M:%S")
        return Column(number, name, _texts(text), TimeForm("iso", 1.0, zoned=kind.tz is not None))
    if pa.types.is_duration(kind):
        seconds = pc.divide(values.cast(pa.duration("us"), safe=False).cast(pa.int64()).cast(pa.float64()), 1e6)
        return Column(number, name, [f"{each}s" if each is not None else "" for each in seconds.to_pylist()])
    if pa.types.is_floating(kind):
        return Column(number, name, [_of_float(each) for each in values.to_pylist()])
    return Column(number, name, [text.strip() for text in _texts(values)])


def _of_float(value: float | None) -> str:
    if value is None or value != value:
        return ""
    return str(int(value)) if value.is_integer() else repr(value)


def _texts(values: pa.Array) -> list[str]:
    return [
        "" if each is None else each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each)
        for each in values.to_pylist()
    ]
