"""What the guesser found, with how sure it is and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Certainty(StrEnum):
    """How sure a finding is. There are three levels and no percentages: nothing here is a measured probability."""

    SURE = "sure"
    LIKELY = "likely"
    NOT_SURE = "not sure"


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        key: of the map, such as ``time`` or ``columns.start``.
        found: the key's value, as a person reads it.
        certainty: how sure that is.
        reason: what in the file says so.
        check: what a person should look at, and what would tell; empty if there is nothing to do.
    """

    key: str
    found: str
    certainty: Certainty
    reason: str
    check: str = ""
