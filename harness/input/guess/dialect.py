"""How a text file's rows are written: delimiter, quoting, header, and what around the rows is none.

Of all delimiters and ways of quoting, the one is taken that cuts the lines into the same number of cells, whose cells
are such as times and numbers are (the principle of G. J. J. van den Burg, A. Nazábal, C. Sutton, "Wrangling messy CSV
files by detecting row and type patterns", Data Mining and Knowledge Discovery 33, 2019). That paper's program,
CleverCSV, is not used: what is to be known here besides (header, widths, stray quotes), it does not look for.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from harness.input.guess.amounts import amount_form
from harness.input.guess.times import time_form

DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x01", ":", " ")
#: Ways of quoting.
DOUBLED, BACKSLASH, LENIENT = "doubled", "backslash", "lenient"
_MAX_CELL_LINES = 20
_JUDGED_ROWS = 60
_LEAST_CONSISTENT = 0.5
_PHONE = re.compile(r"\+?\d[\d ()./-]{5,18}\d")
_COMMENT = re.compile(r"#|//|--")
_SINGLE_QUOTED = re.compile(r"(?:^|(?<=[,;\t|]))\s*'[^'\n]*'\s*(?=[,;\t|]|$)", re.MULTILINE)
_SEP_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """A row's cells, and the line at which it begins, from 1 on."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Dialect:
    """How a file is cut into rows and cells.

    Attributes:
        delimiter: one character.
        quoting: a way of quoting, of this module.
        consistency: the share of lines that belong to rows with as many cells as most have.
        rows: of the sample, those of any width.
        width: how many cells most rows have.
        quote: what values are quoted by, if they are.
        taken_quotes: how many quotes were taken away from around cells, of lenient reading.
        runner_up: the delimiter that came second, if it came close.
    """

    delimiter: str
    quoting: str
    consistency: float
    rows: list[Row]
    width: int
    quote: str = '"'
    taken_quotes: int = 0
    runner_up: str | None = None


def find_dialect(text: str) -> Dialect:
    """The way in which the lines of `text` are cut best."""
    lines = split_lines(text)
    declared = next((match.group(1) for line in lines[:1] if (match := _SEP_LINE.fullmatch(line))), None)
    quote = _quote(text)
    scored = []
    if time_form([line.strip() for line in lines[1:_JUDGED_ROWS]]):  # a column alone, whose times hold delimiters
        return _undivided(lines)
    for delimiter in [declared] if declared else DELIMITERS:
        if not any(delimiter in line for line in lines[:_JUDGED_ROWS]):
            continue
        ways = (_judged(lines, delimiter, quoting, quote) for quoting in _quotings(lines, quote))
        scored.append(max(ways, key=lambda found: found[0]))
    if not scored:
        return _undivided(lines)
    scored.sort(key=lambda found: -found[0])
    best = scored[0][1]
    close = len(scored) > 1 and scored[1][0] > scored[0][0] * 0.8
    return replace(best, runner_up=scored[1][1].delimiter) if close else best


def _undivided(lines: Sequence[str]) -> Dialect:
    return Dialect(",", DOUBLED, 1.0, [Row(at, [line]) for at, line in enumerate(lines, 1) if line.strip()], 1)


def split_lines(text: str) -> list[str]:
    """Lines without their ends, which may be of any kind; NULs, and a mark of the end (Ctrl-Z), are left out."""
    plain = text.replace("\0", "").replace("\x1a", "")
    lines = re.split("\r\n|\n|\r", plain)
    return lines[:-1] if lines and not lines[-1] else lines


def _quote(text: str) -> str:
    """What values are quoted by: single quotes only if there are no others."""
    return "'" if '"' not in text and len(_SINGLE_QUOTED.findall(text)) > text.count("\n") else '"'


def _quotings(lines: Sequence[str], quote: str) -> list[str]:
    """The ways of quoting to be tried, the usual one first."""
    found = [DOUBLED]
    if any(f"\\{quote}" in line for line in lines):
        found.append(BACKSLASH)
    if any(quote in line for line in lines):
        found.append(LENIENT)
    return found


def _judged(lines: Sequence[str], delimiter: str, quoting: str, quote: str) -> tuple[float, Dialect]:
    rows = cut(lines, delimiter, quoting, quote)
    spans = _spans(rows, len(lines))
    counted: Counter[int] = Counter()
    for row, span in zip(rows, spans, strict=True):
        counted[len(row.cells)] += span
    width, _ = max(counted.items(), key=lambda item: (item[1], item[0])) if counted else (1, 0)
    good = sum(
        span
        for row, span in zip(rows, spans, strict=True)
        if len(row.cells) == width and not _swallows(row, delimiter, width)
    )
    total = sum(1 for line in lines if line.strip()) or 1
    consistency = min(1.0, good / total)
    rows = [row for row in rows if row.cells]
    # Quoting that leaves its quotes in the cells is worse than one that takes them away.
    left_over = _share_of_quotes(rows, quote)
    score = consistency**2 * (0.1 + _typed_share(rows, width)) * math.log2(1 + width) * (1 - 0.5 * left_over)
    score *= 0 if width < 2 else _FAVOUR.get(quoting, 1.0)
    left = sum(cell.count(quote) for row in rows for cell in row.cells)
    taken = sum(line.count(quote) for line in lines) - left
    return score, Dialect(delimiter, quoting, consistency, rows, width, quote, taken)


#: Of ways that read a file equally well, the plainer one is taken.
_FAVOUR = {DOUBLED: 1.0, BACKSLASH: 0.999, LENIENT: 0.998}


def _spans(rows: Sequence[Row], count: int) -> list[int]:
    """How many lines each row takes."""
    starts = [row.line for row in rows] + [count + 1]
    return [after - line for line, after in pairwise(starts)]


def _swallows(row: Row, delimiter: str, width: int) -> bool:
    """Whether a quote that was left open has drawn whole rows into a cell."""
    for cell in row.cells:
        inner = cell.split("\n")[1:]
        if len(inner) > _MAX_CELL_LINES or any(line.count(delimiter) >= width - 1 for line in inner):
            return True
    return False


def _share_of_quotes(rows: Sequence[Row], quote: str) -> float:
    cells = [cell.strip() for row in rows[:_JUDGED_ROWS] for cell in row.cells if cell.strip()]
    return sum(1 for cell in cells if quote in (cell[0], cell[-1])) / len(cells) if cells else 0.0


def _typed_share(rows: Sequence[Row], width: int) -> float:
    """The share of cells that are times, amounts or telephone numbers; of columns that are, empty cells count, too."""
    columns = list(zip(*(row.cells for row in rows[:_JUDGED_ROWS] if len(row.cells) == width), strict=True))
    return sum(map(_typed, columns)) / width if columns else 0.0


def _typed(column: Sequence[str]) -> float:
    values = [value for each in column[1:] if (value := each.strip().strip('"'))]
    if not values:
        return 0.0
    form = time_form(values)
    if form:
        return 1.5 if form.has_date and form.has_clock else 1.0
    if amount_form(values):
        return 1.0
    phones = sum(1 for value in values if _PHONE.fullmatch(value)) / len(values)
    words = sum(1 for value in values if re.fullmatch(r"[\w.*-]+", value)) / len(values)
    return max(phones, 0.3 * words)


def cut(lines: Sequence[str], delimiter: str, quoting: str, quote: str = '"') -> list[Row]:
    """Rows with their cells; blank lines are none, and a row of broken quoting has no cell."""
    if quoting == LENIENT:
        return [Row(at, _lenient(line, delimiter, quote)) for at, line in enumerate(lines, 1) if line.strip()]
    return list(_quoted(lines, delimiter, quoting, quote))


def _quoted(lines: Sequence[str], delimiter: str, quoting: str, quote: str) -> Iterator[Row]:
    csv.field_size_limit(1 << 24)
    reader = csv.reader(
        io.StringIO("\n".join(lines) + "\n", newline=""),
        delimiter=delimiter,
        quotechar=quote,
        doublequote=quoting == DOUBLED,
        escapechar="\\" if quoting == BACKSLASH else None,
        skipinitialspace=delimiter != " ",
        strict=True,
    )
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Row(line, [])
            continue
        if row and (len(row) > 1 or row[0].strip()):
            yield Row(line, row)


def _lenient(line: str, delimiter: str, quote: str) -> list[str]:
    """Cells of which a quote ends one only before a delimiter or the line's end."""
    ends = re.escape(delimiter)
    pattern = re.compile(rf"\s*{quote}(.*?){quote}\s*(?:{ends}|$)|([^{ends}]*)(?:{ends}|$)")
    cells, at = [], 0
    while at <= len(line):
        match = pattern.match(line, at)
        if not match:
            break
        cells.append(match.group(1) if match.group(1) is not None else match.group(2))
        ended = match.end() == len(line) and not match.group().endswith(delimiter)
        at = match.end()
        if ended:
            break
    return cells


@dataclass(frozen=True)
class Frame:
    """Which rows are records, and which name their columns.

    Attributes:
        names: of the columns, or None if there is no header.
        leading: how many lines stand before the header, or before the first record.
        after_header: how many lines between the header and the first record are none (types, units, rules).
        records: the rows that are records, to all appearance.
        header_line: the line of the header.
        comment: what lines begin with that are no rows, if there are such.
        repeated: whether the header stands in the file again.
    """

    names: list[str] | None
    leading: int
    after_header: int
    records: list[Row]
    header_line: int | None = None
    comment: str | None = None
    repeated: bool = False


def find_frame(dialect: Dialect) -> Frame:
    """Which rows of a sample are records, and which are the header or what stands around them."""
    comment = _comment(dialect.rows)
    rows = [row for row in dialect.rows if not comment or not row.cells[0].startswith(comment)]
    full = [row for row in rows if _is_full(row, dialect.width)]
    if not full:
        return Frame(None, 0, 0, rows, comment=comment)
    data = [row for row in rows if len(row.cells) * 2 > dialect.width and _is_data(row)]
    begin = data[0].line if data else full[0].line + 1
    header = _header([row for row in rows if row.line < begin], dialect.width)
    records = [row for row in full if row.line >= begin]
    first = header.line if header else begin
    leading = first - 1 if any(row.line < first and row.cells[0].lower() != "sep=" for row in rows) else 0
    if header is None:
        return Frame(None, leading, 0, records, comment=comment)
    names = _plain(header)
    again = [row for row in records if _plain(row) == names]
    records = [row for row in records if row not in again] if again else records
    after = begin - header.line - 1 if any(header.line < row.line < begin for row in rows) else 0
    return Frame(names, leading, after, records, header.line, comment, bool(again))


def _header(before: Sequence[Row], width: int) -> Row | None:
    """Of the rows before the first record, the one that names the most columns, the first of these."""
    wide = [row for row in before if abs(len(row.cells) - width) <= 1]
    found = max(wide, key=lambda row: len({cell.strip() for cell in row.cells} - {""}), default=None)
    return found if found and sum(bool(cell.strip()) for cell in found.cells) > 1 else None


def _plain(row: Row) -> list[str]:
    return [cell.strip().lstrip("\ufeff") for cell in row.cells]


def _is_full(row: Row, width: int) -> bool:
    return len(row.cells) == width and any(cell.strip() for cell in row.cells)


def _comment(rows: Sequence[Row]) -> str | None:
    marks = Counter(match.group() for row in rows if (match := _COMMENT.match(row.cells[0])))
    return marks.most_common(1)[0][0] if marks else None


def _is_data(row: Row) -> bool:
    """Whether a row holds a time, or numbers: a header holds neither, and a title's date stands alone."""
    cells = [value for cell in row.cells if (value := cell.strip())]
    if len(cells) < 2 < len(row.cells):
        return False
    if any(form.has_date or form.has_clock for cell in cells if (form := time_form([cell]))):
        return True
    amounts = sum(1 for cell in cells if amount_form([cell]) or _PHONE.fullmatch(cell))
    return bool(cells) and amounts / len(cells) > 0.3
