"""Text files read in batches of columns, with the rows' lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter

import numpy as np
import pyarrow as pa

from harness.errors import ConfigurationError
from harness.input.batches import Batch, Wanted, find_columns, with_folders
from harness.input.fast_rows import FastParser
from harness.input.lines import Blocks, Bytes
from harness.input.problems import SHOWN, Problems
from harness.input.rows import Row, RowParser
from harness.scenarios.dialect import Dialect

_BOM = "\ufeff"
_SEP = re.compile('^"?sep=(.)"?$')
#: One of so many rows has to be good.
_FIRST_ROWS = 1_000
_SAMPLE_BYTES = 1 << 16


@dataclass
class TextAccount:
    """What was met in a text file besides rows."""

    encoding: str = ""
    delimiter: str = ""
    repeated_headers: int = 0


class TextReader:
    """Reads one file.

    Args:
        stream: its bytes, unpacked.
        name: what people call it.
        dialect: of the map.
        delimiter: what the file's name says; None if it says nothing.
        encoding: that of the map, if it gives one.
        problems: takes lines that are no rows.
    """

    def __init__(
        self,
        stream: Bytes,
        name: str,
        dialect: Dialect,
        delimiter: str | None,
        encoding: str | None,
        problems: Problems,
    ) -> None:
        self._name, self._dialect, self._problems = name, dialect, problems
        self._blocks = Blocks(stream, name, encoding)
        self._block = self._blocks.take()
        self.account = TextAccount(self._blocks.encoding)
        self._skip_lines(dialect.skip_rows)
        self.account.delimiter = self._delimiter(delimiter)
        mark = re.escape(self.account.delimiter)
        quote = re.escape(dialect.quote)
        spaced = rf"(?m)(^|{mark})[ ]+{quote}".encode() if not self.account.delimiter.isspace() else b"(?!)"
        is_spaced = dialect.quoting != "none" and bool(re.search(spaced, self._block[:_SAMPLE_BYTES]))
        self._parser = RowParser(dialect, self.account.delimiter, is_spaced)
        self._spaced = is_spaced
        self._first = self._take_first()
        self._header = [_bare(each) for each in self._first.values] if dialect.header else None
        self._parser.width = len(self._first.values)

    @property
    def named_row(self) -> list[str]:
        """The row that names the columns; empty if there is none."""
        return self._header or []

    def batches(self, columns: Wanted, folders: Mapping[str, str]) -> Iterator[Batch]:
        """The rows in batches.

        Args:
            columns: names or numbers of columns, by the keys of the map that ask for them.
            folders: values of columns that the file's folders are named by.

        Raises:
            ConfigurationError: the file lacks a column.
        """
        width = len(self._first.values)
        lenient = self._dialect.row_width != "exact" and self._header is None
        places = find_columns(self._name, columns, self._header, width, folders, lenient)
        batch = _Rows(self._name, places, self._problems, self._dialect.row_width, width)
        fast = self._fast_parser(width, list(places.values()))
        while self._block:
            line = self._blocks.line
            lines = self._block.count(b"\n")
            found = fast.parse(self._block) if fast else None
            if found is not None:
                numbers = np.arange(line, line + lines, dtype=np.int64)
                yield with_folders(
                    Batch(self._name, numbers, {each: found[at] for each, at in places.items()}), folders, columns
                )
                self._next_block(lines, b"")
                continue
            yield with_folders(self._row_by_row(batch), folders, columns)

    def _fast_parser(self, width: int, places: list[int]) -> FastParser | None:
        if self._spaced or (self._dialect.row_width == "any" and max(places, default=0) >= width):
            return None
        header = self.account.delimiter.join(self._first.values).encode("utf-8", "surrogateescape")
        return FastParser(
            self._dialect, self.account.delimiter, width, places, header if self._header is not None else b""
        )

    def _row_by_row(self, batch: _Rows) -> Batch:
        """The batch of the block of the moment, and go on to the next; what has no end yet goes into that."""
        lines = _split(self._block)
        first_line = self._blocks.line
        for row in self._parser.rows(lines, self._blocks.at_end):
            if row.problem:
                self._problems.add(self._name, first_line + row.at, row.problem)
            elif self._header is not None and [_bare(each) for each in row.values] == self._header:
                self.account.repeated_headers += 1
            else:
                batch.add(first_line + row.at, row.values)
        # What is left is the beginning of a row whose end is in the next block.
        rest = lines[self._parser.end :] if not self._blocks.at_end else []
        self._next_block(len(lines) - len(rest), _joined(rest))
        return batch.take()

    def _next_block(self, lines: int, rest: bytes) -> None:
        self._blocks.line += lines
        self._blocks.push_back(rest)
        self._block = self._blocks.take()

    def _skip_lines(self, count: int) -> None:
        for _ in range(count):
            self._block = self._block.partition(b"\n")[2]
        self._blocks.line += count

    def _delimiter(self, by_name: str | None) -> str:
        line, _, rest = self._block.partition(b"\n")
        found = _SEP.match(line.decode("utf-8", "replace"))
        if found:
            self._block = rest
            self._blocks.line += 1
        return self._dialect.delimiter or (found[1] if found else None) or by_name or ","

    def _take_first(self) -> Row:
        """The row that names the columns, or else the first row, which stays in the block."""
        lines = _split(self._block)
        rows = list(islice(self._parser.rows(lines, at_end=True), 1 if self._dialect.header else _FIRST_ROWS))
        row = next((each for each in rows if not each.problem), rows[0] if rows else None)
        if row is None:
            raise ConfigurationError(f"{self._name}: there is no row in it", fix="give a file that holds records")
        if row.problem:
            raise self._no_first_row(rows)
        if self._dialect.header:
            self._block = _joined(lines[row.end :])
            self._blocks.line += row.end
            self._skip_lines(self._dialect.skip_rows_after_header)
        if not self._block:
            self._next_block(0, b"")
        return row

    def _no_first_row(self, rows: list[Row]) -> ConfigurationError:
        """What is said if neither the header nor one of the first rows can be read."""
        what = "the header" if self._dialect.header else f"the first {len(rows):,} rows are bad"
        told = [f"{self._name}:{self._blocks.line + each.at}: {each.problem}" for each in rows[:SHOWN]]
        return ConfigurationError("\n".join([f"{self._name}: {what}:", *told]), fix=_fix_of(rows[0].problem))


def _fix_of(problem: str) -> str:
    if "NUL" in problem:
        return "remove the NULs (tr -d '\\000' < FILE > NEW), or set input.map.encoding, to utf-16-le, say"
    return "set input.map.quoting to lenient or none, or input.map.escape; or correct the line"


def _bare(name: str) -> str:
    return name.removeprefix(_BOM).strip()


def _split(block: bytes) -> list[str]:
    # Bytes that are not UTF-8 are kept apart, and told of where they matter.
    return block.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n") if block else []


def _joined(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


class _Rows:
    """Gathers rows of text into columns."""

    def __init__(self, name: str, places: dict[str | int, int], problems: Problems, row_width: str, width: int) -> None:
        self._name, self._places, self._problems = name, places, problems
        self._row_width, self._width = row_width, width
        self._needed = max(places.values(), default=0) + 1
        self._pick = itemgetter(*places.values(), 0)  # two items at the least, so that it gives a tuple
        self._lines: list[int] = []
        self._rows: list[tuple[str, ...]] = []

    def add(self, line: int, values: list[str]) -> None:
        """Take in a row, unless it has another number of columns than it may have."""
        count = len(values)
        if count != self._width and (
            self._row_width == "exact" or (self._row_width == "short" and count > self._width)
        ):
            self._problems.add(self._name, line, self._wrong_width(values))
            return
        if count < self._needed:
            values = values + [""] * (self._needed - count)
        self._lines.append(line)
        self._rows.append(self._pick(values))

    def _wrong_width(self, values: list[str]) -> str:
        count, allow = len(values), "short" if len(values) < self._width else "any"
        why = f"found {count} columns; expected {self._width}, as in the first row"
        if count > self._width and not any(values[self._width :]):
            return f"{why} (the further ones are empty; input.map.row_width: any allows them)"
        return f"{why} (input.map.row_width: {allow} allows it)"

    def take(self) -> Batch:
        """What was gathered, and begin anew."""
        try:
            columns = self._columns()
        except UnicodeEncodeError:
            self._drop_undecodable()
            columns = self._columns()
        lines = np.array(self._lines, dtype=np.int64)
        self._lines, self._rows = [], []
        return Batch(self._name, lines, columns)

    def _columns(self) -> dict[str | int, pa.Array]:
        columns = list(zip(*self._rows, strict=True)) or [()] * (len(self._places) + 1)
        return {
            name: pa.array(column, type=pa.string()) for name, column in zip(self._places, columns[:-1], strict=True)
        }

    def _drop_undecodable(self) -> None:
        good = []
        for line, row in zip(self._lines, self._rows, strict=True):
            try:
                "".join(row).encode("utf-8")
                good.append((line, row))
            except UnicodeEncodeError:
                what = "found bytes that are not UTF-8; expected text in UTF-8 (input.map.encoding says another)"
                self._problems.add(self._name, line, what)
        self._lines = [line for line, _ in good]
        self._rows = [row for _, row in good]
