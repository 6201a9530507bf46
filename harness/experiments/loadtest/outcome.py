"""What a load test came to, and whether it passed."""

from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean

from harness.conclusions.engine_comparison import comparison_of
from harness.evaluation.ground_truth import truth_from_seed
from harness.evaluation.pooling import pool
from harness.evaluation.trial_result import trial_result
from harness.evaluation.validity import invalid_reasons
from harness.experiments.blocks import PlannedTrial
from harness.live_map.load_process import LoadOptions, unfit
from harness.results.live_map import Dashboard, DashboardLoad, UserSearch
from harness.results.part import Missing
from harness.results.result import EngineResult, Result
from harness.scenarios.scenario import Scenario
from harness.session.ending import is_interrupted
from harness.session.session import Session
from harness.trial.outcome import Trial
from workloads.truth import ExpectedCounts

# A viewer that shows an engine at work


@dataclass(frozen=True)
class LoadTestSetting:
    """What all trials of a load test share."""

    session: Session
    scenario: Scenario
    engine: str
    load: LoadOptions
    python: Path
    expected: ExpectedCounts


@dataclass(frozen=True)
class LoadedTrial:
    """A trial that took place, and the load on it, if there was one."""

    planned: PlannedTrial
    trial: Trial
    load: DashboardLoad | None


# What came of it


def load_test_result(
    setting: LoadTestSetting, done: list[LoadedTrial], search: UserSearch | None, missing: Missing | None = None
) -> Result:
    """What came of the trials, and of the search if there was one; invalid if something is `missing`."""
    truth = truth_from_seed(setting.expected)
    reasons = [missing.text()] if missing else []
    for each in done:
        if not each.trial.broken_off:
            reasons += invalid_reasons(each.trial, truth, setting.scenario, setting.expected)
        if each.load:
            reasons += unfit(each.load, setting.load.bounds)
    names = dict.fromkeys(each.planned.engine for each in sorted(done, key=lambda each: each.planned.engine))
    engines = [_engine(setting, name, done) for name in names]
    return setting.session.result(
        setting.scenario,
        engines,
        reasons,
        interrupted=is_interrupted(missing),
        comparison=comparison_of(engines, reasons, setting.scenario),
        dashboard=_outcome(setting, engines, [each.load for each in done if each.load], search),
    )


def _engine(setting: LoadTestSetting, name: str, done: list[LoadedTrial]) -> EngineResult:
    truth = truth_from_seed(setting.expected)
    own = [each for each in done if each.planned.engine == name]
    scenario = setting.scenario.for_contestant(setting.engine)
    results = [
        trial_result(each.trial, each.planned.number, each.planned.block, truth, scenario, setting.expected)
        for each in own
    ]
    of = setting.scenario.contestant(setting.engine)
    return pool(name, own[0].trial.version, own[0].trial.config, results, of)


def _outcome(
    setting: LoadTestSetting,
    engines: list[EngineResult],
    loads: list[DashboardLoad],
    search: UserSearch | None,
) -> Dashboard:
    ratios = p99_ratios(*engines) if len(engines) > 1 else []
    return Dashboard(
        users=setting.load.users,
        push_bound_ms_p99=setting.load.bounds.push_ms_p99,
        lag_bound_ms_p99=setting.load.bounds.lag_ms_p99,
        max_rate_hz=setting.session.options.view_rate_hz,
        loads=loads,
        engine=setting.engine,
        pipeline_p99_ratios=ratios,
        pipeline_p99_ratio=geometric_mean(ratios) if ratios else None,
        search=search,
    )


def p99_ratios(alone: EngineResult, loaded: EngineResult) -> list[float]:
    """p99 under load over p99 without, block by block; none where either was not measured."""

    def by_block(engine: EngineResult) -> dict[int, float]:
        return {trial.block: trial.latency_ms.p99 for trial in engine.trials if trial.latency_ms}

    without, with_load = by_block(alone), by_block(loaded)
    blocks = sorted(without.keys() & with_load.keys())
    return [with_load[block] / without[block] for block in blocks if without[block] > 0 and with_load[block] > 0]


def passed(dashboard: Dashboard) -> bool:
    """Whether every load was held."""
    return bool(dashboard.loads) and not any(load.problem for load in dashboard.loads)
