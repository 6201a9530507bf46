"""A user's files read into records: found, read batch by batch, checked, and put in the order of their event times."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from harness.errors import ConfigurationError
from harness.input.arrays import Arrays
from harness.input.batches import Batch, Wanted
from harness.input.files import PARQUET, Source, delimiter_of, find_sources, plain_name
from harness.input.kinds import DAMAGED, is_parquet, open_plain
from harness.input.layouts import Layout, layout_of
from harness.input.parquet import read_parquet
from harness.input.problems import Check, Problems
from harness.input.tally import Tally
from harness.input.text import TextAccount, TextReader
from harness.input.zones import utc_text
from harness.scenarios.input import MAX_SKIPPED_SHARE, InputSection

Progress = Callable[[str], None]

#: Nothing is said of work that is done sooner.
_SILENT_S = 2.0
_DAY_MS = 86_400_000
#: A gap of this share of all time is told.
_LARGE = 0.2


@dataclass
class FileRead:
    """A file that was read.

    Attributes:
        name: what people call it.
        bytes: its size, compressed if it is.
        sha256: of its bytes.
        rows: all of them, bad ones and those that the map leaves out included.
        text: how it is written; None of Parquet.
        text_sha256: of its text, unpacked; empty of Parquet.
    """

    name: str
    bytes: int
    sha256: str
    rows: int = 0
    text: TextAccount | None = None
    text_sha256: str = ""


@dataclass
class Reading:
    """What was read of an input.

    Attributes:
        files: in the order in which they were read.
        passed_over: names of files that hold no records, and why.
        problems: bad rows.
        tally: what was chosen, assumed or left out.
        records: see `Layout.records`, in the order of event times; no arrays of no records.
    """

    files: list[FileRead]
    passed_over: list[str]
    problems: Problems
    tally: Tally
    records: Arrays = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Of all files, bad ones and those that the map leaves out included."""
        return sum(each.rows for each in self.files)

    def gap(self) -> str:
        """The longest time without a record and what is on both sides of it, if it is a large one; else empty."""
        times_ms = self.records.get("event_times_ms", np.zeros(0, dtype=np.int64))
        if len(times_ms) < 2:
            return ""
        gaps_ms = np.diff(times_ms)
        at = int(np.argmax(gaps_ms))
        gap_ms = int(gaps_ms[at])
        if gap_ms < _DAY_MS or gap_ms < int(times_ms[-1] - times_ms[0]) * _LARGE:
            return ""
        ends = (f"{utc_text(int(times_ms[each]))}{self.place(each)}" for each in (at, at + 1))
        sides = f"{at + 1:,} records are before it, {len(times_ms) - at - 1:,} after it"
        return f"there is nothing for {gap_ms / _DAY_MS:,.0f} days, from {' to '.join(ends)}: {sides}"

    def place(self, record: int) -> str:
        """File and line of a record, in parentheses, by its number in the order; empty where they cannot be told."""
        if "lines" not in self.records:
            return ""
        return f" ({self.files[int(self.records['files'][record])].name}:{int(self.records['lines'][record])})"


def read_input(section: InputSection, seed: int, work: Path, progress: Progress) -> Reading:
    """Read what `section` names. Bad rows are counted, not refused: see `refuse_rows`.

    Args:
        section: path and map.
        seed: decides what the data leaves open.
        work: a private folder, for what has to be fetched.
        progress: is told how far it is, now and then.

    Raises:
        ConfigurationError: a file cannot be read, lacks a column, or is there twice.
        ServiceError: S3 cannot be reached.
    """
    layout = layout_of(section.map, seed)
    found = find_sources(section.path, section.map.delimiter, work)
    reading = Reading([], [f"{each}: no file of records" for each in found.passed_over], Problems(), layout.tally)
    copies, seldom = _Copies(section), Seldom(progress)
    _refuse_packed_twice(section, found.sources)
    for source in found.sources:
        if source.bytes == 0 and len(found.sources) > 1:
            reading.passed_over.append(f"{source.name}: empty")
            continue
        _read_file(section, layout, source, reading, copies, seldom)
    try:
        records = layout.records()
    except ConfigurationError as error:
        raise ConfigurationError(f"{section.path}: {error.message}", fix=error.fix) from error
    order = np.argsort(records["event_times_ms"], kind="stable") if records else None
    reading.records = {name: records.pop(name)[order] for name in list(records)}
    return reading


def _read_file(
    section: InputSection, layout: Layout, source: Source, reading: Reading, copies: _Copies, seldom: Seldom
) -> None:
    """Read one file into the layout. Rows that are bad count as read."""
    problems, judged, told_bad = reading.problems, 0, 0
    bad_before = problems.count
    with source.open() as path:
        file = FileRead(source.name, source.bytes, _sha256(path))
        copies.refuse(file.name, file.sha256)
        reading.files.append(file)
        layout.begin_file()
        for batch in _batches(section, layout, path, source, file, problems):
            check = Check(len(batch.lines))
            layout.add(check, batch, len(reading.files) - 1)
            check.tell(problems, batch.file, batch.lines)
            judged, told_bad = judged + len(batch.lines), told_bad + int(check.bad.sum())
            file.rows = judged + problems.count - bad_before - told_bad
            seldom.say(f"{source.name}: {file.rows:,} rows read, {problems.count - bad_before:,} of them bad")
        file.rows = judged + problems.count - bad_before - told_bad
        if file.text_sha256:
            copies.refuse(file.name, file.text_sha256)


def _batches(
    section: InputSection, layout: Layout, path: Path, source: Source, file: FileRead, problems: Problems
) -> Iterator[Batch]:
    dialect = section.map
    try:
        if is_parquet(path) or source.name.lower().endswith(PARQUET):
            yield from read_parquet(path, source.name, layout.wanted(), source.folders)
            return
        encoding = dialect.encoding if "encoding" in dialect.model_fields_set else None
        with open_plain(path, source.name) as stream:
            delimiter = delimiter_of(source.name)
            hashed = _Hashed(stream)
            reader = TextReader(hashed, source.name, dialect, delimiter, encoding, problems)
            file.text = reader.account
            if reader.named_row:
                _refuse_forgotten_header(section, reader.named_row, source, layout.wanted())
            yield from reader.batches(layout.wanted(), source.folders)
            file.text_sha256 = hashed.sha256
    except DAMAGED as error:
        raise ConfigurationError(
            f"{source.name}: cannot be read: {error}", fix="give a whole file of its kind"
        ) from error


def _refuse_forgotten_header(section: InputSection, row: list[str], source: Source, wanted: Wanted) -> None:
    """Refuse a row that is to name columns, but reads as data, where no column is asked for by its name."""
    places = [each for each in wanted.values() if isinstance(each, int)]
    if len(places) < len(wanted) or max(places) > len(row):
        return
    columns: dict[str | int, pa.Array] = {each: pa.array([row[each - 1]]) for each in places}
    check = Check(1)
    layout_of(section.map, 0).add(check, Batch(source.name, np.ones(1, dtype=np.int64), columns), 0)
    if check.good[0]:
        raise ConfigurationError(
            f"{source.name}:1: the first row reads as data, and input.map.header says that it names the columns",
            fix="set input.map.header to false, or ask for a column by its name",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_FIX_TWICE = "take one of them away; or set input.map.duplicate_files to read, if both are wanted"


def _refuse_packed_twice(section: InputSection, sources: list[Source]) -> None:
    """Refuse a file that lies beside itself, compressed."""
    if section.map.duplicate_files == "read":
        return
    seen: dict[str, str] = {}
    for each in sources:
        plain = plain_name(each.name)
        if other := seen.get(plain):
            raise ConfigurationError(
                f"input.path: {other} and {each.name} seem to be the same records, plain and compressed", fix=_FIX_TWICE
            )
        seen[plain] = each.name


class _Copies:
    """Refuses files with the bytes of another, or with its text."""

    def __init__(self, section: InputSection) -> None:
        self._are_wanted = section.map.duplicate_files == "read"
        self._names: dict[str, str] = {}

    def refuse(self, name: str, sha256: str) -> None:
        """Make sure that this is no other file's.

        Raises:
            ConfigurationError: it is.
        """
        other = self._names.setdefault(sha256, name)
        if other != name and not self._are_wanted:
            raise ConfigurationError(f"input.path: {other} and {name} hold the same, byte by byte", fix=_FIX_TWICE)


class _Hashed:
    """A stream of bytes that are hashed as they are read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._hash = stream, hashlib.sha256()

    def read(self, count: int) -> bytes:
        """See `io.RawIOBase.read`."""
        found = self._stream.read(count)
        self._hash.update(found)
        return found

    @property
    def sha256(self) -> str:
        """Of what has been read."""
        return self._hash.hexdigest()


class Seldom:
    """Tells of progress after two seconds, and every two from then on."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._due_s = progress, time.monotonic() + _SILENT_S

    def say(self, text: str) -> None:
        """Tell `text`, if it is time to."""
        now_s = time.monotonic()
        if now_s >= self._due_s:
            self._due_s = now_s + _SILENT_S
            self._progress(text)


def refuse_rows(section: InputSection, reading: Reading) -> None:
    """Make sure that no row is bad; or, if bad ones may be left out, that they are few.

    Raises:
        ConfigurationError: there are bad rows, or too many, or no records at all.
    """
    problems, rows, values = reading.problems, reading.rows, section.show_bad_values
    share = problems.count / max(rows, 1)
    if problems.count and (
        not section.skip_bad_lines or (section.skip_bad_lines is True and share > MAX_SKIPPED_SHARE)
    ):
        fix = "correct these rows, or the map (input.map, --input-map); or leave them out with --skip-bad-lines"
        if share > MAX_SKIPPED_SHARE:
            fix += f"=all (input.skip_bad_lines: all), since they are more than {MAX_SKIPPED_SHARE:.0%}"
        else:
            fix += " (input.skip_bad_lines: true)"
        if not section.map.header and f":{section.map.skip_rows + 1}: " in problems.shown(values=False)[0]:
            fix += "; if the first row names the columns, set input.map.header to true"
        if not values:
            fix += "; `ringbench input check` shows the values"
        raise ConfigurationError(
            f"input.path: {section.path}: {problems.count:,} of {rows:,} rows cannot be used"
            f"{f' ({share:.0%})' if share >= MAX_SKIPPED_SHARE else ''}:\n{problems.told(values=values)}",
            fix=fix,
        )
    if not reading.records or not len(reading.records["event_times_ms"]):
        raise ConfigurationError(
            f"{section.path}: the input holds no call and no text",
            fix="give other files; or, if counts are very small, raise input.map.records_per_unit",
        )
