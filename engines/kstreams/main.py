"""The Kafka Streams engine: a Java program (java/ringbench/kstreams), which this process becomes."""

import sys
from pathlib import Path
from typing import Any

from engines.contract.job import JobSpecification
from engines.contract.jvm import java_program
from engines.contract.process import become
from engines.contract.record import LOCATIONS

DEFAULT_SETTINGS: dict[str, Any] = {
    # A cell's upserts of so many milliseconds are joined into one.
    "flush_interval_ms": 20,
    # How long the producer waits for more to send together: records on their way to the task that counts them, upserts.
    "linger_ms": 2,
    # A fetch from Kafka waits for so many bytes, but no longer than so many milliseconds.
    "fetch_min_bytes": 1,
    "fetch_wait_ms": 500,
    # Where counts are held: "memory", on the heap, or "rocksdb". Both are backed by a changelog in Kafka. The state is
    # small, and RocksDB would cost a call of native code at every access, and spare only a part of the restore.
    "state_store": "memory",
    # Updates of a cell are joined in a cache of so much memory, before they go to the changelog with the next commit.
    "cache_mb": 64,
    # A cell that has rested for longer, and for the allowed lateness, by the wall clock, is forgotten, and after twice
    # the time at the latest: longer than it takes to read again, after a restart, what came since the last commit.
    "state_ttl_ms": 300_000,
    # The JVM's heap.
    "heap": "768m",
}


def command(job: JobSpecification, path: Path) -> list[str]:
    """The JVM's command line."""
    return java_program(job, "ringbench.kstreams.Main", [str(path), LOCATIONS[job.locations]])


if __name__ == "__main__":
    sys.exit(become(DEFAULT_SETTINGS, command))
