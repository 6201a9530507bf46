"""What `ringbench history` keeps of a result, and what it makes of many: series, and changes of their level."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from harness.console.visible import visible
from harness.results.correctness import Verdict
from harness.results.part import ResultPart
from harness.results.result import Confidence

SCHEMA_VERSION: Literal[1] = 1
SHOWN_CHARACTERS = 120


class Noise(ResultPart):
    """How quiet the host was: means over the trials of a contestant. Null is what was not measured."""

    stolen_share: float | None = Field(description="of all cores' time: the hypervisor gave it to others")
    foreign_share: float | None = Field(description="of all cores' time: other programs had it")
    cpu_pressure_share: float | None = Field(description="of the time: some task waited for a core")


class ContestantSummary(ResultPart):
    """What is kept of a contestant of a run."""

    name: str
    engine: str
    version: str | None
    verdict: Verdict
    settings: dict[str, str] = Field(
        description="what was set for it, by dotted keys, and a digest of what was in effect"
    )
    not_counted: str = Field(description="why its figures stand for nothing; empty if they count")
    noise: Noise
    figures: dict[str, list[float]] = Field(description="of every trial, by figure; without those a trial lacks")
    intervals: dict[str, Confidence] = Field(description="of figures with enough trials")


class RunSummary(ResultPart):
    """What is kept of a result, so that it need not be read again."""

    run_id: str
    started_at: AwareDatetime
    valid: bool
    commit: str | None
    scenario: str
    workload: dict[str, str] = Field(description="every key that runs must share to be compared, as JSON")
    mode: dict[str, str] = Field(description="route, cluster and tuning: runs differ in them on purpose")
    host: dict[str, str]
    memory_bytes: int
    software: dict[str, str]
    contestants: list[ContestantSummary]


class HistoryPoint(ResultPart):
    """A figure of one contestant in one run."""

    run_id: str
    path: str = Field(description="of the result")
    started_at: AwareDatetime
    commit: str | None
    version: str | None = Field(description="of the engine")
    value: float = Field(description="the geometric mean of the trials; their mean, if a figure of one is not above 0")
    trials: int
    interval: Confidence | None = Field(description="of this run by itself; null with too few trials")
    noise: Noise
    not_counted: str = Field(description="why no change is found by it; empty if it counts")


class LevelChange(ResultPart):
    """Where the level of a series changed, and by how much."""

    contestant: str
    figure: str
    last_before: str = Field(description="run ID of the last result of the old level")
    first_after: str = Field(description="run ID of the first result of the new one")
    commit_before: str | None
    commit_after: str | None
    changed_at: AwareDatetime = Field(description="when the first result of the new level was started")
    old: float = Field(description="geometric mean of the results of the old level that the ratio is made of")
    new: float
    ratio: Confidence | None = Field(description="new / old; null if levels are too short")
    is_worse: bool
    also_changed: list[str] = Field(description="what else differs between the two results, in words")


class HistorySeries(ResultPart):
    """A figure of one contestant over the comparable results, the oldest first."""

    contestant: str
    engine: str
    figure: str
    points: list[HistoryPoint]
    changes: list[LevelChange]
    too_few: str = Field(description="how many results count, of how many that are needed; empty if enough")


class HistoryPlan(ResultPart):
    """Results that can be compared: of one workload, mode and machine."""

    id: str
    scenario: str
    machine: str
    mode: str
    apart: list[str] = Field(description="by what it differs from the plan with the most results, in words")
    results: int
    series: list[HistorySeries]


class SkippedResult(ResultPart):
    """A file that gave no result, and why."""

    path: str
    reason: str


class RunEntry(ResultPart):
    """A run, as it stands in the list of all of them."""

    run_id: str
    path: str
    started_at: AwareDatetime
    commit: str | None
    plan: str = Field(description="id of its plan")
    valid: bool
    contestants: dict[str, str] = Field(description="verdict by name")


class History(ResultPart):
    """Many results: what became of each figure, and what changed."""

    schema_version: Literal[1] = SCHEMA_VERSION
    folders: list[str]
    since: str | None = Field(description="only results and changes from then on are told")
    runs: list[RunEntry]
    skipped: list[SkippedResult]
    plans: list[HistoryPlan] = Field(description="the one with the most results first")

    @property
    def changes(self) -> list[LevelChange]:
        """All changes, the newest first."""
        found = [change for plan in self.plans for series in plan.series for change in series.changes]
        return sorted(found, key=lambda each: each.changed_at, reverse=True)


def as_words(value: Any) -> str:
    """A value in a line, at most `SHOWN_CHARACTERS` of it, with nothing in it that would steer a terminal."""
    text = " ".join(visible(str(value)).split())
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
