"""Sections of a scenario that say how records' event times differ from the times at which they are sent."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from harness.scenarios.sections import Section
from workloads.disorder import Disorder

_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
Share = Annotated[float, Field(gt=0, le=1, description="of the records")]


class LateSection(Section):
    """Some records are late by an exponentially distributed time."""

    share: Share
    delay_ms_mean: int = Field(ge=1, le=_HOUR_MS)


class FarLateSection(Section):
    """Some records are late by one and the same time."""

    share: Share
    delay_ms: int = Field(ge=1, le=_DAY_MS)


class SkewedProducersSection(Section):
    """Some records come from producers whose clocks are wrong."""

    share: Share
    ahead_ms: int = Field(ge=-_HOUR_MS, le=_HOUR_MS, description="behind, if negative")

    @field_validator("ahead_ms")
    @classmethod
    def _is_wrong(cls, ahead_ms: int) -> int:
        if ahead_ms == 0:
            raise ValueError("a clock that is ahead by 0 is right")
        return ahead_ms


class DisorderSection(Section):
    """See `workloads.disorder.Disorder`."""

    shuffle_ms: int = Field(0, ge=0, le=_HOUR_MS)
    late: LateSection | None = None
    far_late: FarLateSection | None = None
    skewed_producers: SkewedProducersSection | None = None

    def disorder(self) -> Disorder | None:
        """What the section asks for; None for nothing."""
        late, far_late, skewed = self.late, self.far_late, self.skewed_producers
        found = Disorder(
            shuffle_ms=self.shuffle_ms,
            late_share=late.share if late else 0.0,
            late_delay_ms_mean=late.delay_ms_mean if late else 0,
            far_late_share=far_late.share if far_late else 0.0,
            far_late_delay_ms=far_late.delay_ms if far_late else 0,
            skewed_share=skewed.share if skewed else 0.0,
            skewed_ahead_ms=skewed.ahead_ms if skewed else 0,
        )
        return None if found == Disorder() else found


#: Sections by their place in a scenario.
DISORDER_SECTIONS: dict[str, type[Section]] = {
    "disorder": DisorderSection,
    "disorder.late": LateSection,
    "disorder.far_late": FarLateSection,
    "disorder.skewed_producers": SkewedProducersSection,
}
