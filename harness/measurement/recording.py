"""Recordings: the stream of updates of a trial as a file, which the live map can replay.

A recording is a gzip file, ``LABEL.updates.gz``. Its first line is ``start MS``: when the load started, in whole
milliseconds since the Unix epoch. A line ``AT_MS UPDATES`` follows for each entry of the stream: its ID's milliseconds,
and ``WINDOW_S|FIPS|OPERATOR|TYPE=COUNT`` for each change, joined by blanks. All times are positions after that start,
so that recordings of two engines side by side keep the distance that the engines have.
"""

import gzip
import shutil
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

SUFFIX = ".updates.gz"

#: gzip's usual level would save a third of the bytes, and cost a process that measures four times the CPU time.
_COMPRESSION = 1
#: A recorder that is killed has lost no more than so much.
_FLUSH_S = 1.0
_START = b"start"


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
        ValueError: it is damaged, does not begin as a recording does, or holds no entry.
    """
    lines, notes = _lines(path)
    start_ms = _start_ms(lines, path)
    at_ms: list[int] = []
    updates: list[bytes] = []
    malformed = early = last_ms = 0
    for line in lines[1:]:
        time_ms, _, changes = line.partition(b" ")
        if not time_ms.isdigit() or not changes or int(time_ms) < last_ms:
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


def _lines(path: Path) -> tuple[list[bytes], list[str]]:
    """All lines that are whole, and a note if the file ends early. The rest of a line might be a part of a count."""
    lines: list[bytes] = []
    try:
        with gzip.open(path) as file:
            for line in file:
                lines.append(line.strip())  # noqa: PERF401 - what was read before an error counts
    except EOFError:
        return lines, [f"{path} was cut off: it is shown as far as it goes"]
    except zlib.error as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    return lines, []


def _start_ms(lines: list[bytes], path: Path) -> int:
    word, _, start_ms = lines[0].partition(b" ") if lines else (b"", b"", b"")
    if word != _START or not start_ms.isdigit():
        raise ValueError(f"{path} is no recording: its first line is not 'start' and a time")
    return int(start_ms)
