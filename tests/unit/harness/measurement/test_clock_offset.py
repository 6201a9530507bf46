"""The offset of two clocks: what was injected is found within the bound, whatever the ways take, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InvalidRun
from harness.measurement.clock_offset import DRIFT, Exchange, offset_of

NOW_NS = 1_767_225_600_123_456_789
delays_ns = st.integers(0, 500_000_000)


def _exchanges(offset_ns: int, delays: list[tuple[int, int]]) -> list[Exchange]:
    """What is seen if the broker is `offset_ns` ahead, and the ways there and back take so long."""
    seen, now_ns = [], NOW_NS
    for there_ns, back_ns in delays:
        appended_ns = now_ns + there_ns
        seen.append(Exchange(now_ns, appended_ns + back_ns, (appended_ns + offset_ns) // 1_000_000))
        now_ns = appended_ns + back_ns + 12_345
    return seen


@given(st.integers(-(10**12), 10**12), st.lists(st.tuples(delays_ns, delays_ns), min_size=1, max_size=40))
def test_what_was_injected_is_within_the_bound(offset_ns: int, delays: list[tuple[int, int]]) -> None:
    exchanges = _exchanges(offset_ns, delays)
    found = offset_of(exchanges)
    assert found.low_ms - 1e-3 <= offset_ns / 1e6 <= found.high_ms + 1e-3
    shortest_ms = min(map(sum, delays)) / 1e6
    drift_ms = (exchanges[-1].acked_ns - exchanges[0].sent_ns) * DRIFT / 1e6
    assert found.bound_ms <= shortest_ms / 2 + 0.5 + drift_ms + 1e-3
    assert found.round_trip_ms_min == pytest.approx(shortest_ms)


def test_many_exchanges_bound_the_offset_more_tightly_than_the_best_of_them() -> None:
    ways = [(0, 900_000 + 37_000 * number) for number in range(20)]
    ways += [(back, there) for there, back in ways]
    together = offset_of(_exchanges(250_000_000, ways))
    best = min(offset_of([each]).bound_ms for each in _exchanges(250_000_000, ways))
    assert together.bound_ms < best / 2
    assert together.offset_ms == pytest.approx(250, abs=together.bound_ms)


def test_one_sided_delays_are_not_taken_for_an_offset() -> None:
    found = offset_of(_exchanges(0, [(80_000_000, 0)] * 5))
    assert found.low_ms <= 0 <= found.high_ms
    assert found.bound_ms > 39


def test_a_step_while_clocks_are_compared_is_refused() -> None:
    before, after = _exchanges(0, [(100_000, 100_000)] * 5), _exchanges(20_000_000, [(100_000, 100_000)] * 5)
    with pytest.raises(InvalidRun, match=r"moved against each other by 1\d\.\d ms or more"):
        offset_of([*before, *after])
