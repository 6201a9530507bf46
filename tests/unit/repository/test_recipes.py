"""The commands of documented recipes are understood: each ends in the plan that the recipe tells of."""

from typing import Any

import pytest
from typer.testing import CliRunner

from harness import cli
from harness.errors import UsageError
from harness.experiments import run as runs
from harness.scenarios.refusals import RUN
from harness.scenarios.scenario import Scenario
from harness.session import checks
from tests.builders.recipes import recipes

#: What differs between the contestants of each recipe, in the order of the page.
DIFFERENCES: list[tuple[dict[str, Any], ...]] = [
    ({"version": "2.2.1"}, {}),
    ({"version": "4.2.0"}, {}),
    ({}, {}),
    ({}, {"settings": {"buffer_timeout_ms": 200}}),
    ({"checkpoint_interval_ms": 1000}, {"delivery": "exactly-once", "checkpoint_interval_ms": 1000}),
    ({"settings": {"state_backend": "hashmap"}}, {"settings": {"state_backend": "rocksdb"}}),
    ({"checkpoint_interval_ms": 1000}, {"checkpoint_interval_ms": 20_000}),
    ({}, {}, {}),
    ({"engine_cpus": 1}, {"engine_cpus": 2}),
]
#: What the recipe of three contestants compares; in all others, they are of one engine.
MODES = ["spark", "spark-rtm", "flink"]


class PlannedError(UsageError):
    """A run was planned, and is not to start."""


@pytest.mark.parametrize(("command", "expected"), list(zip(recipes(), DIFFERENCES, strict=True)))
def test_a_recipe_is_a_run_of_contestants_of_one_engine_or_of_three_modes(
    monkeypatch: pytest.MonkeyPatch, command: list[str], expected: tuple[dict[str, Any], ...]
) -> None:
    def plan(scenario: Scenario, trials: int, options: Any, _watcher: object) -> None:
        checks.check_scenario(scenario, RUN, options, print)
        assert trials == 6
        assert tuple(each.own for each in scenario.engines) == expected
        engines = [each.engine for each in scenario.engines]
        assert engines == MODES if len(engines) > 2 else len(set(engines)) == 1
        raise PlannedError("it is")

    monkeypatch.setattr(runs, "run", plan)
    for name in ("look_before_leaping", "try_services", "cores_for"):
        monkeypatch.setattr(checks, name, lambda *_, **__: None)
    found = CliRunner().invoke(cli.app, command)
    assert isinstance(found.exception, PlannedError), found.exception
