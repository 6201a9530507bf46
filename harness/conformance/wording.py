"""How things that were found are named in a sentence."""

from collections.abc import Iterable

#: How many of what is wrong are named.
NAMED = 3


def named(things: Iterable[object]) -> str:
    """The first of `things`, shortened, and how many more there are."""
    texts = [shortened(str(each)) for each in things]
    more = f" and {len(texts) - NAMED:,} more" if len(texts) > NAMED else ""
    return ", ".join(texts[:NAMED]) + more


def shortened(text: str, length: int = 160) -> str:
    return text if len(text) <= length else f"{text[:length]}... ({len(text):,} characters)"
