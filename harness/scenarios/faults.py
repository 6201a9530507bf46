"""The section of a scenario that says which faults are injected while it runs, and the plan that follows from it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator
from pydantic_core import PydanticCustomError

from harness.faults.catalogue import BY_NAME, FAULTS
from harness.faults.plan import DueFault, anywhere, draw_plan
from harness.scenarios.sections import Section

#: No fault may begin earlier: the time before the first one shows what is normal.
NORMAL_S = 5
_KINDS = [fault.name for fault in FAULTS]


class FaultSection(Section):
    """One fault, by its kind and time; or, alone in its list, so many that the seed draws."""

    kind: str | None = None
    at_s: float | None = Field(None, ge=NORMAL_S, le=86_400, description="after the start of the measured time")
    duration_s: float | None = Field(None, ge=0.1, le=3600, description="the kind's own if it is not given")
    random: int | None = Field(None, ge=1, le=1000, description="how many to draw")

    @field_validator("kind")
    @classmethod
    def _is_known(cls, kind: str | None) -> str | None:
        if kind is not None and kind not in _KINDS:
            close = difflib.get_close_matches(kind, _KINDS, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise ValueError(f"unknown fault{hint}; give one of {', '.join(_KINDS)}")
        return kind

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> FaultSection:
        given = self.model_fields_set
        if "random" in given and len(given) > 1:
            raise ValueError("`random` draws all of a fault; leave out its other keys")
        if "random" not in given and not {"kind", "at_s"} <= given:
            raise ValueError("a fault has a `kind` and an `at_s`; or give `random`, and how many")
        return self

    def planned(self) -> DueFault:
        """The fault of an entry that is not `random`."""
        assert self.kind is not None and self.at_s is not None
        own_s = BY_NAME[self.kind].duration_s
        return DueFault(self.kind, self.at_s, own_s if self.duration_s is None else self.duration_s)


def _as_list(found: object) -> object:
    """What stands under `faults`, as a list of entries."""
    return [found] if isinstance(found, Mapping) else found


def _as_written(sections: list[FaultSection]) -> list[dict[str, Any]]:
    return [section.model_dump(exclude_none=True) for section in sections]


#: What stands under `faults`: an entry, or several in a list.
FaultSections = Annotated[list[FaultSection], BeforeValidator(_as_list), PlainSerializer(_as_written)]


def check_faults(sections: list[FaultSection], measured_s: int | None) -> list[FaultSection]:
    """`sections` themselves; `measured_s` is None if it is wrong itself.

    Raises:
        PydanticCustomError: an entry is out of place; its context has ``problems`` by the entries' numbers.
    """
    problems = dict(_misplaced(sections, measured_s))
    if problems:
        raise PydanticCustomError("misplaced", "faults are out of place", {"problems": problems})
    return sections


def fault_plan(sections: Sequence[FaultSection], seed: int, measured_s: int) -> list[DueFault]:
    """The faults that `sections` ask for, in the order of their times; the same for the same arguments.

    Raises:
        ValueError: so many random ones do not fit into the measured time.
    """
    if len(sections) == 1 and sections[0].random is not None:
        return draw_plan(seed, anywhere(archive=True), sections[0].random, NORMAL_S, measured_s)
    return sorted((each.planned() for each in sections), key=lambda each: each.at_s)


def _misplaced(sections: Sequence[FaultSection], measured_s: int | None) -> Iterator[tuple[int, str]]:
    """The numbers of the entries that cannot be where they are, why, and what to do."""
    for number, section in enumerate(sections):
        if section.random is not None:
            if len(sections) > 1:
                yield number, "`random` draws a whole plan; give it alone, or faults one by one"
            elif measured_s is not None and (why := _does_not_fit(sections, measured_s)):
                yield number, f"{why}; draw fewer, or raise `duration_s`"
            continue
        others = {f"faults.{at}": each.planned() for at, each in enumerate(sections[:number]) if each.random is None}
        if why := out_of_place(section.planned(), others, measured_s):
            yield number, why


def out_of_place(own: DueFault, others: Mapping[str, DueFault], measured_s: int | None) -> str:
    """Why `own` cannot be where it is beside `others`, by their places, and what to do; empty if it can."""
    over = [name for name, other in others.items() if other.at_s < own.healed_s and own.at_s < other.healed_s]
    if over:
        free_s = max(others[name].healed_s for name in over)
        return f"{own.fault} overlaps {', '.join(over)}; begin at {free_s:g} s or later, or shorten one"
    if measured_s is not None and own.healed_s > measured_s:
        when = f"is healed {own.healed_s:g} s after the start of the measured time, which has {measured_s} s"
        return f"{own.fault} {when}; begin earlier, or set `duration_s` to {math.ceil(own.healed_s)} or more"
    return ""


def _does_not_fit(sections: Sequence[FaultSection], measured_s: int) -> str:
    try:
        fault_plan(sections, 0, measured_s)
    except ValueError as error:
        return str(error)
    return ""
