"""The hops of a record's way, in words."""

from __future__ import annotations

from harness.results.result import Result
from reports.wording.notes import is_direct

#: What each hop is, in the order of the way.
HOPS = {
    "send": "intended to sent",
    "append": "sent to broker",
    "engine": "broker to engine's output",
    "sink": "output to Redis",
}
#: The same where engines write Redis by themselves.
DIRECT_HOPS = {"send": HOPS["send"], "append": HOPS["append"], "engine": "broker to Redis"}


def hops_of(result: Result) -> dict[str, str]:
    """The hops of a result's records, and what each is."""
    return DIRECT_HOPS if is_direct(result) else HOPS
