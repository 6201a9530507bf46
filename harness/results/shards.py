"""What `ringbench generate` saves of its shard of a stream, and what `ringbench merge-shards` makes of all of them.

Names end in their units. A field that was not measured is null, never 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.results.part import ResultPart, save_whole


class ClockOffset(BaseModel):
    """How far the broker's clock is ahead of ours, negative if it is behind; by at most `bound_ms` more or less.

    Attributes:
        exchanges: from so many.
        round_trip_ms_min: the shortest of theirs.
    """

    model_config = ConfigDict(extra="forbid")

    offset_ms: float
    bound_ms: float
    exchanges: int
    round_trip_ms_min: float

    @property
    def low_ms(self) -> float:
        """The broker's clock is ahead of ours by at least this."""
        return self.offset_ms - self.bound_ms

    @property
    def high_ms(self) -> float:
        """The broker's clock is ahead of ours by at most this."""
        return self.offset_ms + self.bound_ms


SCHEMA_VERSION: Literal[1] = 1
#: `--shard` takes no more.
MAX_SHARDS = 999_999


class Stream(ResultPart):
    """What all shards of one stream have in common: shards of which any of this differs do not belong together."""

    scenario: str
    seed: int
    digest: str = Field(description="SHA-256 of all that decides what is sent, and of the first lines")
    start_ns: int = Field(description="the agreed start, in nanoseconds since the Unix epoch")
    shards: int = Field(ge=1, le=MAX_SHARDS)
    topic: str
    kafka_cluster: str = Field(description="the cluster's own identifier")
    total_records: int = Field(description="of all shards together")
    total_s: int = Field(description="warm-up and measured time")
    schedule_error_limit_ms: float = Field(description="the scenario's `limits.schedule_error_ms_p99`")


class Sent(ResultPart):
    """What became of a load, or of a part of it."""

    sent_records: int
    acked_records: int
    failed_records: int
    arrived_records: int = Field(description="by how much the end offsets of the partitions grew")
    sent_by_second: list[int] = Field(description="records sent in each second after the agreed start")
    schedule_error_ms_p50: float | None = Field(description="over the measured time; null if nothing was sent in it")
    schedule_error_ms_p99: float | None
    schedule_error_ms_max: float
    schedule_error_histogram: str = Field(description="HdrHistogram V2, compressed, base64, in microseconds; mergeable")


class ShardResult(ResultPart):
    """One shard of a stream, as its machine sent it."""

    schema_version: Literal[1] = SCHEMA_VERSION
    stream: Stream
    shard: int = Field(description="from 1")
    processes: int = Field(description="that shared the shard on its machine")
    partitions: list[int]
    host: str = Field(description="tells hosts apart only")
    command: list[str]
    complete: bool = Field(description="whether the stream was gone through to its end")
    start_late_ms: float = Field(description="how long after the agreed start the shard was ready; 0 if before")
    clock_before: ClockOffset
    clock_after: ClockOffset | None = Field(description="null where clocks could not be compared again")
    clock_step_ms: float = Field(description="how far the wall clock moved against the monotonic clock meanwhile")
    sent: Sent
    valid: bool
    invalid_reasons: list[str]


class ShardClock(ResultPart):
    """The clock of a shard's machine against the broker's, by both comparisons."""

    shard: int
    host: str
    low_ms: float = Field(description="the broker's clock is ahead by at least this")
    high_ms: float = Field(description="and by at most this")


class MergedShards(ResultPart):
    """All shards of a stream, put together."""

    schema_version: Literal[1] = SCHEMA_VERSION
    stream: Stream
    sent: Sent
    clocks: list[ShardClock]
    clock_limit_ms: float
    clocks_apart_ms_max: float = Field(description="two shards' clocks were apart by no more than this")
    valid: bool
    invalid_reasons: list[str]


def shard_path(directory: Path, result: ShardResult) -> Path:
    """Where `save_shard` puts a shard's result."""
    return directory / f"shard-{result.shard}-of-{result.stream.shards}.json"


def save_shard(result: ShardResult, directory: Path) -> Path:
    """Write `result` to ``shard-I-of-N.json`` in `directory`, which is made if need be. Returns its path."""
    return save_whole(result, shard_path(directory, result))


def save_merged(merged: MergedShards, directory: Path) -> Path:
    """Write `merged` to ``merged.json`` in `directory`, which is made if need be. Returns its path."""
    return save_whole(merged, directory / "merged.json")
