"""Sweeps whose answers and pages are tested."""

from __future__ import annotations

from typing import Any

from harness.experiments.sweep import _compare_with_baseline
from harness.numerics.search import Kind
from harness.results.correctness import Verdict
from harness.results.sweep import Sweep, SweepAnswer, SweepAttempt, SweepEngine
from tests.builders.hosts import QUIET
from tests.builders.results import make_engine as make_run_engine
from tests.builders.results import make_environment


def make_sweep(*engines: SweepEngine) -> Sweep:
    """A finished sweep of `engines`."""
    _compare_with_baseline(list(engines))
    return Sweep(
        sweep_id="sweep-1",
        key="0123",
        finished=True,
        started_at="2025-10-09T08:53:20Z",
        finished_at="2025-10-09T08:59:02Z",
        command=["ringbench", "sweep"],
        scenario={},
        p99_bound_ms=5000,
        resolution=0.1,
        confirm_duration_s=60,
        environment=make_environment(),
        engines=list(engines),
    )


def make_engine(name: str, rate: int | None, failed: int | None, limited: int | None = None) -> SweepEngine:
    """An engine whose search has ended."""
    answer = SweepAnswer(
        rate_records_per_s=rate,
        failed_records_per_s=failed,
        limited_records_per_s=limited,
        at_least=failed is None,
        knee_records_per_s=None,
    )
    return SweepEngine(name=name, version="1", attempts=[], answer=answer)


def searched() -> Sweep:
    """Two engines with all that a sweep measures: one whose limit is a bracket, and one that failed at no rate."""
    measured = {
        name: getattr(make_run_engine("flink", 18).trials[0], name) for name in ("latency_ms", "cost", "generator")
    }
    busy = QUIET.model_copy(update={"stolen_share": 0.3})
    flink, baseline = make_engine("flink", 90_000, 120_000), make_engine("baseline", 150_000, None, 200_000)
    for engine, rates, host in ((flink, (60_000, 90_000), QUIET), (baseline, (100_000, 150_000), busy)):
        engine.attempts += [make_attempt(rate, host=host, **measured) for rate in rates]
    flink.attempts.append(make_attempt(120_000, "engine", **measured))
    baseline.attempts.append(make_attempt(200_000, "harness"))
    sweep = make_sweep(flink, baseline)
    return sweep.model_copy(update={"scenario": {"name": "sweep", "limits": {"host_marked_share": 0.1}}})


def make_attempt(rate: int, limited_by: str | None = None, kind: Kind = Kind.PROBE, **changes: Any) -> SweepAttempt:
    """An attempt at a rate, which was sustained if nobody is to blame."""
    fields = {
        "kind": kind,
        "rate_records_per_s": rate,
        "sustained": limited_by is None,
        "reasons": [f"{limited_by} at {rate}"] if limited_by else [],
        "limited_by": limited_by,
        "verdict": Verdict.PASS,
        **dict.fromkeys(("latency_ms", "lag_growth_records_per_s", "sustained_records_per_s", "drain_s", "cost")),
        "generator": None,
    }
    return SweepAttempt(**fields | changes)
