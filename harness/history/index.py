"""The index of results: what was read of which file, and what was found in which series, in SQLite, in the cache.

It holds nothing that does not follow from the results. One of another version, or one that is damaged, is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from harness.conclusions.comparable import DEFAULTS
from harness.errors import ConfigurationError, UsageError
from harness.history.summary import summary_of
from harness.results.history import RunSummary, as_words
from harness.results.part import MAX_BYTES, explained
from harness.results.result import load_figures

#: What a version of the index holds: older ones are made anew.
INDEX_VERSION = 2
RESULT = "result.json"
#: After so many files, what was read is saved, so that Ctrl-C costs no more.
SAVE_AFTER = 25
LOCK_S = 60.0
#: Where levels begin is kept of so many series, the newest ones: 1,000 results that come one by one make ten each.
MAX_SERIES = 10_000
#: Takes how many of how many files have been read.
ReadProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Entry:
    """What is known of a file.

    Attributes:
        size: in bytes; with `mtime_ns`, what tells without reading that it is as it was.
        sha256: of its bytes; what tells so if these have changed.
        summary: what was read; None if it is no result.
        refused: why it is none; empty if it is.
    """

    size: int
    mtime_ns: int
    sha256: str
    summary: RunSummary | None
    refused: str


@dataclass(frozen=True)
class Indexed:
    """What is known of all files that were asked for, by their paths, and how many of them had to be read."""

    entries: dict[Path, Entry]
    files_read: int


def find_results(folders: Sequence[Path]) -> list[Path]:
    """Every ``result.json`` in and below `folders`; of a run's own directory, only its own. Links are not followed.

    Raises:
        UsageError: a folder is not there, or there is no result in any.
    """
    found: dict[Path, None] = {}
    for folder in folders:
        if folder.is_file():
            found[folder.resolve()] = None
        elif folder.is_dir():
            found |= dict.fromkeys(_below(folder.resolve()))
        else:
            raise UsageError(
                f"{folder}: there is no such folder", fix="give a folder with results of ringbench run, such as runs"
            )
    if not found:
        raise UsageError(
            f"no {RESULT} in {', '.join(map(str, folders))}",
            fix="give a folder with results of ringbench run, such as runs",
        )
    return list(found)


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        path = Path(place, RESULT)
        if RESULT in names and not path.is_symlink():
            folders.clear()
            yield path
        folders.sort()


def indexed(index: Path, files: Sequence[Path], progress: ReadProgress) -> Indexed:
    """What is known of `files`, which are read only if they are new or have changed.

    The series of trials, which nothing here asks for, are not looked at.

    Raises:
        ConfigurationError: the index cannot be written.
    """
    _make_private(index)
    known = _read(index)
    entries: dict[Path, Entry] = {}
    changed: dict[Path, Entry] = {}
    files_read = 0
    try:
        for number, path in enumerate(files):
            before = known.get(path)
            entries[path] = entry = _entry(path, before)
            if entry is not before:
                files_read += before is None or entry.summary is not before.summary
                changed[path] = entry
                progress(number + 1, len(files))
            if len(changed) >= SAVE_AFTER:
                _write(index, changed)
                changed.clear()
    finally:
        _write(index, changed)
    return Indexed(entries, files_read)


def _entry(path: Path, before: Entry | None) -> Entry:
    """What is known of a file: what is known already, if it has not changed."""
    try:
        status = path.stat()
        if before and (before.size, before.mtime_ns) == (status.st_size, status.st_mtime_ns):
            return before
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return Entry(status.st_size, status.st_mtime_ns, "", None, f"no file of at most {MAX_BYTES:,} bytes")
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return Entry(-1, -1, "", None, f"cannot be read: {error.strerror}")
    if before and before.sha256 == sha256:
        return Entry(status.st_size, status.st_mtime_ns, sha256, before.summary, before.refused)
    return Entry(status.st_size, status.st_mtime_ns, sha256, *_result(path))


def _result(path: Path) -> tuple[RunSummary | None, str]:
    try:
        return summary_of(load_figures(path)), ""
    except OSError as error:
        return None, f"cannot be read: {error.strerror}"
    except ValueError as error:
        return None, as_words(explained(error))


def known_levels(index: Path) -> dict[str, list[int]]:
    """Where levels begin, by what tells a series: see `harness.history.levels`."""
    with suppress(sqlite3.DatabaseError, ValueError), closing(_open(index)) as database:
        return {key: json.loads(starts) for key, starts in database.execute("SELECT series, starts FROM levels")}
    return {}


def keep_levels(index: Path, found: dict[str, list[int]]) -> None:
    """Add to what `known_levels` gives.

    Raises:
        ConfigurationError: the index cannot be written.
    """
    try:
        with closing(_open(index)) as database, database:
            rows = [(key, json.dumps(starts)) for key, starts in found.items()]
            database.executemany("INSERT OR REPLACE INTO levels VALUES (?, ?)", rows)
            database.execute(
                "DELETE FROM levels WHERE rowid NOT IN (SELECT rowid FROM levels ORDER BY rowid DESC LIMIT ?)",
                (MAX_SERIES,),
            )
    except sqlite3.DatabaseError as error:
        raise _unwritable(index, str(error)) from error


# The file


def _make_private(index: Path) -> None:
    try:
        index.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(index, os.O_RDWR | os.O_CREAT, 0o600))
        index.chmod(0o600)
    except OSError as error:
        raise _unwritable(index, str(error.strerror)) from error


def _version() -> str:
    """Of what is kept, and of the scenario's keys with their defaults, which decide what can be compared."""
    keys = json.dumps(DEFAULTS, sort_keys=True, default=str)
    return f"{INDEX_VERSION} {hashlib.sha256(keys.encode()).hexdigest()}"


def _read(index: Path) -> dict[Path, Entry]:
    """All that is in the index; of one that is damaged or of another version, nothing, and then it is a new one."""
    with suppress(sqlite3.DatabaseError, ValidationError, TypeError), closing(_open(index)) as database:
        if database.execute("SELECT version FROM made_by").fetchall() == [(_version(),)]:
            rows = database.execute("SELECT path, size, mtime_ns, sha256, summary, refused FROM results").fetchall()
            return {
                Path(os.fsdecode(path)): Entry(
                    size, mtime_ns, sha256, RunSummary.model_validate_json(summary) if summary else None, refused
                )
                for path, size, mtime_ns, sha256, summary, refused in rows
            }
    _make_anew(index)
    return {}


def _make_anew(index: Path) -> None:
    try:
        with index.open("r+b") as file:
            file.truncate()
        for suffix in ("-journal", "-wal", "-shm"):
            index.with_name(index.name + suffix).unlink(missing_ok=True)
        with closing(_open(index)) as database, database:
            database.execute("CREATE TABLE made_by (version TEXT)")
            database.execute("INSERT INTO made_by VALUES (?)", (_version(),))
            database.execute(
                "CREATE TABLE results (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, sha256 TEXT, "
                "summary TEXT, refused TEXT)"
            )
            database.execute("CREATE TABLE levels (series TEXT PRIMARY KEY, starts TEXT)")
    except (OSError, sqlite3.DatabaseError) as error:
        raise _unwritable(index, str(error)) from error


def _write(index: Path, entries: dict[Path, Entry]) -> None:
    if not entries:
        return
    rows = [
        (
            os.fsencode(path),
            each.size,
            each.mtime_ns,
            each.sha256,
            each.summary.model_dump_json() if each.summary else None,
            each.refused,
        )
        for path, each in entries.items()
    ]
    try:
        with closing(_open(index)) as database, database:
            database.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?)", rows)
    except sqlite3.DatabaseError as error:
        raise _unwritable(index, str(error)) from error


def _open(index: Path) -> sqlite3.Connection:
    return sqlite3.connect(index, timeout=LOCK_S)


def _unwritable(index: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the index of results {index} cannot be written: {as_words(why)}",
        fix="set RINGBENCH_CACHE_DIR to a directory that you can write to, or delete the index",
    )
