"""What a load test of the live map found, as it stands in ``result.json`` and ``loadtest.json``."""

from __future__ import annotations

from pydantic import Field

from harness.results.part import ResultPart


class UserQuantiles(ResultPart):
    """How long something took, in milliseconds; clocks of whole milliseconds, rounded up."""

    p50: float
    p90: float
    p99: float
    p999: float
    max: float
    count: int


class DashboardSecond(ResultPart):
    """One second of a load test."""

    t_s: int = Field(description="0 is where the load test began; with an engine, where the measured time began")
    users: int
    frames: int
    push_ms_p50: float | None
    push_ms_p99: float | None
    failures: int


class DashboardLoad(ResultPart):
    """What users of the live map experienced over a stretch of time."""

    label: str = Field(description="of the trial, or of the load's shape")
    wanted_users: int
    users: int = Field(description="how many had the map open in the worst second")
    duration_s: int
    frames: int
    frames_per_s: float
    bytes_per_s: float
    dropped_frames: int = Field(description="left out by the viewer for users that were too slow")
    push_ms: UserQuantiles | None = Field(description="from the ID of a frame's oldest stream entry to its arrival")
    newest_ms: UserQuantiles | None = Field(description="the same from the newest stream entry in it")
    pages_ms: UserQuantiles | None = Field(description="of HTTP requests, as of a browser that loads the page")
    connects_ms: UserQuantiles | None = Field(description="from asking for a WebSocket to the first snapshot")
    recoveries_ms: UserQuantiles | None = Field(description="from losing a WebSocket unasked to the next snapshot")
    failures: int
    reasons: dict[str, int] = Field(description="failures of the whole load test, by what they were")
    negative_count: int = Field(description="frames that arrived before their newest entry was written: clocks apart")
    lag_ms_p99: float | None = Field(description="by how much the load generator's own timer was late")
    client_cpu_cores: float = Field(description="CPU-seconds per second of the load generator")
    checked_users: int = Field(description="users that kept the counts and were asked for them in the end")
    agreeing_users: int = Field(description="those of them whose counts were the viewer's")
    compared_cells: int = Field(description="of each")
    problem: str = Field(description="why the load was not held; empty if it was")
    series: list[DashboardSecond]


class UserLevel(ResultPart):
    """One attempt of the search for the number of users."""

    users: int
    held: bool
    problem: str
    push_ms_p99: float | None
    frames_per_s: float
    failures: int
    lag_ms_p99: float | None
    client_cpu_cores: float


class UserSearch(ResultPart):
    """The greatest number of users that the viewer holds while the engine works."""

    levels: list[UserLevel]
    held_users: int | None = Field(description="the greatest number that was held and confirmed; null if none was")
    failed_users: int | None = Field(description="the smallest number that was not held; null if none failed")
    at_least: bool = Field(description="the load generator, not the viewer, was the limit, or nothing failed")


class Dashboard(ResultPart):
    """A load test of the live map."""

    users: int
    push_bound_ms_p99: float
    lag_bound_ms_p99: float
    max_rate_hz: float | None = Field(description="frames a second at the most, as the viewer says; null if unknown")
    loads: list[DashboardLoad]
    engine: str | None = Field(None, description="what worked meanwhile; its trials under load bear another name")
    pipeline_p99_ratios: list[float] = Field([], description="p99 with over p99 without load, block by block")
    pipeline_p99_ratio: float | None = Field(None, description="their geometric mean")
    search: UserSearch | None = None
