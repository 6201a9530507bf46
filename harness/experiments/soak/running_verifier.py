"""Counts verified while a soak goes on."""

from collections.abc import Sequence

import redis

from engines.contract.aggregate import Cell
from harness.clients.redis_contents import read_windows
from harness.evaluation.counts import compare
from harness.evaluation.fault_outcomes import wrong_cells
from harness.evaluation.pooling import total_correctness
from harness.experiments.soak.resources import REDIS_TIMEOUT_S, disturbed
from harness.faults.plan import DueFault
from harness.results.correctness import Correctness
from harness.results.resilience import WrongCell
from harness.services.backing import Backing
from workloads.truth import counts_between
from workloads.workload import Workload

#: Windows are verified so many at a time.
VERIFIED_AT_ONCE_S = 60
#: A window is looked at when it is older than the allowed lateness by this, and once more when it is twice as old.
VERIFIED_AFTER_S = 120
#: What can change no more is kept for some time after it was to be verified.
KEPT_AFTER_S = 300
#: Wrong cells are kept up to so many, to be put down to faults; all are counted.
MAX_WRONG_CELLS = 100_000


class Verifier:
    """Verifies windows once they can change no more, so that neither Redis nor anybody has to keep all of a long run.

    What is wrong is looked at once more, when it is older still: then, it counts as wrong.

    Attributes:
        until_s: seconds of the load, from its start, whose windows have been verified.
        parts: what came of them; None before the first.
        wrong: cells whose counts are wrong, up to `MAX_WRONG_CELLS`.
    """

    def __init__(self, workload: Workload, backing: Backing, planned: Sequence[DueFault]) -> None:
        self._workload, self._backing, self._disturbed = workload, backing, disturbed(planned)
        spec = workload.specification
        self._age_s = spec.allowed_lateness_ms / 1000 + VERIFIED_AFTER_S
        self.until_s = 0
        self.parts: Correctness | None = None
        self.wrong: list[WrongCell] = []

    @property
    def kept_s(self) -> int:
        """For how long Redis must keep a window after its last change, and Kafka what was sent."""
        return int(2 * self._age_s) + VERIFIED_AT_ONCE_S + KEPT_AFTER_S

    def look(self, t_s: float) -> None:
        """Verify the next windows, if they are old enough, and no fault may keep them from being there."""
        spec = self._workload.specification
        end_s = self.until_s + VERIFIED_AT_ONCE_S
        age_s = t_s + spec.warmup_s - end_s
        if age_s < self._age_s or any(start_s <= t_s <= over_s for start_s, over_s in self._disturbed):
            return
        windows_s = range(spec.epoch_s + self.until_s, spec.epoch_s + end_s)
        try:
            observed = read_windows(
                self._backing.redis_url, self._backing.namespace, windows_s, timeout_s=REDIS_TIMEOUT_S
            )
        except redis.RedisError:
            return
        expected = counts_between(self._workload, self.until_s, end_s)
        if observed == expected or age_s >= 2 * self._age_s:
            self._take(expected, observed)
            self.until_s = end_s

    def _take(self, expected: dict[Cell, int], observed: dict[Cell, int]) -> None:
        found = compare(expected, observed, expected_dead_letters=[], observed_dead_letters=[])
        self.parts = found if self.parts is None else total_correctness([self.parts, found])
        self.wrong += wrong_cells(expected, observed)[: MAX_WRONG_CELLS - len(self.wrong)]
