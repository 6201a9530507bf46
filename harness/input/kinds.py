"""What a file is by its first bytes; and its text, whatever program has compressed it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa

from harness.errors import ConfigurationError

#: Compressed files are known by their first bytes; their names may end in these.
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_OFFICE = b"[Content_Types].xml"
_PARQUET, _ZIP = b"PAR1", b"PK\x03\x04"
#: What is read, by its first bytes: each gives a stream of what the file holds.
_OPENERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x28\xb5\x2f\xfd": lambda path: pa.input_stream(str(path), compression="zstd"),
}
#: What is not read, by its first bytes: the kind, and what to do.
_AS_CSV = "save it as CSV in the program that wrote it"
_OTHERS = {
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", _AS_CSV),
    b"%PDF": ("a PDF", _AS_CSV),
    b"SQLite format 3": ("an SQLite database", "export its table as CSV"),
    b"ORC": ("ORC", "write it as Parquet"),
    b"Obj\x01": ("Avro", "write it as Parquet"),
    b"ARROW1": ("an Arrow file", "write it as Parquet"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it"),
    b"Rar!": ("a RAR archive", "unpack it"),
    b"\x04\x22\x4d\x18": ("compressed by LZ4", "unpack it"),
}
#: What unpacking a damaged file raises.
DAMAGED = (
    OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, UnicodeDecodeError,
    pa.ArrowException,
)  # fmt: skip
_TAR_AT, _TAR = 257, b"ustar"
#: Marks that begin a text, and its encoding.
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
_HEAD_BYTES = 512
#: Records shrink to a tenth, and all the same ones to less. What shrinks to a smaller part, beyond the first bytes, is
#: no text of records.
MAX_COMPRESSION = 200
FREE_BYTES = 32 << 20


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its first bytes."""
    return _head(path).startswith(_PARQUET)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


@contextmanager
def open_plain(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The bytes of a text file, unpacked if it is compressed.

    Raises:
        ConfigurationError: the file is of a kind that is not read; `name` is what it is called.
        OSError: it is damaged; and other errors of what unpacks it.
    """
    head = _head(path)
    if head.startswith(_ZIP) and (_OFFICE in head or name.lower().endswith((".xlsx", ".xlsm", ".ods"))):
        raise ConfigurationError(f"{name}: this is a spreadsheet's file (.xlsx, say), which is not read", fix=_AS_CSV)
    for first, (kind, fix) in _OTHERS.items():
        if head.startswith(first):
            raise ConfigurationError(f"{name}: this is {kind}, which is not read", fix=fix)
    if head.startswith(_ZIP):
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(archive, name)) as file:
            yield cast("IO[bytes]", _Bounded(file, path, name))
        return
    opener = next((each for first, each in _OPENERS.items() if head.startswith(first)), None)
    if opener is None:
        _refuse_tar(head, name)
        with path.open("rb") as plain:
            yield plain
        return
    with opener(path) as file:
        yield cast("IO[bytes]", _Bounded(file, path, name))


class _Bounded:
    """What a compressed file holds, up to what it may."""

    def __init__(self, stream: IO[bytes], path: Path, name: str) -> None:
        self._stream, self._name = stream, name
        self._most = FREE_BYTES + MAX_COMPRESSION * path.stat().st_size
        self._unpacked = 0

    def read(self, count: int) -> bytes:
        """See `io.RawIOBase.read`.

        Raises:
            ConfigurationError: it is more than the file may hold.
        """
        found = self._stream.read(count)
        self._unpacked += len(found)
        if self._unpacked > self._most:
            raise ConfigurationError(
                f"{self._name}: it unpacks to more than {self._most:,} bytes, which are {FREE_BYTES:,} and "
                f"{MAX_COMPRESSION} times its size",
                fix="unpack it, if it is meant so",
            )
        return found


def _only_member(archive: zipfile.ZipFile, name: str) -> str:
    names = [each.filename for each in archive.infolist() if not each.is_dir()]
    if len(names) != 1:
        raise ConfigurationError(
            f"{name}: this is a zip archive of {len(names)} files; expected one file in it", fix="unpack it in a folder"
        )
    return names[0]


def _refuse_tar(head: bytes, name: str) -> None:
    if head[_TAR_AT:].startswith(_TAR):
        raise ConfigurationError(f"{name}: this is a tar archive, which is not read", fix="unpack it in a folder")


def explain_kind(path: Path, name: str) -> None:
    """Say what a file is whose name does not tell, if it is of a kind that is not read.

    Raises:
        ConfigurationError: it is.
    """
    with open_plain(path, name) as file:
        check_text(file.read(_HEAD_BYTES), name, None)


def check_text(head: bytes, name: str, encoding: str | None) -> str:
    """The encoding of a text that begins with `head`: that of its mark, else `encoding`, else UTF-8.

    Args:
        head: the first bytes, unpacked.
        name: what the file is called.
        encoding: that of the map, if it gives one.

    Raises:
        ConfigurationError: this is no text that can be read by rows and columns.
    """
    if head.startswith(_PARQUET):
        raise ConfigurationError(f"{name}: this is compressed Parquet, which is not read", fix="unpack it")
    _refuse_tar(head, name)
    for mark, marked in MARKS.items():
        if head.startswith(mark) and (encoding is None or marked != "utf-8-sig"):
            return marked
    if encoding is None:
        _refuse_wide(head, name)
    if head.lstrip()[:1] in (b"{", b"[") and b'"' in head[:40]:
        raise ConfigurationError(f"{name}: this looks like JSON, which is not read", fix="write it as CSV or Parquet")
    if head.lstrip()[:5].lower() in (b"<?xml", b"<html", b"<!doc"):
        raise ConfigurationError(f"{name}: this is XML or HTML, which is not read", fix="write it as CSV or Parquet")
    return encoding or "utf-8"


def _refuse_wide(head: bytes, name: str) -> None:
    """Refuse texts whose every other byte is 0."""
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        found = head[first : first + 64 : 2]
        if len(found) > 1 and not any(found):
            raise ConfigurationError(
                f"{name}: this looks like UTF-16 without a mark", fix=f"set input.map.encoding to {encoding}"
            )
