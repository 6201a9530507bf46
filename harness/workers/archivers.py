"""Several archivers that share one topic by its partitions, as if they were one: `harness.workers.archiver`'s events.

Each has objects of its own, ``part-K.parquet`` of archiver K, with the rows of its partitions. Together, they are the
rows of a single archiver's.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engines.contract.events import EventWriter
from harness.workers.group import Fields, Group
from harness.workers.jobs import ArchiverJob, run_worker


def run_all(job: ArchiverJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    """Archive everything, or what there is until `stop` is set. Returns what a single archiver would.

    Raises:
        ServiceError: one of them has failed; it says which.
    """
    output = Path(job.output)
    outputs = [output.with_suffix(f".{number}.npz") for number in range(job.archivers)]
    jobs = [replace(job, archiver=number, output=str(each)) for number, each in enumerate(outputs)]
    ended = Group("archiver", jobs, output.parent, _progress).run(events, stop)
    _save(output, outputs)
    # Each has 0 for the partitions of others.
    offsets = [sum(each) for each in zip(*(each["archived_offsets"] for each in ended), strict=True)]
    return _total(ended) | {"archived_offsets": offsets}


def _save(output: Path, outputs: Sequence[Path]) -> None:
    """Put together when the broker took records: of those of other archivers, each has noted that it never did."""
    parts = [np.load(each) for each in outputs]
    appended_ms = np.max([part["appended_ms"] for part in parts], axis=0)
    np.savez(output, indexes=parts[0]["indexes"], appended_ms=appended_ms)


def _progress(told: Sequence[Sequence[Fields]]) -> dict[str, Any]:
    return _total([events[-1] for events in told])


def _total(told: Sequence[Fields]) -> dict[str, Any]:
    return {
        # What one of them has not archived yet is not archived.
        "archived_s": min(each["archived_s"] for each in told),
        "archived_records": sum(each["archived_records"] for each in told),
    }


if __name__ == "__main__":
    run_worker(ArchiverJob, run_all)
