"""When things are due and when they happened, in seconds after the start of the measured time."""

import time
from dataclasses import replace

from harness.trial.outcome import Trial
from workloads.profiles import NANOSECONDS_PER_S
from workloads.replay import open_workload
from workloads.workload import WorkloadSpecification


class Timeline:
    """The course of one trial's load, as planned or as it is since it was ended early.

    Attributes:
        workload: what is sent in all.
        malformed_records: how many of its records are malformed.
    """

    def __init__(self, trial: Trial, workload: WorkloadSpecification, malformed_records: int) -> None:
        self._trial = trial
        self.workload, self.malformed_records = workload, malformed_records

    def now_s(self) -> float:
        """Now, in seconds after the start of the measured time."""
        return self.measured_s(time.time_ns())

    def measured_s(self, at_ns: int) -> float:
        """A moment of the wall clock, in seconds after the start of the measured time."""
        return (at_ns - self._trial.anchor_ns) / NANOSECONDS_PER_S - self.workload.warmup_s

    def end_early(self, duration_s: int, malformed_records: int) -> None:
        """Take in that the measured time is `duration_s` long, with so many malformed records until then."""
        self._trial.duration_s, self.malformed_records = duration_s, malformed_records
        self.workload = replace(self.workload, duration_s=duration_s)

    def last_due_s(self) -> float:
        """When the last record was due, on the wall clock."""
        workload = open_workload(self.workload)
        offset_ns = int(workload.offsets_ns(workload.total_records - 1, workload.total_records)[0])
        return (self._trial.anchor_ns + offset_ns) / NANOSECONDS_PER_S

    def end_s(self) -> float:
        """When the measured time ends, on the wall clock."""
        return self._trial.anchor_ns / NANOSECONDS_PER_S + self.workload.warmup_s + self.workload.duration_s
