"""The project's own documents, taken apart, for tests that hold them to the code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_NAME = re.compile(r"`([^`]+)`")
#: Between cells; a bar with a backslash before it is a part of one.
_BAR = re.compile(r"(?<!\\)\|")


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    return re.split(r"\n#+ ", (DOCS / page).read_text(encoding="utf-8").split(f"\n{heading}\n")[1])[0]


def names(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return _NAME.findall(cell)


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of all rows of the tables in `text` whose first column is called `first`, without their headers."""
    found = []
    for table in re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE):
        lines = [[cell.strip() for cell in _BAR.split(line)[1:-1]] for line in table.strip().split("\n")]
        if lines[0][0] == first:
            found += lines[2:]
    return found
