"""The synthetic engine does what it is told: its delays have the distribution they should, its faults are counted."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from engines.contract.aggregate import Cell
from engines.contract.record import Record
from tests.builders.engine_modules import engine_module


@pytest.fixture(scope="module")
def injection() -> ModuleType:
    """The engine's module."""
    return engine_module("synthetic", "injection")


def _record(second: int, kind: str = "text") -> Record:
    return Record(second, second * 1000, "06037", "Verizon", kind)


def _delays_ms(injection: ModuleType, **settings: Any) -> np.ndarray:
    """The delays of 20,000 cells."""
    injected = injection.Injection(injection.DEFAULT_SETTINGS | settings)
    return np.array([injected.delay_ns(Cell(at, "06037", "Verizon", "text"), b"") / 1e6 for at in range(20_000)])


def test_delays_have_the_quantiles_of_their_distribution(injection: ModuleType) -> None:
    assert set(_delays_ms(injection)) == {0.0}
    assert set(_delays_ms(injection, delay="constant", delay_ms=7.5)) == {7.5}
    bimodal = _delays_ms(injection, delay="bimodal", delay_ms=20, slow_ms=250, slow_per_million=50_000)
    assert set(bimodal) == {20, 250}
    assert np.mean(bimodal == 250) == pytest.approx(0.05, abs=0.005)
    uniform = _delays_ms(injection, delay="uniform", delay_ms=500)
    assert np.percentile(uniform, [10, 50, 90]) == pytest.approx([50, 250, 450], abs=10)
    pareto = _delays_ms(injection, delay="pareto", delay_ms=5, pareto_shape=1.5, longest_ms=1000)
    true = [5 * share ** (-1 / 1.5) for share in (0.5, 0.1, 0.01)]
    assert np.percentile(pareto, [50, 90, 99]) == pytest.approx(true, rel=0.15)
    assert (pareto.min(), pareto.max()) == (pytest.approx(5, rel=1e-3), 1000)


def test_an_unknown_distribution_is_refused_before_the_first_record(injection: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"'gaussian'; give none, constant"):
        injection.Injection(injection.DEFAULT_SETTINGS | {"delay": "gaussian"})


def test_records_of_a_cell_share_a_delay_unless_they_are_to_overtake(injection: ModuleType) -> None:
    cell, lines = Cell(1, "06037", "Verizon", "text"), [b"%d" % at for at in range(50)]
    settings = injection.DEFAULT_SETTINGS | {"delay": "uniform", "delay_ms": 500.0}
    orderly = injection.Injection(settings)
    assert len({orderly.delay_ns(cell, line) for line in lines}) == 1
    overtaking = injection.Injection(settings | {"overtaking": True})
    assert len({overtaking.delay_ns(cell, line) for line in lines}) > 45


def test_a_slow_partition_and_a_task_that_stands_still_hold_back_their_own_and_keep_their_order(
    injection: ModuleType,
) -> None:
    settings = {"slow_partition": 2, "slow_partition_ms": 100.0, "task_stall_every_s": 5.0, "task_stall_s": 0.2}
    injected = injection.Injection(injection.DEFAULT_SETTINGS | settings)
    held_ms: dict[int, list[float]] = {partition: [] for partition in range(4)}
    dues_ns: dict[int, list[int]] = {partition: [] for partition in range(4)}
    for at_ms in range(0, 12_000, 5):
        record = Record(at_ms // 1000, at_ms, "06037", "Verizon", "text")
        cell = Cell(record.window_s, *record[2:])
        # What arrived together, and records that came with a delay of their own, are no reason to overtake.
        now_ns = (at_ms + at_ms % 7) * 1_000_000
        for partition in range(4):
            dues_ns[partition].append(injected.due_ns(now_ns, partition, cell, record, b""))
            held_ms[partition].append((dues_ns[partition][-1] - now_ns) / 1e6)
    assert set(held_ms[0]) == {0} and set(held_ms[2]) == {100}
    for partition in (1, 3):
        stalled = np.array(held_ms[partition]) > 0
        assert np.mean(stalled) == pytest.approx(3 * 0.2 / 12, rel=0.1)
        assert max(held_ms[partition]) == 200
        in_stall = [due for due, held in zip(dues_ns[partition], stalled, strict=True) if held]
        assert in_stall == sorted(in_stall)


def test_faults_are_done_as_often_as_they_are_counted(injection: ModuleType) -> None:
    settings = injection.DEFAULT_SETTINGS | {"lose_every": 10, "double_every": 15, "miscount_every": 7}
    injected = injection.Injection(settings)
    done = [injected.count(_record(1, "call" if at % 2 else "text")) for at in range(600)]
    times = [often for _, often in done]
    assert (times.count(0), times.count(2)) == (injected.faults.lost, injected.faults.doubled) == (60, 20)
    turned = [cell for at, (cell, often) in enumerate(done) if at % 2 and often and cell.type == "text"]
    assert len(turned) == injected.faults.miscounted > 0
    assert all(cell.type == "text" for at, (cell, _) in enumerate(done) if not at % 2), "texts never become calls"


def test_without_faults_every_record_counts_once_in_its_own_cell(injection: ModuleType) -> None:
    injected = injection.Injection(injection.DEFAULT_SETTINGS)
    for kind in ("call", "text"):
        assert injected.count(_record(5, kind)) == (Cell(5, "06037", "Verizon", kind), 1)
    assert vars(injected.faults) == {"lost": 0, "doubled": 0, "miscounted": 0}


def test_a_stall_comes_once_and_when_it_should(injection: ModuleType) -> None:
    injected = injection.Injection(injection.DEFAULT_SETTINGS | {"stall_after_s": 3.0, "stall_s": 1.5})
    assert [injected.take_stall_s(_record(second)) for second in (100, 102, 103, 104)] == [0, 0, 1.5, 0]
