"""What the contestants of a scenario run, and that it has what is set for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.engines.catalogue import DESCRIPTOR, all_engines, check_delivery, check_query, check_route, find_engines
from harness.engines.engine import Engine
from harness.errors import ConfigurationError
from harness.scenarios.contestants import Contestant
from harness.scenarios.scenario import Scenario
from harness.scenarios.sections import did_you_mean


def find_contestants(scenario: Scenario, extra: list[Path]) -> dict[str, Engine]:
    """The engines that the contestants run, by the contestants' names, in their order.

    Args:
        scenario: whose contestants these are.
        extra: further folders of engines: see `all_engines`.

    Raises:
        ConfigurationError: there is no such engine, or a contestant is called like another engine than its own.
    """
    asked = list(dict.fromkeys(scenario.engine_of.values()))
    found = dict(zip(asked, find_engines(asked, extra), strict=True))
    known = {each.name for each in all_engines(extra)}
    for each in scenario.engines:
        if each.name != each.engine and each.name in known:
            raise ConfigurationError(
                f"the contestant {each.name!r} (`engines`, or --contestant) runs {each.engine}, and {each.name} is "
                "another engine",
                fix="give the contestant a name that no engine has",
            )
    return {name: found[engine] for name, engine in scenario.engine_of.items()}


def check_contestants(engines: Mapping[str, Engine], scenario: Scenario, extra: list[Path]) -> None:
    """Make sure that each contestant's engine has what is asked of it.

    Args:
        engines: by the contestants' names.
        scenario: of the run.
        extra: further folders of engines, to name those that can.

    Raises:
        ConfigurationError: an engine lacks the query, the route, the delivery or a setting; the message names it.
    """
    check_query(engines.values(), scenario.query, extra)
    for each in scenario.engines:
        check_route([engines[each.name]], each.route or scenario.route, each.whose)
        check_delivery([engines[each.name]], each.delivery or scenario.delivery, extra, each.whose)
    check_settings(engines, scenario)


def settings_of(scenario: Scenario, contestant: Contestant) -> dict[str, Any]:
    """What is set of a contestant's engine: for it alone, or, of one that is plain, for all that are called like it."""
    return scenario.for_contestant(contestant.name).engine_settings.get(contestant.engine, {})


def check_settings(engines: Mapping[str, Engine], scenario: Scenario) -> None:
    """Make sure that each contestant's engine has the settings that are given for it, and drops late records in time.

    An engine whose descriptor does not name its settings refuses others itself, when it starts. Whether it drops late
    records in time matters if the scenario has any.

    Args:
        engines: by the contestants' names.
        scenario: of the run.

    Raises:
        ConfigurationError: an engine lacks one, or a setting keeps late records; the message names it, and where.
    """
    late = next((key for key in ("disorder", "duplicates_per_million") if getattr(scenario, key)), "")
    for contestant in scenario.engines:
        name, engine = contestant.name, engines[contestant.name]
        given = settings_of(scenario, contestant)
        unknown = next((each for each in given if each not in engine.settings), None) if engine.settings else None
        if unknown is not None:
            close = did_you_mean(unknown, list(engine.settings))
            where = f"the contestant {name!r}" if name != engine.name else "`engine_settings`, or `settings`"
            raise ConfigurationError(
                f"{where}: the engine {engine.name} has no setting {unknown!r}{close}",
                fix=f"give some of: {', '.join(engine.settings)} (`settings` in {engine.directory / DESCRIPTOR})",
            )
        kept = [each for each, greatest in engine.late_settings.items() if not _is_at_most(given.get(each), greatest)]
        if late and kept:
            found = "is not set" if kept[0] not in given else f"is {given[kept[0]]}"
            raise ConfigurationError(
                f"the scenario has `{late}`, and the contestant {name!r} would count records that are too late: "
                f"its watermark moves by {kept[0]}, which {found}",
                fix=f"set {kept[0]} to {engine.late_settings[kept[0]]} under `engine_settings` for {engine.name}, or "
                f"leave {name} out",
            )


def _is_at_most(value: object, greatest: int) -> bool:
    return isinstance(value, int) and value <= greatest
