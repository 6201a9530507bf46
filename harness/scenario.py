"""Scenario files: what to run, in YAML, typed, with unknown keys refused."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from harness.errors import ConfigurationError
from workloads.california import COUNTIES
from workloads.profiles import PROFILES
from workloads.surges import Surge
from workloads.workload import WorkloadSpecification

SCENARIOS = Path(__file__).parent / "scenarios"
DEFAULT_SCENARIO = "main"

#: Counties' names, by what a scenario may call them, in lower case.
_COUNTIES = {key: county.name for county in COUNTIES for key in (county.name.lower(), county.fips)}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Limits(_Section):
    """Bounds on a trial. Past the first two, the run is invalid; the others bound waiting."""

    schedule_error_ms_p99: float = Field(50.0, gt=0, description="of the generator, over the measured time")
    clock_step_ms: float = Field(10.0, gt=0, description="of the wall clock against the monotonic clock")
    engine_ready_s: float = Field(120.0, gt=0)
    settle_s: float = Field(2.0, gt=0, description="no update for this long, all records visible: the trial has ended")
    quiet_s: float = Field(15.0, gt=0, description="no update for this long, records missing: waiting is over")


class SurgeSection(_Section):
    """A surge of one county: see `workloads.surges.Surge`."""

    county: str
    at_s: int = Field(ge=0, le=86_400, description="after the start of the measured time")
    duration_s: int = Field(ge=1, le=86_400)
    factor: float = Field(gt=0, le=100, description="by which the county's rate is multiplied")

    @field_validator("county", mode="before")
    @classmethod
    def _known_county(cls, county: object) -> str:
        name = _COUNTIES.get(str(county).strip().lower())
        # YAML takes 06037 without quotes for an octal number: what is no text is no code.
        if not isinstance(county, str) or name is None:
            close = _did_you_mean(str(county).strip().title(), list(_COUNTIES.values()))
            raise ValueError(f"unknown county{close}; give a name, or a FIPS code in quotes")
        return name

    @field_validator("factor")
    @classmethod
    def _changes_something(cls, factor: float) -> float:
        if factor == 1:
            raise ValueError("a factor of 1 changes nothing")
        return factor


class Scenario(_Section):
    """One benchmark: a workload and the engines to drive with it."""

    name: str
    description: str = ""
    seed: int = Field(1, ge=0, lt=2**64)
    rate_records_per_s: PositiveInt = Field(6000, le=10_000_000)
    warmup_s: int = Field(20, ge=1, le=3600, description="sent and verified, but left out of latency and cost")
    warmup_rate_records_per_s: int = Field(0, ge=0, le=10_000_000, description="in the first two thirds of the warm-up")
    duration_s: int = Field(60, ge=1, le=86_400, description="measured time")
    partitions: PositiveInt = Field(4, le=1000, description="of the input topic")
    profile: str = "constant"
    surges: list[SurgeSection] = Field([], description="counties whose rate changes for a while")
    malformed_per_million: int = Field(0, ge=0, le=1_000_000)
    allowed_lateness_ms: int = Field(10_000, ge=0)
    parallelism: PositiveInt = Field(2, le=1000)
    checkpoint_interval_ms: PositiveInt = 5000
    engines: list[str] = Field(["spark", "flink", "baseline"], min_length=1)
    engine_settings: dict[str, dict[str, Any]] = Field({}, description="an engine's own settings, by its name")
    limits: Limits = Limits()

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, name: str) -> str:
        if name not in PROFILES:
            raise ValueError(f"unknown profile {name!r}; known: {', '.join(sorted(PROFILES))}")
        return name

    @field_validator("surges")
    @classmethod
    def _surges_are_in_place(cls, sections: list[SurgeSection], info: ValidationInfo) -> list[SurgeSection]:
        problems = dict(_misplaced(_surges(sections), info.data.get("duration_s")))
        if problems:
            raise PydanticCustomError("misplaced", "surges are out of place", {"problems": problems})
        return sections

    def workload(self) -> WorkloadSpecification:
        """The workload this scenario sends to each engine."""
        return WorkloadSpecification(
            seed=self.seed,
            rate_records_per_s=self.rate_records_per_s,
            warmup_s=self.warmup_s,
            duration_s=self.duration_s,
            partitions=self.partitions,
            profile=self.profile,
            warmup_rate_records_per_s=self.warmup_rate_records_per_s,
            surges=_surges(self.surges),
            malformed_per_million=self.malformed_per_million,
        )


def _surges(sections: list[SurgeSection]) -> tuple[Surge, ...]:
    return tuple(Surge(**section.model_dump()) for section in sections)


def _misplaced(surges: Sequence[Surge], measured_s: int | None) -> Iterator[tuple[int, str]]:
    """The numbers of the surges that cannot be where they are, and why; `measured_s` is None if it is wrong itself."""
    for number, surge in enumerate(surges):
        overlapped = [
            f"surges.{earlier}"
            for earlier, other in enumerate(surges[:number])
            if other.county == surge.county and other.at_s < surge.end_s and surge.at_s < other.end_s
        ]
        if overlapped:
            yield number, f"overlaps {', '.join(overlapped)}, of the same county"
        elif measured_s is not None and surge.end_s > measured_s:
            yield number, f"ends {surge.end_s} s after the start of the measured time, which has {measured_s} s"


def load_scenario(name_or_path: str, overrides: dict[str, Any]) -> Scenario:
    """The scenario in a YAML file, or a built-in one by its name, with `overrides` in place of its keys.

    Raises:
        ConfigurationError: there is no such scenario, or it is not one; the message names the key and what it wants.
    """
    path = _find(name_or_path)
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"scenario {path}: {error}", fix="give a readable YAML file") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"scenario {path}: expected keys and values, found {type(found).__name__}")
    try:
        return Scenario.model_validate(found | overrides)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_explain(path, each) for each in error.errors())) from error


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
            f"no scenario {name_or_path!r}{_did_you_mean(name_or_path, names)}",
            fix=f"give a YAML file or one of: {', '.join(names)}",
        )
    return SCENARIOS / f"{name_or_path}.yaml"


_SECTIONS: dict[str, type[_Section]] = {"limits": Limits, "surges": SurgeSection}


def _explain(path: Path, problem: Any) -> str:
    """A line for one of pydantic's errors, or several: the file, the key, and what was expected."""
    *parents, key = problem["loc"]
    where = f"scenario {path}: {'.'.join(map(str, problem['loc']))}"
    if problem["type"] == "misplaced":
        return "\n".join(f"{where}.{number}: {what}" for number, what in problem["ctx"]["problems"].items())
    if problem["type"] == "extra_forbidden":
        section = _SECTIONS.get(parents[0], Scenario) if parents else Scenario
        known = list(section.model_fields)
        return f"{where}: unknown key{_did_you_mean(str(key), known)}; known keys: {', '.join(known)}"
    if problem["type"] == "missing":
        return f"{where}: this key is required"
    return f"{where}: found {problem['input']!r}; {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
