"""Judges what a soak test has read: for each process and resource, from when on it may grow no more, and how it did."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.experiments.soak.resources import (
    CHECKPOINT,
    DATA,
    DESCRIPTORS,
    DISK,
    KEYS,
    LOG,
    MEMORY,
    RUN,
    STREAM,
    THREADS,
    ResourceSeries,
)
from harness.numerics.intervals import adjusted
from harness.numerics.leaks import SHORTEST_S, LeakBounds, Stretch, growth_per_hour, leaks, stretches
from harness.results.soak import SoakGrowth

#: By resource: growth over the time that is judged which is no leak, in the resource's unit.
LEAST_GROWTH: dict[str, float] = {
    MEMORY: 16 * 2**20,
    DESCRIPTORS: 8,
    THREADS: 8,
    KEYS: 60,
    DATA: 8 * 2**20,
    CHECKPOINT: 4 * 2**20,
    LOG: 64 * 2**20,
    DISK: 64 * 2**20,
}
#: After what was allowed for late records, a process has all it needs, but for the ones below.
SETTLE_S = 60.0
#: A JVM's heap grows until it is collected as a whole, and engines keep so many old checkpoints.
SETTLE_JVM_S = 600.0
#: The probe keeps the latencies of so long a time: `harness.workers.probe.KEPT_SECONDS`.
SETTLE_PROBE_S = 120.0
#: After what Kafka keeps, segments go away by and by; it holds the files of all of them open.
SETTLE_LOG_S = 180.0


@dataclass(frozen=True)
class _Settled:
    """From when on each resource is judged."""

    lateness_s: float
    kept_s: float
    java: bool

    def after_s(self, process: str, resource: str, number: int) -> float:
        """Seconds from the start of a process; it is the trial's of that `number`, from 0."""
        usual_s = SETTLE_S + self.lateness_s
        if resource in (LOG, DISK) or (process, resource) == ("kafka", DESCRIPTORS):
            return self.kept_s + SETTLE_LOG_S
        if process == "redis" and (resource in (MEMORY, DATA) or (resource == KEYS and number)):
            return self.kept_s + usual_s
        jvm = process in ("kafka", "s3") or (process == "engine" and self.java)
        if jvm and resource in (MEMORY, CHECKPOINT):
            return SETTLE_JVM_S
        return usual_s + SETTLE_PROBE_S * ((process, resource) == ("probe", MEMORY))


def growths(
    readings: ResourceSeries,
    bounds: LeakBounds,
    *,
    warmup_s: int,
    lateness_s: float,
    kept_s: float,
    java: bool,
    disturbed: Sequence[tuple[float, float]],
    confidence: float,
) -> list[SoakGrowth]:
    """How each resource grew, and whether it leaks; `bounds` are those of all but for the least growth.

    Args:
        readings: of one trial.
        bounds: what is allowed.
        warmup_s, lateness_s, kept_s: of the trial: see `harness.experiments.soak.resources.Verifier`.
        java: whether the engine is on a JVM.
        disturbed: times, from and to, of faults and of recovering from them.
        confidence: of all intervals together.
    """
    settled = _Settled(lateness_s, kept_s, java)
    found: dict[tuple[str, str], list[Stretch]] = {}
    for process, resource in sorted(readings.values):
        if resource in LEAST_GROWTH:
            found[process, resource] = _stretches(readings, process, resource, settled, disturbed, warmup_s)
    judged = sum(stretch.is_long_enough for each in found.values() for stretch in each)
    each_confidence = adjusted(confidence, max(1, judged))
    return [
        _growth(process, resource, own, bounds.percent_per_hour, each_confidence)
        for (process, resource), own in found.items()
    ]


def _stretches(
    readings: ResourceSeries,
    process: str,
    resource: str,
    settled: _Settled,
    disturbed: Sequence[tuple[float, float]],
    warmup_s: int,
) -> list[Stretch]:
    # Files outlive the processes that write them.
    lasting = process == RUN or resource in (CHECKPOINT, LOG)
    starts_s = readings.starts_s.get(process, [])
    if lasting or not starts_s:
        starts_s = readings.t_s[:1]
    times_s = np.array(readings.t_s)
    values = np.array([np.nan if value is None else value for value in readings.values[process, resource]])
    less = values - _by_design(readings, process, resource, settled.kept_s, warmup_s)
    there = np.isfinite(less)
    settle_s = [settled.after_s(process, resource, number) for number in range(len(starts_s))]
    chosen = [each & there for each in stretches(times_s, starts_s, settle_s, disturbed)]
    return [Stretch(times_s[own], less[own], float(np.median(values[own])) if own.any() else 0.0) for own in chosen]


def _by_design(
    readings: ResourceSeries, process: str, resource: str, kept_s: float, warmup_s: int
) -> NDArray[np.float64]:
    """What the resource has grown to by design at each reading: Redis's windows, and its stream until it is full."""
    design = np.zeros(len(readings.t_s))
    if (process, resource) == ("redis", KEYS):
        design += np.minimum(np.maximum(np.array(readings.t_s) + warmup_s, 0.0), kept_s)
    stream = readings.values.get(("redis", STREAM))
    if stream and process == "redis" and resource in (MEMORY, DATA):
        design += np.array([np.nan if value is None else value for value in stream])
    return design


def _growth(
    process: str, resource: str, own: Sequence[Stretch], percent_per_hour: float, confidence: float
) -> SoakGrowth:
    """The growth of the stretch that leaks, or of the longest."""
    name = process.replace("_", " ")
    bounds = LeakBounds(percent_per_hour, LEAST_GROWTH[resource])
    judged = [(stretch, growth_per_hour(stretch, confidence)) for stretch in own if stretch.is_long_enough]
    if not judged:
        longest_s = max((stretch.length_s for stretch in own), default=0.0)
        why = f"{longest_s:,.0f} s after it had settled; {SHORTEST_S:,.0f} s are needed"
        return SoakGrowth(process=name, resource=resource, verdict="not judged", why=why)
    leaking = [each for each in judged if leaks(each[0], bounds, each[1])]
    stretch, growth = max(leaking or judged, key=lambda each: each[0].length_s)
    share = growth.estimate / stretch.level * 100 if stretch.level else float("inf")
    why = f"{resource} of {name} grows by {share:,.0f} % an hour, of which {percent_per_hour:g} % are allowed"
    return SoakGrowth(
        process=name,
        resource=resource,
        verdict="fail" if leaking else "pass",
        why=why if leaking else "",
        from_s=float(stretch.times_s[0]),
        to_s=float(stretch.times_s[-1]),
        level=stretch.level,
        growth_per_hour=growth.estimate,
        growth_per_hour_low=growth.low,
        growth_per_hour_high=growth.high,
    )
