"""Finds each engine's highest sustainable rate: doubling, bisection, and a longer run that confirms the answer."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.attempt import attempt, find_unfinished, key_of
from harness.engines import check_route
from harness.errors import UsageError
from harness.headline import BASELINE
from harness.placement import check_cores
from harness.result import TrialResult
from harness.scenario import Scenario
from harness.search import Answer, Attempt, Kind, Next, Plan, next_step
from harness.session import Session, SessionOptions, new_run_id, open_session
from harness.statistics import knee
from harness.sustainable import HARNESS, faults, growth
from harness.sweep_result import (
    LagGrowth,
    Sweep,
    SweepAnswer,
    SweepAttempt,
    SweepEngine,
    load_sweep,
    save_sweep,
)
from harness.trial import Trial
from harness.watch import ConsoleWatcher

PREFIX = "sweep-"


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """What to search, besides the scenario.

    Attributes:
        p99_bound_ms: a rate with a greater p99 is not sustained.
        resolution: see `harness.search.Plan`.
        lowest, highest: rates in records per second where the search ends.
        confirm_duration_s: measured time of the run that confirms the answer.
        fresh: begin anew, even if an unfinished sweep of the same kind is there.
    """

    p99_bound_ms: float = 5000.0
    resolution: float = 1.2
    lowest: int = 1000
    highest: int = 2_000_000
    confirm_duration_s: int = 40
    fresh: bool = False


def sweep(
    scenario: Scenario, search: SweepOptions, options: SessionOptions, watcher: ConsoleWatcher
) -> tuple[Sweep, Path]:
    """Search every engine of `scenario`, saving after every attempt; go on with an unfinished sweep, if there is one.

    Returns: the sweep, and its directory.

    Raises:
        UsageError: the rates make no sense, or the scenario has surges, a profile or faults.
        ConfigurationError: an engine does not have the scenario's route.
        RingbenchError: an attempt could not take place.
    """
    scenario.refuse_input("sweep")
    scenario.refuse_query("`ringbench sweep`", "measures counts only")
    scenario.refuse_cluster("sweep")
    check_cores(scenario, options.engine_paths)
    if not search.lowest <= scenario.rate_records_per_s <= search.highest:
        raise UsageError(
            f"the first rate, {scenario.rate_records_per_s:,} records/s, is not between the lowest, {search.lowest:,}, "
            f"and the highest, {search.highest:,}",
            fix="change --start-rate, --lowest-rate or --highest-rate",
        )
    scenario.refuse_varying_rate("a sweep looks for one constant rate")
    scenario.refuse_faults("sweep", "a rate that is not held under faults says nothing of the engine's own limit")
    check_route(scenario.engines, scenario.route, options.engine_paths)
    key = key_of(scenario, search)
    unfinished = None if search.fresh else find_unfinished(options.runs_dir, f"{PREFIX}*/sweep.json", key, load_sweep)
    sweep_id = unfinished.sweep_id if unfinished else new_run_id(PREFIX)
    directory = options.runs_dir / sweep_id
    with open_session(sweep_id, scenario.engines, options, watcher) as session:
        found = unfinished or _new(session, key, scenario, search)
        if unfinished:
            attempts = sum(len(engine.attempts) for engine in found.engines)
            watcher.note(f"going on with {sweep_id}, {attempts} attempts of which are done")
        for engine in found.engines:
            _search(session, engine, found, scenario, search, directory)
        _compare_with_baseline(found.engines)
        found.finished, found.finished_at = True, datetime.now(UTC).isoformat(timespec="seconds")
        save_sweep(found, directory)
        if options.keep_logs:
            session.keep_logs(directory / "logs")
    return found, directory


def _compare_with_baseline(engines: list[SweepEngine]) -> None:
    """Note each other engine's sustained rate over the baseline's, where that says anything."""
    answers = {each.name: each.answer for each in engines if each.answer and each.answer.rate_records_per_s}
    baseline = answers.pop(BASELINE, None)
    for engine in engines:
        answer = answers.get(engine.name)
        if baseline and answer and not (baseline.at_least and answer.at_least):
            engine.rate_to_baseline = (answer.rate_records_per_s or 0) / (baseline.rate_records_per_s or 1)


def _new(session: Session, key: str, scenario: Scenario, search: SweepOptions) -> Sweep:
    return Sweep(
        sweep_id=session.run_id,
        key=key,
        finished=False,
        started_at=session.started_at.isoformat(timespec="seconds"),
        finished_at=None,
        command=session.options.command,
        scenario=scenario.model_dump(),
        p99_bound_ms=search.p99_bound_ms,
        resolution=search.resolution,
        confirm_duration_s=search.confirm_duration_s,
        environment=session.fingerprint(),
        engines=[SweepEngine(name=name, version=None, attempts=[], answer=None) for name in scenario.engines],
    )


def _search(
    session: Session, engine: SweepEngine, found: Sweep, scenario: Scenario, search: SweepOptions, directory: Path
) -> None:
    """Make attempts until the engine's search has ended."""
    plan = Plan(scenario.rate_records_per_s, search.lowest, search.highest, search.resolution)
    while engine.answer is None:
        step = next_step(_attempts(engine), plan)
        if isinstance(step, Answer):
            engine.answer = _answer(engine, step)
        else:
            attempted, trial = _attempt(session, engine, step, scenario, search)
            engine.attempts.append(attempted)
            engine.version = trial.version or engine.version
            session.watcher.note("; ".join(attempted.reasons) or f"{step.rate:,} records/s: sustained")
        save_sweep(found, directory)


def _attempts(engine: SweepEngine) -> list[Attempt]:
    return [Attempt(each.kind, each.rate_records_per_s, each.sustained) for each in engine.attempts]


def _attempt(
    session: Session, engine: SweepEngine, step: Next, scenario: Scenario, search: SweepOptions
) -> tuple[SweepAttempt, Trial]:
    duration_s = search.confirm_duration_s if step.kind is Kind.CONFIRM else scenario.duration_s
    warmup_rate = min(scenario.warmup_rate_records_per_s, step.rate)
    rates = {"rate_records_per_s": step.rate, "warmup_rate_records_per_s": warmup_rate}
    scenario = scenario.model_copy(update=rates | {"duration_s": duration_s})
    session.watcher.note(f"{engine.name}: {step.kind.value} at {step.rate:,} records/s for {duration_s} s")
    made = attempt(session, scenario, engine.name, len(engine.attempts) + 1, search.p99_bound_ms)
    reasons = list(faults(made.trial, made.result, made.invalid, step.rate, search.p99_bound_ms, made.overload))
    return _saved(step, made.result, reasons), made.trial


def _saved(step: Next, result: TrialResult, reasons: list[tuple[str, str]]) -> SweepAttempt:
    lag = growth(result)
    throughput = result.throughput_records_per_s
    return SweepAttempt(
        kind=step.kind,
        rate_records_per_s=step.rate,
        sustained=not reasons,
        reasons=[reason for _, reason in reasons],
        limited_by=reasons[0][0] if reasons else None,
        verdict=result.verdict,
        latency_ms=result.latency_ms,
        lag_growth_records_per_s=LagGrowth(estimate=lag.estimate, low=lag.low, high=lag.high) if lag else None,
        sustained_records_per_s=throughput.sustained if throughput else None,
        drain_s=result.drain_s,
        cost=result.cost,
        generator=result.generator,
    )


def _answer(engine: SweepEngine, answer: Answer) -> SweepAnswer:
    failed = [each for each in engine.attempts if each.rate_records_per_s == answer.failed_rate and not each.sustained]
    curve = latency_curve(engine)
    bend = knee([rate for rate, _ in curve], [p99_ms for _, p99_ms in curve])
    return SweepAnswer(
        rate_records_per_s=answer.rate,
        failed_records_per_s=answer.failed_rate,
        at_least=not failed or any(each.limited_by == HARNESS for each in failed),
        knee_records_per_s=None if bend is None else curve[bend][0],
    )


def latency_curve(engine: SweepEngine) -> list[tuple[int, float]]:
    """(records per second, p99 in ms) by rising rate, of what was not broken off; of a rate, the last attempt."""
    by_rate: dict[int, float] = {}
    for each in engine.attempts:
        if each.latency_ms:
            by_rate[each.rate_records_per_s] = each.latency_ms.p99
    return sorted(by_rate.items())
