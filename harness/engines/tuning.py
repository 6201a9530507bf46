"""Chooses the settings that engines publish for a purpose, such as ``latency`` or ``throughput``."""

from pathlib import Path

from harness.engines.catalogue import DESCRIPTOR
from harness.engines.contestants import find_contestants
from harness.engines.engine import Engine
from harness.errors import ConfigurationError
from harness.scenarios.contestants import Contestant
from harness.scenarios.scenario import Scenario


def tuned(scenario: Scenario, engine_paths: list[Path]) -> Scenario:
    """The scenario with the settings of its `tuning` under `engine_settings`, where its own ones go first.

    A contestant for which something is set alone gets the settings of its own tuning, or else of the scenario's; before
    them go those that the scenario has for its engine, and before these its own.

    All of them stand in the result, too, so that what was in effect does not hang on a later version's tunings.

    Raises:
        ConfigurationError: there is no such engine, or one of them has no such tuning.
    """
    if not scenario.tuning and all(each.is_plain for each in scenario.engines):
        return scenario
    engines = find_contestants(scenario, engine_paths)
    settings = dict(scenario.engine_settings)
    contestants = []
    for each in scenario.engines:
        engine = engines[each.name]
        if each.is_plain:
            if found := engine.tuned(scenario.tuning) | settings.get(engine.name, {}):
                settings[engine.name] = found
        else:
            own = scenario.engine_settings.get(engine.name, {}) | each.settings
            each = each.model_copy(update={"settings": _published(scenario, each, engine) | own})
        contestants.append(each)
    return scenario.model_copy(update={"engine_settings": settings, "engines": contestants})


def _published(scenario: Scenario, contestant: Contestant, engine: Engine) -> dict[str, object]:
    """The settings that `engine` publishes for the contestant's tuning."""
    if contestant.tuning and not engine.tunings:
        raise ConfigurationError(
            f"the contestant {contestant.name!r}: the engine {engine.name} has no tuning {contestant.tuning!r}: it "
            f"publishes none (`tunings` in {engine.directory / DESCRIPTOR})",
            fix="leave `tuning` out",
        )
    return engine.tuned(scenario.tuning if contestant.tuning is None else contestant.tuning)
