"""The result of a run, as it stands in ``runs/RUN_ID/result.json``.

The published JSON Schema, `docs/result.schema.json`, is made from these models; a test holds the two together. Names
end in their units. A field that was not measured is null, never 0.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from harness.dashboard_result import Dashboard
from harness.resilience_result import Resilience
from harness.result_part import ResultPart
from harness.soak_result import Soak

SCHEMA_VERSION: Literal[2] = 2


class Verdict(StrEnum):
    """Whether an engine's counts were proven right (`pass`) or wrong (`fail`), or could not be checked (`unknown`)."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNKNOWN = "unknown"


class CellExample(ResultPart):
    """One cell whose count is not the expected one; a count is null where the cell does not exist."""

    window_s: int
    location: str
    operator: str
    type: str
    expected: int | None
    observed: int | None


class Examples(ResultPart):
    """Up to ten examples of each kind of difference."""

    missing: list[CellExample] = Field([])
    extra: list[CellExample] = Field([])
    mismatched: list[CellExample] = Field([])


class DeadLetters(ResultPart):
    """Malformed lines: how many were sent, how many arrived in the dead-letter topic, and how the two sets differ."""

    expected: int
    observed: int
    missing: int
    extra: int


class Correctness(ResultPart):
    """Every cell compared with the ground truth. All but the `*_records` fields count cells."""

    expected: int = Field(description="cells of the ground truth that must be counted")
    observed: int = Field(description="cells found in Redis")
    missing: int = Field(description="of those expected, cells that Redis lacks")
    extra: int = Field(description="cells in Redis of which no record may be counted")
    mismatched: int = Field(description="other cells in Redis whose counts are wrong")
    either: int = Field(description="late records that may be counted or dropped; they do not decide the verdict")
    must_drop: int = Field(0, description="late records that must be dropped; counted, they are surplus")
    expected_records: int = Field(description="that must be counted")
    lost_records: int = Field(description="sum of the shortfalls of all cells")
    surplus_records: int = Field(description="sum of the excesses of all cells")
    examples: Examples = Examples()
    dead_letters: DeadLetters


class AnswerExample(ResultPart):
    """One answer that is not the expected one; a value is null where there is none."""

    key: str
    expected: int | None
    observed: int | None


class AnswerExamples(ResultPart):
    """Up to ten examples of each kind of difference."""

    missing: list[AnswerExample] = Field([])
    extra: list[AnswerExample] = Field([])
    mismatched: list[AnswerExample] = Field([])


class Approximation(ResultPart):
    """How far approximate answers are from the exact ones, relative to these."""

    standard_error: float = Field(description="the greatest that the query's definition allows")
    error_max: float = Field(description="the greatest error, whichever way")
    error_mean: float = Field(description="the mean error, with its sign; far from 0, the estimator is biased")
    error_mean_bound: float = Field(description="the greatest mean error, whichever way, that chance explains")


class Answers(ResultPart):
    """The answers to a query other than counts, each compared with the truth. See docs/queries.md."""

    query: str
    version: int = Field(description="of the query's definition")
    parameters: dict[str, int]
    expected: int = Field(description="answers that must have been given by the end")
    open: int = Field(description="further answers of the truth, still open at the end; they need not be given")
    observed: int = Field(description="answers found in Redis")
    missing: int = Field(description="of those expected, answers that Redis lacks")
    extra: int = Field(description="answers in Redis that the truth does not have")
    mismatched: int = Field(description="other answers in Redis whose values are wrong, or further off than allowed")
    approximation: Approximation | None = Field(None, description="null where answers have to be exact")
    examples: AnswerExamples = AnswerExamples()
    dead_letters: DeadLetters


class Spread(ResultPart):
    """A distribution of durations, in milliseconds."""

    p50: float
    p90: float
    p99: float
    max: float
    mean: float
    count: int
    negative_count: int = Field(description="below the clocks' resolution: values that were there before they were due")
    histogram: str = Field(description="HdrHistogram V2, compressed, base64, in microseconds; mergeable")


class Emission(ResultPart):
    """When answers to a query other than counts were final in Redis: those of the measured time that were due."""

    freshness_ms: Spread = Field(description="since the last record that the answer tells of was due")
    delay_ms: Spread = Field(description="since the record was due whose event time let the watermark close the answer")
    revised: int = Field(description="answers whose values changed after they were first visible")


class QuantileBounds(ResultPart):
    """Between which values each quantile lies, in milliseconds, whichever record of a cell each count showed.

    Over every matching by which no record is visible before the broker had it, or before it was due where that is not
    known.
    """

    records: int = Field(description="of the measured time, or of every k-th second of a long one")
    p50: tuple[float, float]
    p90: tuple[float, float]
    p99: tuple[float, float]
    p999: tuple[float, float]
    max: tuple[float, float]


class Latency(ResultPart):
    """Latency from the intended send time to visibility in Redis, of the records of the measured time.

    The mean is exact; the quantiles are those of first-in-first-out matching within each cell. They are exact where the
    records of a cell stay in order, as the input does with `partitioning` cell; else they are estimates within bounds.
    """

    p50: float
    p90: float
    p99: float
    p999: float
    max: float
    mean: float
    count: int
    negative_count: int = Field(description="latencies below the clocks' resolution; any makes the run invalid")
    never_visible_count: int = Field(description="records of the measured time that never became visible")
    ambiguous_count: int = Field(
        0, description="records of the measured time in cells with late records of either kind: left out"
    )
    histogram: str = Field(description="HdrHistogram V2, compressed, base64, in microseconds; mergeable")
    quantile_bounds_ms: QuantileBounds | None = Field(
        None, description="of one trial, where a cell's records are in several partitions; null where they are in one"
    )


class Throughput(ResultPart):
    """Records per second over the measured time."""

    offered: float = Field(description="what the schedule asked for")
    sustained: float = Field(description="what was due in the measured time, and visible in Redis within it")
    lag_records_start: int | None = Field(None, description="sent and not yet visible, when the measured time began")
    lag_records_end: int | None = Field(None, description="the same, when it ended")


class Cost(ResultPart):
    """The engine's process group, from the kernel's accounting, over the measured time."""

    records: int = Field(description="made visible in the measured time")
    cpu_s_per_million_records: float
    cpu_user_s: float
    cpu_system_s: float
    rss_bytes_peak: int


class ProcessCost(ResultPart):
    """What another process of the run used over the measured time.

    The roles: `pipeline` is what records pass through besides the engine, `load` makes and keeps them, `measuring` is
    what would not be there but for the measurement.
    """

    name: str
    role: str
    cpu_cores: float = Field(description="CPU-seconds per second")
    cpu_user_s: float
    cpu_system_s: float
    rss_bytes_peak: int


class Pauses(ResultPart):
    """Pauses of the JVM for collecting garbage over the measured time, from its own log."""

    process: str
    count: int
    total_ms: float
    max_ms: float


class TopicBytes(ResultPart):
    """Bytes in the broker's log at the end of the trial, as stored: compressed, and with the overhead of batches."""

    input: int
    aggregates: int | None = Field(None, description="null where there is no such topic: engines wrote Redis directly")
    dead_letter: int


class Hop(ResultPart):
    """One hop of the records' way, over all records that were taken apart."""

    name: str = Field(description="send, append, engine or sink; no sink where engines wrote Redis directly")
    mean_ms: float = Field(description="exact; the hops' means add up to the mean latency of these records")
    p50_ms: float
    p99_ms: float
    negative_count: int = Field(description="below the clocks' resolution: overtaking within a cell, or clocks apart")


class WaterfallBand(ResultPart):
    """The mean hops of the records in one band of latency; they add up to the band's mean latency."""

    name: str
    records: int
    latency_ms: float
    hops_ms: dict[str, float]


class Waterfall(ResultPart):
    """Latency taken apart: intended, produced, appended by the broker, emitted by the engine, visible in Redis.

    Where engines wrote Redis directly, nobody saw what they emitted, and the hop `engine` ends in Redis.
    """

    records: int
    hops: list[Hop]
    bands: list[WaterfallBand]


class Generator(ResultPart):
    """How well the open-loop generator kept its schedule. Error: actual less intended send time."""

    schedule_error_ms_p50: float
    schedule_error_ms_p99: float
    schedule_error_ms_max: float
    schedule_error_histogram: str = Field(description="of every record of the measured time; as latency's histogram")
    sent_records: int
    acked_records: int
    failed_records: int


class ForeignProgram(ResultPart):
    """A program that is none of the run's own."""

    name: str
    cores: float = Field(description="CPU-seconds per second, of processes that lived at start and end")


class Host(ResultPart):
    """What of the machine was not the run's own, over the measured time. Null is what could not be read."""

    cores: int = Field(description="that the operating system has")
    stolen_share: float | None = Field(description="of all cores' time: the hypervisor gave it to others")
    foreign_cores: float | None = Field(description="CPU-seconds per second that no process of the run used")
    foreign_programs: list[ForeignProgram] = Field([], description="who it was, the greatest first")
    throttled_share: float | None = Field(description="of the time: the cgroup was kept from running")
    cgroup_cores: float | None = Field(description="the cgroup's limit; null if it has none")
    cpu_pressure_share: float | None = Field(description="of the time: some task of the machine waited for a core")
    memory_pressure_share: float | None
    io_pressure_share: float | None
    frequency_mhz: float | None = Field(description="the mean of all cores")


class Sample(ResultPart):
    """One second of a trial. `t_s` is 0 at the start of the measured time and negative during warm-up."""

    t_s: float
    sent_records: int = Field(description="total so far")
    acked_records: int = Field(description="total so far")
    visible_records: int = Field(description="total so far")
    lag_records: int = Field(description="acknowledged but not yet visible (or known malformed)")
    latency_ms_p50: float | None = Field(description="of the records that became visible in this second")
    latency_ms_p99: float | None
    cpu_cores: float | None = Field(
        description="CPU-seconds the engine used in this second, per second; null if out of reach"
    )
    rss_bytes: int | None
    stolen_share: float | None = Field(None, description="of all cores' time in this second; see `host`")
    foreign_cores: float | None = None


class Change(ResultPart):
    """By what factor a figure changed over the measured time (as long as the load is constant): 1 is no change."""

    factor: float = Field(description="from its start to its end, by a line through the logarithms (Theil, Sen)")
    low: float | None = Field(description="the factor's 80 % interval, by this trial alone; null if it is too short")
    high: float | None
    tolerated_share: float = Field(description="a change up to this is none")
    certain_share: float = Field(description="what the interval must keep within, for there to be none")


class SteadyState(ResultPart):
    """Whether the engine had settled by the end of the warm-up. Nothing of the measured time is ever left out."""

    settled: bool | None = Field(description="in latency and CPU time, by this trial alone; null if it cannot tell")
    settled_from_s: int | None = Field(description="where latency settled (MSER); 0 starts the measured time")
    start_settled: bool | None = Field(None, description="whether what came before that had no effect on the mean")
    latency: Change | None = Field(None, description="of the mean latency, or of the emission delay of answers")
    cpu: Change | None = Field(None, description="of the engine's CPU time per second; null if out of reach")


class Warmth(ResultPart):
    """Whether an engine's JVMs were warm when measuring began: whether their compilers had become quiet."""

    warm: bool
    warmup_s: int
    compiler_cores: float = Field(description="that the compilers used in the last 10 s of the warm-up")
    compiler_cores_later: float = Field(description="that they used in the second half of the measured time")
    compiler_cpu_s: float = Field(description="that they used in the measured time; part of `cost`")


class _Outcome(ResultPart):
    """What is told both of a single trial and of all trials of an engine."""

    verdict: Verdict
    reasons: list[str] = Field(description="why the verdict is not `pass`; empty if it is")
    startup_s: float | None = Field(description="from starting the process to its being ready; of trials, the mean")
    drain_s: float | None = Field(description="from the last intended send to the last visible update; the longest")
    correctness: Correctness | None = Field(description="of several trials, summed up")
    answers: Answers | None = Field(None, description="in place of `correctness`, of a query other than counts")
    emission: Emission | None = Field(None, description="in place of `latency_ms`, of a query other than counts")
    latency_ms: Latency | None = Field(description="of several trials, from their merged histograms")
    throughput_records_per_s: Throughput | None = Field(description="of several trials, the mean")
    cost: Cost | None = Field(description="of several trials, the sum of CPU time and the greatest memory")
    generator: Generator | None = Field(description="of several trials, their merged histograms and sums")
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


class EngineResult(_Outcome):
    """One engine: its trials, and what they come to together."""

    name: str
    version: str | None
    config: dict[str, Any] = Field(description="the configuration in effect, read back from the engine")
    trials: list[TrialResult]


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
    bad_rows: list[str] = Field(description="the first of them, as FILE:LINE: what was found and expected")
    records: int = Field(description="of the data")
    records_sent: int = Field(description="in each trial: the first of them, up to the end of the measured time")
    first_event: str = Field(description="of those sent; ISO 8601, UTC")
    last_event: str
    resolution_ms: int = Field(description="of the event times; records of equal times are spread over it")


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
    interrupted: bool = Field(False, description="whether Ctrl-C ended it: trials after that did not take place")
    input: Input | None = Field(None, description="a user's own records, if the run replayed such")
    environment: Environment
    truth: Truth | None
    engines: list[EngineResult]
    comparison: Comparison | None = Field(description="null with a single engine or an invalid run")
    dashboard: Dashboard | None = Field(None, description="the load test of the live map, if there was one")
    soak: Soak | None = Field(None, description="what `ringbench soak` watched for hours, and what leaked")
    resilience: Resilience | None = Field(None, description="the faults that were injected, and what came of them")


def save_whole(model: BaseModel, path: Path) -> Path:
    """Write `model` to `path` as JSON; the file appears whole or not at all. Returns `path`."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(model.model_dump_json(indent=2) + "\n", encoding="utf-8")
    part.replace(path)
    return path


def save_result(result: Result, directory: Path) -> Path:
    """Write `result` to ``result.json`` in `directory`, see `save_whole`. Returns its path."""
    return save_whole(result, directory / "result.json")


def load_result(path: Path) -> Result:
    """The result in `path`, a ``result.json`` or the directory of a run.

    Raises:
        OSError: it cannot be read.
        pydantic.ValidationError: it is not a result of this version.
    """
    file = path / "result.json" if path.is_dir() else path
    return Result.model_validate_json(file.read_text(encoding="utf-8"))
