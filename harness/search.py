"""The search for the highest sustainable rate: a pure function from the attempts so far to the next one.

That it has no state of its own makes a search that was killed go on where it stopped.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

#: A confirmed rate must hold this often at the most: each failure takes one more step down.
MAX_CONFIRMATIONS = 4


class Kind(StrEnum):
    """What an attempt is for: to find the rate, or to confirm what was found with a longer run."""

    PROBE = "probe"
    CONFIRM = "confirm"


@dataclass(frozen=True)
class Attempt:
    """A rate in records per second that was tried, and whether it was sustained."""

    kind: Kind
    rate: int
    sustained: bool


@dataclass(frozen=True)
class Plan:
    """What to search.

    Attributes:
        start, lowest, highest: rates in records per second; the first to try, and where the search ends either way.
        resolution: the search ends once the lowest failed rate is at most this many times the highest sustained one.
    """

    start: int
    lowest: int
    highest: int
    resolution: float


@dataclass(frozen=True)
class Next:
    """The next attempt to make."""

    kind: Kind
    rate: int


@dataclass(frozen=True)
class Answer:
    """The end of a search.

    Attributes:
        rate: the highest confirmed rate in records per second; None if none was sustained or confirmed.
        failed_rate: the lowest rate that was not sustained; None if none failed, so that the true limit is higher.
    """

    rate: int | None
    failed_rate: int | None


def next_step(attempts: Sequence[Attempt], plan: Plan) -> Next | Answer:
    """What to do after `attempts`: doubling (or halving) until a rate fails (or holds), bisection, confirmation.

    A rate counts as failed from the lowest failure on, a lucky success above it or not: sustainable is what is
    sustained every time.
    """
    failed = min((each.rate for each in attempts if not each.sustained), default=None)
    held = max(
        (each.rate for each in attempts if each.sustained and (failed is None or each.rate < failed)), default=None
    )
    confirmed = max((each.rate for each in attempts if each.sustained and each.kind is Kind.CONFIRM), default=0)
    confirmations = sum(each.kind is Kind.CONFIRM for each in attempts)
    if held is None:
        return _downwards(failed, plan)
    if held == confirmed or confirmations >= MAX_CONFIRMATIONS:
        return Answer(held if held == confirmed else None, failed)
    if confirmations:
        # A confirmation has failed. The probes below it are far apart: one step down, and no search anew.
        assert failed is not None
        return Next(Kind.CONFIRM, max(held, _rounded(failed / plan.resolution)))
    if failed is None and held < plan.highest:
        return Next(Kind.PROBE, min(2 * held, plan.highest))
    if failed is not None and failed / held > plan.resolution:
        return Next(Kind.PROBE, _rounded(math.sqrt(failed * held)))
    return Next(Kind.CONFIRM, held)


def _downwards(failed: int | None, plan: Plan) -> Next | Answer:
    """No rate has held yet."""
    if failed is None:
        return Next(Kind.PROBE, plan.start)
    if failed <= plan.lowest:
        return Answer(None, failed)
    return Next(Kind.PROBE, max(failed // 2, plan.lowest))


def _rounded(rate: float) -> int:
    """`rate` to three figures, so that people can read it."""
    unit = int(10 ** max(0, math.floor(math.log10(rate)) - 2))
    return round(rate / unit) * unit
