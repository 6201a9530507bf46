"""The hops of a record's way, in words."""

from __future__ import annotations

from engines.contract.job import DIRECT
from harness.conclusions.hop_price import route_of_engine
from harness.results.result import EngineResult, Result

#: What each hop is, in the order of the way.
HOPS = {
    "send": "intended to sent",
    "append": "sent to broker",
    "engine": "broker to engine's output",
    "sink": "output to Redis",
}
#: The same where engines write Redis by themselves.
DIRECT_HOPS = {"send": HOPS["send"], "append": HOPS["append"], "engine": "broker to Redis"}


def hops_of(result: Result, engine: EngineResult) -> dict[str, str]:
    """The hops of an engine's records, and what each is."""
    # Exactly once, too, an engine's hop ends in Redis: when a transaction was committed is told nowhere.
    is_whole = route_of_engine(result, engine) == DIRECT or engine.committed is not None
    return DIRECT_HOPS if is_whole else HOPS
