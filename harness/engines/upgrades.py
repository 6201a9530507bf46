"""What planned upgrades start in place of what contestants run: another version of the engine, or other settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.engines.catalogue import DESCRIPTOR
from harness.engines.contestants import check_settings, find_contestants, settings_of
from harness.engines.engine import Engine
from harness.engines.versions import default_version, offered_versions
from harness.errors import UsageError
from harness.faults.plan import Change, DueFault, Upgrade
from harness.scenarios.contestants import Contestant
from harness.scenarios.operations import UPGRADE
from harness.scenarios.scenario import Scenario

#: What an upgrade may change; all other keys of a contestant stay.
_CHANGEABLE = ("version", "tuning", "settings")
ONE_VERSION = "it offers one version, and no other one or settings to upgrade to are given"
NEWEST = "it runs the newest version that it offers, and nothing else to upgrade to is given; begin with {older}"


def upgrades_of(scenario: Scenario, to: Sequence[Contestant], extra: list[Path], place: str) -> Change:
    """What an upgrade of each contestant of `scenario` starts.

    Args:
        scenario: whose contestants these are, tuned.
        to: contestants as they are afterwards, by their names; one that is not among them gets the newest version that
            its engine's folder offers.
        extra: further folders of engines: see `harness.engines.catalogue.all_engines`.
        place: where `to` is given, which errors begin with.

    Raises:
        UsageError: one of `to` is of no contestant, changes nothing, or what no upgrade can.
        ConfigurationError: there is no such version, tuning or setting.
    """
    engines = find_contestants(scenario, extra)
    contestants = {each.name: each for each in scenario.engines}
    _check_asked(contestants, to, place)
    asked = {each.name: each for each in to}
    able = {name: engine for name, engine in engines.items() if UPGRADE not in engine.operations or name in asked}
    found = {name: asked.get(name) or _to_newest(contestants[name], engine) for name, engine in able.items()}
    goals = {name: each for name, each in found.items() if isinstance(each, Contestant)}
    return Change(
        unable={name: each for name, each in found.items() if isinstance(each, str)},
        upgrades=_upgrades(scenario, goals, engines, extra, place),
    )


def changes_of(scenario: Scenario, extra: list[Path]) -> dict[float, Change]:
    """What each upgrade among the operations of `scenario` starts, by its time.

    Raises:
        RingbenchError: as `upgrades_of`; the place is the scenario's.
    """
    return {
        each.at_s: upgrades_of(scenario, each.goals, extra, "`operations`: to")
        for each in scenario.operations
        if each.kind == UPGRADE
    }


def due_faults(scenario: Scenario, extra: list[Path]) -> list[DueFault]:
    """The faults and operations of `scenario`, in the order of their times, with what upgrades start.

    Raises:
        RingbenchError: as `upgrades_of`; the place is the scenario's.
    """
    changes = changes_of(scenario, extra)
    return [
        replace(each, change=changes[each.at_s]) if each.fault == UPGRADE else each for each in scenario.fault_plan()
    ]


def started_by(planned: Iterable[DueFault]) -> list[str]:
    """The engines that upgrades start, each once, as ``NAME@VERSION`` where that is not the default one."""
    return list(dict.fromkeys(each.engine for due in planned for each in due.change.upgrades.values()))


def _check_asked(contestants: Mapping[str, Contestant], to: Sequence[Contestant], place: str) -> None:
    for number, each in enumerate(to):
        if each.name not in contestants:
            raise UsageError(
                f"{place} {each.name}: there is no contestant of that name",
                fix=f"give one of {', '.join(contestants)} as NAME=ENGINE, or ENGINE alone if it is called so",
            )
        if each.name in [other.name for other in to[:number]]:
            raise UsageError(f"{place} {each.name}: it is given twice", fix="give it once")
        if each.engine != (runs := contestants[each.name].engine):
            raise UsageError(
                f"{place} {each.name}: {each.engine} cannot go on from the state of {runs}",
                fix=f"give a version or settings of {runs}",
            )
        if others := sorted(set(each.own) - set(_CHANGEABLE)):
            raise UsageError(
                f"{place} {each.name}: {others[0]}: an upgrade changes version, tuning and settings, and nothing else",
                fix=f"leave {others[0]} out",
            )


def _to_newest(contestant: Contestant, engine: Engine) -> Contestant | str:
    """The contestant in the newest version that `engine` offers; why not, if that is no other one."""
    offered = offered_versions(engine)
    if len(offered) < 2:
        return ONE_VERSION
    *_, older, newest = sorted(offered, key=_numbers)
    if _numbers(newest) <= _numbers(contestant.version or default_version(engine)):
        return NEWEST.format(older=f"{engine.name}@{older}")
    return Contestant(name=contestant.name, engine=contestant.engine, version=newest)


def _numbers(version: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", version)]


def _upgrades(
    scenario: Scenario, goals: Mapping[str, Contestant], engines: Mapping[str, Engine], extra: list[Path], place: str
) -> dict[str, Upgrade]:
    before = {each.name: (each, settings_of(scenario, each)) for each in scenario.engines if each.name in goals}
    settings = {name: _settings(before[name][1], each, engines[name], place) for name, each in goals.items()}
    upgraded = [_as_upgraded(each, goals.get(each.name), settings.get(each.name, {})) for each in scenario.engines]
    later = scenario.model_copy(update={"engines": upgraded})
    found = find_contestants(later, extra)
    upgrades = {
        each.name: _upgrade(*before[each.name], each, found[each.name], place)
        for each in upgraded
        if each.name in before
    }
    check_settings(found, later)
    return upgrades


def _settings(old: dict[str, Any], goal: Contestant, engine: Engine, place: str) -> dict[str, Any]:
    """All settings of the engine afterwards: the `old` ones, then those of the new tuning, and its own."""
    if goal.tuning and not engine.tunings:
        raise UsageError(
            f"{place} {goal.name}: the engine {engine.name} has no tuning {goal.tuning!r}: it publishes none "
            f"(`tunings` in {engine.directory / DESCRIPTOR})",
            fix="leave `tuning` out",
        )
    given = engine.tuned(goal.tuning or "") | goal.settings
    if fixed := next((each for each in given if each in engine.fixed_settings), None):
        raise UsageError(
            f"{place} {goal.name}: no upgrade can change {fixed} of {engine.name}: {engine.fixed_settings[fixed]}",
            fix=f"leave {fixed} out, or compare two contestants by `ringbench run`",
        )
    return old | given


def _as_upgraded(contestant: Contestant, goal: Contestant | None, settings: dict[str, Any]) -> Contestant:
    if goal is None:
        return contestant
    return contestant.model_copy(update={"version": goal.version or contestant.version, "settings": settings})


def _upgrade(before: Contestant, old: dict[str, Any], after: Contestant, engine: Engine, place: str) -> Upgrade:
    """What becomes of the contestant `before`, which has the settings `old`; `engine` is the one afterwards."""
    changed = [
        f"{key}={value}" for key, value in after.settings.items() if value != old.get(key, engine.settings.get(key))
    ]
    told = [*([after.runs] if after.runs != before.runs else []), *changed]
    if not told:
        raise UsageError(
            f"{place} {after.name}: that is what it is already", fix="give another version, or a setting that differs"
        )
    # Of the default one it is known, too, what it has to say, if it has a version to choose.
    version = engine.version or default_version(engine) if after.runs != before.runs else ""
    return Upgrade(engine=after.runs, version=version, settings=after.settings, told=", ".join(told))
