"""The section of a scenario that says which planned operations are done on its engines while it runs."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, PositiveInt, field_validator, model_validator
from pydantic_core import PydanticCustomError

from harness.errors import UsageError
from harness.faults.catalogue import OPERATIONS, STOP_S
from harness.faults.plan import Change, DueFault
from harness.scenarios.contestants import Contestant, parse_upgrade
from harness.scenarios.faults import NORMAL_S, FaultSection, out_of_place
from harness.scenarios.sections import Section

RESCALE, UPGRADE = "rescale", "upgrade"
_KINDS = [each.name for each in OPERATIONS]
#: Keys that are of one kind of operation alone.
_OF_KIND = {"to_parallelism": RESCALE, "to": UPGRADE}


class OperationSection(Section):
    """One operation, by its kind and time."""

    kind: str
    at_s: float = Field(ge=NORMAL_S, le=86_400, description="after the start of the measured time")
    to_parallelism: PositiveInt | None = Field(None, le=1000, description="of a rescale; twice the scenario's if none")
    to: list[str] = Field([], description="of an upgrade, as --to; the newest version offered if none")

    @field_validator("kind")
    @classmethod
    def _is_known(cls, kind: str) -> str:
        if kind not in _KINDS:
            close = difflib.get_close_matches(kind, _KINDS, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise ValueError(f"unknown operation{hint}; give one of {', '.join(_KINDS)}")
        return kind

    @field_validator("to", mode="before")
    @classmethod
    def _as_list(cls, found: object) -> object:
        return [found] if isinstance(found, str) else found

    @field_validator("to")
    @classmethod
    def _are_goals(cls, texts: list[str]) -> list[str]:
        try:
            for each in texts:
                parse_upgrade(each, "upgrade to")
        except UsageError as error:
            raise ValueError(f"{error.message}; give such as flink@2.3.0, or flink:flush_interval_ms=200") from error
        return texts

    @model_validator(mode="after")
    def _has_keys_of_its_kind(self) -> OperationSection:
        for key, kind in _OF_KIND.items():
            if key in self.model_fields_set and self.kind != kind:
                raise ValueError(f"`{key}` is of `kind: {kind}`, and this is a {self.kind}; leave it out")
        return self

    @property
    def goals(self) -> list[Contestant]:
        """Contestants as they are after an upgrade, as far as it is said."""
        return [parse_upgrade(each, "upgrade to") for each in self.to]

    def planned(self, parallelism: int) -> DueFault:
        """The operation in a scenario of that `parallelism`; what an upgrade starts hangs on the engines."""
        wanted = (self.to_parallelism or 2 * parallelism) if self.kind == RESCALE else None
        return DueFault(self.kind, self.at_s, STOP_S, Change(parallelism=wanted))


def _as_list(found: object) -> object:
    """What stands under `operations`, as a list of entries."""
    return [found] if isinstance(found, Mapping) else found


def _as_written(sections: list[OperationSection]) -> list[dict[str, Any]]:
    return [section.model_dump(exclude_unset=True) for section in sections]


#: What stands under `operations`: an entry, or several in a list.
OperationSections = Annotated[list[OperationSection], BeforeValidator(_as_list), PlainSerializer(_as_written)]


def check_operations(
    sections: list[OperationSection], faults: Sequence[FaultSection], measured_s: int | None
) -> list[OperationSection]:
    """`sections` themselves; `faults` and `measured_s` are those of the scenario, empty or None if wrong themselves.

    Raises:
        PydanticCustomError: an entry is out of place; its context has ``problems`` by the entries' numbers.
    """
    problems = dict(_misplaced(sections, faults, measured_s))
    if problems:
        raise PydanticCustomError("misplaced", "operations are out of place", {"problems": problems})
    return sections


def _misplaced(
    sections: Sequence[OperationSection], faults: Sequence[FaultSection], measured_s: int | None
) -> Iterator[tuple[int, str]]:
    """The numbers of the entries that cannot be where they are, why, and what to do."""
    if sections and any(each.random is not None for each in faults):
        yield 0, "operations have fixed times, and `faults` with `random` any; give faults one by one, or no operations"
        return
    others = {f"faults.{at}": each.planned() for at, each in enumerate(faults)}
    for number, section in enumerate(sections):
        own = section.planned(1)
        if why := out_of_place(own, others, measured_s):
            yield number, f"{why} (an engine may take {STOP_S:g} s to stop)"
        others[f"operations.{number}"] = own
