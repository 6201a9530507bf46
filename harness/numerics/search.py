"""The search for the highest sustainable rate: a pure function from the attempts so far to the next one.

That it has no state of its own makes a search that was killed go on where it stopped.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

#: A confirmed rate must hold at so many rates at the most: each that fails takes one more step down.
MAX_CONFIRMATIONS = 4
#: A rate that failed is tried again: it counts as failed if so many of so many tries fail.
FAILURES, TRIES = 2, 3


class Kind(StrEnum):
    """What an attempt is for: to find the rate, or to confirm what was found with a longer run."""

    PROBE = "probe"
    CONFIRM = "confirm"


class Outcome(StrEnum):
    """What the tries of a rate come to: it held, it failed, or something else than what is searched was the limit."""

    HELD = "held"
    FAILED = "failed"
    LIMITED = "limited"


@dataclass(frozen=True)
class Attempt:
    """A rate in records per second that was tried, and whether it was sustained.

    `is_own` says of a failure that it was the searched system's. Others, such as the harness's, say nothing of it.
    """

    kind: Kind
    rate: int
    sustained: bool
    is_own: bool = True


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
        failed_rate: the lowest rate at which the searched system failed; None if none, so that its limit is not known.
        limited_rate: the lowest rate that was not held because of something else; None if there is none.
    """

    rate: int | None
    failed_rate: int | None
    limited_rate: int | None = None


def outcome(tries: Sequence[Attempt]) -> Outcome | None:
    """What the tries of one rate and kind, in their order, come to; None if it takes another one to say.

    A rate that holds at once has held. One that fails is tried again, until `FAILURES` of `TRIES` have failed or cannot
    any more. It failed by its own doing only if so many of these failures are its own.
    """
    failures = [each for each in tries if not each.sustained]
    own = sum(each.is_own for each in failures)
    if 2 * (len(tries) - len(failures)) > len(tries):
        return Outcome.HELD
    if own >= FAILURES:
        return Outcome.FAILED
    if len(failures) >= FAILURES and own + TRIES - len(tries) < FAILURES:
        return Outcome.LIMITED
    return None


def next_step(attempts: Sequence[Attempt], plan: Plan) -> Next | Answer:
    """What to do after `attempts`: doubling (or halving) until a rate fails (or holds), bisection, confirmation.

    A rate counts as failed from the lowest failure on, a lucky success above it or not: sustainable is what is
    sustained every time.
    """
    outcomes = _outcomes(attempts)
    if undecided := next((step for step, found in outcomes.items() if found is None), None):
        return undecided
    failed = min((step.rate for step, found in outcomes.items() if found is not Outcome.HELD), default=None)
    sustained = [step for step, found in outcomes.items() if found is Outcome.HELD]
    held = max((step.rate for step in sustained if failed is None or step.rate < failed), default=None)
    confirmed = max((step.rate for step in sustained if step.kind is Kind.CONFIRM), default=0)
    confirmations = sum(step.kind is Kind.CONFIRM for step in outcomes)
    if held is None and failed is not None and failed <= plan.lowest:
        return _answer(None, outcomes)
    if held is None:
        return Next(Kind.PROBE, plan.start if failed is None else max(failed // 2, plan.lowest))
    if held == confirmed or confirmations >= MAX_CONFIRMATIONS:
        return _answer(held if held == confirmed else None, outcomes)
    if confirmations:
        # A confirmation has failed. The probes below it are far apart: one step down, and no search anew.
        assert failed is not None
        return Next(Kind.CONFIRM, max(held, _rounded(failed / plan.resolution)))
    if failed is None and held < plan.highest:
        return Next(Kind.PROBE, min(2 * held, plan.highest))
    if failed is not None and failed / held > plan.resolution:
        return Next(Kind.PROBE, _rounded(math.sqrt(failed * held)))
    return Next(Kind.CONFIRM, held)


def _outcomes(attempts: Sequence[Attempt]) -> dict[Next, Outcome | None]:
    """What each rate that was tried came to, in the order of the first tries."""
    tries: dict[Next, list[Attempt]] = {}
    for each in attempts:
        tries.setdefault(Next(each.kind, each.rate), []).append(each)
    return {step: outcome(own) for step, own in tries.items()}


def _answer(rate: int | None, outcomes: dict[Next, Outcome | None]) -> Answer:
    def lowest(wanted: Outcome) -> int | None:
        return min((step.rate for step, found in outcomes.items() if found is wanted), default=None)

    return Answer(rate, lowest(Outcome.FAILED), lowest(Outcome.LIMITED))


def _rounded(rate: float) -> int:
    """`rate` to three figures, so that people can read it."""
    unit = int(10 ** max(0, math.floor(math.log10(rate)) - 2))
    return round(rate / unit) * unit
