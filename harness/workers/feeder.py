"""The feeder: fills an aggregates topic on a schedule, as an engine would that sends an upsert for each record at once.

It stands where an engine would when the path behind the engine is measured by itself: see
`harness.experiments.benches.delivery`.
"""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.contract.events import EventWriter
from harness.clients.kafka_producer import Messages
from harness.workers.generator import Generator
from harness.workers.jobs import GeneratorJob, run_worker
from workloads.upserts import Counting
from workloads.workload import Columns


class Feeder(Generator):
    """Sends the upsert of each record when the record is due."""

    def __init__(self, job: GeneratorJob, events: EventWriter) -> None:
        super().__init__(job, events)
        self._counting = Counting(job.workload.partitions)

    # An upsert's partition is that of its key.
    def _messages(self, columns: Columns, partitions: NDArray[np.int64]) -> Messages:  # noqa: ARG002
        found = self._counting.upserts(columns)
        return Messages(found.counts, found.partitions, found.keys)


def _work(job: GeneratorJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    return Feeder(job, events).run(stop)


if __name__ == "__main__":
    run_worker(GeneratorJob, _work)
