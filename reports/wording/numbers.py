"""Numbers as they are written in reports."""

from __future__ import annotations

NOT_MEASURED = "not measured"


def integer(number: int) -> str:
    """`number` with thousands separated."""
    return f"{number:,}"


def decimal(number: float) -> str:
    """`number` to about three figures, without an exponent."""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


def milliseconds(number: float) -> str:
    """A latency in ms, to 0.1 ms below 100 ms and to 1 ms above: the clock resolves no more."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.1f}"


def mebibytes(size_bytes: int) -> str:
    """`size_bytes` in MiB."""
    return f"{size_bytes / 2**20:,.0f}"
