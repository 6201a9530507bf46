"""What follows the stream of updates sees to it that the stream does not stay when nobody follows it any more."""

from typing import Any

import pytest

from harness.workers.follower import EXPIRY_EVERY_S, STREAM_S, Follower
from harness.workers.jobs import ProbeJob
from tests.builders.processes import Clock
from workloads.workload import WorkloadSpecification

JOB = ProbeJob(
    workload=WorkloadSpecification(seed=1, rate_records_per_s=10, warmup_s=0, duration_s=1, partitions=1),
    anchor="",
    redis_url="redis://unused:1",
    namespace="cdr:run",
    output="",
)


class Stream:
    """A Redis with one entry in the stream, or none."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.expiries: list[tuple[str, int]] = []

    def xread(self, streams: dict[str, bytes], count: int) -> list[Any]:
        assert count
        return [(next(iter(streams)), self.entries)] if self.entries else []

    def expire(self, name: str, seconds: int) -> None:
        self.expiries.append((name, seconds))


def test_the_stream_is_given_an_expiry_as_soon_as_it_is_there_and_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, stream, follower = Clock(), Stream(), Follower(JOB)
    monkeypatch.setattr("harness.workers.follower.time", clock)
    follower._redis = stream  # type: ignore[assignment]
    follower._read(b"0")
    assert stream.expiries == []
    stream.entries = [(b"1-0", {b"u": b""})]
    for _ in range(3):
        follower._read(b"0")
    assert stream.expiries == [("cdr:run:updates", STREAM_S)]
    clock.sleep(EXPIRY_EVERY_S)
    follower._read(b"0")
    assert len(stream.expiries) == 2
