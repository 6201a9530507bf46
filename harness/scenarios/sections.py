"""Sections of a scenario that say when records are due, where they come from, and which partition they go to."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from workloads.shapes import SHAPES, Shape, profile_factors


def did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


CONSTANT = "constant"
#: No second of a profile may have more: what `rate_records_per_s` itself may be.
MAX_RATE_RECORDS_PER_S = 10_000_000


class Section(BaseModel):
    """Keys of a scenario, or of a part of one; unknown keys and numbers of another kind are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Factor = Annotated[float, Field(ge=0, le=100, description="by which the rate is multiplied")]
AtS = Annotated[int, Field(ge=0, le=86_400, description="after the start of the measured time")]
DurationS = Annotated[int, Field(ge=1, le=86_400)]
MeanS = Annotated[float, Field(ge=1, le=86_400)]


def changes_something(factor: float) -> float:
    """`factor` itself.

    Raises:
        ValueError: it is 1.
    """
    if factor == 1:
        raise ValueError("a factor of 1 changes nothing")
    return factor


class RampSection(Section):
    """See `workloads.shapes.Ramp`."""

    kind: Literal["ramp"]
    from_factor: Factor
    to_factor: Factor
    at_s: AtS = 0
    duration_s: DurationS | None = None

    @field_validator("to_factor")
    @classmethod
    def _is_another(cls, factor: float, info: ValidationInfo) -> float:
        if factor == info.data.get("from_factor"):
            raise ValueError("a ramp from a factor to the same one is none")
        return factor


class StepSection(Section):
    """See `workloads.shapes.Step`."""

    kind: Literal["step"]
    at_s: AtS
    factor: Factor

    _changes = field_validator("factor")(changes_something)


class SpikeSection(Section):
    """See `workloads.shapes.Spike`."""

    kind: Literal["spike"]
    at_s: AtS
    duration_s: DurationS
    factor: Factor

    _changes = field_validator("factor")(changes_something)


class DiurnalSection(Section):
    """See `workloads.shapes.Diurnal`."""

    kind: Literal["diurnal"]
    day_s: int = Field(ge=2, le=86_400)
    trough_factor: float = Field(0.2, ge=0, lt=1)


class BurstsSection(Section):
    """See `workloads.shapes.Bursts`."""

    kind: Literal["bursts"]
    on_mean_s: MeanS
    off_mean_s: MeanS
    alpha: float = Field(1.5, ge=1.1, le=10, description="tail index of the times")
    off_factor: float = Field(0.1, ge=0, lt=1)


ShapeSection = RampSection | StepSection | SpikeSection | DiurnalSection | BurstsSection
#: Sections by the kind of their shape.
SHAPE_SECTIONS: dict[str, type[Section]] = {
    "ramp": RampSection,
    "step": StepSection,
    "spike": SpikeSection,
    "diurnal": DiurnalSection,
    "bursts": BurstsSection,
}


def _as_list(found: object) -> object:
    """What stands under `profile`, as a list of shapes."""
    if isinstance(found, str):
        if found != CONSTANT:
            raise ValueError(f"unknown profile; give {CONSTANT}, or one or more of {{kind: {', '.join(SHAPES)}}}")
        return []
    if isinstance(found, list) and not found:
        raise ValueError(f"no shape; give {CONSTANT}, or one shape or more")
    return [found] if isinstance(found, Mapping) else found


def _as_written(sections: list[ShapeSection]) -> str | list[dict[str, Any]]:
    return [section.model_dump() for section in sections] or CONSTANT


#: What stands under `profile`: the word ``constant`` (no shapes), one shape, or several in a list.
ProfileSections = Annotated[
    list[Annotated[ShapeSection, Field(discriminator="kind")]], BeforeValidator(_as_list), PlainSerializer(_as_written)
]


def shapes(sections: list[ShapeSection]) -> tuple[Shape, ...]:
    """The shapes that `sections` describe."""
    return tuple(SHAPES[section.kind](**section.model_dump()) for section in sections)


def check_profile(sections: list[ShapeSection], given: Mapping[str, Any]) -> list[ShapeSection]:
    """`sections` themselves.

    Args:
        sections: of the profile.
        given: the scenario's other keys, those that are wrong left out.

    Raises:
        PydanticCustomError: a shape lies beyond the measured time; its context has ``problems`` by the shapes' numbers.
        ValueError: the profile's rate is too high.
    """
    measured_s, rate = given.get("duration_s"), given.get("rate_records_per_s")
    if measured_s is None or rate is None:
        return sections
    problems = dict(_misplaced(sections, measured_s))
    if problems:
        raise PydanticCustomError("misplaced", "shapes are out of place", {"problems": problems})
    factors = profile_factors(shapes(sections), measured_s, given.get("seed", 0))
    highest = max(factors)
    if highest * rate > MAX_RATE_RECORDS_PER_S:
        raise ValueError(
            f"second {factors.index(highest)} has {float(highest * rate):,.0f} records/s; "
            f"give factors that come to {MAX_RATE_RECORDS_PER_S:,} at most"
        )
    return sections


def _misplaced(sections: list[ShapeSection], measured_s: int) -> Iterator[tuple[int, str]]:
    """The numbers of the shapes that do not lie within the measured time, and why."""
    for number, section in enumerate(sections):
        at_s, length_s = getattr(section, "at_s", 0), getattr(section, "duration_s", None)
        if at_s >= measured_s:
            yield number, f"begins {at_s} s after the start of the measured time, which has {measured_s} s"
        elif length_s is not None and at_s + length_s > measured_s:
            yield number, f"ends {at_s + length_s} s after the start of the measured time, which has {measured_s} s"


class CountySkewSection(Section):
    """Zipf's law for the counties' shares, in place of their populations'."""

    zipf: float = Field(ge=0, le=5, description="exponent")


class HotPartitionSection(Section):
    """One input partition, number 0, that gets more than its turn."""

    share: float = Field(ge=0.001, le=0.999, description="of the records; the other partitions share the rest")
