"""Lines parsed into rows, one by one, so that a stray quote spoils its own row and no other."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from harness.scenarios.dialect import Dialect

#: A value in quotes may have so many lines: a message has, and what a stray quote opens has more.
MAX_FIELD_LINES = 50
#: No record has so many; a line of delimiters alone would.
MAX_COLUMNS = 10_000
_ESCAPED = '\\"'
_CTRL_Z = "\x1a"


class _Feed:
    """Gives `csv.reader` lines from a place on, and no more of them than a value may have.

    Args:
        missing: what is taken out of lines: words for a missing value that the reader would change.
    """

    def __init__(self, missing: re.Pattern[str]) -> None:
        self._missing = missing
        self._lines: list[str] = []
        self._at = self._end = 0

    def start(self, lines: list[str], at: int) -> None:
        self._lines, self._at = lines, at
        self._end = min(len(lines), at + MAX_FIELD_LINES)

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self._at >= self._end:
            raise StopIteration
        self._at += 1
        return self._missing.sub("", self._lines[self._at - 1]) + "\n"

    @property
    def at(self) -> int:
        """The place of the next line."""
        return self._at


@dataclass(frozen=True)
class Row:
    """A row of text: the place of its first line and of the one after its last, and its values, or what is wrong."""

    at: int
    end: int
    values: list[str]
    problem: str = ""


class RowParser:
    """Parses lines by a dialect.

    Args:
        dialect: of the map.
        delimiter: the file's.
        spaced: whether quotes may stand after a delimiter and blanks.

    Attributes:
        width: how many columns rows have; None if that is not known yet.
        end: of the lines that `rows` was given, the place of the first one that it has left.
    """

    def __init__(self, dialect: Dialect, delimiter: str, spaced: bool) -> None:
        self.width: int | None = None
        self.end = 0
        self._dialect, self._delimiter = dialect, delimiter
        quote, mark = re.escape(dialect.quote), re.escape(delimiter)
        # What databases write for a missing value is not an escaped letter.
        missing = rf"(?:(?<={mark})|^)\\N(?={mark}|$)" if dialect.escape == "\\" else "(?!)"
        self._feed = _Feed(re.compile(missing))
        quotes: Literal[0, 3] = csv.QUOTE_NONE if dialect.quoting == "none" else csv.QUOTE_MINIMAL
        self._reader = csv.reader(
            self._feed,
            delimiter=delimiter,
            quotechar=dialect.quote,
            escapechar=dialect.escape,
            quoting=quotes,
            skipinitialspace=spaced,
            strict=True,
        )
        #: Lines without any of these are split at their delimiters.
        self._special = ({dialect.quote} if dialect.quoting != "none" else set()) | {dialect.escape or dialect.quote}
        if dialect.quoting == "none" and not dialect.escape:
            self._special = set()
        # What is in quotes does not hold the opening of another value.
        inner = rf"(?:(?!{mark}[ ]*{quote}).)*?"
        self._lenient = re.compile(rf"[ ]*{quote}({inner}){quote}[ ]*(?={mark}|$)|([^{mark}]*)")

    def rows(self, lines: list[str], at_end: bool) -> Iterator[Row]:
        """The rows of `lines`, which have no line ends; blank lines and comments are passed over.

        Unless `at_end`, the last rows are left out whose ends may lie in lines to come.
        """
        at, special, delimiter = 0, self._special, self._delimiter
        comment = self._dialect.comment
        while at < len(lines):
            line = lines[at]
            if not line or (comment and line.startswith(comment)) or self._is_blank(line):
                at += 1
            elif "\0" in line:
                yield Row(at, at + 1, [], "found a NUL; expected text")
                at += 1
            elif line.count(delimiter) >= MAX_COLUMNS:
                yield Row(at, at + 1, [], f"found more than {MAX_COLUMNS:,} columns")
                at += 1
            elif any(each in line for each in special):
                row = self._quoted(lines, at, at_end)
                if row is None:
                    break
                yield row
                at = row.end
            else:
                yield Row(at, at + 1, line.split(delimiter))
                at += 1
        self.end = at

    def _is_blank(self, line: str) -> bool:
        return (line.isspace() and self._delimiter not in line) or line == _CTRL_Z

    def _quoted(self, lines: list[str], at: int, at_end: bool) -> Row | None:
        """A row with quotes; None if its end may lie in lines to come."""
        self._feed.start(lines, at)
        try:
            values = next(self._reader)
        except (csv.Error, StopIteration) as error:
            runs_out = self._feed.at >= len(lines) and len(lines) - at < MAX_FIELD_LINES
            if runs_out and not at_end and not self._is_broken_in(lines[at]):
                return None
            return self._recovered(lines, at, str(error))
        if self._is_stray(values, self._feed.at - at - 1):
            return self._recovered(lines, at, "its quotes hold whole rows")
        return Row(at, self._feed.at, values)

    def _is_broken_in(self, line: str) -> bool:
        """Whether the line alone is broken, and not merely without an end."""
        self._feed.start([line], 0)
        try:
            next(self._reader)
        except csv.Error as error:
            return "unexpected end" not in str(error)
        return False

    def _is_stray(self, values: list[str], further_lines: int) -> bool:
        """Whether a value holds just as many delimiters as whole rows of the file's width would have."""
        if not further_lines or not self.width or self.width < 2:
            return False
        longest = max(values, key=lambda value: value.count("\n"))
        newlines = longest.count("\n")
        return newlines > 0 and longest.count(self._delimiter) == newlines * (self.width - 1)

    def _recovered(self, lines: list[str], at: int, error: str) -> Row:
        """What can be made of a row with broken quotes; reading goes on with the line after its first."""
        if self._dialect.quoting == "lenient":
            return Row(at, at + 1, self._by_force(lines[at]))
        fix = f"input.map.{'escape' if _ESCAPED in lines[at] else 'quoting'} may say how it is meant"
        return Row(at, at + 1, [], f"found broken quoting ({error}); expected a row of delimited values ({fix})")

    def _by_force(self, line: str) -> list[str]:
        """The values of a line; one in quotes ends where a quote stands before a delimiter or the end."""
        values, at = [], 0
        while at <= len(line):
            found = self._lenient.match(line, at)
            assert found  # the second form matches nothing at all, too
            quoted, plain = found.groups()
            double = self._dialect.quote * 2
            values.append(plain if quoted is None else quoted.replace(double, self._dialect.quote))
            at = found.end() + 1
        return values
