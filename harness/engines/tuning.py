"""Chooses the settings that engines publish for a purpose, such as ``latency`` or ``throughput``."""

from pathlib import Path

from harness.engines.catalogue import find_engines
from harness.scenarios.scenario import Scenario


def tuned(scenario: Scenario, engine_paths: list[Path]) -> Scenario:
    """The scenario with the settings of its `tuning` under `engine_settings`, where its own ones go first.

    They stand there in the result, too, so that what was in effect does not hang on a later version's tunings.

    Raises:
        ConfigurationError: there is no such engine, or one of them has no such tuning.
    """
    if not scenario.tuning:
        return scenario
    settings = dict(scenario.engine_settings)
    for engine in find_engines(scenario.engines, engine_paths):
        if found := engine.tuned(scenario.tuning) | settings.get(engine.name, {}):
            settings[engine.name] = found
    return scenario.model_copy(update={"engine_settings": settings})
