"""Words in headers and cells that say what a column is (see `words.yaml` beside this module)."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import yaml

#: Words that stand for a missing value.
NULL_WORDS = (
    "\\N",
    "NULL",
    "null",
    "NaN",
    "nan",
    "None",
    "none",
    "N/A",
    "n/a",
    "NA",
    "(null)",
    "-",
    "--",
    "?",
    "<NA>",
    "NaT",
)
SKIP = "skip"
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LEAST_LETTERS = 5
_SPEAKS = 2


@cache
def _words() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("words.yaml").read_text(encoding="utf-8"))
    return found


def words_of(header: str | None) -> list[str]:
    """The words of a header, in small letters and without accents; ``aCLI`` and ``call_duration`` have two."""
    plain = unicodedata.normalize("NFKD", (header or "").replace("ß", "ss")).encode("ascii", "ignore").decode()
    parts = re.split(r"[^A-Za-z0-9]+", _CAMEL.sub(" ", plain))
    return [part.lower() for part in parts if part]


def header_score(header: str | None, role: str) -> float:
    """How strongly a header says that its column is ``start``, ``duration``, ``source`` and so on; 0 if it does not."""
    words = words_of(header)
    known: dict[str, float] = _words()["headers"][role]
    whole = "".join(words)
    score = max(sum(known.get(word, 0.0) for word in words), known.get(whole, 0.0))
    if score > 0:
        return score
    within = [strength / 2 for word, strength in known.items() if len(word) >= _LEAST_LETTERS and word in whole]
    return score + max(within, default=0.0)


def speaks_against(header: str | None, what: str) -> bool:
    """Whether a header says that its column is no event's ``time``, no call's ``duration``, no telephone ``number``."""
    return not set(words_of(header)).isdisjoint(_words()["against"][what])


def speaks_of_messages(header: str | None) -> bool:
    """Whether a header says that its column is of messages only."""
    return not set(words_of(header)).isdisjoint(_words()["messages"])


def unit_in(header: str | None) -> str | None:
    """The unit of lengths that a header names, as the map has it."""
    return next((unit for word in words_of(header) for unit, names in _words()["units"].items() if word in names), None)


def type_of(word: str, header: str | None = None) -> str | None:
    """What a word in a column of types means: ``call``, ``text``, ``skip`` for neither, None if that is not known.

    Single letters are taken for words only if the header speaks of types.
    """
    parts = words_of(word)
    letters: dict[str, str] = _words()["letters"]
    if word.lower() in letters and header_score(header, "type") >= _SPEAKS:
        return letters[word.lower()]
    for meaning in ("text", SKIP, "call"):
        names = _words()["types"][meaning]
        if "".join(parts) in names or not set(parts).isdisjoint(names):
            return meaning
    return None
