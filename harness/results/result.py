"""The result of a run, as it stands in ``runs/RUN_ID/result.json``.

The published JSON Schema, `docs/result.schema.json`, is made from these models; a test holds the two together. Names
end in their units. A field that was not measured is null, never 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from harness.results.correctness import Answers, Committed, Correctness, Verdict
from harness.results.host import Host
from harness.results.live_map import Dashboard
from harness.results.part import ResultPart, read_whole, save_whole
from harness.results.performance import (
    Cost,
    Emission,
    GeneratorFigures,
    Latency,
    Pauses,
    ProcessCost,
    Sample,
    SteadyState,
    Throughput,
    TopicBytes,
    Warmth,
    Waterfall,
)
from harness.results.resilience import Resilience
from harness.results.soak import Soak

SCHEMA_VERSION: Literal[2] = 2


class _Outcome(ResultPart):
    """What is told both of a single trial and of all trials of an engine."""

    verdict: Verdict
    reasons: list[str] = Field(description="why the verdict is not `pass`; empty if it is")
    startup_s: float | None = Field(description="from starting the process to its being ready; of trials, the mean")
    drain_s: float | None = Field(description="from the last intended send to the last visible update; the longest")
    correctness: Correctness | None = Field(description="of several trials, summed up")
    answers: Answers | None = Field(None, description="in place of `correctness`, of a query other than counts")
    committed: Committed | None = Field(None, description="of several trials, summed up; null but of exactly-once")
    emission: Emission | None = Field(None, description="in place of `latency_ms`, of a query other than counts")
    latency_ms: Latency | None = Field(description="of several trials, from their merged histograms")
    throughput_records_per_s: Throughput | None = Field(description="of several trials, the mean")
    cost: Cost | None = Field(description="of several trials, the sum of CPU time and the greatest memory")
    generator: GeneratorFigures | None = Field(description="of several trials, their merged histograms and sums")
    updates: int = Field(description="upserts that reached Redis")
    count_regressions: int = Field(description="upserts that lowered a cell's count (a replay, or a fault)")


class TrialResult(_Outcome):
    """One trial of an engine."""

    number: int = Field(description="place in the run, from 1")
    block: int = Field(description="the round of all engines that it belongs to, from 1")
    steady: SteadyState | None
    warmth: Warmth | None = Field(None, description="null of an engine without a JVM, or if it was not measured")
    cost_unknown: str = Field("", description="why `cost` is null, if that is not for want of a complete trial")
    clock_step_ms: float | None = Field(description="how far the wall clock moved against the monotonic clock")
    host: Host | None = Field(None, description="how quiet the machine was; null if it was not measured")
    engine_cpus: list[int] | None = Field(None, description="the cores that the engine could run on, as read back")
    other_costs: list[ProcessCost] = Field([])
    pauses: list[Pauses] = Field([], description="of the JVMs whose log could be had")
    kafka_bytes: TopicBytes | None = Field(description="null where the broker's files are out of reach")
    waterfall: Waterfall | None
    recording: str | None = Field(None, description="name of the file beside the result that `ringbench view` replays")
    flame_graphs: list[str] = Field([], description="names of the files beside the result, by --profile")
    series: list[Sample] = Field([])


def runs_the_engine_of_its_name(found: Any) -> Any:
    """What was `found` of a contestant, with its name for its engine where none is said: of older results."""
    return {"engine": found["name"]} | found if isinstance(found, dict) and "name" in found else found


class EngineResult(_Outcome):
    """One contestant: its trials, and what they come to together."""

    name: str
    engine: str = Field("", description="what it runs; as `name` in older results, which do not say it")
    own: dict[str, Any] = Field(
        {}, description="what was set for this contestant alone, by the scenario's keys, with `settings` of its engine"
    )
    version: str | None
    version_tested: bool | None = Field(
        None, description="whether the version is one that the engine offers with locks; null if that is not known"
    )
    locked: dict[str, list[str]] = Field(
        {}, description="of a version that is not, the SHA-256 allowed for each of its packages and JVM artifacts"
    )
    config: dict[str, Any] = Field(description="the configuration in effect, read back from the engine")
    trials: list[TrialResult]

    _runs = model_validator(mode="before")(runs_the_engine_of_its_name)


class Confidence(ResultPart):
    """An estimate with its bootstrap confidence interval."""

    estimate: float
    low: float
    high: float
    confidence: float


class Figure(ResultPart):
    """A headline figure of one engine, over its trials. The estimate is the geometric mean of the trials' figures."""

    engine: str
    figure: str
    trials: list[float] = Field(description="the figure of each trial, in the order of the blocks")
    interval: Confidence | None = Field(description="null with too few trials")


class Ratio(ResultPart):
    """A figure of engine `a` relative to that of `b`, paired by block; below 1, `a` is the better."""

    a: str
    b: str
    figure: str
    ratio: Confidence | None = Field(description="at the confidence adjusted for the number of ratios in this run")
    winner: str | None = Field(description="named only if the interval excludes 1 and nothing speaks against it")
    why_not: str = Field(description="why no winner is named; empty if one is")
    winners_worst_trial: float | None = Field(None, description="the figure of the winner's worst trial")
    first_percent: float | None = Field(description="by how much having gone first raises `a`'s figure against `b`'s")
    first_p_value: float | None


class Drift(ResultPart):
    """Whether a figure drifted over the trials of the run, whichever engine they were of."""

    figure: str
    percent_per_trial: float
    p_value: float


class BaselineRatio(ResultPart):
    """A figure of an engine relative to the baseline's, of all trials taken together, without an interval."""

    engine: str
    figure: str
    ratio: float


class Comparison(ResultPart):
    """The engines of a run compared, with intervals, and the tests of what could have misled the comparison."""

    confidence: float = Field(description="of each figure's interval, and of all ratios together")
    figures: list[Figure]
    ratios: list[Ratio]
    drifts: list[Drift]
    to_baseline: list[BaselineRatio] = Field(
        [], description="of engines that passed; empty if the baseline did not, or is not in the run"
    )


class OperatorVolume(ResultPart):
    """Records of one operator in one minute, from the batch job."""

    minute_s: int = Field(description="start of the minute, in seconds since the Unix epoch, in event time")
    operator: str
    records: int


class Truth(ResultPart):
    """The ground truth: a Spark batch job over the archive in S3, and the check from the seed alone."""

    engine: str
    archive_objects: int
    archive_sha256: str = Field(description="over the archive's objects in name order; equal for equal seeds")
    records: int
    malformed: int
    cells: int
    agrees_with_seed: bool
    operator_volume: list[OperatorVolume]
    master: str | None = Field(None, description="of the Spark that computed it; null if not noted")
    elapsed_s: float | None = Field(None, description="which that took, for all archives of the run; null if not noted")
    start_s: float | None = Field(None, description="of `elapsed_s`, before Spark was ready; null if not noted")


class InputFile(ResultPart):
    """A file of a user's own records."""

    name: str
    bytes: int
    sha256: str
    rows: int = Field(description="read, bad ones included")


class Input(ResultPart):
    """A user's own records, as they were read and replayed."""

    path: str
    layout: str = Field(description="records or activity")
    map: dict[str, Any] = Field(description="what the columns mean")
    speed: float | None = Field(description="times as fast as it happened; null at a fixed rate")
    rate_records_per_s: int | None = Field(description="the fixed rate; null at a speed")
    files: list[InputFile]
    rows_read: int
    rows_skipped: int = Field(description="bad rows that were left out")
    bad_rows: list[str] = Field(
        description="the first of them, as FILE:LINE: what was found, by its shape, and expected"
    )
    records: int = Field(description="of the data")
    records_sent: int = Field(description="in each trial: the first of them, up to the end of the measured time")
    first_event: str = Field(description="of those sent; ISO 8601, UTC")
    last_event: str
    resolution_ms: int = Field(description="of the event times; records of equal times are spread over it")
    timezone: str | None = Field(None, description="of times that have none of their own; null in older results")
    timezone_assumed: bool | None = Field(
        None, description="whether UTC was assumed for such times, since the map gives no zone; null in older results"
    )
    warnings: list[str] | None = Field(
        None, description="what may well be wrong with the data, though it was read; null in older results"
    )


class Resumption(ResultPart):
    """When a run that had ended early was gone on with."""

    at: str = Field(description="ISO 8601, UTC")
    finished_trials: int = Field(description="those that had been made before")


class CalibrationSummary(ResultPart):
    """What `ringbench calibrate` last found on this host: the harness's own floor and error."""

    calibrated_at: str = Field(description="ISO 8601, UTC")
    commit: str | None
    passed: bool
    rate_records_per_s: int
    floor_ms_p50: float = Field(description="latency of an engine that passes each record on at once")
    floor_ms_p99: float
    error_ms_max: float = Field(description="greatest distance of a reported percentile from the true one")


class Environment(ResultPart):
    """The fingerprint of where the run took place."""

    host: str = Field(description="a hash that tells hosts apart and names none")

    cpu_model: str
    cpu_count: int
    memory_bytes: int
    operating_system: str
    kernel: str
    python: str
    java: str
    ringbench: str
    commit: str | None
    packages: dict[str, str] | None = Field(None, description="what Ringbench depends on: Python package to version")
    services: dict[str, str] = Field(description="service name to version")
    calibration: CalibrationSummary | None = Field(description="null if `ringbench calibrate` has not been run here")


class Result(ResultPart):
    """A whole run."""

    schema_version: Literal[2] = SCHEMA_VERSION
    run_id: str
    valid: bool
    invalid_reasons: list[str]
    started_at: str = Field(description="ISO 8601, UTC")
    finished_at: str
    command: list[str] = Field(description="arguments that repeat the run exactly")
    scenario: dict[str, Any]
    interrupted: bool = Field(
        False, description="whether a signal such as Ctrl-C ended it: what was to come after that did not take place"
    )
    resumptions: list[Resumption] = Field(
        [], description="by --resume; the trials after each of them had services that were started anew"
    )
    left_behind: list[str] = Field(
        [], description="what of the run's could not be removed from the user's own services, and why"
    )
    input: Input | None = Field(None, description="a user's own records, if the run replayed such")
    environment: Environment
    truth: Truth | None
    engines: list[EngineResult]
    comparison: Comparison | None = Field(description="null with a single engine or an invalid run")
    dashboard: Dashboard | None = Field(None, description="the load test of the live map, if there was one")
    soak: Soak | None = Field(None, description="what `ringbench soak` watched for hours, and what leaked")
    resilience: Resilience | None = Field(None, description="the faults that were injected, and what came of them")


def save_result(result: Result, directory: Path) -> Path:
    """Write `result` to ``result.json`` in `directory`, see `save_whole`. Returns its path."""
    return save_whole(result, directory / "result.json")


def load_result(path: Path) -> Result:
    """The result in `path`, a ``result.json`` or the directory of a run.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a result of this version, or is larger than any can be; see `read_whole`.
    """
    return read_whole(Result, _file(path))


def load_figures(path: Path) -> Result:
    """The same, but without the series of its trials, which take most of the time: they are empty, and are not checked.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a result of this version, or is larger than any can be; see `read_whole`.
    """
    return read_whole(Result, _file(path), shorten=_without_series)


def _file(path: Path) -> Path:
    return path / "result.json" if path.is_dir() else path


def _without_series(found: Any) -> None:
    for engine in _parts(found, "engines"):
        for trial in _parts(engine, "trials"):
            if "series" in trial:
                trial["series"] = []


def _parts(found: Any, key: str) -> list[dict[str, Any]]:
    """The objects in the list `key` of what may be anything."""
    inner = found.get(key) if isinstance(found, dict) else None
    return [each for each in inner if isinstance(each, dict)] if isinstance(inner, list) else []
