"""Times of a sample as milliseconds, to be held against each other; the reader itself has stricter ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from harness.input.guess.times import EPOCH_DIGITS

_PER_MS = {"s": 1e-3, "ms": 1.0, "us": 1e3, "ns": 1e6}
_ZONE_NAME = re.compile(r"\s?\b(?:UTC|GMT|[A-Z]{3,4})$")


def instants(values: Sequence[str], form: str) -> list[float | None]:
    """Milliseconds since the epoch, as if times without an offset were of UTC; None for what has not this form.

    Args:
        values: times, one to a row.
        form: a name of `TimeForm`.
    """
    known: dict[str, float | None] = {}
    for value in values:
        if value not in known:
            known[value] = _instant(value, form)
    return [known[value] for value in values]


def _instant(value: str, form: str) -> float | None:
    try:
        if form in EPOCH_DIGITS.values():
            return float(value) / _PER_MS[form]
        if form == "iso":
            return _milliseconds(datetime.fromisoformat(_plain_iso(value)))
        pattern = re.sub(r"\s?%Z", "", form)
        return _milliseconds(datetime.strptime(value if pattern == form else _ZONE_NAME.sub("", value), pattern))
    except ValueError:
        return None


def _plain_iso(value: str) -> str:
    return re.sub(r"\s?(?:UTC|GMT|Z)$", "+00:00", re.sub(r"\s(?=[+-]\d{2})", "", value.replace(",", ".")))


def _milliseconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
