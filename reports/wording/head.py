"""What stands at the top of every document: verdict, what was compared and where, figures to quote, warnings."""

from __future__ import annotations

from dataclasses import dataclass

from reports.wording.quoted import QuotedFigure

UNKNOWN_VERSION = "version unknown"


@dataclass(frozen=True)
class Contestant:
    """One of those that were compared.

    Attributes:
        name: by which its colour and its figures are found.
        title: its name with what must be known wherever it stands.
        verdict: on its answers; None if the document judges none.
        reasons: for that verdict.
    """

    name: str
    title: str
    version: str
    verdict: str | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Head:
    """What a reader must know before any table.

    Attributes:
        good: whether the verdict is one: it colours the banner.
        verdict: the one sentence.
        reasons: why it is not good.
        in_short: what else follows, in a sentence each.
        compared: what contestants differ in, and what they were given.
        setting: a name and a text each: the machine, how quiet it was.
        figures: those that people quote, a handful at most.
        cautions: what must be known of them; marks lead here by their place.
        conclusions: with their title, what follows from the figures; nothing if the verdict says it all.
        invalid: what stands above all numbers that must not be used; empty if they may be.
        picture_warnings: what must be known of the picture.
    """

    good: bool
    verdict: str
    reasons: tuple[str, ...] = ()
    in_short: tuple[str, ...] = ()
    contestants: tuple[Contestant, ...] = ()
    compared: tuple[str, ...] = ()
    setting: tuple[tuple[str, str], ...] = ()
    figures: tuple[QuotedFigure, ...] = ()
    cautions: tuple[str, ...] = ()
    conclusions: tuple[str, tuple[str, ...]] = ("", ())
    invalid: str = ""
    picture_warnings: tuple[str, ...] = ()


def row_names(head: Head) -> list[str]:
    """Of whom there are figures, each once."""
    return list(dict.fromkeys(row.engine for figure in head.figures for row in figure.rows))


def title_in(head: Head, name: str) -> str:
    """What stands for `name` in a table: its title, if it is a contestant's."""
    return next((each.title for each in head.contestants if each.name == name), name)


def names_of(head: Head) -> list[str]:
    """Whoever has a colour in the document, each once."""
    return list(dict.fromkeys([*(each.name for each in head.contestants), *row_names(head)]))
