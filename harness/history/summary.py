"""What of a result is kept in the index. Pure functions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from harness.conclusions.comparable import DEFAULTS, HOST, SOFTWARE, flat, settings_of, workload_of
from harness.conclusions.disturbance import disturbed_share
from harness.conclusions.headline_figures import ANSWER_HEADLINES, HEADLINES, cold_trials, figures, of_trials
from harness.console.visible import visible
from harness.numerics.intervals import typical
from harness.results.correctness import Verdict
from harness.results.history import ContestantSummary, Noise, RunSummary, as_words
from harness.results.result import Confidence, EngineResult, Result
from harness.scenarios.scenario import Limits

#: What runs differ in on purpose, beside each other: such runs are series of their own.
MODE = ("route", "cluster", "tuning")
#: No name, ID or version is longer, and no run has more contestants.
MAX_CHARACTERS, MAX_CONTESTANTS, MAX_SCENARIO_CHARACTERS = 200, 64, 100_000
_FIGURES = HEADLINES + tuple(each for each in ANSWER_HEADLINES if each not in HEADLINES)


def summary_of(result: Result) -> RunSummary:
    """What is kept of `result`.

    Raises:
        ValueError: something in it can be no result's; the message says what.
    """
    try:
        found = _summary(result)
    except (AttributeError, TypeError, KeyError, OverflowError) as error:
        # The scenario of a result is any mapping.
        raise ValueError(f"scenario: not as Ringbench writes it ({type(error).__name__}: {error})") from error
    _check_texts(found)
    return found


def _summary(result: Result) -> RunSummary:
    environment = result.environment.model_dump()
    scenario = DEFAULTS | result.scenario
    software = {each: environment[each] for each in SOFTWARE} | result.environment.services
    return RunSummary(
        run_id=result.run_id,
        started_at=_moment(result.started_at),
        valid=result.valid,
        commit=result.environment.commit,
        scenario=str(scenario.get("name", "")),
        workload={key: json.dumps(value, sort_keys=True, default=str) for key, value in workload_of(result).items()},
        mode={key: as_words(scenario.get(key)) for key in MODE},
        host={key: str(environment[key]) for key in HOST},
        memory_bytes=result.environment.memory_bytes,
        software={as_words(key): as_words(value) for key, value in software.items()},
        contestants=[_contestant(result, engine) for engine in result.engines],
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"started_at: {as_words(text)!r} is no time in ISO 8601") from error
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def _contestant(result: Result, engine: EngineResult) -> ContestantSummary:
    found = {of.name: values for of in _FIGURES if engine.trials and (values := figures(engine.trials, of))}
    intervals = {name: interval for name, values in found.items() if (interval := _interval(values))}
    return ContestantSummary(
        name=engine.name,
        engine=engine.engine,
        version=engine.version,
        verdict=engine.verdict,
        settings=_settings(result, engine),
        not_counted=_why_not_counted(result, engine),
        noise=_noise(engine),
        figures=found,
        intervals=intervals,
    )


def _interval(values: list[float]) -> Confidence | None:
    interval = typical(values)
    if interval is None:
        return None
    return Confidence(estimate=interval.estimate, low=interval.low, high=interval.high, confidence=interval.confidence)


def _settings(result: Result, engine: EngineResult) -> dict[str, str]:
    set_here = {as_words(key): as_words(value) for key, value in flat(settings_of(result, engine)).items()}
    digest = hashlib.sha256(json.dumps(engine.config, sort_keys=True, default=str).encode()).hexdigest()
    return set_here | {"configuration in effect": digest[:12]}


def _why_not_counted(result: Result, engine: EngineResult) -> str:
    if not result.valid:
        return f"invalid: {as_words(result.invalid_reasons[0]) if result.invalid_reasons else 'no reason given'}"
    if engine.verdict is not Verdict.PASS:
        return f"verdict {engine.verdict.value}"
    if cold := cold_trials(engine):
        return f"not warm in {of_trials(len(cold), engine.trials)}"
    shares = [share for trial in engine.trials if (share := disturbed_share(trial.host)) is not None]
    limit = _host_limit(result.scenario)
    if shares and fmean(shares) > limit:
        return f"others had more than {limit:.0%} of the machine"
    return ""


def _host_limit(scenario: Mapping[str, Any]) -> float:
    limits = scenario.get("limits") or {}
    return float(limits.get("host_marked_share", Limits().host_marked_share))


def _noise(engine: EngineResult) -> Noise:
    hosts = [trial.host for trial in engine.trials if trial.host]
    return Noise(
        stolen_share=_mean(host.stolen_share for host in hosts),
        foreign_share=_mean(None if host.foreign_cores is None else host.foreign_cores / host.cores for host in hosts),
        cpu_pressure_share=_mean(host.cpu_pressure_share for host in hosts),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return fmean(found) if found else None


def _check_texts(summary: RunSummary) -> None:
    names = [summary.run_id, summary.commit, summary.scenario, *summary.host.values()]
    names += [text for each in summary.contestants for text in (each.name, each.engine, each.version)]
    if any(len(name or "") > MAX_CHARACTERS for name in names):
        raise ValueError(f"a name, ID or version of more than {MAX_CHARACTERS} characters")
    if any(visible(name) != name or "\n" in name or "\t" in name for name in names if name):
        raise ValueError("a name, ID or version with control characters")
    if sum(map(len, summary.workload.values())) > MAX_SCENARIO_CHARACTERS:
        raise ValueError(f"scenario: more than {MAX_SCENARIO_CHARACTERS:,} characters")
    if len(summary.contestants) > MAX_CONTESTANTS:
        raise ValueError(f"engines: more than {MAX_CONTESTANTS}")
