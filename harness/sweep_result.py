"""The result of a sweep, as it stands in ``runs/SWEEP_ID/sweep.json``: written anew after every attempt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from harness.result import Cost, Environment, Generator, Latency, Verdict, save_whole
from harness.result_part import ResultPart
from harness.search import Kind

SCHEMA_VERSION = 1


class LagGrowth(ResultPart):
    """Growth of the lag over the measured time, in records per second, with its interval (Theil-Sen)."""

    estimate: float
    low: float
    high: float


class SweepAttempt(ResultPart):
    """One rate that was tried."""

    kind: Kind
    rate_records_per_s: int
    sustained: bool
    reasons: list[str] = Field(description="why it was not sustained; empty if it was")
    limited_by: str | None = Field(description="`engine` or `harness`: whose fault it was; null if it was sustained")
    verdict: Verdict
    latency_ms: Latency | None
    lag_growth_records_per_s: LagGrowth | None
    sustained_records_per_s: float | None
    drain_s: float | None
    cost: Cost | None
    generator: Generator | None


class SweepAnswer(ResultPart):
    """What the search has found for an engine."""

    rate_records_per_s: int | None = Field(description="the highest rate that a longer run confirmed; null if none was")
    failed_records_per_s: int | None = Field(description="the lowest rate that was not sustained; null if none failed")
    at_least: bool = Field(description="the limit found is the harness's or the search's own; the engine's is higher")
    knee_records_per_s: int | None = Field(description="the knee of p99 against load (Kneedle); null if there is none")


class SweepEngine(ResultPart):
    """One engine's search."""

    name: str
    version: str | None
    attempts: list[SweepAttempt]
    answer: SweepAnswer | None = Field(description="null until the search has ended")
    rate_to_baseline: float | None = Field(
        None,
        description="its sustained rate over the baseline's, once the sweep has ended: at most, if the baseline's is "
        "`at_least`, and at least, if its own is; null if both are, or without either rate",
    )


class Sweep(ResultPart):
    """A whole sweep."""

    schema_version: int = SCHEMA_VERSION
    sweep_id: str
    key: str = Field(
        description="a hash of all that makes two sweeps the same: an unfinished one of the same key goes on"
    )
    finished: bool
    started_at: str = Field(description="ISO 8601, UTC")
    finished_at: str | None
    command: list[str]
    scenario: dict[str, Any]
    p99_bound_ms: float
    resolution: float
    confirm_duration_s: int
    environment: Environment
    engines: list[SweepEngine]


def save_sweep(sweep: Sweep, directory: Path) -> Path:
    """Write ``sweep.json`` in `directory`; the file appears whole or not at all. Returns its path."""
    directory.mkdir(parents=True, exist_ok=True)
    return save_whole(sweep, directory / "sweep.json")


def load_sweep(path: Path) -> Sweep:
    """The sweep in the file at `path`.

    Raises:
        OSError: it cannot be read.
        pydantic.ValidationError: it is not a sweep of this version.
    """
    return Sweep.model_validate_json(path.read_text(encoding="utf-8"))
