"""The search for the sustainable rate finds it, gives up where it must, and goes on where it stopped."""

from collections.abc import Callable

import pytest

from harness.search import MAX_CONFIRMATIONS, Answer, Attempt, Kind, Next, Plan, next_step

PLAN = Plan(start=50_000, lowest=1000, highest=2_000_000, resolution=1.2)


def _search(holds: Callable[[Next, int], bool], plan: Plan = PLAN) -> tuple[Answer, list[Attempt]]:
    """Search a system that `holds` an attempt, which is told how many came before."""
    attempts: list[Attempt] = []
    for number in range(60):
        step = next_step(attempts, plan)
        if isinstance(step, Answer):
            return step, attempts
        attempts.append(Attempt(step.kind, step.rate, holds(step, number)))
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
    assert len(attempts) == len({(each.kind, each.rate) for each in attempts}), "nothing is tried twice"


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
    assert sum(each.kind is Kind.CONFIRM for each in attempts) <= MAX_CONFIRMATIONS


def test_a_lucky_success_above_a_failure_does_not_count() -> None:
    attempts = [
        Attempt(Kind.PROBE, 50_000, True),
        Attempt(Kind.PROBE, 100_000, False),
        Attempt(Kind.PROBE, 200_000, True),
    ]
    assert next_step(attempts, PLAN) == Next(Kind.PROBE, 70_700)


def test_a_search_goes_on_where_it_was_killed() -> None:
    answer, attempts = _search(lambda step, _: step.rate <= 123_456)
    for done in range(len(attempts)):
        step = next_step(attempts[:done], PLAN)
        assert step == Next(attempts[done].kind, attempts[done].rate)
    assert next_step(attempts, PLAN) == answer
