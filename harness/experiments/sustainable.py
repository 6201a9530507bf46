"""Whether a rate was sustained, and whose fault it was if not.

Sustainable throughput (Karimov et al., ICDE 2018) is the highest rate that a system takes without its backlog growing.
Throughput alone does not tell: here, lag must not grow, latency must be in bound, the backlog must be gone soon after
the load, every count must be right, and the generator must have kept its schedule.

The engine is to blame for what is out of bound without the delays of the others, too: those of generator and broker
before it, and of the Redis writer and Redis behind it. They are taken at their greatest, so that the doubt is for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness.measurement.delivery import Delays, input_delays
from harness.numerics.intervals import Interval
from harness.numerics.trends import MIN_SLOTS, lag_slope
from harness.results.correctness import Verdict
from harness.results.result import TrialResult
from harness.trial.options import View
from harness.trial.outcome import Trial
from workloads.profiles import NANOSECONDS_PER_S
from workloads.workload import Workload

#: Whose fault it was. All that is not the engine is the harness: generator, broker, writer and Redis, and the host.
ENGINE, HARNESS = "engine", "harness"
#: Growth of the lag below this share of the rate is not growth: it would take minutes to show in latency.
TOLERATED_GROWTH = 0.01
#: What a trial knows of its workers is up to half a second old, and as old again when it looks.
NEWS_AGE_S = 1.0
#: So many readings in a row must be out of bound before a trial is broken off: more than 1 % of any measured time here.
READINGS_OUT_OF_BOUND = 8

_WHAT = ("the engine's lag", "what the generator could not send", "what the Redis writer had not taken to Redis")


@dataclass
class Overload:
    """Breaks a trial off that cannot be in bound any more, as a `harness.trial.runner.Meddler`: it spares the drain.

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
    _out: list[int] = field(default_factory=lambda: [0] * len(_WHAT))

    def __call__(self, view: View) -> str:
        """Why to break the trial off, or "". A lag of more records than come within the bound means p99 beyond it.

        What is with the Redis writer is no lag of the engine's. If neither is beyond the bound, but both together are,
        the trial goes on: its end shows more.
        """
        rate, longest_s = self.workload.specification.rate_records_per_s, self.bound_s + NEWS_AGE_S
        due_ns = int((view.t_s + self.workload.specification.warmup_s) * NANOSECONDS_PER_S)
        in_sink = rate * view.sink_delay_ms / 1000
        behind = (
            view.acked_records * (1 - self.malformed_share) - view.visible_records - in_sink,
            self.workload.due_before(due_ns) - view.acked_records,
            in_sink,
        )
        for number, records in enumerate(behind):
            self._out[number] = self._out[number] + 1 if view.t_s >= 0 and records > longest_s * rate else 0
            if self._out[number] >= READINGS_OUT_OF_BOUND:
                self.blamed = HARNESS if number else ENGINE
                return f"broken off: {_WHAT[number]} was {records:,.0f} records, over {longest_s:g} s of load"
        return ""


@dataclass(frozen=True)
class OthersDelays:
    """How late all but the engine was in a trial.

    Attributes:
        input: with the records, by generator and broker (the hops `send` and `append`).
        sink: with the engine's updates, by the Redis writer and Redis; without any, if the engine writes by itself.
    """

    input: Delays
    sink: Delays

    @classmethod
    def of(cls, trial: Trial, workload: Workload) -> "OthersDelays":
        """Those of `trial`, which was sent `workload`; of one that was broken off, until then: no more was sent."""
        found = input_delays(trial.generator_progress, workload)
        if trial.broken_off_s is not None:
            found = found.until(trial.broken_off_s)
        return cls(found, trial.delays.get("redis_writer", Delays()))

    def greatest_ms(self, from_s: float = 0.0) -> float:
        """The greatest of both together, from that time after the start of the measured time on."""
        return sum(each.greatest_ms(from_s) or 0.0 for each in (self.input, self.sink))


def growth(result: TrialResult, sink: Delays | None = None, rate: int = 0) -> Interval | None:
    """Growth of the lag over the measured time in records per second; None with too few readings.

    With `sink`, without what was late by its delays at `rate` records per second.
    """
    measured = [sample for sample in result.series if sample.t_s >= 0 and sample.sent_records]
    # After the load the lag falls, and says nothing of whether it grew under it.
    last = next((at for at, sample in enumerate(measured) if sample.sent_records == measured[-1].sent_records), 0)
    measured = measured[: last + 1]
    if len(measured) < MIN_SLOTS:
        return None
    in_sink = [rate * sink.at(sample.t_s + 1) / 1000 if sink else 0.0 for sample in measured]
    lags = [sample.lag_records - other for sample, other in zip(measured, in_sink, strict=True)]
    return lag_slope([sample.t_s for sample in measured], lags)


def faults(
    trial: Trial,
    result: TrialResult,
    invalid: Sequence[str],
    rate: int,
    bound_ms: float,
    overload: Overload,
) -> list[tuple[str, str]]:
    """Why the rate was not sustained, each reason with whose fault it was; none if it was sustained.

    What decides comes first: what speaks against the measurement itself, then what the engine did whatever others did,
    then what it may not have done without them.

    Args:
        trial, result: what came of it.
        invalid: what speaks against the measurement itself.
        rate: records per second.
        bound_ms: the bound on p99.
        overload: what watched over the trial.
    """
    found = [(overload.blamed, trial.broken_off)] if trial.broken_off else []
    if not trial.broken_off:
        delays = OthersDelays.of(trial, overload.workload)
        found += [*_wrong(result), *_late(result, bound_ms, delays), *_growing(result, rate, delays)]
        found += _draining(result, bound_ms, delays, overload.workload.specification.duration_s)
    return [(HARNESS, reason) for reason in invalid] + sorted(found, key=lambda fault: fault[0] != ENGINE)


def _wrong(result: TrialResult) -> Iterator[tuple[str, str]]:
    if result.verdict is not Verdict.PASS:
        yield ENGINE, f"verdict {result.verdict.value}: {'; '.join(result.reasons)}"
    if result.latency_ms is None:
        yield ENGINE, "no latency was measured"


def _late(result: TrialResult, bound_ms: float, delays: OthersDelays) -> Iterator[tuple[str, str]]:
    if result.latency_ms and (p99_ms := result.latency_ms.p99) > bound_ms:
        others_ms = delays.greatest_ms()
        yield _blame(p99_ms, bound_ms, others_ms, f"latency p99 {p99_ms:,.0f} ms, bound {bound_ms:,.0f} ms")


def _growing(result: TrialResult, rate: int, delays: OthersDelays) -> Iterator[tuple[str, str]]:
    found = growth(result)
    if found is None and result.latency_ms:
        yield HARNESS, f"whether the lag grew was not measured: there are fewer than {MIN_SLOTS} readings of it"
    if found and found.low > 0 and found.estimate > TOLERATED_GROWTH * rate:
        # What the writer tells is noisier than the lag: whether its growth is explained is asked of the estimate alone.
        own = growth(result, delays.sink, rate)
        text = f"lag grew by {found.estimate:,.0f} records/s ({found.low:,.0f} to {found.high:,.0f})"
        if own and own.estimate > TOLERATED_GROWTH * rate:
            yield ENGINE, text
        else:
            yield HARNESS, f"{text}, and did not grow before the Redis writer"


def _draining(
    result: TrialResult, bound_ms: float, delays: OthersDelays, duration_s: float
) -> Iterator[tuple[str, str]]:
    if result.drain_s is not None and (drain_ms := result.drain_s * 1000) > bound_ms:
        text = f"the backlog took {result.drain_s:.1f} s to drain, bound {bound_ms / 1000:g} s"
        yield _blame(drain_ms, bound_ms, delays.greatest_ms(duration_s), text)


def _blame(found_ms: float, bound_ms: float, others_ms: float, text: str) -> tuple[str, str]:
    """Who is to blame for `found_ms` beyond the bound, of which up to `others_ms` are not the engine's."""
    if found_ms - others_ms > bound_ms:
        return ENGINE, text
    return HARNESS, f"{text}; up to {others_ms:,.0f} ms of it were those of generator, broker, Redis writer and Redis"
