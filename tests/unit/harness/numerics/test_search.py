"""The search for the sustainable rate finds it, gives up where it must, and goes on where it stopped."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from harness.numerics.search import (
    MAX_CONFIRMATIONS,
    TRIES,
    Answer,
    Attempt,
    Kind,
    Next,
    Outcome,
    Plan,
    next_step,
    outcome,
)

PLAN = Plan(start=50_000, lowest=1000, highest=2_000_000, resolution=1.2)


def _search(
    holds: Callable[[Next, int], bool], plan: Plan = PLAN, is_own: Callable[[Next], bool] = lambda _: True
) -> tuple[Answer, list[Attempt]]:
    """Search a system that `holds` an attempt, which is told how many came before; `is_own` blames it for failures."""
    attempts: list[Attempt] = []
    for number in range(60):
        step = next_step(attempts, plan)
        if isinstance(step, Answer):
            return step, attempts
        attempts.append(Attempt(step.kind, step.rate, holds(step, number), is_own(step)))
    raise AssertionError(f"no end: {attempts}")


@pytest.mark.parametrize("limit", [1000, 1001, 4321, 49_999, 50_000, 50_001, 123_456, 777_777, 1_999_999])
@pytest.mark.parametrize("resolution", [1.02, 1.2, 2.0])
def test_the_limit_is_found_within_the_resolution(limit: int, resolution: float) -> None:
    plan = Plan(50_000, 1000, 2_000_000, resolution)
    answer, attempts = _search(lambda step, _: step.rate <= limit, plan)
    assert answer.rate is not None and answer.rate <= limit
    assert answer.failed_rate is not None and answer.failed_rate > limit
    # Rates are rounded to three figures, which at the coarse end of a decade is one per cent.
    assert answer.failed_rate / answer.rate <= resolution * 1.01
    assert attempts[-1] == Attempt(Kind.CONFIRM, answer.rate, True)
    assert set(_tries(attempts, sustained=True).values()) == {1}, "what held is not tried again"
    assert set(_tries(attempts, sustained=False).values()) == {2}, "what failed is tried once more"


def _tries(attempts: list[Attempt], *, sustained: bool) -> Counter[tuple[Kind, int]]:
    return Counter((each.kind, each.rate) for each in attempts if each.sustained is sustained)


def test_a_limit_beyond_the_highest_rate_is_not_claimed() -> None:
    answer, _ = _search(lambda _step, _: True)
    assert answer == Answer(PLAN.highest, None)


def test_a_limit_below_the_lowest_rate_is_none() -> None:
    answer, attempts = _search(lambda _step, _: False)
    assert answer == Answer(None, PLAN.lowest)
    assert attempts[-1].rate == PLAN.lowest


def test_what_a_longer_run_does_not_confirm_is_not_the_answer() -> None:
    """Probes hold up to 100,000, longer runs up to 80,000 only."""
    answer, _ = _search(lambda step, _: step.rate <= (100_000 if step.kind is Kind.PROBE else 80_000))
    assert answer.rate is not None and 80_000 / 1.25 <= answer.rate <= 80_000
    assert answer.failed_rate is not None and answer.failed_rate > 80_000


def test_what_is_never_confirmed_is_no_answer_and_the_search_ends() -> None:
    answer, attempts = _search(lambda step, _: step.kind is Kind.PROBE and step.rate <= 100_000)
    assert answer.rate is None
    assert len({each.rate for each in attempts if each.kind is Kind.CONFIRM}) <= MAX_CONFIRMATIONS


def test_a_lucky_success_above_a_failure_does_not_count() -> None:
    attempts = [
        Attempt(Kind.PROBE, 50_000, True),
        Attempt(Kind.PROBE, 100_000, False),
        Attempt(Kind.PROBE, 100_000, False),
        Attempt(Kind.PROBE, 200_000, True),
    ]
    assert next_step(attempts, PLAN) == Next(Kind.PROBE, 70_700)


def test_a_search_goes_on_where_it_was_killed() -> None:
    answer, attempts = _search(lambda step, number: step.rate <= 123_456 and number % 4 != 1)
    assert max(_tries(attempts, sustained=False).values()) == 2 and len(attempts) > 8
    for done in range(len(attempts)):
        step = next_step(attempts[:done], PLAN)
        assert step == Next(attempts[done].kind, attempts[done].rate)
    assert next_step(attempts, PLAN) == answer


# Tries


OWN, OTHERS, HELD = (False, True), (False, False), (True, True)


def _outcome(*tries: tuple[bool, bool]) -> Outcome | None:
    return outcome([Attempt(Kind.PROBE, 50_000, *each) for each in tries])


@pytest.mark.parametrize(
    ("tries", "found"),
    [
        ((HELD,), Outcome.HELD),
        ((OWN,), None),
        ((OTHERS,), None),
        ((OWN, OWN), Outcome.FAILED),
        ((OWN, HELD), None),
        ((OWN, HELD, HELD), Outcome.HELD),
        ((OWN, HELD, OWN), Outcome.FAILED),
        ((OTHERS, HELD, HELD), Outcome.HELD),
        ((OTHERS, OTHERS), Outcome.LIMITED),
        ((OTHERS, OWN), None),
        ((OTHERS, OWN, OWN), Outcome.FAILED),
        ((OWN, OTHERS, HELD), Outcome.LIMITED),
        ((OTHERS, HELD, OWN), Outcome.LIMITED),
    ],
)
def test_a_rate_fails_by_two_of_three_tries_and_by_its_own_doing_if_both_are(
    tries: tuple[tuple[bool, bool], ...], found: Outcome | None
) -> None:
    assert _outcome(*tries) is found
    assert (found is None) <= (len(tries) < TRIES), "three tries decide"


def test_a_single_failure_by_chance_does_not_change_the_answer() -> None:
    usual, attempts = _search(lambda step, _: step.rate <= 123_456)
    for failed in range(len(attempts)):
        found, _ = _search(lambda step, number, failed=failed: step.rate <= 123_456 and number != failed)  # type: ignore[misc]
        assert found == usual


def test_chance_failures_of_one_attempt_in_twenty_spoil_a_few_per_cent_of_the_answers_only() -> None:
    """Of searches that try a rate once, 16 % answer less than 80 % of the capacity here."""
    chance, spoilt, searches = random.Random(1), 0, 400
    for _ in range(searches):
        capacity = 1000 * 2 ** chance.uniform(0.5, 10.5)
        answer, _ = _search(lambda step, _, capacity=capacity: step.rate <= capacity and chance.random() >= 0.05)  # type: ignore[misc]
        spoilt += (answer.rate or 0) < 0.8 * capacity
    assert spoilt / searches < 0.04


def test_what_others_limit_is_no_failure_of_the_system() -> None:
    """It fails beyond 200,000; the harness gives out at 120,000."""
    answer, _ = _search(lambda step, _: step.rate <= 120_000, is_own=lambda step: step.rate > 200_000)
    assert answer.rate is not None and answer.rate <= 120_000
    assert answer.failed_rate is None, "it failed nowhere by its own doing: at least"
    assert answer.limited_rate is not None and answer.limited_rate > 120_000


def test_a_bracket_stays_closed_if_others_are_the_limit_within_it() -> None:
    """Probes hold up to 99,000, and the system fails beyond; what is longer is spoilt by others from 80,000 on."""
    answer, _ = _search(
        lambda step, _: step.rate <= (99_000 if step.kind is Kind.PROBE else 80_000),
        is_own=lambda step: step.kind is Kind.PROBE,
    )
    assert answer.rate is not None and answer.rate <= 80_000
    assert answer.limited_rate is not None and answer.failed_rate is not None
    assert 80_000 < answer.limited_rate <= answer.failed_rate
