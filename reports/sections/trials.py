"""The single trials of a run, in their order."""

from __future__ import annotations

from harness.results.performance import SteadyState, Warmth
from harness.results.result import EngineResult, Result, TrialResult
from reports.wording.cautions import change_of
from reports.wording.numbers import NOT_MEASURED, decimal, milliseconds
from reports.wording.summary import NOTHING_COMPILED
from reports.wording.tables import Section, Table

COLUMNS = (
    "trial",
    "block",
    "engine",
    "verdict",
    "p50, ms",
    "p99, ms",
    "CPU-s per million",
    "warm",
    "settled",
    "latency, change",
    "CPU, change",
    "clock step, ms",
)


def trials_section(result: Result) -> Section | None:
    """The section on the trials; None if no engine has more than one."""
    if all(len(engine.trials) < 2 for engine in result.engines):
        return None
    trials = [(engine, trial) for engine in result.engines for trial in engine.trials]
    rows = tuple(_row(*each) for each in sorted(trials, key=lambda each: each[1].number))
    caption = (
        "Trials in their order; in each block, every engine has one. Warm: whether the compilers of its JVMs had done "
        "their work by the end of the warm-up. Settled: whether latency and CPU time per second "
        "were steady from the end of the warm-up on, by this trial alone. Change: over the measured time, with its "
        "80 % interval. Clock step: how far the wall clock moved against the monotonic clock."
    )
    return Section("Trials", "trials", (Table(caption, COLUMNS, rows, words=frozenset({0, 2, 3, 7, 8, 9, 10})),))


def _row(engine: EngineResult, trial: TrialResult) -> tuple[str, ...]:
    latency, cost = trial.latency_ms, trial.cost
    return (
        str(trial.number),
        str(trial.block),
        engine.name,
        trial.verdict.value,
        milliseconds(latency.p50) if latency else NOT_MEASURED,
        milliseconds(latency.p99) if latency else NOT_MEASURED,
        decimal(cost.cpu_s_per_million_records) if cost else NOT_MEASURED,
        _warm(trial.warmth),
        _settled(trial.steady),
        change_of([trial], lambda each: each.latency),
        change_of([trial], lambda each: each.cpu),
        # Processes are read from the start of the load on, and so is the clock.
        NOT_MEASURED if trial.clock_step_ms is None else f"{trial.clock_step_ms:.2f}",
    )


def _warm(warmth: Warmth | None) -> str:
    if warmth is None:
        return NOTHING_COMPILED
    return "yes" if warmth.warm else f"no ({warmth.compiler_cores:.2f} cores)"


def _settled(steady: SteadyState | None) -> str:
    if steady is None:
        return NOT_MEASURED
    if steady.settled is None:
        return "cannot tell"
    return "yes" if steady.settled else "no"
