"""Finds each contestant's highest sustainable rate: doubling, bisection, and a longer run that confirms the answer.

A rate that failed is tried again, and the answer is the bracket of the rate that held and the rate that failed.
"""

from dataclasses import dataclass
from pathlib import Path

from harness.conclusions.headline_figures import BASELINE
from harness.console.progress import ConsoleWatcher
from harness.errors import UsageError
from harness.experiments.attempt import Attempted, attempt, conclude, find_unfinished, has_failed, key_of
from harness.experiments.sustainable import ENGINE, OthersDelays, faults, growth
from harness.numerics.search import Answer, Attempt, Kind, Next, Plan, next_step
from harness.numerics.trends import MIN_SLOTS, knee
from harness.results.sweep import (
    LagGrowth,
    RateRatio,
    Sweep,
    SweepAnswer,
    SweepAttempt,
    SweepEngine,
    load_sweep,
    save_sweep,
)
from harness.scenarios.refusals import SWEEP
from harness.scenarios.scenario import Scenario
from harness.session.checks import check_scenario
from harness.session.directory import new_run_id, save_somewhere
from harness.session.ending import Ending
from harness.session.options import SessionOptions
from harness.session.session import Session, open_session
from harness.trial.outcome import Trial

PREFIX = "sweep-"


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """What to search, besides the scenario.

    Attributes:
        p99_bound_ms: a rate with a greater p99 is not sustained.
        resolution: see `harness.numerics.search.Plan`.
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
        UsageError: the rates make no sense, the measured time is too short to tell whether the lag grows, or the
            scenario has surges, a profile or faults.
        ConfigurationError: an engine does not have the scenario's route.
        RingbenchError: an attempt could not take place.
    """
    check_scenario(scenario, SWEEP, options, watcher.note)
    if not search.lowest <= scenario.rate_records_per_s <= search.highest:
        raise UsageError(
            f"--start-rate: the first rate, {scenario.rate_records_per_s:,} records/s, is not between the lowest, "
            f"{search.lowest:,}, and the highest, {search.highest:,}",
            fix="change --start-rate, --lowest-rate or --highest-rate",
        )
    _refuse_short("duration_s", "--duration", scenario.duration_s)
    _refuse_short("confirm_duration_s", "--confirm-duration", search.confirm_duration_s)
    key = key_of(scenario, search)
    unfinished = None if search.fresh else find_unfinished(options.runs_dir, f"{PREFIX}*/sweep.json", key, load_sweep)
    sweep_id = unfinished.sweep_id if unfinished else new_run_id(PREFIX)
    directory = options.runs_dir / sweep_id
    with open_session(sweep_id, scenario.engine_names, options, watcher) as session:
        found = unfinished or _new(session, key, scenario, search)
        if unfinished:
            attempts = sum(len(engine.attempts) for engine in found.engines)
            watcher.note(f"going on with {sweep_id}, {attempts} attempts of which are done")
        with Ending(watcher.note, kept=lambda: any(each.attempts for each in found.engines)) as ending:
            for engine in found.engines:
                _search(session, engine, found, scenario, search, ending, directory)
        _compare_with_baseline(found.engines)
        conclude(found, ending)
        save_somewhere(save_sweep, found, directory)
        if options.keep_logs or has_failed(ending):
            session.keep_logs(directory / "logs")
    return found, directory


def _refuse_short(key: str, option: str, duration_s: int) -> None:
    if duration_s < MIN_SLOTS:
        raise UsageError(
            f"{option} ({key}) is {duration_s}: whether the lag grows takes {MIN_SLOTS} s of measured time or more to "
            "tell",
            fix=f"give {option} {MIN_SLOTS} or more",
        )


def _compare_with_baseline(engines: list[SweepEngine]) -> None:
    """Note the bracket of each other engine's limit over the baseline's, where either end is known."""
    answers = {each.name: each.answer for each in engines if each.answer}
    baseline = answers.pop(BASELINE, None)
    for engine in engines:
        if baseline and (answer := answers.get(engine.name)):
            low = _ratio(answer.rate_records_per_s, baseline.above_records_per_s)
            high = _ratio(answer.above_records_per_s, baseline.rate_records_per_s)
            engine.rate_to_baseline = RateRatio(low=low, high=high) if low or high else None


def _ratio(rate: int | None, other: int | None) -> float | None:
    return rate / other if rate and other else None


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
        engines=[
            SweepEngine(name=each.name, engine=each.engine, own=each.own, version=None, attempts=[], answer=None)
            for each in scenario.engines
        ],
    )


def _search(
    session: Session,
    engine: SweepEngine,
    found: Sweep,
    scenario: Scenario,
    search: SweepOptions,
    ending: Ending,
    directory: Path,
) -> None:
    """Make attempts until the engine's search has ended."""
    plan = Plan(scenario.rate_records_per_s, search.lowest, search.highest, search.resolution)
    while engine.answer is None:
        step = next_step(_attempts(engine), plan)
        if isinstance(step, Answer):
            engine.answer = _answer(engine, step)
        else:
            ending.begins(f"attempt {len(engine.attempts) + 1} of {engine.name}, at {step.rate:,} records/s,")
            attempted, trial = _attempt(session, engine, step, scenario, search)
            engine.attempts.append(attempted)
            engine.version = trial.version or engine.version
            session.watcher.note("; ".join(attempted.reasons) or f"{step.rate:,} records/s: sustained")
        save_sweep(found, directory)


def _attempts(engine: SweepEngine) -> list[Attempt]:
    return [
        Attempt(each.kind, each.rate_records_per_s, each.sustained, is_own=each.limited_by == ENGINE)
        for each in engine.attempts
    ]


def _attempt(
    session: Session, engine: SweepEngine, step: Next, scenario: Scenario, search: SweepOptions
) -> tuple[SweepAttempt, Trial]:
    duration_s = search.confirm_duration_s if step.kind is Kind.CONFIRM else scenario.duration_s
    warmup_rate = min(scenario.warmup_rate_records_per_s, step.rate)
    rates = {"rate_records_per_s": step.rate, "warmup_rate_records_per_s": warmup_rate}
    scenario = scenario.model_copy(update=rates | {"duration_s": duration_s})
    again = ", again" * any((each.kind, each.rate_records_per_s) == (step.kind, step.rate) for each in engine.attempts)
    session.watcher.note(f"{engine.name}: {step.kind.value} at {step.rate:,} records/s for {duration_s} s{again}")
    made = attempt(session, scenario, engine.name, len(engine.attempts) + 1, search.p99_bound_ms)
    reasons = faults(made.trial, made.result, made.invalid, step.rate, search.p99_bound_ms, made.overload)
    return _saved(step, made, reasons), made.trial


def _saved(step: Next, made: Attempted, reasons: list[tuple[str, str]]) -> SweepAttempt:
    result, delays = made.result, OthersDelays.of(made.trial, made.overload.workload)
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
        host=result.host,
        input_delay_ms_max=delays.input.greatest_ms(0),
        sink_delay_ms_max=delays.sink.greatest_ms(0),
    )


def _answer(engine: SweepEngine, answer: Answer) -> SweepAnswer:
    curve = latency_curve(engine)
    bend = knee([rate for rate, _ in curve], [p99_ms for _, p99_ms in curve])
    return SweepAnswer(
        rate_records_per_s=answer.rate,
        failed_records_per_s=answer.failed_rate,
        limited_records_per_s=answer.limited_rate,
        at_least=answer.failed_rate is None,
        knee_records_per_s=None if bend is None else curve[bend][0],
    )


def latency_curve(engine: SweepEngine) -> list[tuple[int, float]]:
    """(records per second, p99 in ms) by rising rate, of what was not broken off; of a rate, the last attempt."""
    by_rate: dict[int, float] = {}
    for each in engine.attempts:
        if each.latency_ms:
            by_rate[each.rate_records_per_s] = each.latency_ms.p99
    return sorted(by_rate.items())
