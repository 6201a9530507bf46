"""How fast an engine was, and what it cost."""

from __future__ import annotations

from pydantic import Field

from harness.results.part import ResultPart

#: The resolution of the clock that latencies are taken by.
CLOCK_RESOLUTION_MS = 1.0


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
    own: int | None = Field(None, description="of topics that the engine made for itself; null in older results")


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


class GeneratorFigures(ResultPart):
    """How well the open-loop generator kept its schedule. Error: actual less intended send time."""

    schedule_error_ms_p50: float
    schedule_error_ms_p99: float
    schedule_error_ms_max: float
    schedule_error_histogram: str = Field(description="of every record of the measured time; as latency's histogram")
    sent_records: int
    acked_records: int
    failed_records: int


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
    compiler_fall: float | None = Field(
        None,
        description="what they used in the first half of the measured time before the load changes, over what they "
        "used in its second half, or may use at rest; null of too short a time, or if it was not measured",
    )
