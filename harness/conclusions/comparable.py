"""Whether two runs can be compared: the same workload, on the same host, with the same settings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.conclusions.gate_figures import NEW, OLD
from harness.conclusions.hop_price import route_of
from harness.errors import UsageError
from harness.results.result import EngineResult, Result
from harness.scenarios.scenario import Scenario
from workloads.partitioning import ROUND_ROBIN

ALLOW_DIFFERENT_WORKLOAD = "--allow-different-workload"
ALLOW_DIFFERENT_HOST = "--allow-different-host"
# Keys of a scenario that do not decide what is sent and how every engine is driven.
_NOT_WORKLOAD = {"name", "description", "engines", "route", "cluster", "tuning", "engine_settings", "limits", "truth"}
#: A run from before there was a key was driven as the key's default says, but for this one.
DEFAULTS = {key: field.default for key, field in Scenario.model_fields.items() if not field.is_required()} | {
    "partitioning": ROUND_ROBIN
}
#: What tells machines apart, by the fields of `Environment`; the first is a machine's own, the others are its kind's.
HOST = ("host", "cpu_model", "cpu_count")
SOFTWARE = ("operating_system", "kernel", "java", "python", "ringbench", "commit")
# A new kernel keeps another part of the same memory for itself.
_SAME_MEMORY = 0.01


# Can they be compared at all?


def check_comparable(
    old: Result, new: Result, *, allow_different_host: bool = False, allow_different_workload: bool = False
) -> list[str]:
    """Make sure that both runs sent the same workload on the same host. Returns notes on what else differs.

    The workload is every key of the scenario but its name, description, engines, route, cluster, engine settings and
    limits; of an input, where its files are does not matter, but what is in them. Engines may differ in their settings,
    in the route of their counts and in whether they run on clusters, since to compare these is a use of this. The host
    is its identity, its CPU model, the number of its CPUs and, to 1 %, its memory.

    Raises:
        UsageError: workload or host differ, and that is not allowed. The message names every key with both values.
    """
    found = [
        ("workload", _workload_differences(old, new), ALLOW_DIFFERENT_WORKLOAD, allow_different_workload),
        ("host", _host_differences(old, new), ALLOW_DIFFERENT_HOST, allow_different_host),
    ]
    refused = [(what, keys, option) for what, keys, option, allowed in found if keys and not allowed]
    if refused:
        raise UsageError(
            "the runs cannot be compared: "
            + "; ".join(f"the {what} differs ({', '.join(keys)})" for what, keys, _ in refused),
            fix="give runs of the same workload on the same host, or compare them all the same with "
            + " ".join(option for _, _, option in refused),
        )
    overridden = [f"the {what} differs, allowed by {option}: {key}" for what, keys, option, _ in found for key in keys]
    return overridden + list(_other_differences(old, new))


def _workload_differences(old: Result, new: Result) -> list[str]:
    one, other = workload_of(old), workload_of(new)
    return _differences(one, other, {**one, **other})


def workload_of(run: Result) -> dict[str, Any]:
    """The keys that decide what is sent and how every engine is driven, those that the run's scenario lacks included.

    Runs can be compared if these are equal; see `check_comparable`.
    """
    return {key: value for key, value in (DEFAULTS | _own_data(run)).items() if key not in _NOT_WORKLOAD}


def _own_data(run: Result) -> dict[str, Any]:
    """The run's scenario; of an input, its files' bytes and pace, wherever the files are."""
    if run.input is None:
        return run.scenario
    data = {"sha256": [each.sha256[:12] for each in run.input.files], "speed": run.input.speed}
    more = {"skipped": run.input.rows_skipped, "rate_records_per_s": run.input.rate_records_per_s, "map": run.input.map}
    return run.scenario | {"input": data | more}


def _host_differences(old: Result, new: Result) -> list[str]:
    one, other = old.environment.model_dump(), new.environment.model_dump()
    same_memory = is_same_memory(one["memory_bytes"], other["memory_bytes"])
    return _differences(one, other, [*HOST, *([] if same_memory else ["memory_bytes"])])


def is_same_memory(one_bytes: int, other_bytes: int) -> bool:
    """Whether two machines have the same memory, as far as their kernels tell."""
    return math.isclose(one_bytes, other_bytes, rel_tol=_SAME_MEMORY)


def _other_differences(old: Result, new: Result) -> Iterator[str]:
    if old.run_id == new.run_id:
        yield f"OLD and NEW are the same run, {old.run_id}"
    one, other = old.environment, new.environment
    yield from _differences(one.model_dump(), other.model_dump(), SOFTWARE)
    yield from _differences(one.services, other.services, {**one.services, **other.services})
    yield from _differences({"route": route_of(old)}, {"route": route_of(new)}, ["route"])
    yield from _differences(DEFAULTS | old.scenario, DEFAULTS | new.scenario, ["cluster"])
    yield from _differences(flat(old.scenario), flat(new.scenario), _limits(old, new))
    archives = {run.truth.archive_sha256 for run in (old, new) if run.truth}
    if len(archives) > 1 and not _workload_differences(old, new):
        yield "the archives of the same workload differ: other bytes were sent, or another library wrote them"
    for before, after in engines_in_both(old, new):
        yield from _engine_differences(before, after, settings_of(old, before), settings_of(new, after))


def _engine_differences(
    old: EngineResult, new: EngineResult, old_settings: Mapping[str, Any], new_settings: Mapping[str, Any]
) -> Iterator[str]:
    kinds = [
        ("", {"engine": old.engine, "version": old.version}, {"engine": new.engine, "version": new.version}),
        ("", _keys(old), _keys(new)),
        ("setting ", flat(old_settings), flat(new_settings)),
        ("configuration ", flat(old.config), flat(new.config)),
    ]
    for kind, one, other in kinds:
        yield from (f"{old.name} {kind}{each}" for each in _differences(one, other, {**one, **other}))


def settings_of(result: Result, engine: EngineResult) -> Mapping[str, Any]:
    """What was set of the engine's own settings; those of a contestant are all its own."""
    if is_contestant(engine):
        return engine.own.get("settings") or {}
    settings: Mapping[str, Any] = (result.scenario.get("engine_settings") or {}).get(engine.name) or {}
    return settings


def is_contestant(engine: EngineResult) -> bool:
    """Whether this is more than an engine by its own name: something was set for it alone, or it has another name."""
    return engine.name != engine.engine or bool(engine.own)


def _keys(engine: EngineResult) -> dict[str, Any]:
    """The scenario's keys that were set for the contestant alone."""
    return {key: value for key, value in engine.own.items() if key not in ("settings", "version")}


def _limits(old: Result, new: Result) -> list[str]:
    return [key for key in {**flat(old.scenario), **flat(new.scenario)} if key.startswith("limits.")]


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], keys: Sequence[str] | Mapping[str, Any]) -> list[str]:
    """Every one of `keys` whose values differ, with both of them."""
    return [
        f"{key}: {_shown(old.get(key))} in {OLD}, {_shown(new.get(key))} in {NEW}"
        for key in keys
        if old.get(key) != new.get(key)
    ]


def _shown(value: object) -> str:
    return "none" if value is None else str(value)


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a nested mapping by their dotted keys."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def one_contestant(run: Result, name: str, option: str, called: str) -> Result:
    """`run` as if it had had the contestant `name` alone, under the name `called`, with all that was set for it.

    Raises:
        UsageError: there is none of that name; the message names the `option` that asked for it.
    """
    found = next((each for each in run.engines if each.name == name), None)
    if found is None:
        there = ", ".join(each.name for each in run.engines) or "none"
        raise UsageError(f"{option} {name}: {run.run_id} has no such contestant", fix=f"give one of: {there}")
    own = found.own | {"settings": dict(settings_of(run, found))}
    return run.model_copy(update={"engines": [found.model_copy(update={"name": called, "own": own})]})


def engines_in_both(old: Result, new: Result) -> list[tuple[EngineResult, EngineResult]]:
    after = {engine.name: engine for engine in new.engines}
    return [(engine, after[engine.name]) for engine in old.engines if engine.name in after]
