"""The upserts in the aggregates topic.

Key: ``WINDOW_S|COUNTY_FIPS|OPERATOR|TYPE``; value: the window's count so far, in decimal. Counts are absolute, so that
a replayed upsert is harmless, and a key always goes to one partition, so that its upserts keep their order.
"""

from typing import NamedTuple

SEPARATOR = "|"


class Cell(NamedTuple):
    """One cell of the result: a window (its start, in seconds since the Unix epoch), county, operator and type."""

    window_s: int
    location: str
    operator: str
    type: str


def encode_key(cell: Cell) -> bytes:
    """`cell` as an aggregates message's key."""
    return f"{cell.window_s}|{cell.location}|{cell.operator}|{cell.type}".encode("ascii")


def decode_key(key: bytes) -> Cell:
    """The cell that an aggregates message's `key` names.

    Raises:
        ValueError: `key` does not have the four parts of a key.
    """
    parts = key.decode("ascii").split(SEPARATOR)
    if len(parts) != 4 or not parts[0].isdigit():
        raise ValueError(f"aggregate key {key!r} is not WINDOW_S|COUNTY_FIPS|OPERATOR|TYPE")
    return Cell(int(parts[0]), *parts[1:])


def encode_count(count: int) -> bytes:
    """`count` as an aggregates message's value."""
    return b"%d" % count


def decode_count(value: bytes) -> int:
    """The count in an aggregates message's `value`.

    Raises:
        ValueError: `value` is not a non-negative decimal number.
    """
    if not value.isdigit():
        raise ValueError(f"aggregate value {value!r} is not a decimal count")
    return int(value)
