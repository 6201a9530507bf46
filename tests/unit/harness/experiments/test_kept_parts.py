"""Every command keeps the parts that are finished when a later one fails, in a result that says what is missing.

Each part is made by a stand-in that does twice what a real one does, and then fails; sessions and services are fakes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from rich.console import Console

from harness.conformance import run as conformance
from harness.conformance.checks import CHECKS
from harness.console.interrupt import INTERRUPTED, Stopped
from harness.console.progress import ConsoleWatcher
from harness.engines.engine import Engine
from harness.engines.prepare import PreparedEngine
from harness.experiments import chaos, sweep
from harness.experiments.benches import delivery, producer
from harness.experiments.calibration import run as calibration
from harness.experiments.calibration.cases import ENGINE
from harness.experiments.calibration.judge import nothing_measured
from harness.experiments.loadtest import given_viewer
from harness.experiments.loadtest import run as loadtest
from harness.experiments.run import exit_code
from harness.experiments.scale import run as scale
from harness.experiments.soak import run as soak
from harness.live_map.load_process import Account, LoadOptions
from harness.live_map.user_experience import ExperienceBounds
from harness.provision.java import Java
from harness.results.benches import PathPace, ProducerPace
from harness.results.calibration import Calibration
from harness.results.conformance import Conformance, Outcome
from harness.results.part import Missing
from harness.results.result import Result, load_result
from harness.results.scale import load_scale
from harness.results.sweep import SweepAttempt, load_sweep
from harness.scenarios.loading import load_scenario
from harness.session.options import SessionOptions
from harness.session.session import Session
from harness.trial.options import TrialOptions, View
from harness.trial.outcome import Trial
from tests.builders.backing import fake_backing
from tests.builders.processes import Clock, FakeChild
from tests.builders.results import make_engine, make_environment

JAVA = Java(Path("java"), "21", "PATH")
LOST = KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))


@dataclass
class Failing:
    """Does `work` so often, and then raises `error`."""

    work: Callable[..., Any]
    error: BaseException
    left: int = 2

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return self.work(*arguments, **options)


class FakeSession(Session):
    """A session whose trials are stand-ins, and which knows where it takes place."""

    def fingerprint(self) -> Any:
        """Nothing is asked of the machine."""
        return make_environment()


@dataclass
class Commands:
    """All commands, each with little to do; the third part of each fails by `error`."""

    directory: Path
    patch: pytest.MonkeyPatch
    error: BaseException
    trials: int = 0

    @property
    def options(self) -> SessionOptions:
        """Where results go."""
        return SessionOptions(runs_dir=self.directory / "runs", command=["ringbench"])

    @property
    def watcher(self) -> ConsoleWatcher:
        """Nobody looks."""
        return ConsoleWatcher(Console(quiet=True))

    def open_in(self, module: Any, engines: list[str], trial: Callable[..., Trial] | None = None) -> None:
        """Have the command in `module` find a session with these engines, whose trials are made by `trial`."""

        @contextmanager
        def open_session(
            run_id: str, _engines: object, options: SessionOptions, watcher: Any, **_: Any
        ) -> Iterator[Any]:
            prepared = {name: PreparedEngine(_engine(name), Path("python"), []) for name in engines}
            where = (self.directory, JAVA, prepared, fake_backing(self.directory), watcher, {})
            session = FakeSession(run_id, options, datetime.now(UTC), "", *where)
            if trial:
                object.__setattr__(session, "trial", trial)
            yield session

        self.patch.setattr(module, "open_session", open_session)

    def broken_off(self, _scenario: object, engine: str, _malformed: int, options: TrialOptions) -> Trial:
        """A trial in which nothing was measured."""
        return Trial(engine, options.label, "", self.directory, 10, broken_off="stand-in")


def _engine(name: str) -> Engine:
    return Engine(name=name, directory=Path("nowhere"), description="", entry="main.py", requirements="")


@pytest.fixture(params=[LOST, KeyboardInterrupt()], ids=["error", "signal"])
def commands(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    for module in (delivery, producer, conformance):
        monkeypatch.setattr(module, "ensure_java", lambda _tell: JAVA)
        monkeypatch.setattr(module, "fingerprint", lambda **_: make_environment())
    return Commands(tmp_path, monkeypatch, request.param)


def assert_missing(missing: Missing | None, commands: Commands, what: str) -> None:
    """What is missing is named, with why, and with the exit code of what ended it."""
    assert missing
    assert what in missing.what
    is_error = commands.error is LOST
    assert missing.why.startswith("Kafka: ") if is_error else missing.why == "Ctrl-C"
    assert missing.exit_code == (4 if is_error else INTERRUPTED)


def assert_invalid(result: Result, commands: Commands, what: str) -> None:
    """The same, of a result that has reasons against it."""
    is_error = commands.error is LOST
    assert any(what in each and ("Kafka: " if is_error else "Ctrl-C") in each for each in result.invalid_reasons)
    assert exit_code(result) == (3 if is_error else INTERRUPTED)


def test_a_sweep_keeps_its_attempts_and_can_go_on(commands: Commands) -> None:
    def attempt(_session: object, _engine: object, step: Any, *_: object) -> tuple[SweepAttempt, Trial]:
        made = make_engine("flink", 50).trials[0]
        held = SweepAttempt(
            kind=step.kind,
            rate_records_per_s=step.rate,
            sustained=True,
            reasons=[],
            limited_by=None,
            verdict=made.verdict,
            latency_ms=made.latency_ms,
            lag_growth_records_per_s=None,
            sustained_records_per_s=None,
            drain_s=None,
            cost=None,
            generator=None,
        )
        return held, Trial("flink", "flink", "", commands.directory)

    commands.open_in(sweep, ["flink"])
    commands.patch.setattr(sweep, "_attempt", Failing(attempt, commands.error))
    scenario = load_scenario("sweep", {"engines": ["flink"]})
    found, directory = sweep.sweep(scenario, sweep.SweepOptions(), commands.options, commands.watcher)
    assert load_sweep(directory / "sweep.json") == found
    assert len(found.engines[0].attempts) == 2 and not found.finished
    assert_missing(found.missing, commands, "attempt 3 of flink")
    assert found.missing and "goes on where" in found.missing.fix


def test_a_scaling_keeps_its_trials_and_can_go_on(commands: Commands) -> None:
    def trial(_session: object, _found: object, _scenario: object, planned: Any, number: int) -> Any:
        result = make_engine(planned.engine, 50).trials[0]
        return scale.ScaleTrial(
            number=number,
            engine=planned.engine,
            point=planned.point,
            counted=True,
            reasons=[],
            verdict=result.verdict,
            cells=464,
            cells_per_window_mean=400,
            latency_ms=result.latency_ms,
            throughput_records_per_s=None,
            cost=None,
            generator=None,
            startup_s=None,
            drain_s=None,
            took_s=1,
        )

    commands.open_in(scale, ["flink"])
    commands.patch.setattr(scale, "rehearse", lambda *_: None)
    commands.patch.setattr(scale, "_trial", Failing(trial, commands.error))
    scenario = load_scenario("scale", {"engines": ["flink"]})
    found, directory = scale.scale(scenario, scale.ScaleOptions(), commands.options, commands.watcher)
    assert load_scale(directory / "scale.json") == found
    assert len(found.trials) == 2 and not found.finished
    assert_missing(found.missing, commands, "trial 3 of ")


def test_a_calibration_keeps_its_cases_and_does_not_pass(commands: Commands) -> None:
    commands.open_in(calibration, [ENGINE])
    run_case = Failing(lambda _session, case, *_: nothing_measured(case, ["stand-in"]), commands.error)
    commands.patch.setattr(calibration, "_run_case", run_case)
    commands.patch.setattr(calibration, "save_calibration", pytest.fail)
    found, directory = calibration.calibrate(1000, 10, [], commands.options, commands.watcher)
    saved = Calibration.model_validate_json((directory / "calibration.json").read_text(encoding="utf-8"))
    assert len(saved.cases) == 2 and not saved.passed
    assert_missing(saved.missing, commands, f"the case {calibration.CASES[2].name}")
    assert saved == found


def test_chaos_keeps_its_trials(commands: Commands) -> None:
    commands.open_in(chaos, ["flink"], Failing(commands.broken_off, commands.error))
    chosen = chaos.ChaosOptions(["engine-kill", "engine-stop"], 1, 1, 10)
    scenario = load_scenario("chaos", {"engines": ["flink"]})
    result, directory = chaos.chaos(scenario, chosen, commands.options, commands.watcher)
    assert load_result(directory) == result
    assert [len(each.trials) for each in result.engines] == [1, 1]
    assert_invalid(result, commands, "trial 3 of 3 (flink-faults-2)")
    assert chaos.exit_code(result) == exit_code(result)


def test_chaos_keeps_the_trials_of_an_engine_of_which_another_had_none(commands: Commands) -> None:
    commands.open_in(chaos, ["flink", "spark"], Failing(commands.broken_off, commands.error))
    chosen = chaos.ChaosOptions(["engine-kill"], 1, 1, 10)
    scenario = load_scenario("chaos", {"engines": ["flink", "spark"]})
    result, _ = chaos.chaos(scenario, chosen, commands.options, commands.watcher)
    assert {each.name for each in result.engines} == {"flink", "flink-faults"}
    assert_invalid(result, commands, "(spark-control)")


def test_a_soak_keeps_what_was_seen_of_the_trial_that_broke_off(commands: Commands) -> None:
    class Verified:
        """Has verified a minute."""

        def __init__(self, *_: object) -> None:
            """Of whatever."""

        kept_s, until_s, parts, wrong = 100, 60, None, ()

        def look(self, _t_s: float) -> None:
            """There is nothing to look at."""

    def trial(_scenario: object, _engine: str, _malformed: int, options: TrialOptions) -> Trial:
        for t_s in (1.0, 2.0):
            options.meddle(View(t_s, 0, 0, 0, {}, 0.0))
        raise commands.error

    commands.open_in(soak, ["flink"], trial)
    commands.patch.setattr(soak, "Verifier", Verified)
    commands.patch.setattr(soak.Resources, "look", lambda *_: False)
    scenario = load_scenario("soak", {"engines": ["flink"], "duration_s": 60})
    chosen = soak.SoakOptions(faults_per_hour=0, percent_per_hour=10)
    result, directory = soak.soak(scenario, chosen, commands.options, commands.watcher)
    assert load_result(directory) == result
    assert result.soak and [each.lasted_s for each in result.soak.trials] == [2.0]
    assert result.soak.trials[0].verified.windows == 60
    assert_invalid(result, commands, "the rest of the trial of flink")
    assert soak.exit_code(result) == exit_code(result)


def test_a_load_test_keeps_its_trials(commands: Commands) -> None:
    def trial(setting: Any, planned: Any, _total: int) -> Any:
        made = Trial(setting.engine, planned.label, "", commands.directory, 10, broken_off="stand-in")
        return loadtest.LoadedTrial(planned, made, None)

    commands.open_in(loadtest, ["flink"])
    commands.patch.setattr(loadtest, "provide", lambda _tell: Path("python"))
    commands.patch.setattr(loadtest, "_trial", Failing(trial, commands.error))
    load = LoadOptions(
        users=1, spawn_rate_users_per_s=1, duration_s=10, shape="", bounds=ExperienceBounds(250, 100), max_users=1
    )
    scenario = load_scenario("smoke", {"engines": ["flink"]})
    result, directory = loadtest.load_test(scenario, "flink", 2, load, commands.options, commands.watcher)
    assert load_result(directory) == result
    assert sum(len(each.trials) for each in result.engines) == 2
    assert_invalid(result, commands, "trial 3 of 4")


@pytest.mark.parametrize(
    ("end", "ui_port", "interrupted"), [(2, None, True), (15, None, True), (15, 1, True), (2, 1, False)]
)
def test_a_load_test_that_is_ended_early_keeps_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: int, ui_port: int | None, interrupted: bool
) -> None:
    account = {"holds": [], "attempts": [], "answer": None, "reasons": {}, "max_rate_hz": 4.0}
    account |= {"converged": {"agree": 0, "checked": 0, "cells": 0}}
    child = FakeChild("load test", Clock())

    def look(_teller: object, _child: object) -> None:
        raise Stopped(end)

    child.process.on_term = lambda: child.end()
    child.tell("ready", ui="http://127.0.0.1:1")
    monkeypatch.setattr(given_viewer, "provide", lambda _tell: Path("python"))
    monkeypatch.setattr(given_viewer, "start_load", lambda *_, **__: child)
    monkeypatch.setattr(given_viewer, "read_account", lambda _work: Account({}, account))
    monkeypatch.setattr(given_viewer, "fingerprint", lambda **_: make_environment())
    monkeypatch.setattr(given_viewer, "POLL_S", 0)
    monkeypatch.setattr(given_viewer.Teller, "tell", look)
    load = LoadOptions(
        users=1, spawn_rate_users_per_s=1, duration_s=10, shape="", bounds=ExperienceBounds(250, 100), max_users=1
    )
    options = SessionOptions(runs_dir=tmp_path / "runs", command=[])
    watcher = ConsoleWatcher(Console(quiet=True))
    found, directory = given_viewer.attack("http://127.0.0.1:1/", load, options, watcher, ui_port=ui_port)
    assert (directory / "loadtest.json").exists()
    assert found.interrupted is interrupted
    assert any("it was ended early" in each for each in found.invalid_reasons) is interrupted


def test_conformance_keeps_its_findings_and_does_not_pass(commands: Commands) -> None:
    class Job:
        """A job that an engine has done."""

        children = ()
        label = "settings"
        directory = commands.directory / "nowhere"

    def refuse(_bench: object, findings: Any) -> list[Any]:
        findings.hold("start.settings", None)
        return [Job]

    commands.patch.setattr(conformance, "_incomplete", lambda _engine: None)
    commands.patch.setattr(conformance, "prepare", lambda engine, _tell: PreparedEngine(engine, Path("python"), []))
    commands.patch.setattr(conformance, "engine_environment", lambda *_: {})
    commands.patch.setattr(conformance, "refuse_settings", refuse)
    commands.patch.setattr(conformance.Stream, "run", Failing(list, commands.error, left=0))
    servers = conformance.Servers("kafka:1", "redis://redis:1/0", {})
    engine = replace(_engine("mine"), directory=commands.directory)
    found, directory = conformance.conform(engine, servers, commands.options.runs_dir, [], commands.watcher, quick=True)
    saved = Conformance.model_validate_json((directory / "conformance.json").read_text(encoding="utf-8"))
    assert saved == found and not saved.passed
    assert len(saved.with_outcome(Outcome.PASS)) == 2
    assert len(saved.checks) == len(CHECKS)
    assert_missing(saved.missing, commands, "a stream")


def test_the_bench_of_the_path_keeps_its_rates(commands: Commands) -> None:
    def pace(_rig: object, rate: int, _duration_s: int) -> PathPace:
        zeros = dict.fromkeys(PathPace.model_fields, 0) | {"rate_updates_per_s": rate, "verdict": "kept"}
        return PathPace.model_validate(zeros | {"reasons": [], "cpu_cores": {}})

    @contextmanager
    def start_rig(watcher: ConsoleWatcher) -> Iterator[Any]:
        service = type("Service", (), {"version": "1"})
        yield type("Rig", (), {"watcher": watcher, "kafka": service, "store": service})

    commands.patch.setattr(delivery, "start_rig", start_rig)
    commands.patch.setattr(delivery, "_pace", Failing(pace, commands.error))
    chosen = delivery.PathOptions((1000, 2000, 3000), 1, True)
    found, directory = delivery.bench_path(chosen, commands.options.runs_dir, [], commands.watcher)
    assert (directory / "path.json").exists()
    assert [each.rate_updates_per_s for each in found.paces] == [1000]  # the first was to warm up
    assert found.kept_updates_per_s == 1000 and found.capacity is None
    assert_missing(found.missing, commands, "the rate of 2,000 updates/s")


def test_the_bench_of_the_producer_keeps_its_pairs(commands: Commands) -> None:
    @contextmanager
    def bench(_chosen: object, watcher: ConsoleWatcher) -> Iterator[Any]:
        lines = commands.directory / "lines.txt"
        lines.write_text("x" * producer.SAMPLE_LINES)
        sides = {"ours": lambda _: 2.0, "theirs": lambda _: 1.0, "generate": Failing(account, commands.error)}
        known = {"watcher": watcher, "lines": lines, "flat_out": producer.flat_out(1000, partitioning="round-robin")}
        yield type(
            "Bench",
            (),
            known
            | {"kafka": type("Kafka", (), {"version": "4"})}
            | {name: staticmethod(side) for name, side in sides.items()},
        )

    def account(_load: object) -> dict[str, float]:
        return {f"schedule_error_ms_{each}": 1.0 for each in ("p50", "p99", "max")}

    commands.patch.setattr(producer, "_bench", bench)
    chosen = producer.BenchOptions(pairs=2, records=1000)
    found, directory = producer.bench_producer(chosen, commands.options.runs_dir, [], commands.watcher)
    assert (directory / "producer.json").exists()
    assert found.ratio == 2.0 and len(found.pairs) == 2
    assert [each.rate_records_per_s for each in found.paces] == [100_000, 100_000 * producer.PACE_FACTOR]
    assert all(isinstance(each, ProducerPace) for each in found.paces)
    assert_missing(found.missing, commands, "the rate of ")
