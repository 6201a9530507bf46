"""Contestants of a run: an engine by its own name, or under another one, with a tuning, settings or keys of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from harness.errors import UsageError
from harness.scenarios.sections import Section

OPTION = "--contestant"
_FIX = f"give such as {OPTION} 'fast=flink:tuning=latency,flush_interval_ms=2' or {OPTION} old=flink@2.2.1"
UPGRADE_OPTION = "--to"
_UPGRADE_FIX = f"give such as {UPGRADE_OPTION} flink@2.3.0, or {UPGRADE_OPTION} 'flink:flush_interval_ms=200'"
#: Names stand in those of topics and files.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}")
#: Versions stand in names of files and in requirements.
_VERSION = r"^[0-9A-Za-z][0-9A-Za-z.+!_-]{0,40}$"
#: What other trials are called, and what else lies in a session's folder beside the trials' own ones.
_TAKEN = ("rehearsal", "search", "contract", "logs", "tmp")
#: What `ringbench chaos`, `operate` and `loadtest` append to names: those trials are told under names of their own.
_ENDINGS = ("-faults", "-operations", "-loaded")


class Contestant(Section):
    """An engine, under a name, and what is set for it alone, in place of the scenario's keys; null for these."""

    name: str = Field(description="what the contestant is called everywhere")
    engine: str = Field(description="what it runs")
    version: str | None = Field(None, pattern=_VERSION, description="of the engine, in place of its default one")
    tuning: str | None = Field(None, description="settings that the engine publishes")
    settings: dict[str, Any] = Field({}, description="the engine's own")
    route: Literal["kafka", "direct"] | None = None
    delivery: Literal["at-least-once", "exactly-once"] | None = None
    parallelism: PositiveInt | None = Field(None, le=1000)
    engine_cpus: int | None = Field(None, ge=0, le=1024)
    checkpoint_interval_ms: PositiveInt | None = None

    @field_validator("version", mode="before")
    @classmethod
    def _version_is_text(cls, found: object) -> object:
        # YAML takes 4.10 for the number 4.1.
        if isinstance(found, int | float):
            raise ValueError("give the version in quotes: it is a text, and this is a number")
        return found

    @model_validator(mode="after")
    def _name_can_stand_in_others(self) -> Contestant:
        # An engine's own name was checked where the engine is described.
        lower = self.name.lower()
        taken = lower in _TAKEN or lower.endswith(_ENDINGS)
        if self.name != self.engine and (not _NAME.fullmatch(self.name) or taken):
            raise ValueError(
                f"the name {self.name[:60]!r} cannot be had: give up to 41 letters, digits, dots, dashes and "
                f"underscores, with a letter or a digit first, not {', '.join(_TAKEN[:-1])} or {_TAKEN[-1]}, and "
                f"without {' or '.join(_ENDINGS)} at its end"
            )
        return self

    @property
    def is_plain(self) -> bool:
        """Whether this is an engine by its own name, with nothing set for it alone."""
        return self.name == self.engine and not self.own

    @property
    def runs(self) -> str:
        """What it runs: the engine, as ``NAME@VERSION`` if a version is set."""
        return f"{self.engine}@{self.version}" if self.version else self.engine

    @property
    def own(self) -> dict[str, Any]:
        """What is set for it alone, by key."""
        return self.model_dump(exclude={"name", "engine"}, exclude_defaults=True)

    @property
    def whose(self) -> str:
        """What an error begins with that is of what is set for it alone; empty if nothing is."""
        return f"the contestant {self.name!r}: " if self.overrides else ""

    @property
    def overrides(self) -> dict[str, Any]:
        """Of `own`, the scenario's keys."""
        return {key: value for key, value in self.own.items() if key not in ("settings", "version")}


def _plain(engine: str) -> dict[str, str]:
    return {"name": engine, "engine": engine}


def _as_section(found: object) -> object:
    if isinstance(found, str):
        engine, at, version = found.partition("@")
        return {"name": f"{engine}-{version}", "engine": engine, "version": version} if at else _plain(engine)
    if not isinstance(found, Mapping | Contestant):
        raise ValueError("give the name of an engine, NAME@VERSION, or a section with `name` and `engine`")
    return found


def _as_written(contestant: Contestant) -> str | dict[str, Any]:
    return contestant.name if contestant.is_plain else contestant.model_dump(exclude_defaults=True)


#: What stands under `engines`: names of engines, and sections.
Contestants = list[Annotated[Contestant, BeforeValidator(_as_section), PlainSerializer(_as_written)]]


def check_names(contestants: Sequence[Contestant]) -> None:
    """Make sure that each has a name of its own, in topics and files, too.

    Raises:
        ValueError: two have the same, or names that Kafka or a file system takes for the same.
    """
    seen: dict[str, str] = {}
    for each in contestants:
        # Kafka takes a dot and an underscore for the same, and some file systems capitals and small letters.
        key = each.name.lower().replace(".", "_")
        if key in seen:
            alike = f"{seen[key]!r} and {each.name!r}, which are too much alike"
            what = f"the name {each.name!r} is there twice" if seen[key] == each.name else f"there are {alike}"
            raise ValueError(f"{what}; give each contestant a name of its own")
        seen[key] = each.name


def given_contestants(engines: Sequence[str] | None, options: Sequence[str] | None) -> list[Any] | None:
    """What the command line has in place of `engines`: names by `--engine`, then sections by `--contestant`; or None.

    Raises:
        UsageError: a `--contestant` is none.
    """
    return [*(engines or []), *map(parse_contestant, options or [])] or None


def in_place_of(found: object, given: Sequence[str | Mapping[str, Any]]) -> list[Any]:
    """What is `given` on the command line, where `found` stands under a scenario's `engines`.

    A name is that of one of the scenario's sections, if there is one of that name, and an engine's own otherwise.

    Raises:
        UsageError: the scenario has sections, and all that is given are others: nobody would see that they are gone.
    """
    entries = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
    sections = {each["name"]: each for each in entries if isinstance(each.get("name"), str)}
    if sections and not any(isinstance(each, str) for each in given):
        raise UsageError(
            f"{OPTION} stands in place of the scenario's `engines`, which have contestants: {', '.join(sections)}",
            fix="name those that are to stand beside it by --engine, or put all of them into the scenario",
        )
    return [sections.get(each, each) if isinstance(each, str) else each for each in given]


def parse_contestant(text: str, option: str = OPTION, fix: str = _FIX) -> dict[str, Any]:
    """The section that ``NAME=ENGINE[@VERSION]:KEY=VALUE,...`` stands for.

    Keys of a contestant go there, and all others become settings of the engine. Values are scalars of YAML.

    Args:
        text: what is given.
        option: where it is given, which errors begin with.
        fix: what to give instead, if it is none.

    Raises:
        UsageError: it is none; the message names what is wrong in it.
    """
    name_and_engine, colon, rest = text.partition(":")
    name, equals, engine = (each.strip() for each in name_and_engine.partition("="))
    if not (name and equals and engine) or (colon and not rest.strip()):
        raise UsageError(f"{option} {text!r} is no NAME=ENGINE, nor NAME=ENGINE:KEY=VALUE,...", fix=fix)
    engine, at, version = engine.partition("@")
    section: dict[str, Any] = {"name": name, "engine": engine} | ({"version": version} if at else {})
    settings: dict[str, Any] = {}
    for pair in rest.split(",") if rest else []:
        key, value = _pair(f"{option} {name}", pair, fix)
        target = section if key in Contestant.model_fields else settings
        if key in target or key == "settings":
            why = "a setting stands by its own name" if key == "settings" else "it is given twice"
            raise UsageError(f"{option} {name}: {key}: {why}", fix=fix)
        target[key] = value
    section |= {"settings": settings} if settings else {}
    _check(f"{option} {name}", section, fix)
    return section


def parse_upgrade(text: str, option: str = UPGRADE_OPTION) -> Contestant:
    """The contestant as ``[NAME=]ENGINE[@VERSION][:KEY=VALUE,...]`` says that it is after an upgrade.

    Without ``NAME=``, its name is that of the engine. Raises UsageError, as `parse_contestant`.
    """
    head = text.partition(":")[0]
    named = text if "=" in head else f"{head.partition('@')[0]}={text}"
    return Contestant.model_validate(parse_contestant(named, option, _UPGRADE_FIX))


def _pair(where: str, pair: str, fix: str) -> tuple[str, Any]:
    key, equals, text = (each.strip() for each in pair.partition("="))
    if not (key and equals and text):
        raise UsageError(f"{where}: {pair!r} is no KEY=VALUE", fix=fix)
    try:
        value = text if key == "version" else yaml.safe_load(text)
    except yaml.YAMLError:
        value = [text]
    if isinstance(value, list | dict | None) or (isinstance(value, float) and not math.isfinite(value)):
        raise UsageError(
            f"{where}: {key}: found {text!r}, expected a number, a text, true or false",
            fix="give the contestant as a section under `engines` of a scenario file",
        )
    # A date or a time is a text here.
    return key, value if isinstance(value, str | int | float) else text


def _check(where: str, section: dict[str, Any], fix: str) -> None:
    try:
        Contestant.model_validate(section)
    except ValidationError as error:
        (problem, *_) = error.errors()
        place = "".join(f"{each}: " for each in problem["loc"])
        found = f"found {problem['input']!r}; " if place else ""
        what = problem["msg"].removeprefix("Value error, ")
        raise UsageError(f"{where}: {place}{found}{what[0].lower()}{what[1:]}", fix=fix) from error
