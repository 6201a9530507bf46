"""Several Redis writers that share one topic by its partitions, and tell what one would: see `redis_writer`.

All upserts of a cell are in one partition, so that one writer has all of them, in their order. Each writer keeps its
own position in Redis, and finds out by itself what Redis has lost of its partitions.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engines.contract.events import EventWriter
from harness.workers.group import Fields, Group
from harness.workers.jobs import RedisWriterJob, run_worker

SUMS = ("upserts", "changes", "refused", "transactions", "rebuilds")


def run_all(job: RedisWriterJob, directory: Path, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    """Write until `stop` is set and nothing more has arrived. Returns what a single writer would.

    Raises:
        ServiceError: one of them has failed; it says which.
    """
    jobs = [replace(job, writer=number) for number in range(job.writers)]
    ended = Group("redis_writer", jobs, directory, _progress).run(events, stop)
    return _sums(ended)


def _progress(told: Sequence[Sequence[Fields]]) -> dict[str, Any]:
    delay_ms = max(event.get("delay_ms", 0.0) for events in told for event in events)
    return _sums([events[-1] for events in told]) | {"delay_ms": delay_ms}


def _sums(told: Sequence[Fields]) -> dict[str, Any]:
    return {name: sum(each[name] for each in told) for name in SUMS}


def _work(job: RedisWriterJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    return run_all(job, Path(job.directory), events, stop)


if __name__ == "__main__":
    run_worker(RedisWriterJob, _work)
