"""Recordings: the stream of updates of a trial as a file, which the live map can replay.

A recording is a gzip file, ``LABEL.updates.gz``. Its first line is ``start MS``: when the load started, in whole
milliseconds since the Unix epoch. A line ``AT_MS UPDATES`` follows for each entry of the stream: its ID's milliseconds,
and ``WINDOW_S|FIPS|OPERATOR|TYPE=COUNT`` for each change, joined by blanks. All times are positions after that start,
so that recordings of two engines side by side keep the distance that the engines have.

A recording may come from somebody else: what one may hold is bounded, so that a small file cannot take much memory.
"""

import gzip
import shutil
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

SUFFIX = ".updates.gz"

#: A line, which is one transaction's updates: an hour of windows that all change at once has less.
MAX_LINE_BYTES = 16 << 20
#: From the start of the load to the last entry: a run lasts a day at the most.
MAX_LENGTH_S = 3 * 86_400
#: All lines together: some hours at 6,000 records a second.
MAX_UNPACKED_BYTES = 2 << 30
#: Updates are compressed to a tenth or so. What shrinks to less than a hundredth, beyond the first bytes, is none.
MAX_COMPRESSION = 100
FREE_BYTES = 1 << 20

#: gzip's usual level would save a third of the bytes, and cost a process that measures four times the CPU time.
_COMPRESSION = 1
#: A recorder that is killed has lost no more than so much.
_FLUSH_S = 1.0
_START = b"start"
#: Milliseconds since the Unix epoch have so many digits until the year 2286.
_MAX_DIGITS = 13


class Recorder:
    """Writes a recording. The file is made with the first entry, so that there is none without one.

    A context manager; once left, the file is complete. If the process is killed first, the file can be read up to the
    last second before that.
    """

    def __init__(self, path: Path, start_ms: int) -> None:
        """Record to `path` what comes after `start_ms`, the start of the load."""
        self._path, self._start_ms = path, start_ms
        self._file: gzip.GzipFile | None = None
        self._flush_due_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def add(self, entries: Iterable[tuple[int, bytes]]) -> None:
        """Record stream entries: their IDs' milliseconds, and their fields (`engines.contract.keys.encode_updates`)."""
        lines = b"".join(b"%d %b\n" % (at_ms, field.replace(b"\n", b" ")) for at_ms, field in entries)
        if not lines:
            return
        if self._file is None:
            self._file = gzip.GzipFile(self._path, "wb", _COMPRESSION)
            self._file.write(b"%b %d\n" % (_START, self._start_ms))
        self._file.write(lines)
        if time.monotonic() >= self._flush_due_s:
            self._file.flush()
            self._flush_due_s = time.monotonic() + _FLUSH_S


@dataclass(frozen=True)
class Recording:
    """What a stream told.

    Attributes:
        name: for people.
        start_ms: when the load started, in milliseconds since the Unix epoch.
        at_ms: when each entry came, in milliseconds after the start; never decreasing.
        updates: each entry's changes, joined by blanks.
        notes: what was wrong with the file, in words for people; empty if nothing was.
    """

    name: str
    start_ms: int
    at_ms: list[int]
    updates: list[bytes]
    notes: list[str]


def read_recording(path: Path, name: str = "") -> Recording:
    """Read one recording; it is called after its file if it has no `name`.

    What is left of one that was cut off is read, and lines that make no sense are skipped; `notes` tell of both. An
    entry from before the start is kept, at the start, and told: it can only come of clocks that disagree, and without
    it, the counts would be wrong to the end.

    Raises:
        OSError: the file cannot be read, is no gzip file, or its checksum is wrong.
        ValueError: it is damaged, does not begin as a recording does, or holds no entry; or more than a recording may:
            the message names file, line and limit.
    """
    notes: list[str] = []
    lines = _lines(path, notes)
    start_ms = _start_ms(next(lines, (1, b""))[1], path)
    at_ms: list[int] = []
    updates: list[bytes] = []
    malformed = early = last_ms = 0
    for number, line in lines:
        time_ms, _, changes = line.partition(b" ")
        if not time_ms.isdigit() or not changes:
            malformed += 1
            continue
        if len(time_ms) > _MAX_DIGITS or int(time_ms) > start_ms + MAX_LENGTH_S * 1000:
            raise ValueError(
                f"{path}:{number}: an entry of more than {MAX_LENGTH_S:,} s after the start, and no recording is longer"
            )
        if int(time_ms) < last_ms:
            malformed += 1
            continue
        last_ms = int(time_ms)
        early += last_ms < start_ms
        at_ms.append(max(0, last_ms - start_ms))
        updates.append(changes)
    if not at_ms:
        raise ValueError(f"{path} holds no entry of a stream")
    if malformed:
        notes.append(f"{path}: {malformed} malformed lines were skipped")
    if early:
        notes.append(f"{path}: {early} entries from before the start of the load are shown at the start")
    return Recording(name or path.name.removesuffix(SUFFIX), start_ms, at_ms, updates, notes)


def keep_files(files: list[Path], directory: Path) -> None:
    """Copy recordings and other files to `directory`: all of them, or none if that is interrupted."""
    copies = [directory / each.name for each in files]
    try:
        for source, copy in zip(files, copies, strict=True):
            shutil.copyfile(source, copy)
    except BaseException:
        for copy in copies:
            copy.unlink(missing_ok=True)
        raise


def _lines(path: Path, notes: list[str]) -> Iterator[tuple[int, bytes]]:
    """All lines that are whole, with their numbers; `notes` takes one if the file ends early.

    The rest of a line might be a part of a count.
    """
    most = min(MAX_UNPACKED_BYTES, FREE_BYTES + MAX_COMPRESSION * path.stat().st_size)
    unpacked = number = 0
    try:
        with gzip.open(path) as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                number, unpacked = number + 1, unpacked + len(line)
                if len(line) > MAX_LINE_BYTES:
                    raise ValueError(f"{path}:{number}: a line of more than {MAX_LINE_BYTES:,} bytes")
                if unpacked > most:
                    raise ValueError(
                        f"{path}:{number}: more than {most:,} bytes up to here; a recording has {MAX_UNPACKED_BYTES:,} "
                        f"at the most, and {MAX_COMPRESSION} times its compressed size beside the first {FREE_BYTES:,}"
                    )
                yield number, line.strip()
    except EOFError:
        notes.append(f"{path} was cut off: it is shown as far as it goes")
    except zlib.error as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def _start_ms(line: bytes, path: Path) -> int:
    word, _, start_ms = line.partition(b" ")
    if word != _START or not start_ms.isdigit() or len(start_ms) > _MAX_DIGITS:
        raise ValueError(f"{path} is no recording: its first line is not 'start' and a time")
    return int(start_ms)
