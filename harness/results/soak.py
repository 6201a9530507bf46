"""What a soak test saw, as it stands in ``result.json``. Times are in seconds, 0 where measuring began."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.results.part import ResultPart


class SoakSeries(ResultPart):
    """Readings of one resource, at the times of its trial."""

    process: str
    resource: str
    unit: str = Field(description="bytes, or empty for a number")
    values: list[float | None] = Field(description="null where there was nothing to be read")


class SoakGrowth(ResultPart):
    """How a resource grew, and whether that is a leak.

    With restarts, each process is judged by itself; this is the one that did worst, or was there for longest.
    """

    process: str
    resource: str
    verdict: Literal["pass", "fail", "not judged"]
    why: str = Field(description="of `fail`, and of `not judged`; else empty")
    from_s: float | None = Field(None, description="start of the time that was judged; null if none was")
    to_s: float | None = None
    level: float | None = Field(None, description="median, in the resource's unit")
    growth_per_hour: float | None = Field(None, description="Theil and Sen's slope, in the resource's unit")
    growth_per_hour_low: float | None = Field(None, description="of the slope's interval")
    growth_per_hour_high: float | None = None


class SoakVerified(ResultPart):
    """Counts that were verified while the trial went on."""

    windows: int = Field(description="seconds of the load, from its start, whose counts were compared")
    wrong_cells: int


class SoakTrial(ResultPart):
    """One engine's trial."""

    engine: str
    trial: str = Field(description="label of the trial")
    verdict: Literal["pass", "fail", "not judged"] = Field(
        description="`fail` if anything leaks, `not judged` if nothing was there for long enough"
    )
    ended_early: str = Field("", description="why, if it did")
    lasted_s: float
    verified: SoakVerified
    t_s: list[float]
    series: list[SoakSeries]
    growth: list[SoakGrowth]


class Soak(ResultPart):
    """A soak test: what was watched, and what grew."""

    duration_s: int
    faults_per_hour: float
    percent_per_hour: float = Field(description="growth relative to the level that is no leak yet")
    confidence: float = Field(description="of all intervals of a trial together")
    interval_s: float = Field(description="between two readings")
    kept_s: int = Field(description="how long Redis and Kafka keep what is verified")
    interrupted: bool
    trials: list[SoakTrial]
