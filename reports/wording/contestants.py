"""What differs between contestants of one engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.results.result import EngineResult, Result

#: What is said of a setting that was set for another contestant only, and that the engine does not tell.
DEFAULT = "the engine's default"


def differences(result: Result) -> list[str]:
    """A sentence for each engine that has several contestants: what was set differently for them, and nothing else."""
    engines: dict[str, list[EngineResult]] = {}
    for each in result.engines:
        engines.setdefault(each.engine, []).append(each)
    return [_sentence(engine, same, result) for engine, same in engines.items() if len(same) > 1]


def _sentence(engine: str, same: Sequence[EngineResult], result: Result) -> str:
    names = [each.name for each in same]
    who = f"{', '.join(names[:-1])} and {names[-1]} run {engine}"
    return f"{who}, and differ in {'; '.join(_differing(same, result)) or 'nothing that was set'}."


def _differing(same: Sequence[EngineResult], result: Result) -> Iterator[str]:
    if len({each.version for each in same}) > 1:
        yield "version: " + ", ".join(f"{each.version or 'not known'} in {each.name}" for each in same)
    set_for = [_set(each, result) for each in same]
    for key in dict.fromkeys(key for found in set_for for key in found):
        values = [_value(key, each, found, result) for each, found in zip(same, set_for, strict=True)]
        if len({str(value) for value in values}) > 1:
            yield f"{key}: " + ", ".join(f"{value} in {each.name}" for each, value in zip(same, values, strict=True))


def _set(engine: EngineResult, result: Result) -> dict[str, Any]:
    """What was set for a contestant, by key; an engine by its own name has the settings of the scenario.

    The tuning is not told: its settings are.
    """
    plain = {"settings": (result.scenario.get("engine_settings") or {}).get(engine.engine) or {}}
    found = engine.own if engine.own or engine.name != engine.engine else plain
    keys = {key: value for key, value in found.items() if key not in ("settings", "tuning", "version")}
    return keys | found.get("settings", {})


def _value(key: str, engine: EngineResult, found: dict[str, Any], result: Result) -> Any:
    """What was in effect: what was set, or what the scenario says for all, or what the engine told."""
    for known in (found, result.scenario, engine.config):
        if key in known:
            return known[key]
    return DEFAULT
