"""What engines promise by default is the same as far as each can, so that none is cheaper by promising less."""

import ast
import tomllib
from typing import Any

import pytest

from tests.builders.engine_modules import ENGINES

#: Where each engine's defaults stand, and which of them says over how long upserts of a cell are joined.
MODULES = {
    "baseline": "engine",
    "flink": "main",
    "hazelcast": "main",
    "kstreams": "main",
    "quix": "main",
    "spark": "main",
}
JOINS = {
    "baseline": "batch_wait_ms",
    "flink": "flush_interval_ms",
    "hazelcast": "flush_interval_ms",
    "kstreams": "flush_interval_ms",
}
#: What a crash costs, or memory does.
PROMISED = {"checkpoint_interval_ms", "state_ttl_ms", "heap", "driver_memory"}


def _defaults(engine: str) -> dict[str, Any]:
    """Read, and not imported: only the engine's environment has what its modules import."""
    tree = ast.parse((ENGINES / engine / f"{MODULES[engine]}.py").read_text(encoding="utf-8"))
    (found,) = [
        each.value
        for each in tree.body
        if isinstance(each, ast.AnnAssign)
        and isinstance(each.target, ast.Name)
        and each.target.id == "DEFAULT_SETTINGS"
    ]
    assert found is not None
    defaults: dict[str, Any] = ast.literal_eval(found)
    return defaults


def test_upserts_of_a_cell_are_joined_over_the_same_time_by_all_engines_that_can() -> None:
    assert len({_defaults(engine)[setting] for engine, setting in JOINS.items()}) == 1


def test_all_engines_that_forget_by_the_clock_keep_a_cell_for_the_same_time() -> None:
    assert {_defaults(engine)["state_ttl_ms"] for engine in ("flink", "hazelcast", "kstreams", "quix")} == {300_000}


def test_the_scenario_says_how_often_all_engines_checkpoint() -> None:
    found = {engine: _defaults(engine).get("checkpoint_interval_ms", 0) for engine in MODULES}
    assert set(found.values()) == {0}


@pytest.mark.parametrize("engine", MODULES)
def test_no_tuning_promises_less(engine: str) -> None:
    tunings = tomllib.loads((ENGINES / engine / "engine.toml").read_text(encoding="utf-8"))["tunings"]
    assert all(not PROMISED & set(settings) for settings in tunings.values())
