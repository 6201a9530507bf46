"""A text file's first bytes turned into columns, and into the keys of the map that say how it is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.input.guess import dialect as dialects
from harness.input.guess.amounts import DECIMAL_COMMA, EUROPEAN, THOUSANDS
from harness.input.guess.columns import Column
from harness.input.guess.dialect import Dialect, Frame, find_dialect, find_frame
from harness.input.guess.encoding import UTF8, decode
from harness.input.guess.findings import Certainty, Finding

_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blank", ":": "colon", "\x01": "the byte 1"}
_FIXED = re.compile(r"\S {2,}\S")
_CONSISTENT = 0.98
_QUOTED_SHARE = 0.05


@dataclass(frozen=True)
class Look:
    """What was seen of a file: its columns, the keys of the map that say how it is written, and why.

    Attributes:
        columns: with the values of the sample's rows.
        keys: of the map; those only that differ from their defaults.
        findings: one for each of them, and for what was looked at besides.
        rows: how many rows the sample has.
        widths: how many cells each row has; empty of Parquet.
    """

    columns: list[Column]
    keys: dict[str, Any]
    findings: list[Finding]
    rows: int
    widths: Sequence[int] = ()


def look_at_text(data: bytes) -> Look:
    """Look at the first bytes of a text file."""
    text, encoding = decode(data)
    dialect = find_dialect(text)
    frame = find_frame(dialect)
    header_width = len(frame.names) if frame.names else None
    rows, widths, width_told, row_width = _rows(dialect, frame)
    columns = [
        Column(at + 1, name, [row[at].strip() for row in rows], is_named=_is_name(name, frame.names))
        for at, name in enumerate(frame.names or [None] * dialect.width)
    ]
    keys: dict[str, Any] = {"delimiter": dialect.delimiter}
    findings = [encoding, _delimiter_told(dialect, text)]
    if encoding.found not in (UTF8, "utf-16"):
        keys["encoding"] = encoding.found
    keys |= {"quoting": each} if (each := _quoting(dialect)) != "strict" else {}
    keys |= {"quote": dialect.quote} if dialect.quote != '"' else {}
    keys |= {"escape": "\\"} if dialect.quoting == dialects.BACKSLASH else {}
    findings += _quoting_told(dialect)
    keys |= _frame_keys(frame)
    findings += [_header_told(frame, header_width), *_frame_told(frame)]
    if row_width != "exact":
        keys["row_width"] = row_width
        findings.append(width_told)
    return Look(columns, keys, findings, len(rows), widths)


def _is_name(name: str | None, names: Sequence[str] | None) -> bool:
    """Whether a column can be called by its name: it has one, and no other has the same."""
    return bool(name) and (names or []).count(name or "") == 1


def _rows(dialect: Dialect, frame: Frame) -> tuple[list[list[str]], list[int], Finding, str]:
    """Cells of records, filled up to one width; their widths before; what to say of these; the key ``row_width``."""
    wanted = len(frame.names) if frame.names else dialect.width
    begin = frame.records[0].line if frame.records else 1
    after = [row for row in dialect.rows if row.line >= begin and any(cell.strip() for cell in row.cells)]
    marks = [row for row in after if not (frame.comment and row.cells[0].startswith(frame.comment))]
    again = [row for row in marks if not frame.names or [cell.strip() for cell in row.cells] != frame.names]
    # The reader's measure is the header, or the first row.
    first = len(frame.names) if frame.names else len(again[0].cells) if again else wanted
    shorter = sum(len(row.cells) < first for row in again)
    longer = sum(len(row.cells) > first for row in again)
    total = len(again) or 1
    row_width = "any" if longer / total > 1 - _CONSISTENT else "short" if shorter / total > 1 - _CONSISTENT else "exact"
    kept = again if row_width != "exact" else [row for row in again if len(row.cells) == wanted]
    reason = f"of {total} rows, {shorter} are shorter than the {'header' if frame.names else 'first'}, {longer} longer"
    check = "whether such rows lack their last columns, and none in between"
    finding = Finding("row_width", row_width, Certainty.NOT_SURE if longer < total else Certainty.LIKELY, reason, check)
    filled = [(row.cells + [""] * wanted)[:wanted] for row in kept]
    return filled, [len(row.cells) for row in kept], finding, row_width


def _delimiter_told(dialect: Dialect, text: str) -> Finding:
    name = _NAMES.get(dialect.delimiter, repr(dialect.delimiter))
    reason = f"{dialect.consistency:.0%} of lines have {dialect.width} columns by it"
    if dialect.width < 2 or (dialect.delimiter in " :" and len(_FIXED.findall(text)) > text.count("\n")):
        check = "columns of fixed width are not read: write the file with a delimiter"
        return Finding("delimiter", name, Certainty.NOT_SURE, "no delimiter gives columns", check)
    check = f"whether it is not {_NAMES.get(dialect.runner_up, repr(dialect.runner_up))}" if dialect.runner_up else ""
    if dialect.consistency < _CONSISTENT or check:
        return Finding("delimiter", name, Certainty.LIKELY, reason, check)
    return Finding("delimiter", name, Certainty.SURE, reason)


def _quoting(dialect: Dialect) -> str:
    """The key ``quoting``: where few values are quoted, quotes that spoil rows are characters as others are."""
    if dialect.quoting in (dialects.DOUBLED, dialects.BACKSLASH):
        return "strict"
    cells = sum(len(row.cells) for row in dialect.rows)
    return "lenient" if dialect.taken_quotes / 2 > _QUOTED_SHARE * cells else "none"


def _quoting_told(dialect: Dialect) -> list[Finding]:
    found = _quoting(dialect)
    if dialect.quoting == dialects.BACKSLASH:
        return [Finding("escape", "a backslash", Certainty.SURE, "quotes within values stand after one")]
    if found == "strict":
        return []
    told = {
        "lenient": "quotes stand within quoted values without being doubled",
        "none": "there are quotes that are neither closed nor doubled, and few values stand in quotes",
    }[found]
    check = "whether a value that begins with a quote is read as it should be"
    return [Finding("quoting", found, Certainty.LIKELY, told, check)]


def _frame_keys(frame: Frame) -> dict[str, Any]:
    keys: dict[str, Any] = {"header": frame.names is not None}
    keys |= {"skip_rows": frame.leading} if frame.leading else {}
    keys |= {"skip_rows_after_header": frame.after_header} if frame.after_header else {}
    return keys | ({"comment": frame.comment} if frame.comment else {})


def _header_told(frame: Frame, width: int | None) -> Finding:
    if frame.names is None:
        reason = "the first row holds times or numbers, as the others do"
        return Finding("header", "false", Certainty.SURE, reason)
    reason = f"line {frame.header_line} holds neither times nor numbers, and names {width} columns"
    return Finding("header", "true", Certainty.SURE, reason)


def _frame_told(frame: Frame) -> list[Finding]:
    findings = []
    if frame.leading:
        reason = f"{frame.leading} lines before it are no rows of the table"
        findings.append(
            Finding("skip_rows", str(frame.leading), Certainty.LIKELY, reason, "whether a record is among them")
        )
    if frame.after_header:
        reason = f"after the header, {frame.after_header} hold neither times nor numbers"
        found = str(frame.after_header)
        findings.append(
            Finding("skip_rows_after_header", found, Certainty.LIKELY, reason, "whether a record is among them")
        )
    if frame.comment:
        reason = f"lines that begin with {frame.comment} are no rows"
        findings.append(Finding("comment", frame.comment, Certainty.LIKELY, reason))
    return findings


def amount_keys(columns: Sequence[Column]) -> tuple[dict[str, Any], list[Finding]]:
    """The keys ``decimal`` and ``thousands``, by the columns of amounts that the map uses."""
    forms = {column.amount.name: column for column in columns if column.amount}
    if EUROPEAN in forms:
        column = forms[EUROPEAN]
        example = next(value for value in column.present if "," in value)
        reason = f"{column.said} has values such as {example}"
        findings = [Finding("decimal", ",", Certainty.SURE, reason), Finding("thousands", ".", Certainty.SURE, reason)]
        return {"decimal": ",", "thousands": "."}, findings
    if DECIMAL_COMMA in forms:
        column = forms[DECIMAL_COMMA]
        example = next(value for value in column.present if "," in value)
        doubt = all(re.fullmatch(r"\d{1,3},\d{3}", value) for value in column.present if "," in value)
        certainty = Certainty.NOT_SURE if doubt else Certainty.SURE
        return {"decimal": ","}, [Finding("decimal", ",", certainty, f"{column.said} has values such as {example}")]
    if THOUSANDS in forms:
        column = forms[THOUSANDS]
        example = next(value for value in column.present if "," in value)
        check = f"whether {example} is more than a thousand; if it has a fraction, set decimal to a comma instead"
        told = Finding("thousands", ",", Certainty.NOT_SURE, f"{column.said} has values such as {example}", check)
        return {"thousands": ","}, [told]
    return {}, []
