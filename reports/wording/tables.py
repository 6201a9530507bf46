"""Tables and sections as plain text, which the HTML and the Markdown page both show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows.

    Attributes:
        words: indexes of the columns that hold words; the others hold numbers.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: frozenset[int] = frozenset({0})


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading of its own.

    Attributes:
        anchor: tells it apart within the page.
        warnings: what a reader must not miss.
    """

    title: str
    anchor: str
    tables: tuple[Table, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
