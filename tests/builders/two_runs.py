"""Two runs to be compared, whose figures are about `TYPICAL`, and what a comparison of them said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

import numpy as np
from rich.console import Console

from harness.conclusions.gate import Gate
from harness.conclusions.gate_figures import FigureChange, Status
from harness.conclusions.headline_figures import GATED, HEADLINES
from harness.numerics.intervals import MIN_TRIALS
from harness.results.correctness import Verdict
from harness.results.result import EngineResult, Result, TrialResult
from reports.documents.gate import gate_table
from tests.builders.results import make_engine, make_result

ATTACK = "<script>alert(1)</script> | [x](http://example.com) [bold]`$x_1$"
NOISE = 0.02
#: What each figure is about, in its unit; so much that no resolution hides a change of a few percent.
TYPICAL = {
    "latency_ms_p50": 180.0,
    "latency_ms_p99": 410.0,
    "latency_ms_p999": 530.0,
    "latency_ms_mean": 195.0,
    "throughput_records_per_s_sustained": 5990.0,
    "cpu_s_per_million_records": 104.0,
    "rss_bytes_peak": 4.4e8,
}
SCENARIO = {"name": "nightly", "seed": 42, "rate_records_per_s": 6000, "parallelism": 2, "limits": {"quiet_s": 15.0}}


def noisy(about: float, seed: int, *, trials: int = MIN_TRIALS, noise: float = NOISE) -> list[float]:
    """Log-normal figures whose geometric mean is exactly `about`."""
    logs = np.random.default_rng(seed).normal(0, noise, trials)
    return [about * math.exp(each) for each in logs - logs.mean()]


def with_figure(trial: TrialResult, name: str, value: float | None) -> TrialResult:
    """`trial` with one of its headline figures replaced; None takes away the part that holds it."""
    part, field = {
        "throughput_records_per_s_sustained": ("throughput_records_per_s", "sustained"),
        "cpu_s_per_million_records": ("cost", "cpu_s_per_million_records"),
        "rss_bytes_peak": ("cost", "rss_bytes_peak"),
    }.get(name, ("latency_ms", name.removeprefix("latency_ms_")))
    found = getattr(trial, part)
    if found is None or value is None:
        return trial.model_copy(update={part: None})
    counted = round(value) if name == "rss_bytes_peak" else value
    return trial.model_copy(update={part: found.model_copy(update={field: counted})})


def engine_with(figures: Mapping[str, Sequence[float | None]], base: EngineResult) -> EngineResult:
    """`base` with the figures of its trials replaced."""
    trials = list(base.trials)
    for name, values in figures.items():
        trials = [with_figure(trial, name, value) for trial, value in zip(trials, values, strict=True)]
    return base.model_copy(update={"trials": trials})


def run(
    factors: Mapping[str, float] | None = None,
    *,
    seed: int = 1,
    trials: int = MIN_TRIALS,
    name: str = "flink",
    noise: float = NOISE,
    **figures: Sequence[float | None],
) -> Result:
    """A run of one engine with `TYPICAL` figures times `factors`, or exactly the given figures."""
    drawn = {
        of: noisy(about * (factors or {}).get(of, 1), seed * 100 + place, trials=trials, noise=noise)
        for place, (of, about) in enumerate(TYPICAL.items())
    }
    engine = engine_with(drawn | figures, make_engine("flink", 180, trials=trials)).model_copy(update={"name": name})
    return make_result(engines=[engine]).model_copy(update={"run_id": f"run-{seed}", "scenario": dict(SCENARIO)})


#: The figures of `TYPICAL` that can fail a build, unless others are asked for.
GATED_OF_COUNTS = [each for each in HEADLINES if each in GATED]


def of(found: Gate, figure: str) -> FigureChange:
    return next(change for change in found.changes if change.figure == figure)


def statuses(found: Gate) -> dict[str, Status]:
    """Of the gated figures."""
    return {change.figure: change.status for change in found.changes if change.gated}


def with_engines(result: Result, *engines: EngineResult) -> Result:
    return result.model_copy(update={"engines": list(engines)})


def with_verdict(result: Result, verdict: Verdict) -> Result:
    return with_engines(result, result.engines[0].model_copy(update={"verdict": verdict}))


def with_environment(result: Result, **fields: Any) -> Result:
    return result.model_copy(update={"environment": result.environment.model_copy(update=fields)})


def with_scenario(result: Result, **keys: Any) -> Result:
    return result.model_copy(update={"scenario": result.scenario | keys})


OLD_RUN = run()


def shown(found: Gate) -> str:
    """What the terminal shows, as one line."""
    return " ".join(terminal(found).split())


def terminal(found: Gate) -> str:
    console = Console(file=StringIO(), width=80)
    console.print(gate_table(found))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()
