"""Whenever and however the command line is ended, nothing that it started is left."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from harness.processes.process import wait_until
from harness.services.redis import start_redis
from tests.deadlines import DEADLINE_S
from tests.integration.ringbench import FIXTURE_ENGINES, Ringbench, Services, is_alive, outcome, write_scenario

pytestmark = pytest.mark.integration

#: What is on standard error in each phase, and in the command line of a process that lives in it.
PHASES = {
    "services": ("starting Kafka [0-9.]+ on port", "kafka.Kafka"),
    "engine": ("baseline: starting the engine", "baseline/main.py"),
    "load": ("baseline: load", "harness.workers.generator"),
    "second load": ("baseline-2: load", "harness.workers.generator"),
    "truth": ("computing the ground truth", "truth.py"),
}


def run_until(phase: str, directory: Path, *arguments: str) -> Ringbench:
    """A run that has reached `phase`."""
    directory.mkdir(exist_ok=True)
    run = Ringbench(directory, "run", write_scenario(directory, warmup_s=1, duration_s=1), *arguments)
    text, program = PHASES[phase]
    run.wait_for_text(text)
    run.wait_for_process(program)
    return run


#: In the gate, each phase is ended in one way; the others are among the proofs.
PROOF = pytest.mark.proof


@pytest.mark.parametrize(
    "phase", ["truth", *(pytest.param(each, marks=PROOF) for each in ("services", "engine", "load"))]
)
def test_killed_run_leaves_no_process(phase: str, tmp_path: Path) -> None:
    with run_until(phase, tmp_path) as run:
        assert_nothing_lives_after_a_kill(run)


def assert_nothing_lives_after_a_kill(run: Ringbench) -> None:
    """Kill a run: its processes are gone, and there is no result."""
    started = run.descendants()
    assert len(started) > 2  # itself, a guard and what it guards, at least
    run.send(signal.SIGKILL)
    assert run.end() == -signal.SIGKILL
    run.wait_until_gone()
    # One that is just ending has no environment any more, by which it would have been found.
    wait_until(lambda: not any(map(is_alive, started)), deadline_s=DEADLINE_S, what="all that it started has ended")
    assert run.results() == []


def test_a_run_that_is_killed_in_its_second_trial_is_gone_on_with_to_a_valid_result(tmp_path: Path) -> None:
    with run_until("second load", tmp_path / "killed", "--trials", "2") as run:
        assert_nothing_lives_after_a_kill(run)
        assert list(run.temp.iterdir()) != [], "a kill leaves its private directory"
    (killed,) = run.runs.iterdir()
    with Ringbench(
        tmp_path / "resumed", "run", "--resume", killed.name, "--runs-dir", str(run.runs), "--json"
    ) as resumed:
        resumed.runs = run.runs
        found = outcome(resumed)
    assert list(run.temp.iterdir()) == []
    assert found.result["invalid_reasons"] == [] and found.code == 0
    (engine,) = found.result["engines"]
    assert [(each["number"], each["verdict"]) for each in engine["trials"]] == [(1, "pass"), (2, "pass")]
    assert [each["finished_trials"] for each in found.result["resumptions"]] == [1]
    assert "baseline-1" not in found.stderr
    assert not (killed / "journal").exists() and (killed / "baseline-1.updates.gz").exists()


@pytest.mark.parametrize(
    ("numbers", "code", "phase"),
    [
        ([signal.SIGINT], 130, "services"),
        # As at the end of a login; the clean-up is not broken off by what comes second.
        ([signal.SIGHUP, signal.SIGTERM], 129, "engine"),
        pytest.param([signal.SIGINT], 130, "load", marks=PROOF),
        pytest.param([signal.SIGTERM], 143, "truth", marks=PROOF),
    ],
)
def test_interrupted_run_tidies_up(numbers: list[signal.Signals], code: int, phase: str, tmp_path: Path) -> None:
    with run_until(phase, tmp_path) as run:
        for number in numbers:
            run.send(number)
        assert run.end() == code
        assert run.processes() == []
        assert list(run.temp.iterdir()) == []
        # In the truth, a trial is finished.
        assert bool(run.results()) == (phase == "truth")
        assert phase == "truth" or list(run.runs.rglob("*")) == []
        assert "Traceback" not in run.stderr


def test_a_signal_in_a_drain_and_a_redis_that_is_gone_in_the_clean_up_lose_no_finished_trial(
    tmp_path: Path, services: Services
) -> None:
    redis = start_redis(tmp_path / "redis", progress=print)
    try:
        # It loses records, so that the drain waits for them.
        load = {"engines": ["lossy"], "rate_records_per_s": 8000, "warmup_s": 1, "duration_s": 2}
        others = replace(services, redis=redis.url)
        arguments = ("run", write_scenario(tmp_path, **load), "--trials", "2", "--engine-path", str(FIXTURE_ENGINES))
        with Ringbench(tmp_path / "run", *arguments, "--json", *others.arguments(), env=others.environment()) as run:
            run.wait_for_text("lossy-2: drain")
            run.send(signal.SIGTERM)
            run.wait_for_text("computing the ground truth")
            redis.process.kill()
            found = outcome(run)
    finally:
        redis.stop()
    assert found.code == 128 + signal.SIGTERM
    (engine,) = found.result["engines"]
    assert [each["number"] for each in engine["trials"]] == [1]
    assert engine["correctness"]["lost_records"] > 0, "verified by the truth"
    assert found.result["invalid_reasons"] == ["trial 2 (lossy-2) and all after it did not take place: SIGTERM"]
    (left,) = found.result["left_behind"]
    assert left.startswith(f"left behind, Redis key: cdr:{found.result['run_id']}:*")
