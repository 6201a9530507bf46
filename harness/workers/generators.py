"""Several generators that share one load by its partitions, as if they were one: `harness.workers.generator`'s events.

Records, partitions and intended times are those of a single generator; of each partition, the order is, too.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from engines.contract.events import EventWriter
from harness.numerics.durations import merged
from harness.workers.generator import schedule_errors
from harness.workers.group import Fields, Group
from harness.workers.jobs import GeneratorJob, run_worker

SUMS = ("sent_records", "acked_records", "failed_records")


def run_all(job: GeneratorJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    """Send everything, or what is due until `stop` is set. Returns what a single generator would.

    Raises:
        ServiceError: one of them has failed; it says which.
    """
    output = Path(job.output)
    shards = range(job.shard, job.shard + job.processes)
    jobs = [replace(job, shard=each, output=str(output.with_suffix(f".{each}.npz"))) for each in shards]
    ended = Group("generator", jobs, output.parent, _progress).run(events, stop)
    _save(output, [each.output for each in jobs])
    prepared_ms = max(each["preparing_ms"] for each in ended)
    errors = merged([each["schedule_error_histogram"] for each in ended])
    greatest_ms = max(each["schedule_error_ms_max"] for each in ended)
    sent_by_second = [sum(each) for each in zip_longest(*(each["sent_by_second"] for each in ended), fillvalue=0)]
    found = _total(ended) | {"preparing_ms": prepared_ms, "sent_by_second": sent_by_second}
    return found | schedule_errors(errors, greatest_ms)


def _save(output: Path, outputs: Sequence[str]) -> None:
    """Put together when records were sent: of those of other processes, each has noted 0."""
    parts = [np.load(each) for each in outputs]
    errors_ns = np.sum([part["errors_ns"] for part in parts], axis=0)
    np.savez(output, indexes=parts[0]["indexes"], errors_ns=errors_ns)


def _progress(told: Sequence[Sequence[Fields]]) -> dict[str, Any]:
    return _total([events[-1] for events in told])


def _total(told: Sequence[Fields]) -> dict[str, Any]:
    return {name: sum(each[name] for each in told) for name in SUMS} | {
        # What one of them has not told of yet is not known of all.
        "schedule_ms": min(each["schedule_ms"] for each in told),
        "passed_records": min(each["passed_records"] for each in told),
        "clock_steps": max(each["clock_steps"] for each in told),
    }


if __name__ == "__main__":
    run_worker(GeneratorJob, run_all)
