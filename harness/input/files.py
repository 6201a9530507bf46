"""Files of a user's own records: found in a folder or in S3, and read in batches of columns, with the rows' lines."""

from __future__ import annotations

import csv
import gzip
import hashlib
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError
from numpy.typing import NDArray

from harness.clients.s3_archive import Bucket
from harness.errors import ConfigurationError, ServiceError
from harness.input.problems import Problems

TEXT_DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
PARQUET = (".parquet", ".pq")
GZIP = ".gz"
ENDINGS = (*TEXT_DELIMITERS, *(f"{each}{GZIP}" for each in TEXT_DELIMITERS), *PARQUET)
BATCH_ROWS = 50_000

_FIX_ENDINGS = f"give files that end in {', '.join(ENDINGS)}, or set input.map.delimiter for text files of another name"
_DENIED = ("403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch")
_GONE = ("404", "NoSuchBucket", "NoSuchKey")
_HASH_BYTES = 1 << 20


class _Reader(Protocol):
    """What `csv.reader` gives."""

    line_num: int

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True)
class Source:
    """A file of the input. `name` is what people call it; `open` gives a local copy for the length of a context."""

    name: str
    bytes: int
    open: Callable[[], _Opened]


class _Opened:
    """A context manager that gives the path of a local file."""

    def __init__(self, path: Path, fetch: Callable[[Path], None] | None = None) -> None:
        self._path, self._fetch = path, fetch

    def __enter__(self) -> Path:
        if self._fetch:
            self._fetch(self._path)
        return self._path

    def __exit__(self, *_: object) -> None:
        if self._fetch:
            self._path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Batch:
    """Some rows of a file.

    Attributes:
        file: its name, for people.
        lines: of the rows, from 1 on; of Parquet, their numbers. Shape (rows,).
        columns: by name or number, as they were asked for; strings, or timestamps where a Parquet file has those.
    """

    file: str
    lines: NDArray[np.int64]
    columns: dict[str | int, pa.Array]


def find_sources(path: str, delimiter: str | None, work: Path) -> list[Source]:
    """The files that `path` names, in the order of their names.

    Args:
        path: a file, a folder, ``s3://BUCKET/PREFIX`` or ``http://host:port/BUCKET/PREFIX``.
        delimiter: if given, files of any name are text files with it.
        work: a private folder, for what has to be fetched.

    Raises:
        ConfigurationError: there is no such file, or none that can be read.
        ServiceError: S3 cannot be reached, or denies access.
    """
    parts = urlsplit(path)
    if parts.scheme in ("s3", "http", "https") and parts.netloc:
        return _find_objects(path, delimiter, work)
    found = Path(path)
    if found.is_dir():
        files = [each for each in sorted(found.rglob("*")) if each.is_file() and _is_data(each.name, delimiter)]
        if not files:
            raise ConfigurationError(f"input.path: {path}: the folder holds no file to read", fix=_FIX_ENDINGS)
    else:
        files = [found]
        try:
            found.open("rb").close()
        except OSError as error:
            raise ConfigurationError(
                f"input.path: {path}: cannot be read: {error.strerror}", fix="give a file or folder that is there"
            ) from error
        if not _is_data(found.name, delimiter):
            raise ConfigurationError(f"input.path: {path}: not known what kind of file this is", fix=_FIX_ENDINGS)

    def source(file: Path) -> Source:
        return Source(str(file), file.stat().st_size, lambda: _Opened(file))

    return [source(file) for file in files]


def _is_data(name: str, delimiter: str | None) -> bool:
    """Whether to read a file; those whose names begin with a dot or an underscore are other programs' marks."""
    return not name.startswith((".", "_")) and (bool(delimiter) or name.lower().endswith(ENDINGS))


def _find_objects(path: str, delimiter: str | None, work: Path) -> list[Source]:
    bucket, prefix = _bucket(path)
    client = bucket.client()
    with _s3_errors(path):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix=prefix)
        listed = [each for page in pages for each in page.get("Contents", [])]
    wanted = [
        each
        for each in listed
        # The prefix is an object's name or a folder's, not the beginning of one.
        if not prefix or prefix.endswith("/") or each["Key"] == prefix or each["Key"].startswith(f"{prefix}/")
    ]
    objects = [each for each in wanted if _is_data(each["Key"].rpartition("/")[2], delimiter)]
    if not objects:
        held = f"of {len(wanted):,} objects there, none can be read" if wanted else "there is no such object"
        raise ConfigurationError(f"input.path: {path}: {held}", fix=_FIX_ENDINGS)
    root = path.removesuffix(prefix).rstrip("/")

    def source(key: str, size: int) -> Source:
        def fetch(local: Path) -> None:
            with _s3_errors(f"{root}/{key}"), local.open("wb") as file:
                shutil.copyfileobj(client.get_object(Bucket=bucket.name, Key=key)["Body"], file, _HASH_BYTES)

        local = work / key.rpartition("/")[2]
        return Source(f"{root}/{key}", size, lambda: _Opened(local, fetch))

    return [source(each["Key"], each["Size"]) for each in sorted(objects, key=itemgetter("Key"))]


def _bucket(path: str) -> tuple[Bucket, str]:
    """The bucket and the prefix that `path` names; credentials are those of AWS's tools."""
    parts = urlsplit(path)
    if "@" in parts.netloc:
        raise ConfigurationError(
            "input.path: the address holds a user or a password", fix="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if parts.scheme == "s3":
        return Bucket(None, parts.netloc), parts.path.lstrip("/")
    name, _, prefix = parts.path.lstrip("/").partition("/")
    if not name:
        raise ConfigurationError(f"input.path: {path} names no bucket", fix="give http://host:port/BUCKET/PREFIX")
    return Bucket(f"{parts.scheme}://{parts.netloc}", name), prefix


@contextmanager
def _s3_errors(where: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _GONE:
            raise ConfigurationError(f"input.path: {where}: there is no such bucket or object") from error
        if code in _DENIED:
            raise ServiceError(
                f"input.path: {where}: permission denied", fix="use credentials that may list and get these objects"
            ) from error
        raise ServiceError(f"input.path: {where}: {error}", fix="check bucket and credentials") from error
    except BotoCoreError as error:
        raise ServiceError(f"input.path: {where}: {error}", fix="check endpoint and credentials") from error


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_batches(
    path: Path, name: str, columns: dict[str, str | int], header: bool, delimiter: str | None, problems: Problems
) -> Iterator[Batch]:
    """The rows of a file, those left out that have no columns to speak of; `problems` is told of these.

    Args:
        path: the file.
        name: what people call it.
        columns: names or numbers (from 1) of columns, by the keys of the map that ask for them.
        header: whether a text file's first line names its columns.
        delimiter: of text files; None for what the file's name says.
        problems: takes lines that are no rows.

    Raises:
        ConfigurationError: the file cannot be read, is damaged or empty, or lacks a column.
    """
    try:
        if not delimiter and name.lower().endswith(PARQUET):
            yield from _read_parquet(path, name, columns)
        else:
            yield from _read_text(path, name, columns, header, delimiter or _delimiter(name), problems)
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise ConfigurationError(f"{name}: cannot be read: {error}", fix="give a whole file of its kind") from error


def _delimiter(name: str) -> str:
    plain = Path(name.lower().removesuffix(GZIP))
    return TEXT_DELIMITERS[plain.suffix]


def _find(name: str, columns: dict[str, str | int], names: list[str] | None, width: int) -> dict[str | int, int]:
    """Places of the wanted columns in a file with columns of these `names`, or with `width` columns without names."""
    places: dict[str | int, int] = {}
    for key, wanted in columns.items():
        if isinstance(wanted, int):
            if wanted > width:
                raise ConfigurationError(
                    f"{name}: input.map.columns.{key}: there is no column {wanted}; the first row has {width}",
                    fix="correct the map, or input.map.delimiter",
                )
            places[wanted] = wanted - 1
        elif names is None:
            raise ConfigurationError(
                f"{name}: input.map.columns.{key}: {wanted!r} is a name, and a file without a header has none",
                fix="give the column's number, from 1 on, or set input.map.header to true",
            )
        elif names.count(wanted) != 1:
            times = "twice or more" if wanted in names else "not"
            raise ConfigurationError(
                f"{name}: input.map.columns.{key}: column {wanted!r} is {times} in the file's header",
                fix=f"give one of its columns: {', '.join(map(repr, names))}; a number, from 1 on; or another layout",
            )
        else:
            places[wanted] = names.index(wanted)
    return places


def _read_parquet(path: Path, name: str, columns: dict[str, str | int]) -> Iterator[Batch]:
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        places = _find(name, columns, names, len(names))
        row = 1
        for found in file.iter_batches(BATCH_ROWS, columns=sorted({names[place] for place in places.values()})):
            lines = np.arange(row, row + found.num_rows, dtype=np.int64)
            row += found.num_rows
            yield Batch(name, lines, {each: _plain(found.column(names[at])) for each, at in places.items()})


def _plain(column: pa.Array) -> pa.Array:
    """A Parquet column as timestamps, if it has such, else as strings; nulls as empty ones."""
    if pa.types.is_timestamp(column.type):
        return column
    return pc.fill_null(column.cast(pa.string()), "")


def _open_text(path: Path, name: str) -> IO[str]:
    # Bytes that are not UTF-8 are kept apart, and told of where they matter.
    if name.lower().endswith(GZIP):
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="")
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _read_text(
    path: Path, name: str, columns: dict[str, str | int], header: bool, delimiter: str, problems: Problems
) -> Iterator[Batch]:
    with _open_text(path, name) as file:
        rows = _rows(csv.reader(file, delimiter=delimiter, strict=True), name, problems)
        first = next(rows, None)
        if first is None:
            raise ConfigurationError(f"{name}: there is no row in it", fix="give a file that holds records")
        width = len(first[1])
        places = _find(name, columns, first[1] if header else None, width)
        batch = _TextBatch(name, places, problems)
        if not header:
            batch.add(*first)
        for line, row in rows:
            if len(row) != width:
                problems.add(name, line, f"found {len(row)} columns; expected {width}, as in the first row")
                continue
            batch.add(line, row)
            if batch.is_full:
                yield batch.take()
        if batch.lines:
            yield batch.take()


class _TextBatch:
    """Gathers rows of text into columns."""

    def __init__(self, name: str, places: dict[str | int, int], problems: Problems) -> None:
        self._name, self._places, self._problems = name, places, problems
        self._pick = itemgetter(*places.values(), 0)  # two items at the least, so that it gives a tuple
        self.lines: list[int] = []
        self._rows: list[tuple[str, ...]] = []

    @property
    def is_full(self) -> bool:
        return len(self.lines) >= BATCH_ROWS

    def add(self, line: int, row: list[str]) -> None:
        self.lines.append(line)
        self._rows.append(self._pick(row))

    def take(self) -> Batch:
        """What was gathered, and begin anew."""
        try:
            columns = self._columns()
        except UnicodeEncodeError:
            self._drop_undecodable()
            columns = self._columns()
        lines = np.array(self.lines, dtype=np.int64)
        self.lines, self._rows = [], []
        return Batch(self._name, lines, columns)

    def _columns(self) -> dict[str | int, pa.Array]:
        columns = list(zip(*self._rows, strict=True)) or [()] * (len(self._places) + 1)
        return {
            name: pa.array(column, type=pa.string()) for name, column in zip(self._places, columns[:-1], strict=True)
        }

    def _drop_undecodable(self) -> None:
        good = []
        for line, row in zip(self.lines, self._rows, strict=True):
            try:
                "".join(row).encode("utf-8")
                good.append((line, row))
            except UnicodeEncodeError:
                self._problems.add(self._name, line, "found bytes that are not UTF-8; expected text in UTF-8")
        self.lines = [line for line, _ in good]
        self._rows = [row for _, row in good]


def _rows(reader: _Reader, name: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """The rows of a text file with the lines at which they begin; empty lines are passed over."""
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(name, line, f"found broken quoting or a NUL ({error}); expected a row of delimited values")
            continue
        if row:
            yield line, row
