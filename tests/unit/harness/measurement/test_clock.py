"""Steps of the wall clock are found, there and back too; drawn-out readings are not taken for steps."""

from itertools import count

import pytest

from harness.measurement.clock import ClockWatch


class Clocks:
    """A wall clock and a monotonic clock in step, until somebody sets the wall clock."""

    def __init__(self) -> None:
        self.now_ns, self.set_by_ns = 10**12, 10**18
        self.reading_takes_ns = iter([100] * 1000)

    def monotonic_ns(self) -> int:
        self.now_ns += next(self.reading_takes_ns)
        return self.now_ns

    def wall_ns(self) -> int:
        return self.now_ns + self.set_by_ns

    def watch(self) -> ClockWatch:
        watch = ClockWatch(self.wall_ns, self.monotonic_ns)
        watch.look()
        return watch


def test_clocks_in_step_have_no_step() -> None:
    clocks = Clocks()
    watch = clocks.watch()
    for _ in range(20):
        clocks.now_ns += 250_000_000
        watch.look()
    assert watch.step_ms < 0.001


@pytest.mark.parametrize("step_ms", [-3600_000, -12.5, 30, 86_400_000])
def test_a_step_is_found_and_not_forgotten_when_the_clock_is_set_back(step_ms: float) -> None:
    clocks = Clocks()
    watch = clocks.watch()
    clocks.set_by_ns += int(step_ms * 1e6)
    watch.look()
    clocks.set_by_ns -= int(step_ms * 1e6)
    watch.look()
    assert watch.step_ms == pytest.approx(abs(step_ms), abs=0.001)


def test_a_reading_that_the_scheduler_tore_apart_is_no_step() -> None:
    clocks = Clocks()
    watch = clocks.watch()
    # Every second reading of the monotonic clock comes 50 ms late, but for those of one pair.
    clocks.reading_takes_ns = iter([100, 50_000_000] * 3 + [100, 100] + [100, 50_000_000] * 10)
    watch.look()
    assert watch.step_ms < 0.001


def test_the_real_clocks_can_be_watched() -> None:
    watch = ClockWatch()
    for _ in zip(range(10), count(), strict=False):
        watch.look()
    assert 0 <= watch.step_ms < 1000
