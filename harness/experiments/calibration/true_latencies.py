"""The latencies that the synthetic engine really caused, from its own account."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.contract.aggregate import encode_key
from engines.contract.keys import decode_updates
from harness.trial.outcome import Trial
from harness.trial.setting import JOURNAL
from workloads.profiles import NANOSECONDS_PER_S
from workloads.workload import Workload

#: First-in-first-out matching within a cell can be off by the length of a window.
MATCHING_BOUND_MS = 1000.0


@dataclass(frozen=True)
class TrueLatencies:
    """Of each record of the measured time, nanoseconds from its intended send time, every array of shape (records,).

    Attributes:
        injected_ns: to the engine's letting go of its count.
        after_ns: to the Redis writer's sending it; the record was visible after this.
        by_ns: to Redis's answer; the record was visible by then.
    """

    injected_ns: NDArray[np.int64]
    after_ns: NDArray[np.int64]
    by_ns: NDArray[np.int64]

    def floor_ms(self, percent: float) -> float:
        """A percentile of the time from the engine's letting go to Redis's answer, in milliseconds."""
        return float(np.percentile(self.by_ns - self.injected_ns, percent)) / 1e6


# The truth, record by record.


def true_latencies(workload: Workload, trial: Trial, account: dict[str, Any]) -> TrueLatencies:
    """The latencies that the engine's account and the Redis writer's journal tell of.

    The k-th count that left a cell belongs to a record that the engine knows by its event time; the record with that
    event time was due at a time that the workload knows. Which of several records of one cell and one millisecond it
    was makes no difference here. It was visible when the first count of at least k was written.

    Raises:
        ValueError: the account names a cell that is none, or a count that was never written.
    """
    written, due = _written_by_cell(trial.directory / JOURNAL), _due_by_cell(workload)
    parts: list[NDArray[np.int64]] = []
    for key, rows in _left_by_cell(account).items():
        event_times_ms, left_ns = np.array(rows, dtype=np.int64).T
        due_ns = np.empty_like(left_ns)
        due_ns[np.argsort(event_times_ms, kind="stable")] = due[key]
        counts, sent_ns, answered_ns = np.array(written[key], dtype=np.int64).T
        first = np.searchsorted(counts, np.arange(1, len(left_ns) + 1))
        moments_ns = np.stack([left_ns, sent_ns[first], answered_ns[first]]) - trial.anchor_ns - due_ns
        parts.append(moments_ns[:, due_ns >= workload.specification.warmup_s * NANOSECONDS_PER_S])
    return TrueLatencies(*np.concatenate(parts, axis=1))


def _left_by_cell(account: dict[str, Any]) -> dict[str, list[tuple[int, int]]]:
    """(event time, when it left) of each count that left, by the cell's key, in the order of leaving."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for key, event_time_ms, left_ns in account["left"]:
        found[key].append((event_time_ms, left_ns))
    return found


def _written_by_cell(journal: Path) -> dict[str, list[tuple[int, int, int]]]:
    """(count, when it was sent, when Redis answered) by the cell's key, in that order, as the Redis writer noted."""
    found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for line in journal.read_bytes().splitlines():
        sent_ns, answered_ns, updates = line.split(b" ", 2)
        for key, count in decode_updates(updates.replace(b" ", b"\n")):
            found[key.decode("ascii")].append((count, int(sent_ns), int(answered_ns)))
    return found


def _due_by_cell(workload: Workload) -> dict[str, NDArray[np.int64]]:
    """Intended send times after the start, ascending, of each cell's well-formed records, by the cell's key."""
    columns = workload.columns(0, workload.total_records)
    well_formed = np.flatnonzero(~columns.malformed)
    numbers = workload.locations.key(columns.windows_s, columns.cells)[well_formed]
    order = np.argsort(numbers, kind="stable")
    keys, starts = np.unique(numbers[order], return_index=True)
    parts = np.split(columns.offsets_ns[well_formed][order], starts[1:])
    return {
        encode_key(workload.locations.cell(int(key))).decode("ascii"): part
        for key, part in zip(keys, parts, strict=True)
    }
