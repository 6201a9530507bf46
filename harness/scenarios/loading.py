"""Reading a scenario by name or file, with what was given on the command line, and explaining what is wrong in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError

from harness.errors import ConfigurationError, UsageError
from harness.scenarios.contestants import Contestant, in_place_of
from harness.scenarios.disorder import DISORDER_SECTIONS
from harness.scenarios.faults import FaultSection
from harness.scenarios.input import HELD_BELOW, INPUT_SECTIONS, LAYOUTS, MISSING_KEYS
from harness.scenarios.operations import OperationSection
from harness.scenarios.presets import map_path
from harness.scenarios.scenario import OPTIONS_OF_KEYS, PACES, Limits, Scenario
from harness.scenarios.sections import SHAPE_SECTIONS, CountySkewSection, HotPartitionSection, Section, did_you_mean
from harness.scenarios.surges import SurgeSection
from workloads.partitioning import ROUND_ROBIN

SCENARIOS = Path(__file__).parent
DEFAULT_SCENARIO = "main"
#: What an input is run by, if no other scenario is named.
INPUT_SCENARIO = Path(__file__).parents[1] / "input" / "replay.yaml"


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """What the command line says of the input, in place of the scenario's keys; None or False for nothing."""

    path: str | None = None
    map_file: Path | None = None
    speed: float | None = None
    skip_bad_lines: bool | Literal["all"] = False
    show_bad_values: bool = False

    def given(self) -> dict[str, str]:
        """The options that stand on the command line and need an input, by keys of the section."""
        options = {"map": "--input-map", "speed": "--speed", "skip_bad_lines": "--skip-bad-lines"}
        options |= {"show_bad_values": "--show-bad-values"}
        values = {"map": self.map_file, "speed": self.speed, "skip_bad_lines": self.skip_bad_lines}
        values |= {"show_bad_values": self.show_bad_values}
        return {key: options[key] for key, value in values.items() if value not in (None, False)}


def load_scenario(
    name_or_path: str, overrides: dict[str, Any], input_options: InputOptions = InputOptions()
) -> Scenario:
    """The scenario in a YAML file, or a built-in one by its name, with `overrides` in place of its keys.

    Raises:
        ConfigurationError: there is no such scenario, or it is not one; the message names the key and what it wants.
        UsageError: `input_options` are for an input, and there is none; or contestants are given, see `in_place_of`.
    """
    path = _find(name_or_path)
    found = _read_mapping(path, "scenario ")
    if "engines" in overrides:
        overrides = overrides | {"engines": in_place_of(found.get("engines"), overrides["engines"])}
    found |= _with_input(found, overrides, input_options)
    try:
        return Scenario.model_validate(found)
    except ValidationError as error:
        origin = _Origin(path, input_options.map_file, overrides.keys())
        lines = [_explain(origin, found, each) for each in error.errors()]
        beside = any(each["type"] == "beside_input" for each in error.errors())
        raise ConfigurationError("\n".join(lines), fix="leave these keys out" if beside else "") from error


def _read_mapping(path: Path, what: str = "") -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{what}{path}: {error}", fix="give a readable YAML file") from error
    if not isinstance(found, dict):
        kind = "an empty file" if found is None else type(found).__name__
        raise ConfigurationError(
            f"{what}{path}: expected keys and values, found {kind}", fix="give a YAML file of keys, such as `time: iso`"
        )
    return found


def _with_input(found: Mapping[str, Any], overrides: dict[str, Any], options: InputOptions) -> dict[str, Any]:
    """`overrides` with what the command line says of the input; with an input, a rate is one of the input."""
    section = found.get("input")
    if options.path is None and section is None:
        if given := options.given():
            raise UsageError(f"{min(given.values())} is for an input, and there is none", fix="give --input, too")
        return overrides
    if section is not None and not isinstance(section, Mapping):
        return overrides  # the scenario's own check tells what is wrong with it
    changed: dict[str, Any] = {"path": options.path}
    changed |= {"map": _read_mapping(map_path(options.map_file)) if options.map_file else None}
    changed |= {"speed": options.speed, "skip_bad_lines": options.skip_bad_lines or None}
    changed |= {"show_bad_values": options.show_bad_values or None}
    changed |= {"rate_records_per_s": overrides.get("rate_records_per_s")}
    changed = {key: value for key, value in changed.items() if value is not None}
    kept = dict(section or {})
    if changed.keys() & set(PACES):
        kept = {key: value for key, value in kept.items() if key not in PACES}
    return {key: value for key, value in overrides.items() if key != "rate_records_per_s"} | {"input": kept | changed}


@dataclass(frozen=True)
class _Origin:
    """Where a scenario came from: files, and the keys that the command line has given."""

    path: Path
    map_file: Path | None
    given: Set[str]

    def where(self, found: Mapping[str, Any], loc: Sequence[str | int]) -> str:
        """Option, or file and key, of the place `loc`; see `_key_path`."""
        if loc and loc[0] in self.given and (option := OPTIONS_OF_KEYS.get(str(loc[0]))):
            return f"{option} ({loc[0]})"
        key = _key_path(found, loc)
        return (
            f"{self.map_file}: {key}"
            if self.map_file and key.startswith("input.map")
            else f"scenario {self.path}: {key}"
        )


def built_in_scenarios() -> list[str]:
    """Names of the scenarios that come with Ringbench."""
    return sorted(path.stem for path in SCENARIOS.glob("*.yaml"))


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return path
    names = built_in_scenarios()
    if name_or_path not in names:
        raise ConfigurationError(
            f"no scenario {name_or_path!r}{did_you_mean(name_or_path, names)}",
            fix=f"give a YAML file or one of: {', '.join(names)}",
        )
    return SCENARIOS / f"{name_or_path}.yaml"


_SECTIONS: dict[str, type[Section]] = {
    "engines": Contestant,
    "limits": Limits,
    "surges": SurgeSection,
    "county_skew": CountySkewSection,
    "hot_partition": HotPartitionSection,
    "faults": FaultSection,
    "operations": OperationSection,
    **INPUT_SECTIONS,
    **DISORDER_SECTIONS,
}


def _shown(found: object, problem: str) -> str:
    """What was found, for a message; whole sections are not repeated, but where there should be none, it is named."""
    if isinstance(found, list) and any(isinstance(each, Mapping) for each in found):
        return ""
    if not isinstance(found, Mapping):
        return f"found {found!r}; "
    return "found keys and values; " if problem.endswith("_type") else ""


def _explain(origin: _Origin, found: Mapping[str, Any], problem: Any) -> str:
    """A line for one of pydantic's errors, or several: file, key, and what was expected; `found` is in the file."""
    if problem["type"] == "beside_input":
        return "\n".join(
            f"{origin.where(found, (key,))}: cannot stand beside `input`, whose data says what is sent and when"
            for key in problem["ctx"]["keys"]
        )
    if problem["type"] == "uneven":
        fix = f"have fewer partitions, give other `locations`, or say `partitioning: {ROUND_ROBIN}`"
        return f"{origin.where(found, ('partitions',))}: {problem['ctx']['why']}; {fix}"
    *parents, key = problem["loc"]
    where = origin.where(found, problem["loc"])
    if problem["type"] == "misplaced":
        problems = problem["ctx"]["problems"].items()
        return "\n".join(f"{origin.where(found, (*problem['loc'], number))}: {what}" for number, what in problems)
    if problem["type"] == "exclusive":
        return f"{where}: {problem['msg']}"
    if problem["type"] == "extra_forbidden":
        known = list(_section(parents).model_fields)
        below = " (it belongs below `columns`)" if key in HELD_BELOW.get(".".join(map(str, parents)), ()) else ""
        return f"{where}: unknown key{below or did_you_mean(str(key), known)}; known keys: {', '.join(known)}"
    if problem["type"] == "missing":
        return f"{where}: this key is required{MISSING_KEYS.get(str(key), '') if parents[:1] == ['input'] else ''}"
    if problem["type"] == "union_tag_invalid" and parents[:1] == ["input"]:
        tag = problem["ctx"]["tag"]
        return f"{where}.layout: found {tag!r}{did_you_mean(tag, list(LAYOUTS))}; give one of {', '.join(LAYOUTS)}"
    if problem["type"] == "union_tag_not_found":
        return f"{where}.kind: this key is required, one of {', '.join(SHAPE_SECTIONS)}"
    if problem["type"] == "union_tag_invalid":
        kind = problem["ctx"]["tag"]
        close = did_you_mean(kind, list(SHAPE_SECTIONS))
        return f"{where}.kind: found {kind!r}{close}; give one of {', '.join(SHAPE_SECTIONS)}"
    what = problem["msg"].removeprefix("Value error, ")
    what = f"{what[0].lower()}{what[1:]}"
    found_here = problem["input"]
    # A whole section would bury what is wrong with it.
    return f"{where}: {_shown(found_here, problem['type'])}{what}"


def _section(parents: Sequence[str | int]) -> type[Section]:
    """What `parents`, the place of a key as pydantic tells it, is the place of."""
    if not parents:
        return Scenario
    if parents[0] == "profile":
        return SHAPE_SECTIONS[str(parents[-1])]  # a shape's place ends in its kind
    return _SECTIONS.get(".".join(each for each in parents if isinstance(each, str)), Scenario)


def _key_path(found: Any, loc: Sequence[str | int]) -> str:
    """The place `loc`, as pydantic tells it, in terms of the file, which holds `found`.

    Under `profile`, pydantic puts in each shape's kind, and a place in a list where the file has one shape and no list.
    """
    path = []
    for at, step in enumerate(loc):
        in_file = step in found if isinstance(found, Mapping) else isinstance(found, list) and isinstance(step, int)
        if in_file:
            found = found[step]
        if in_file or (at == len(loc) - 1 and isinstance(step, str)):
            path.append(str(step))
    return ".".join(path)
