"""Trials are interleaved A B B A, every engine once in each block; what does not go together is refused before any."""

from pathlib import Path

import pytest
from rich.console import Console

from harness.console.progress import ConsoleWatcher
from harness.errors import UsageError
from harness.experiments.blocks import plan
from harness.experiments.run import run
from harness.scenarios.scenario import Scenario
from harness.session.options import SessionOptions


def test_a_single_trial_keeps_the_order_of_the_scenario_and_the_engines_names() -> None:
    planned = plan(["spark", "flink"], 1)
    assert [(each.number, each.block, each.engine, each.label) for each in planned] == [
        (1, 1, "spark", "spark"),
        (2, 1, "flink", "flink"),
    ]


@pytest.mark.parametrize("trials", [2, 5, 6])
def test_blocks_alternate_in_order(trials: int) -> None:
    planned = plan(["a", "b", "c"], trials)
    blocks = ["".join(each.engine for each in planned if each.block == block) for block in range(1, trials + 1)]
    assert blocks == ["abc" if block % 2 else "cba" for block in range(1, trials + 1)]
    assert [each.number for each in planned] == list(range(1, 3 * trials + 1))
    assert len({each.label for each in planned}) == 3 * trials


def test_with_two_engines_a_slow_drift_takes_as_much_from_both() -> None:
    numbers = {name: [each.number for each in plan(["a", "b"], 6) if each.engine == name] for name in "ab"}
    assert sum(numbers["a"]) == sum(numbers["b"])


@pytest.mark.parametrize("kind", ["redis-lost", "writer-kill", "network-cut"])
def test_faults_of_the_writer_and_redis_are_refused_in_the_direct_route(kind: str, tmp_path: Path) -> None:
    scenario = Scenario.model_validate(
        {"name": "x", "route": "direct", "faults": [{"kind": "engine-kill", "at_s": 9}, {"kind": kind, "at_s": 39}]}
    )
    options = SessionOptions(runs_dir=tmp_path, command=[])
    with (
        ConsoleWatcher(Console(quiet=True)) as watcher,
        pytest.raises(UsageError, match=f"the fault {kind}, which harms Redis"),
    ):
        run(scenario, 1, options, watcher)
