"""The result of `ringbench scale`, as it stands in ``runs/SCALE_ID/scale.json``: written anew after every trial."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from harness.results.correctness import Verdict
from harness.results.part import Missing, ResultPart, read_whole, save_whole
from harness.results.performance import Cost, GeneratorFigures, Latency, Throughput
from harness.results.result import Environment, runs_the_engine_of_its_name

SCHEMA_VERSION = 1


class Dimension(StrEnum):
    """What is varied."""

    RATE = "rate"
    PARTITIONS = "partitions"
    KEYS = "keys"
    PARALLELISM = "parallelism"


class ScaledFigure(StrEnum):
    """What grows."""

    THROUGHPUT = "throughput"
    LATENCY_P50 = "latency p50"
    LATENCY_P99 = "latency p99"
    CPU = "CPU per record"
    MEMORY = "memory"


class FitQuality(StrEnum):
    """What a fitted exponent is worth."""

    GOOD = "good"
    POOR = "poor"
    NONE = "none"


class ScalePoint(ResultPart):
    """One load, by its level in each dimension."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate_records_per_s: int
    partitions: int
    keys: str = Field(description="the scenario's `locations`")
    parallelism: int

    def text(self) -> str:
        """The point in words."""
        return (
            f"{self.rate_records_per_s:,} records/s, {self.partitions} partitions, {self.keys}, "
            f"parallelism {self.parallelism}"
        )

    def without(self, dimension: Dimension) -> tuple[int | str, ...]:
        """The levels in all other dimensions."""
        return tuple(getattr(self, field) for each, field in FIELDS.items() if each != dimension)


#: Fields of a point, by dimension.
FIELDS = {
    Dimension.RATE: "rate_records_per_s",
    Dimension.PARTITIONS: "partitions",
    Dimension.KEYS: "keys",
    Dimension.PARALLELISM: "parallelism",
}


class ScaleTrial(ResultPart):
    """One trial of an engine at a point."""

    number: int = Field(description="its place among all trials, from 1")
    engine: str
    point: ScalePoint
    counted: bool = Field(description="whether fits are made with it: it was valid, passed, and kept up")
    reasons: list[str] = Field(description="why it is not counted; empty if it is")
    limited_by: str | None = Field(
        None,
        description="`engine` or `harness` (generator, broker, Redis writer, Redis or the host): whose fault it is "
        "that it is not counted; null if it is counted, or if that is not known",
    )
    verdict: Verdict
    cells: int = Field(description="how many cells a window can have")
    cells_per_window_mean: float = Field(description="how many have records, by the seed")
    latency_ms: Latency | None
    throughput_records_per_s: Throughput | None
    cost: Cost | None
    generator: GeneratorFigures | None
    startup_s: float | None
    drain_s: float | None
    took_s: float = Field(description="the whole trial, starting and stopping included")


class ScaleFit(ResultPart):
    """How a figure of an engine grows with a dimension: figure ~ dimension to the power of `exponent`."""

    engine: str
    dimension: Dimension
    figure: ScaledFigure
    quality: FitQuality
    why: str = Field(description="why the fit is poor, or why there is none; empty if it is good")
    exponent: float | None
    low: float | None
    high: float | None
    confidence: float
    trials: int = Field(description="how many trials it is made with")
    off_percent: float | None = Field(description="by how much the farthest level lies off the line")


class ScaleControl(ResultPart):
    """How much a figure of the base point, which was repeated in the course of it all, differed by itself."""

    engine: str
    figure: ScaledFigure
    trials: int
    spread_percent: float = Field(description="the greatest over the least")


class ScaleEngine(ResultPart):
    """One contestant."""

    name: str
    engine: str = Field("", description="what it runs; as `name` in older scalings, which do not say it")
    own: dict[str, Any] = Field({}, description="what was set for this contestant alone, as in a run's result")
    version: str | None

    _runs = model_validator(mode="before")(runs_the_engine_of_its_name)


class Scale(ResultPart):
    """A whole scaling."""

    schema_version: int = SCHEMA_VERSION
    scale_id: str
    key: str = Field(description="a hash of all that makes two the same: an unfinished one of the same key goes on")
    finished: bool
    started_at: str = Field(description="ISO 8601, UTC")
    finished_at: str | None
    command: list[str]
    scenario: dict[str, Any]
    full: bool = Field(description="every combination of levels; otherwise one dimension at a time is varied")
    levels: dict[Dimension, list[int | str]]
    base: ScalePoint
    p99_bound_ms: float
    environment: Environment
    engines: list[ScaleEngine]
    planned_trials: int
    trials: list[ScaleTrial]
    fits: list[ScaleFit]
    controls: list[ScaleControl]
    missing: Missing | None = Field(None, description="what did not take place, and why; null if nothing is missing")


def figure_of(trial: ScaleTrial, figure: ScaledFigure) -> float | None:
    """A trial's figure in records per second, ms, CPU-seconds per million records or bytes; None if not measured."""
    latency, cost, throughput = trial.latency_ms, trial.cost, trial.throughput_records_per_s
    found: dict[ScaledFigure, float | None] = {
        ScaledFigure.THROUGHPUT: throughput.sustained if throughput else None,
        ScaledFigure.LATENCY_P50: latency.p50 if latency else None,
        ScaledFigure.LATENCY_P99: latency.p99 if latency else None,
        ScaledFigure.CPU: cost.cpu_s_per_million_records if cost else None,
        ScaledFigure.MEMORY: cost.rss_bytes_peak if cost else None,
    }
    return found[figure]


def level_of(trial: ScaleTrial, dimension: Dimension) -> int:
    """Where a trial stands in a dimension; of keys, how many cells a window can have."""
    levels = {
        Dimension.RATE: trial.point.rate_records_per_s,
        Dimension.PARTITIONS: trial.point.partitions,
        Dimension.KEYS: trial.cells,
        Dimension.PARALLELISM: trial.point.parallelism,
    }
    return levels[dimension]


def save_scale(scale: Scale, directory: Path) -> Path:
    """Write ``scale.json`` in `directory`; the file appears whole or not at all. Returns its path."""
    return save_whole(scale, directory / "scale.json")


def load_scale(path: Path) -> Scale:
    """The scaling in the file at `path`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not one of this version, or is larger than any can be; see `read_whole`.
    """
    return read_whole(Scale, path)
