"""How cost grows: trials of each engine at several rates, partitions, numbers of cells and degrees of parallelism."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engines.contract.record import LOCATIONS
from harness.console.progress import ConsoleWatcher
from harness.errors import UsageError
from harness.experiments.attempt import Attempted, attempt, conclude, find_unfinished, has_failed, key_of
from harness.experiments.blocks import rehearse
from harness.experiments.scale.growth import controls, fits
from harness.experiments.scale.points import Levels, PlannedPoint, base_point, plan, points
from harness.experiments.sustainable import ENGINE, HARNESS, OthersDelays
from harness.results.correctness import Verdict
from harness.results.performance import Throughput
from harness.results.scale import Dimension, Scale, ScaleEngine, ScalePoint, ScaleTrial, load_scale, save_scale
from harness.scenarios.refusals import SCALE
from harness.scenarios.scenario import Scenario
from harness.session.checks import check_scenario
from harness.session.directory import new_run_id, save_somewhere
from harness.session.ending import Ending
from harness.session.options import SessionOptions
from harness.session.session import Session, open_session
from workloads.locations import locations_of
from workloads.partitioning import ROUND_ROBIN

PREFIX = "scale-"
#: What became visible within the measured time, of what was due: with less, an engine is not up to the load.
KEPT_UP = 0.95
#: What a trial takes besides its load, until one has been measured.
USUAL_OVERHEAD_S = 20.0


@dataclass(frozen=True, kw_only=True)
class ScaleOptions:
    """What to measure, besides the scenario, which is the base point.

    Attributes:
        rates: records per second.
        partitions: of the input topic.
        keys: sets of locations.
        parallelism: tasks.
        full: every combination, instead of one dimension at a time.
        p99_bound_ms: a trial that cannot have its p99 within it any more is broken off.
        fresh: begin anew, even if an unfinished one of the same kind is there.
    """

    rates: list[int] = field(default_factory=lambda: [1000, 2000, 4000, 8000, 16_000])
    partitions: list[int] = field(default_factory=lambda: [1, 2, 4, 8])
    keys: list[str] = field(default_factory=lambda: list(LOCATIONS))
    parallelism: list[int] = field(default_factory=lambda: [1, 2, 4])
    full: bool = False
    p99_bound_ms: float = 5000.0
    fresh: bool = False

    def levels(self) -> Levels:
        """Levels by dimension."""
        return {
            Dimension.RATE: [*self.rates],
            Dimension.PARTITIONS: [*self.partitions],
            Dimension.KEYS: [*self.keys],
            Dimension.PARALLELISM: [*self.parallelism],
        }


def scale(
    scenario: Scenario, options: ScaleOptions, session_options: SessionOptions, watcher: ConsoleWatcher
) -> tuple[Scale, Path]:
    """Measure all points, saving after every trial; go on with an unfinished scaling, if there is one.

    Returns: what was found, and its directory.

    Raises:
        UsageError: the scenario has an input, faults, surges, a profile, or something that a level does not go with.
        ConfigurationError: an engine does not have the scenario's route.
        RingbenchError: a trial could not take place.
    """
    check_scenario(scenario, SCALE, session_options, watcher.note)
    if scenario.hot_partition and min(options.partitions) == 1:
        raise UsageError(
            "the scenario has a `hot_partition`, which needs others, and --partitions has 1",
            fix="leave `hot_partition` or the 1 out",
        )
    _refuse_uneven(scenario, options)
    key = key_of(scenario, options)
    unfinished = (
        None if options.fresh else find_unfinished(session_options.runs_dir, f"{PREFIX}*/scale.json", key, load_scale)
    )
    scale_id = unfinished.scale_id if unfinished else new_run_id(PREFIX)
    directory = session_options.runs_dir / scale_id
    with open_session(scale_id, scenario.engine_names, session_options, watcher) as session:
        found = unfinished or _new(session, key, scenario, options)
        if unfinished:
            watcher.note(f"going on with {scale_id}, {len(found.trials)} trials of which are done")
        with Ending(watcher.note, kept=lambda: found.trials) as ending:
            _measure(session, found, scenario, ending, directory)
        conclude(found, ending)
        save_somewhere(save_scale, found, directory)
        if session_options.keep_logs or has_failed(ending):
            session.keep_logs(directory / "logs")
    return found, directory


def exit_code(found: Scale) -> int:
    """1 if a count was wrong, or an engine has no trial that counts; else 0."""
    wrong = any(each.verdict is Verdict.FAIL for each in found.trials)
    counted = {each.engine for each in found.trials if each.counted}
    return 1 if wrong or counted != {each.name for each in found.engines} else 0


def _refuse_uneven(scenario: Scenario, options: ScaleOptions) -> None:
    """Make sure that partitions are even at every point, if a record's cell decides on its own.

    Raises:
        UsageError: they are not, at one of them.
    """
    levels = options.levels()
    base = base_point(levels, _usual(scenario))
    for point in [base, *points(levels, base, full=options.full)]:
        load = scenario.model_copy(update={"partitions": point.partitions, "locations": point.keys})
        if why := load.why_uneven():
            raise UsageError(
                f"--partitions {point.partitions}: {why}",
                fix=f"leave so many out, or set the scenario's `partitioning` to {ROUND_ROBIN}",
            )


def _usual(scenario: Scenario) -> ScalePoint:
    return ScalePoint(
        rate_records_per_s=scenario.rate_records_per_s,
        partitions=scenario.partitions,
        keys=scenario.locations,
        parallelism=scenario.parallelism,
    )


def _new(session: Session, key: str, scenario: Scenario, options: ScaleOptions) -> Scale:
    levels = options.levels()
    base = base_point(levels, _usual(scenario))
    return Scale(
        scale_id=session.run_id,
        key=key,
        finished=False,
        started_at=session.started_at.isoformat(timespec="seconds"),
        finished_at=None,
        command=session.options.command,
        scenario=scenario.model_dump(),
        full=options.full,
        levels=levels,
        base=base,
        p99_bound_ms=options.p99_bound_ms,
        environment=session.fingerprint(),
        engines=[
            ScaleEngine(name=each.name, engine=each.engine, own=each.own, version=None) for each in scenario.engines
        ],
        planned_trials=len(plan(levels, base, scenario.contestants, scenario.seed, full=options.full)),
        trials=[],
        fits=[],
        controls=[],
    )


def _measure(session: Session, found: Scale, scenario: Scenario, ending: Ending, directory: Path) -> None:
    """Make the trials that are left."""
    planned = plan(found.levels, found.base, scenario.contestants, scenario.seed, full=found.full)
    varied = [dimension for dimension, values in found.levels.items() if len(values) > 1]
    if len(found.trials) < len(planned):
        session.watcher.note(f"{len(planned)} trials, {_left(found.trials, planned, scenario)}")
        rehearse(session, scenario)
    for number, each in enumerate(planned[len(found.trials) :], start=len(found.trials) + 1):
        session.watcher.progress(number, len(planned))
        ending.begins(f"trial {number} of {len(planned)} ({each.engine}, {each.point.text()})")
        trial = _trial(session, found, scenario, each, number)
        found.trials.append(trial)
        found.fits = fits(found.trials, scenario.contestants, varied)
        found.controls = controls(found.trials, scenario.contestants, found.base)
        save_scale(found, directory)
        outcome = "counted" if trial.counted else f"not counted ({trial.limited_by}): {'; '.join(trial.reasons)}"
        session.watcher.note(f"{outcome}; {_left(found.trials, planned, scenario)}")
    session.watcher.progress(1, 1)


def _left(done: Sequence[ScaleTrial], planned: Sequence[PlannedPoint], scenario: Scenario) -> str:
    """How long what is left of `planned` will take, by what each engine's trials took so far."""
    usual_s = scenario.warmup_s + scenario.duration_s + USUAL_OVERHEAD_S
    took_s = {name: [each.took_s for each in done if each.engine == name] for name in scenario.contestants}
    mean_s = {name: sum(each) / len(each) if each else usual_s for name, each in took_s.items()}
    left_s = sum(mean_s[each.engine] for each in planned[len(done) :])
    return f"about {left_s / 60:.0f} min left" if left_s >= 60 else f"about {left_s:.0f} s left"


def _trial(session: Session, found: Scale, scenario: Scenario, planned: PlannedPoint, number: int) -> ScaleTrial:
    point = planned.point
    rate = point.rate_records_per_s
    load = scenario.model_copy(
        update={
            "rate_records_per_s": rate,
            "warmup_rate_records_per_s": min(scenario.warmup_rate_records_per_s, rate),
            "partitions": point.partitions,
            "locations": point.keys,
            "parallelism": point.parallelism,
        }
    )
    session.watcher.phase(f"{planned.engine}: {point.text()}")
    started_s = time.monotonic()
    made = attempt(session, load, planned.engine, number, found.p99_bound_ms)
    for engine in found.engines:
        if engine.name == planned.engine:
            engine.version = made.trial.version or engine.version
    return _saved(made, planned, number, load.duration_s, time.monotonic() - started_s)


def _saved(made: Attempted, planned: PlannedPoint, number: int, duration_s: int, took_s: float) -> ScaleTrial:
    result = made.result
    reasons = _reasons(made, duration_s)
    windows = {cell.window_s for cell in made.expected.counts}
    return ScaleTrial(
        number=number,
        engine=planned.engine,
        point=planned.point,
        counted=not reasons,
        reasons=[reason for _, reason in reasons],
        limited_by=reasons[0][0] if reasons else None,
        verdict=result.verdict,
        cells=locations_of(planned.point.keys).cell_count,
        cells_per_window_mean=len(made.expected.counts) / max(1, len(windows)),
        latency_ms=result.latency_ms,
        throughput_records_per_s=result.throughput_records_per_s,
        cost=result.cost,
        generator=result.generator,
        startup_s=result.startup_s,
        drain_s=result.drain_s,
        took_s=took_s,
    )


def _reasons(made: Attempted, duration_s: int) -> list[tuple[str, str]]:
    """Why a trial is not counted, each reason with whose fault it was, what decides first; empty if it is counted."""
    found = [(HARNESS, reason) for reason in made.invalid]
    if made.trial.broken_off:
        return [*found, (made.overload.blamed, made.trial.broken_off)]
    if made.result.verdict is not Verdict.PASS:
        found.append((ENGINE, f"verdict {made.result.verdict.value}: {'; '.join(made.result.reasons)}"))
    sink_ms = OthersDelays.of(made.trial, made.overload.workload).sink.greatest_ms(0) or 0.0
    return [*found, *_lagging(made.result.throughput_records_per_s, duration_s, sink_ms)]


def _lagging(throughput: Throughput | None, duration_s: int, sink_ms: float) -> list[tuple[str, str]]:
    """Why a trial did not keep up: by the end, more than a twentieth of what was sent was still to come.

    The engine is to blame if that is so without the records of `sink_ms`, too, for which the Redis writer may have been
    late.
    """
    if throughput is None:
        return []
    start, end = throughput.lag_records_start, throughput.lag_records_end
    if start is None or end is None:
        return [(HARNESS, "whether it kept up was not measured")]
    excess = end - start - (1 - KEPT_UP) * throughput.offered * duration_s
    if excess <= 0:
        return []
    who = ENGINE if excess > throughput.offered * sink_ms / 1000 else HARNESS
    text = f"did not keep up: at {throughput.offered:,.0f} records/s, lag grew from {start:,} to {end:,} records"
    return [(who, text)]
