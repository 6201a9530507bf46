"""Several archivers that share one topic by its partitions, as if they were one: `harness.workers.archiver`'s events.

Each has objects of its own, ``part-K.parquet`` of archiver K, with the rows of its partitions. Together, they are the
rows of a single archiver's.
"""

import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engines.contract.events import EventWriter
from harness.processes.child import Child
from harness.workers.jobs import ArchiverJob, Pulse, run_worker
from harness.workers.start import start_worker

READY_S = 60.0
POLL_S = 0.1
#: After SIGTERM, for an object that is on its way.
STOP_S = 70.0


class Archivers:
    """The processes of one archive, each with the partitions whose number is its own modulo that of all."""

    def __init__(self, job: ArchiverJob) -> None:
        self._job = job
        self._children: list[Child] = []

    def run(self, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
        """Archive everything, or what there is until `stop` is set. Returns what a single archiver would.

        Raises:
            ServiceError: one of them has failed; it says which.
        """
        with ExitStack() as stack:
            directory = Path(self._job.output).parent
            for number in range(self._job.archivers):
                job = replace(self._job, archiver=number, output=self._output(number))
                child = start_worker("archiver", job, directory, name=f"archiver_{number}")
                self._children.append(stack.enter_context(child))
            ready = [child.wait_for("ready", READY_S).fields for child in self._children]
            events.send("ready", version="", config=ready[0]["config"] | {"processes": len(ready)})
            self._watch(events, stop)
            if stop.is_set():
                for child in self._children:
                    child.stop(STOP_S)
            ended = [child.wait_for("stopped", STOP_S).fields for child in self._children]
        self._save()
        # Each has 0 for the partitions of others.
        offsets = [sum(each) for each in zip(*(each["archived_offsets"] for each in ended), strict=True)]
        return _total(ended) | {"archived_offsets": offsets}

    def _watch(self, events: EventWriter, stop: threading.Event) -> None:
        """Tell how far they are, all together, until they have ended or `stop` is set.

        Raises:
            ServiceError: one has died: the archive cannot become whole, and the others are not waited for.
        """
        pulse = Pulse(events)
        while any(child.is_running for child in self._children) and not stop.wait(POLL_S):
            for child in self._children:
                if not child.is_running and not child.last("stopped"):
                    child.wait_for("stopped", STOP_S)  # which raises, unless its last words were on their way
            told = [found.fields for child in self._children if (found := child.last("progress"))]
            if len(told) == len(self._children):
                pulse.tick(lambda told=told: _total(told))  # type: ignore[misc]

    def _output(self, number: int) -> str:
        return str(Path(self._job.output).with_suffix(f".{number}.npz"))

    def _save(self) -> None:
        """Put together when the broker took records: of those of other archivers, each has noted that it never did."""
        parts = [np.load(self._output(number)) for number in range(self._job.archivers)]
        appended_ms = np.max([part["appended_ms"] for part in parts], axis=0)
        np.savez(self._job.output, indexes=parts[0]["indexes"], appended_ms=appended_ms)


def _total(told: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        # What one of them has not archived yet is not archived.
        "archived_s": min(each["archived_s"] for each in told),
        "archived_records": sum(each["archived_records"] for each in told),
    }


def _work(job: ArchiverJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    return Archivers(job).run(events, stop)


if __name__ == "__main__":
    run_worker(ArchiverJob, _work)
