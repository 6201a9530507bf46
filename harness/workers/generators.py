"""Several generators that share one load by its partitions, as if they were one: `harness.workers.generator`'s events.

Records, partitions and intended times are those of a single generator; of each partition, the order is, too.
"""

import threading
from contextlib import ExitStack
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from engines.contract.events import EventWriter
from harness.numerics.durations import merged
from harness.processes.child import Child
from harness.workers.generator import schedule_errors
from harness.workers.jobs import GeneratorJob, Pulse, run_worker
from harness.workers.start import start_worker

READY_S = 60.0
POLL_S = 0.1
#: After SIGTERM, for what is on its way.
STOP_S = 70.0
SUMS = ("sent_records", "acked_records", "failed_records")


class Generators:
    """The processes of one load, each with the partitions whose number is its own modulo that of all."""

    def __init__(self, job: GeneratorJob) -> None:
        self._job = job
        self._shards = range(job.shard, job.shard + job.processes)
        self._children: list[Child] = []

    def run(self, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
        """Send everything, or what is due until `stop` is set. Returns what a single generator would.

        Raises:
            ServiceError: one of them has failed.
        """
        with ExitStack() as stack:
            jobs = [replace(self._job, shard=each, output=self._output(each)) for each in self._shards]
            directory = Path(self._job.output).parent
            for job in jobs:
                name = f"generator_{job.shard}"
                self._children.append(stack.enter_context(start_worker("generator", job, directory, name=name)))
            ready = [child.wait_for("ready", READY_S).fields for child in self._children]
            events.send("ready", version="", config=ready[0]["config"] | {"processes": len(jobs)})
            self._watch(events, stop)
            if stop.is_set():
                for child in self._children:
                    child.stop(STOP_S)
            ended = [child.wait_for("stopped", STOP_S).fields for child in self._children]
        self._save()
        prepared_ms = max(each["preparing_ms"] for each in ended)
        errors = merged([each["schedule_error_histogram"] for each in ended])
        greatest_ms = max(each["schedule_error_ms_max"] for each in ended)
        sent_by_second = [sum(each) for each in zip_longest(*(each["sent_by_second"] for each in ended), fillvalue=0)]
        found = _total(ended) | {"preparing_ms": prepared_ms, "sent_by_second": sent_by_second}
        return found | schedule_errors(errors, greatest_ms)

    def _watch(self, events: EventWriter, stop: threading.Event) -> None:
        """Tell how far they are, all together, until they have ended or `stop` is set."""
        pulse = Pulse(events)
        while any(child.is_running for child in self._children) and not stop.wait(POLL_S):
            told = [found.fields for child in self._children if (found := child.last("progress"))]
            if len(told) == len(self._children):
                pulse.tick(lambda told=told: _total(told))  # type: ignore[misc]

    def _output(self, shard: int) -> str:
        return str(Path(self._job.output).with_suffix(f".{shard}.npz"))

    def _save(self) -> None:
        """Put together when records were sent: of those of other processes, each has noted 0."""
        parts = [np.load(self._output(shard)) for shard in self._shards]
        errors_ns = np.sum([part["errors_ns"] for part in parts], axis=0)
        np.savez(self._job.output, indexes=parts[0]["indexes"], errors_ns=errors_ns)


def _total(told: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: sum(each[name] for each in told) for name in SUMS} | {
        # What one of them has not told of yet is not known of all.
        "schedule_ms": min(each["schedule_ms"] for each in told),
        "passed_records": min(each["passed_records"] for each in told),
        "clock_steps": max(each["clock_steps"] for each in told),
    }


def _work(job: GeneratorJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    return Generators(job).run(events, stop)


if __name__ == "__main__":
    run_worker(GeneratorJob, _work)
