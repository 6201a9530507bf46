"""What the contestants of a scenario run, and that it has what is set for them."""

from collections.abc import Mapping
from pathlib import Path

from harness.engines.catalogue import DESCRIPTOR, Engine, all_engines, find_engines
from harness.errors import ConfigurationError
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


def check_settings(engines: Mapping[str, Engine], scenario: Scenario) -> None:
    """Make sure that each contestant's engine has the settings that are given for it.

    An engine whose descriptor does not name its settings refuses others itself, when it starts.

    Args:
        engines: by the contestants' names.
        scenario: of the run.

    Raises:
        ConfigurationError: an engine lacks one; the message names it, and where it was given.
    """
    for name, engine in engines.items():
        given = scenario.for_contestant(name).engine_settings.get(engine.name, {})
        unknown = next((each for each in given if each not in engine.settings), None) if engine.settings else None
        if unknown is not None:
            close = did_you_mean(unknown, list(engine.settings))
            where = f"the contestant {name!r}" if name != engine.name else "`engine_settings`, or `settings`"
            raise ConfigurationError(
                f"{where}: the engine {engine.name} has no setting {unknown!r}{close}",
                fix=f"give some of: {', '.join(engine.settings)} (`settings` in {engine.directory / DESCRIPTOR})",
            )


def check_late_records(engines: Mapping[str, Engine], scenario: Scenario) -> None:
    """Make sure that each contestant's engine drops late records in time, if the scenario has any.

    Args:
        engines: by the contestants' names.
        scenario: of the run.

    Raises:
        ConfigurationError: an engine would not; the message names it, and what setting of it is to be what.
    """
    late = [key for key in ("disorder", "duplicates_per_million") if getattr(scenario, key)]
    if not late:
        return
    for name, engine in engines.items():
        given = scenario.for_contestant(name).engine_settings.get(engine.name, {})
        for setting, greatest in engine.late_settings.items():
            value = given.get(setting)
            if not isinstance(value, int) or value > greatest:
                found = "is not set" if value is None else f"is {value}"
                raise ConfigurationError(
                    f"the scenario has `{late[0]}`, and the contestant {name!r} would count records that are too late: "
                    f"its watermark moves by {setting}, which {found}",
                    fix=f"set {setting} to {greatest} under `engine_settings` for {engine.name}, or leave {name} out",
                )
