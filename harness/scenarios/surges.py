"""The key `surges` of a scenario: counties whose rate changes for a while."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from pydantic import Field, field_validator

from harness.scenarios.sections import Section, changes_something, did_you_mean
from workloads.california import COUNTIES
from workloads.surges import Surge

#: Counties' names, by what a scenario may call them, in lower case.
_COUNTIES = {key: county.name for county in COUNTIES for key in (county.name.lower(), county.fips)}


class SurgeSection(Section):
    """A surge of one county, or of several at once: see `workloads.surges.Surge`."""

    county: str | list[str]
    at_s: int = Field(ge=0, le=86_400, description="after the start of the measured time")
    duration_s: int = Field(ge=1, le=86_400)
    factor: float = Field(gt=0, le=100, description="by which the counties' rates are multiplied")

    @field_validator("county", mode="before")
    @classmethod
    def _known_counties(cls, found: object) -> str | list[str]:
        if not isinstance(found, list):
            return _known_county(found)
        names = [_known_county(each) for each in found]
        if not names or len(names) > len(set(names)):
            raise ValueError("give a county, or a list of one or more, each once")
        return names

    _changes = field_validator("factor")(changes_something)


def _known_county(county: object) -> str:
    name = _COUNTIES.get(str(county).strip().lower())
    # YAML takes 06037 without quotes for an octal number: what is no text is no code.
    if not isinstance(county, str) or name is None:
        close = did_you_mean(str(county).strip().title(), list(_COUNTIES.values()))
        raise ValueError(f"unknown county {county!r}{close}; give a name, or a FIPS code in quotes")
    return name


def surges_of(section: SurgeSection) -> list[Surge]:
    """The surges of all counties that `section` names."""
    counties = section.county if isinstance(section.county, list) else [section.county]
    return [Surge(county, section.at_s, section.duration_s, section.factor) for county in counties]


def misplaced(sections: Sequence[SurgeSection], measured_s: int | None) -> Iterator[tuple[int, str]]:
    """The numbers of the surges that cannot be where they are, and why; `measured_s` is None if it is wrong itself."""
    for number, section in enumerate(sections):
        overlapped = [
            f"surges.{earlier}" for earlier, other in enumerate(sections[:number]) if _overlap(section, other)
        ]
        end_s = section.at_s + section.duration_s
        if overlapped:
            yield number, f"overlaps {', '.join(overlapped)}, of the same county"
        elif measured_s is not None and end_s > measured_s:
            yield number, f"ends {end_s} s after the start of the measured time, which has {measured_s} s"


def _overlap(section: SurgeSection, other: SurgeSection) -> bool:
    """Whether a county surges by both at once."""
    return any(
        one.county == another.county and another.at_s < one.end_s and one.at_s < another.end_s
        for one, another in product(surges_of(section), surges_of(other))
    )
