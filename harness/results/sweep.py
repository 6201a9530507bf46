"""The result of a sweep, as it stands in ``runs/SWEEP_ID/sweep.json``: written anew after every attempt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from harness.numerics.search import Kind
from harness.results.correctness import Verdict
from harness.results.host import Host
from harness.results.part import Missing, ResultPart, read_whole, save_whole
from harness.results.performance import Cost, GeneratorFigures, Latency
from harness.results.result import Environment, runs_the_engine_of_its_name

#: 2: a rate is tried up to three times, answers and ratios are brackets. Sweeps of version 1 are read.
SCHEMA_VERSION = 2


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
    limited_by: str | None = Field(
        description="`engine` or `harness` (generator, broker, Redis writer, Redis or the host): whose fault it was; "
        "null if it was sustained"
    )
    verdict: Verdict
    latency_ms: Latency | None
    lag_growth_records_per_s: LagGrowth | None
    sustained_records_per_s: float | None
    drain_s: float | None
    cost: Cost | None
    generator: GeneratorFigures | None
    host: Host | None = Field(None, description="what others had of the machine; null if it was not measured")
    input_delay_ms_max: float | None = Field(
        None, description="how late the broker had the records, by generator and broker; null if it was not measured"
    )
    sink_delay_ms_max: float | None = Field(
        None, description="how late Redis had the engine's updates, by writer and Redis; null if it was not measured"
    )


class SweepAnswer(ResultPart):
    """What the search has found for an engine: its limit is between the rate that held and the one that failed."""

    rate_records_per_s: int | None = Field(description="the highest rate that a longer run confirmed; null if none was")
    failed_records_per_s: int | None = Field(
        description="the lowest rate at which the engine failed; null if it failed at none (in version 1: the lowest "
        "rate that was not sustained, whoever was to blame)"
    )
    limited_records_per_s: int | None = Field(
        None,
        description="the lowest rate that was not sustained because of the harness or the host; null if there is none",
    )
    at_least: bool = Field(description="no rate is known at which the engine fails: its limit may be any higher")
    knee_records_per_s: int | None = Field(description="the knee of p99 against load (Kneedle); null if there is none")

    @property
    def above_records_per_s(self) -> int | None:
        """Below which rate the engine's limit is; None if that is not known."""
        return None if self.at_least else self.failed_records_per_s


class RateRatio(ResultPart):
    """The ratio of two engines' limits: from the one's rate that held over the other's that failed, to the reverse."""

    low: float | None = Field(description="null if it may be any lower")
    high: float | None = Field(description="null if it may be any higher")


class SweepEngine(ResultPart):
    """One contestant's search."""

    name: str
    engine: str = Field("", description="what it runs; as `name` in older sweeps, which do not say it")
    own: dict[str, Any] = Field({}, description="what was set for this contestant alone, as in a run's result")
    version: str | None
    attempts: list[SweepAttempt]
    answer: SweepAnswer | None = Field(description="null until the search has ended")
    rate_to_baseline: RateRatio | None = Field(
        None,
        description="its limit over the baseline's, once the sweep has ended; null if it may be anything (in version "
        "1: a bare number, which is not read)",
    )

    _runs = model_validator(mode="before")(runs_the_engine_of_its_name)

    @field_validator("rate_to_baseline", mode="before")
    @classmethod
    def _bracketed(cls, found: object) -> object:
        return None if isinstance(found, int | float) else found


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
    missing: Missing | None = Field(None, description="what did not take place, and why; null if nothing is missing")


def save_sweep(sweep: Sweep, directory: Path) -> Path:
    """Write ``sweep.json`` in `directory`; the file appears whole or not at all. Returns its path."""
    return save_whole(sweep, directory / "sweep.json")


def load_sweep(path: Path) -> Sweep:
    """The sweep in the file at `path`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a sweep of this version, or is larger than any can be; see `read_whole`.
    """
    return read_whole(Sweep, path)
