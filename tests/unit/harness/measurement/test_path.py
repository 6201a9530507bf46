"""A path behind the engine that does not keep up is found, and so is who it was; one that does is left alone."""

import pytest

from harness.measurement.accounting import Readings, Usage
from harness.measurement.delivery import Delays, bottlenecks, input_delays
from workloads.workload import Workload, WorkloadSpecification

BOUND_MS, DURATION_S = 500.0, 20
TOLD_S = 0.5


def _delays(late_from_s: float, late_to_s: float, delay_ms: float = 800.0) -> Delays:
    """Told twice a second, from before the measured time to after it."""
    found = Delays()
    for number in range(-10, 60):
        t_s = number * TOLD_S
        found.add(t_s, delay_ms if late_from_s < t_s <= late_to_s else 12.0)
    return found


def _busy(cores: float, late_cores: float | None = None) -> Readings:
    """A process that uses so much of a core; another share after 10 s."""
    readings, used_s = Readings(), 0.0
    for number in range(-20, 120):
        readings.add(number / 4, Usage(used_s, 0.0, 0))
        used_s += (cores if late_cores is None or number < 40 else late_cores) / 4
    return readings


def _found(delays: dict[str, Delays], **cores: float) -> list[str]:
    readings = {name: _busy(each) for name, each in ({"redis_writer": 0.2, "redis": 0.1, "probe": 0.1} | cores).items()}
    return list(bottlenecks(delays, readings, BOUND_MS, DURATION_S))


@pytest.mark.parametrize("name", ["redis_writer", "probe"])
@pytest.mark.parametrize(
    ("late", "found"),
    [
        ((0, 0), 0),
        ((3, 5), 0),
        ((3, 5.5), 1),
        ((-5, 2), 0),
        ((-5, 2.5), 1),
        ((18, 40), 0),
        ((17.5, 40), 1),
        ((-5, 0), 0),
        ((20.5, 30), 0),
    ],
)
def test_more_than_a_tenth_of_the_measured_time_is_too_long(name: str, late: tuple[float, float], found: int) -> None:
    assert len(_found({name: _delays(*late)})) == found


def test_a_delay_at_the_bound_is_within_it() -> None:
    assert _found({"redis_writer": _delays(0, 20, BOUND_MS)}) == []
    assert len(_found({"redis_writer": _delays(0, 20, BOUND_MS + 1)})) == 1


def test_saturation_alone_is_no_bottleneck() -> None:
    assert _found({"redis_writer": _delays(0, 0), "probe": _delays(0, 0)}, redis_writer=1.0, redis=1.0, probe=1.0) == []


@pytest.mark.parametrize(
    ("name", "cores", "start"),
    [
        ("redis_writer", {"redis_writer": 0.95}, "the Redis writer was the bottleneck: "),
        ("redis_writer", {"redis": 0.95}, "Redis was the bottleneck: "),
        ("redis_writer", {"redis_writer": 0.95, "redis": 0.95}, "the Redis writer and Redis were the bottleneck: "),
        ("redis_writer", {"probe": 0.95}, "the Redis writer did not keep up, and was not busy: "),
        ("probe", {"probe": 0.95}, "the probe was the bottleneck: "),
        ("probe", {"redis": 0.95}, "Redis was the bottleneck: "),
        ("probe", {"redis_writer": 0.95}, "the probe did not keep up, and was not busy: "),
    ],
)
def test_who_it_was_is_told_by_cpu_time(name: str, cores: dict[str, float], start: str) -> None:
    (reason,) = _found({name: _delays(5, 10)}, **cores)
    assert reason.startswith(start)
    assert "more than 500 ms late for 5.0 s of 20 s, by 800 ms at the most" in reason
    for each, used in cores.items():
        assert f"{used:.2f} of a core" in reason or each not in (name, "redis")


@pytest.mark.parametrize(
    ("cores", "start"),
    [
        ({"probe": 1.9}, "the probes were the bottleneck: "),
        ({"probe": 1.2}, "the probes did not keep up, and one of them may have been busy throughout: "),
        ({"probe": 0.5}, "the probes did not keep up, and were not busy: "),
        ({"probe": 1.2, "redis": 0.95}, "Redis was the bottleneck: "),
        ({"probe": 1.9, "redis": 0.95}, "the probes and Redis were the bottleneck: "),
    ],
)
def test_of_several_processes_the_limit_is_that_of_all(cores: dict[str, float], start: str) -> None:
    readings = {name: _busy(each) for name, each in ({"redis": 0.1} | cores).items()}
    (reason,) = bottlenecks({"probe": _delays(5, 10)}, readings, BOUND_MS, DURATION_S, {"probe": 2, "redis_writer": 3})
    assert reason.startswith(start)
    assert f"the probes used {cores['probe']:.2f} cores in 2 processes" in reason


def test_it_is_the_time_of_the_delay_that_counts() -> None:
    readings = {"redis_writer": _busy(0.2, 1.0)}
    (early,) = bottlenecks({"redis_writer": _delays(2, 8)}, readings, BOUND_MS, DURATION_S)
    (late,) = bottlenecks({"redis_writer": _delays(12, 18)}, readings, BOUND_MS, DURATION_S)
    assert "not busy" in early and "the Redis writer was the bottleneck" in late


def test_silence_counts_as_what_is_told_at_its_end() -> None:
    """A process that is stopped tells nothing meanwhile."""
    told = Delays()
    for t_s, delay_ms in ((1.0, 5.0), (1.5, 5.0), (4.5, 3000.0), (5.0, 5.0)):
        told.add(t_s, delay_ms)
    assert told.late(BOUND_MS, DURATION_S) == [(1.5, 4.5)]


def test_what_comes_late_was_late_before_it_came() -> None:
    """A process that goes on after a stop may first tell that all is well."""
    told = Delays()
    for t_s, delay_ms in ((1.0, 5.0), (4.5, 0.0), (5.0, 3000.0), (5.5, 1500.0), (6.0, 5.0), (9.0, 700.0)):
        told.add(t_s, delay_ms)
    assert told.late(BOUND_MS, DURATION_S) == [(2.5, 5.5), (6.0, 9.0)]


def test_what_is_known_already_is_passed_over() -> None:
    told = Delays()
    for t_s in (1.0, 1.0, 0.5, 2.0):
        told.add(t_s, 7.0)
    assert told.t_s == [1.0, 2.0]


def test_a_redis_of_the_users_own_has_no_cpu_time() -> None:
    (reason,) = bottlenecks({"probe": _delays(0, 20)}, {"probe": _busy(0.5)}, BOUND_MS, DURATION_S)
    assert reason.endswith("the probe used 0.50 of a core")


def test_the_input_is_as_late_as_its_oldest_record_that_was_due_and_not_acknowledged() -> None:
    workload = Workload(WorkloadSpecification(seed=1, rate_records_per_s=100, warmup_s=2, duration_s=4, partitions=1))
    told = [(1000, 100, 100), (2500, 250, 200), (4000, 300, 250), (7500, 600, 599), (8000, 600, 600)]
    found = input_delays(told, workload)
    assert found.t_s == [-1.0, 0.5, 2.0, 5.5, 6.0]
    assert found.delay_ms == [0.0, 500.0, 1500.0, 1510.0, 0.0]


def test_delays_are_asked_for_by_time() -> None:
    told = Delays([-1.0, 0.5, 1.0], [9.0, 3.0, 4.0])
    assert [told.at(t_s) for t_s in (-2.0, 0.0, 0.5, 0.6, 2.0)] == [9.0, 3.0, 3.0, 4.0, 0.0]
    assert (told.greatest_ms(0), told.greatest_ms(-9), told.greatest_ms(1)) == (4.0, 9.0, None)
    assert told.until(0.5) == Delays([-1.0, 0.5], [9.0, 3.0])
