"""What differs between contestants of one engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

#: What is said of a setting that was set for another contestant only, and that the engine does not tell.
DEFAULT = "the engine's default"


class Told(Protocol):
    """What a result tells of a contestant: see `harness.results.result.EngineResult`."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def engine(self) -> str:
        """What it runs."""

    @property
    def own(self) -> dict[str, Any]:
        """What was set for it alone."""


T_co = TypeVar("T_co", bound=Told, covariant=True)


class Compared(Protocol[T_co]):
    """A result of any command that runs contestants: of a run, a sweep or a scaling."""

    @property
    def scenario(self) -> dict[str, Any]:
        """As the scenario was in effect."""

    @property
    def engines(self) -> Sequence[T_co]:
        """Contestants, each once or under several names: with faults, or with users of the live map."""


def differences(result: Compared[Told]) -> list[str]:
    """A sentence for each engine that has several contestants: what was set differently for them, and nothing else."""
    return [_sentence(engine, same, result) for engine, same in contestants_by_engine(result).items() if len(same) > 1]


def contestants_by_engine(result: Compared[T_co]) -> dict[str, list[T_co]]:
    """The scenario's contestants by what they run: of each, what was measured of it alone, without faults or users."""
    names = [each["name"] if isinstance(each, Mapping) else each for each in result.scenario.get("engines") or []]
    engines: dict[str, list[T_co]] = {}
    for each in result.engines:
        if each.name in names:
            engines.setdefault(each.engine, []).append(each)
    return engines


def differing_keys(same: Sequence[Told], result: Compared[Told]) -> list[str]:
    """In what contestants of one engine differ: their version, or keys and settings that were set for them."""
    return [each.partition(":")[0] for each in _differing(same, result)]


def _sentence(engine: str, same: Sequence[Told], result: Compared[Told]) -> str:
    names = [each.name for each in same]
    who = f"{', '.join(names[:-1])} and {names[-1]} run {engine}"
    return f"{who}, and differ in {'; '.join(_differing(same, result)) or 'nothing that was set'}."


def _differing(same: Sequence[Told], result: Compared[Told]) -> Iterator[str]:
    versions = [getattr(each, "version", None) for each in same]
    if len(set(versions)) > 1:
        yield "version: " + ", ".join(
            f"{version or 'not known'} in {each.name}" for each, version in zip(same, versions, strict=True)
        )
    set_for = [_set(each, result) for each in same]
    for key in dict.fromkeys(key for found in set_for for key in found):
        values = [_value(key, each, found, result) for each, found in zip(same, set_for, strict=True)]
        if len({str(value) for value in values}) > 1:
            yield f"{key}: " + ", ".join(f"{value} in {each.name}" for each, value in zip(same, values, strict=True))


def _set(engine: Told, result: Compared[Told]) -> dict[str, Any]:
    """What was set for a contestant, by key; an engine by its own name has the settings of the scenario.

    The tuning is not told: its settings are.
    """
    plain = {"settings": (result.scenario.get("engine_settings") or {}).get(engine.engine) or {}}
    found = engine.own if engine.own or engine.name != engine.engine else plain
    keys = {key: value for key, value in found.items() if key not in ("settings", "tuning", "version")}
    return keys | found.get("settings", {})


def _value(key: str, engine: Told, found: dict[str, Any], result: Compared[Told]) -> Any:
    """What was in effect: what was set, or what the scenario says for all, or what the engine told, if it is kept."""
    for known in (found, result.scenario, getattr(engine, "config", {})):
        if key in known:
            return known[key]
    return DEFAULT
