"""What users of the live map experienced, summed up: percentiles, stretches of time, and what is held."""

import json
from collections import Counter

import pytest

from harness.live_map.user_experience import ExperienceBounds, Second, greatest, percentile, together, why_not_held

BOUNDS = ExperienceBounds(push_ms_p99=250, lag_ms_p99=100)


def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed_rounded_up_to_the_next_millisecond() -> None:
    distribution = Counter({10: 50, 20: 49, 900: 1})
    assert percentile(distribution, 50) == 11
    assert percentile(distribution, 50.1) == 21
    assert percentile(distribution, 99) == 21
    assert percentile(distribution, 99.1) == 901
    assert percentile(distribution, 100) == greatest(distribution) == 901


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile(Counter(), 99) is None
    assert greatest(Counter()) is None


def test_a_stretch_holds_whole_seconds_only_and_the_smallest_number_of_users() -> None:
    seconds = {
        10: Second(users=5, push=Counter({1: 1}), frames=1),
        11: Second(users=3, push=Counter({1: 1, 2: 1}), frames=2, failures=1),
        12: Second(users=4, frames=4),
        13: Second(users=0, frames=8),
    }
    total = together(seconds, 10.5, 13.5)
    assert (total.users, total.frames, total.failures, total.push) == (3, 6, 1, Counter({1: 1, 2: 1}))
    assert together(seconds, 20, 30) == Second()


def test_seconds_survive_a_file() -> None:
    second = Second(users=2, push=Counter({250: 3}), lag=Counter({0: 20}), bytes=7, cpu_s=0.5)
    assert Second.from_json(json.loads(json.dumps(second.as_json()))) == second


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (Second(users=10, push=Counter({249: 99, 600: 1})), ""),
        (Second(users=10, push=Counter({249: 98, 600: 2})), "push latency p99 601 ms, bound 250 ms"),
        (Second(users=10, push=Counter({250: 1})), "push latency p99 251 ms, bound 250 ms"),
        (Second(users=9, push=Counter({1: 1})), "only 9 of 10 users had the map open all the time"),
        (Second(users=10, push=Counter({1: 1}), failures=1), "1 failures"),
        (Second(users=10), "no result was pushed"),
    ],
)
def test_what_is_held_and_why_not(second: Second, reason: str) -> None:
    assert why_not_held(second, 10, BOUNDS) == reason
