"""Whether a rate was sustained, and whose fault it was if not.

Sustainable throughput (Karimov et al., ICDE 2018) is the highest rate that a system takes without its backlog growing.
Throughput alone does not tell: here, lag must not grow, latency must be in bound, the backlog must be gone soon after
the load, every count must be right, and the generator must have kept its schedule.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.result import TrialResult, Verdict
from harness.statistics import MIN_SLOTS, Interval, lag_slope
from harness.trial import Trial, View
from workloads.profiles import NANOSECONDS_PER_S
from workloads.workload import Workload

ENGINE, HARNESS = "engine", "harness"
#: Growth of the lag below this share of the rate is not growth: it would take minutes to show in latency.
TOLERATED_GROWTH = 0.01
#: What a trial knows of its workers is up to half a second old, and as old again when it looks.
NEWS_AGE_S = 1.0
#: So many readings in a row must be out of bound before a trial is broken off: more than 1 % of any measured time here.
READINGS_OUT_OF_BOUND = 8


@dataclass
class Overload:
    """Breaks a trial off that cannot be in bound any more, as a `harness.trial.Meddler`: it spares the drain.

    Attributes:
        workload: what is sent.
        bound_s: the bound on p99, in seconds.
        malformed_share: share of the records that never become visible.
        blamed: ENGINE or HARNESS once the trial was broken off.
    """

    workload: Workload
    bound_s: float
    malformed_share: float = 0.0
    blamed: str = ""
    _out: dict[str, int] = field(default_factory=lambda: {ENGINE: 0, HARNESS: 0})

    def __call__(self, view: View) -> str:
        """Why to break the trial off, or "". A lag of more records than come within the bound means p99 beyond it."""
        rate, longest_s = self.workload.specification.rate_records_per_s, self.bound_s + NEWS_AGE_S
        due_ns = int((view.t_s + self.workload.specification.warmup_s) * NANOSECONDS_PER_S)
        behind = {
            ENGINE: view.acked_records * (1 - self.malformed_share) - view.visible_records,
            HARNESS: self.workload.due_before(due_ns) - view.acked_records,
        }
        for who, records in behind.items():
            self._out[who] = self._out[who] + 1 if view.t_s >= 0 and records > longest_s * rate else 0
            if self._out[who] >= READINGS_OUT_OF_BOUND:
                self.blamed = who
                what = "the engine's lag" if who == ENGINE else "what the generator could not send"
                return f"broken off: {what} was {records:,.0f} records, over {longest_s:g} s of load"
        return ""


def growth(result: TrialResult) -> Interval | None:
    """Growth of the lag over the measured time in records per second; None with too few readings."""
    measured = [sample for sample in result.series if sample.t_s >= 0 and sample.sent_records]
    # After the load the lag falls, and says nothing of whether it grew under it.
    last = next((at for at, sample in enumerate(measured) if sample.sent_records == measured[-1].sent_records), 0)
    measured = measured[: last + 1]
    if len(measured) < MIN_SLOTS:
        return None
    return lag_slope([sample.t_s for sample in measured], [float(sample.lag_records) for sample in measured])


def faults(
    trial: Trial, result: TrialResult, invalid: list[str], rate: int, bound_ms: float, overload: Overload
) -> Iterator[tuple[str, str]]:
    """Why the rate was not sustained, each reason with whose fault it was; none if it was sustained.

    Args:
        trial, result: what came of it.
        invalid: what speaks against the measurement itself.
        rate: records per second.
        bound_ms: the bound on p99.
        overload: what watched over the trial.
    """
    if trial.broken_off:
        yield overload.blamed, trial.broken_off
        return
    yield from ((HARNESS, reason) for reason in invalid)
    if result.verdict is not Verdict.PASS:
        yield ENGINE, f"verdict {result.verdict.value}: {'; '.join(result.reasons)}"
    if result.latency_ms is None:
        yield ENGINE, "no latency was measured"
    elif result.latency_ms.p99 > bound_ms:
        yield ENGINE, f"latency p99 {result.latency_ms.p99:,.0f} ms, bound {bound_ms:,.0f} ms"
    found = growth(result)
    if found and found.low > 0 and found.estimate > TOLERATED_GROWTH * rate:
        yield ENGINE, f"lag grew by {found.estimate:,.0f} records/s ({found.low:,.0f} to {found.high:,.0f})"
    if result.drain_s is not None and result.drain_s * 1000 > bound_ms:
        yield ENGINE, f"the backlog took {result.drain_s:.1f} s to drain, bound {bound_ms / 1000:g} s"
