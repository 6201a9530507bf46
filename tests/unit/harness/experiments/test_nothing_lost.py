"""Whatever ends a run, in whatever phase: its finished trials are in a result that says why it is not whole."""

import errno
import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from confluent_kafka import KafkaError, KafkaException
from redis import ConnectionError as RedisGone

from harness.clients.left import Left, told
from harness.console.interrupt import INTERRUPTED, Signals, Stopped
from harness.errors import InvalidRun, ServiceError
from harness.experiments.run import exit_code
from harness.results.result import Result, load_result, save_result
from harness.services.backing import External
from tests.builders.runs import Runs


class Terminated(KeyboardInterrupt):
    """What a signal other than Ctrl-C becomes."""


def failed(number: int) -> OSError:
    """The operating system's error of that number."""
    return OSError(number, os.strerror(number))


#: What ends a run, and what is said of it.
ENDS: dict[str, tuple[Callable[[], BaseException], str]] = {
    "Ctrl-C": (KeyboardInterrupt, "Ctrl-C"),
    "SIGTERM": (lambda: Terminated("SIGTERM"), "SIGTERM"),
    "SIGHUP": (lambda: Terminated("SIGHUP"), "SIGHUP"),
    "a service gone": (lambda: ServiceError("the generator did not start"), "the generator did not start"),
    "broker gone": (lambda: KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN)), "Kafka: "),
    "broker silent": (lambda: TimeoutError("timed out"), "did not answer in time: timed out"),
    "Redis gone": (lambda: RedisGone("connection refused"), "Redis: connection refused"),
    "S3 denied": (lambda: ClientError({"Error": {"Code": "AccessDenied"}}, "DeleteObject"), "AccessDenied"),
    "disk full": (lambda: failed(errno.ENOSPC), "no space is left on the disk"),
    "cache read-only": (lambda: failed(errno.EROFS), "Read-only file system"),
    "no memory": (MemoryError, "not enough memory"),
}
SIGNALS = {"Ctrl-C", "SIGTERM", "SIGHUP"}


@dataclass(frozen=True)
class Kept:
    """What there is to be after an end in a phase: how many trials, what is missing, and whether they are verified."""

    trials: int
    missing: str = ""
    verified: bool = True
    left: str = ""


#: An end comes in the second of three trials, or after all of them.
PHASES = {
    "start": Kept(1, missing="trial 2 (baseline-2) and all after it did not take place: "),
    "load": Kept(1, missing="trial 2 (baseline-2) and all after it did not take place: "),
    "drain": Kept(1, missing="trial 2 (baseline-2) and all after it did not take place: "),
    "counts": Kept(1, missing="trial 2 (baseline-2) and all after it did not take place: "),
    "end of a trial": Kept(2, missing="trial 3 (baseline-3) and all after it did not take place: "),
    "truth": Kept(3, missing="the ground truth could not be computed: ", verified=False),
    "clean-up of Redis": Kept(3, left="left behind, Redis keys: cdr:* ("),
    "clean-up of S3": Kept(3, left="left behind, S3 objects: "),
}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(tmp_path, monkeypatch)


def _assert_only_named_things_are_left(runs: Runs, result: Result) -> None:
    assert list(runs.temp.iterdir()) == [], "the private directory"
    assert not any(child.is_running for child in runs.world.started)
    named = any(f"S3 objects: {result.run_id}/*" in each for each in result.left_behind)
    assert named or runs.store.objects == {}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("end", ENDS)
def test_finished_trials_are_in_the_result_whatever_ends_the_run(runs: Runs, end: str, phase: str) -> None:
    (make_error, told), kept = ENDS[end], PHASES[phase]
    runs.fails(phase, make_error())
    result, directory = runs.run()

    assert load_result(directory) == result
    trials = result.engines[0].trials
    assert [each.number for each in trials] == list(range(1, kept.trials + 1))
    assert {each.verdict for each in trials} == {"pass" if kept.verified else "unknown"}
    assert all(each.generator and each.cost for each in trials), "all that was measured is there"
    assert {each.name for each in directory.glob("*.updates.gz")} == {each.recording for each in trials}
    assert any(kept.missing in each and told in each for each in result.invalid_reasons) or not kept.missing
    assert result.valid == (not kept.missing)
    assert any(kept.left in each and told in each for each in result.left_behind) or not kept.left
    assert result.interrupted == (end in SIGNALS)
    assert exit_code(result) == (INTERRUPTED if end in SIGNALS else InvalidRun.exit_code if kept.missing else 0)
    _assert_only_named_things_are_left(runs, result)


def test_a_second_ctrl_c_breaks_the_truth_off_and_loses_no_trial(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    signals = Signals()
    monkeypatch.setattr("harness.experiments.run_trials.SIGNALS", signals)
    with pytest.raises(Stopped) as first:
        signals.receive(signal.SIGTERM)
    runs.fails("load", first.value)
    monkeypatch.setattr("harness.experiments.run_truth.compute_truths", lambda *_, **__: signals.receive(signal.SIGINT))
    result, _ = runs.run()
    assert [each.verdict for each in result.engines[0].trials] == ["unknown"]
    assert "the ground truth could not be computed: Ctrl-C" in result.invalid_reasons
    assert any(each.endswith("did not take place: SIGTERM") for each in result.invalid_reasons)


def test_a_run_that_goes_well_is_valid_and_leaves_nothing(runs: Runs) -> None:
    result, directory = runs.run()
    assert result.invalid_reasons == [] and result.left_behind == []
    assert [each.verdict for each in result.engines[0].trials] == ["pass"] * 3
    assert runs.store.objects == {}
    _assert_only_named_things_are_left(runs, result)
    assert load_result(directory) == result


@pytest.mark.parametrize("end", ["SIGTERM", "broker silent"])
def test_what_fails_behind_the_last_trial_makes_nothing_invalid(runs: Runs, end: str) -> None:
    runs.fails("end of a trial", ENDS[end][0](), trial=3)
    result, _ = runs.run()
    assert result.valid and len(result.engines[0].trials) == 3
    assert result.interrupted == (end in SIGNALS)
    assert "its end was not in good order" in runs.told


@pytest.mark.parametrize("end", ["Ctrl-C", "broker gone"])
@pytest.mark.parametrize("phase", ["start", "load", "drain", "counts"])
def test_what_ends_the_first_trial_ends_the_run_without_a_trace(runs: Runs, end: str, phase: str) -> None:
    error = ENDS[end][0]()
    runs.fails(phase, error, trial=1)
    with pytest.raises(type(error)):
        runs.run()
    assert list(runs.runs_dir.rglob("*.json")) == []
    assert list(runs.temp.iterdir()) == []


def test_what_nobody_expected_stands_in_the_logs_as_python_tells_it(runs: Runs) -> None:
    runs.fails("drain", RuntimeError("a defect"))
    _, directory = runs.run()
    assert "RuntimeError: a defect" in (directory / "logs" / "ringbench.log").read_text(encoding="utf-8")


def test_a_signal_ends_the_clean_up_and_what_it_had_not_come_to_is_named(runs: Runs) -> None:
    runs.fails("clean-up of Redis", Terminated("SIGTERM"))
    result, _ = runs.run()
    assert result.left_behind == [
        "left behind, Redis keys: cdr:* (SIGTERM)",
        f"left behind, S3 objects: {result.run_id}/* (SIGTERM)",
    ]
    assert len(runs.store.objects) == 3
    assert f"`ringbench clean {result.run_id}`, with the run's services, deletes it later" in runs.told


def test_what_redis_evicted_is_told_of_a_trial_whose_clean_up_fails(runs: Runs) -> None:
    def evict() -> None:
        runs.evicted_keys = 7

    runs.evicted_keys = 0
    runs.world.at(1, evict)
    runs.fails("end of a trial", TimeoutError("timed out"), trial=1)
    result, _ = runs.run()
    (trial,) = result.engines[0].trials
    assert trial.verdict == "unknown" and "Redis evicted 7 keys" in trial.reasons[0]


def test_what_a_trial_could_not_take_away_stands_in_the_result(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [Left("topic", "cdr-RUN_ID-baseline-2", "not authorized")]
    monkeypatch.setattr("harness.trial.runner.tidy", lambda *_setting, **_how: left)
    result, _ = runs.run(trials=1)
    assert result.valid and result.left_behind == list(told(left))


def test_the_runs_own_services_are_not_cleaned_and_nothing_is_left_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(tmp_path, monkeypatch, External())
    for phase in ("clean-up of Redis", "clean-up of S3"):
        runs.fails(phase, AssertionError("it goes with the service"))
    assert runs.run()[0].left_behind == []


def test_no_room_for_recordings_costs_the_recordings_alone(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_files: object) -> None:
        raise failed(errno.ENOSPC)

    monkeypatch.setattr("harness.experiments.run_trials.keep_files", full)
    result, directory = runs.run()
    assert result.valid and load_result(directory) == result
    assert [each.recording for each in result.engines[0].trials] == [None] * 3
    assert "no recording or flame graph is kept: [Errno 28] No space left on device" in runs.told


def test_no_room_for_logs_costs_the_logs_alone(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_place: object) -> None:
        raise failed(errno.ENOSPC)

    runs.fails("drain", TimeoutError("timed out"))
    monkeypatch.setattr("harness.session.directory.copy_logs", full)
    result, directory = runs.run()
    assert load_result(directory) == result
    assert "not all logs are kept: [Errno 28] No space left on device" in runs.told


def test_a_result_for_which_there_is_no_room_is_saved_elsewhere_and_that_is_an_error(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(result: Result, directory: Path) -> Path:
        if directory.is_relative_to(runs.runs_dir):
            raise failed(errno.ENOSPC)
        return save_result(result, directory)

    monkeypatch.setattr("harness.session.session.save_result", full)
    monkeypatch.setattr("harness.experiments.journal.write_whole", full)
    with pytest.raises(ServiceError, match=r"the result could not be saved in .*No space left on device") as raised:
        runs.run()
    assert "--resume" not in runs.told.replace("--resume makes the trial again", ""), (
        "there is no journal to go on from"
    )
    (rescued,) = runs.temp.glob("ringbench-result-*/result.json")
    assert str(rescued) in raised.value.fix
    assert len(json.loads(rescued.read_text(encoding="utf-8"))["engines"][0]["trials"]) == 3
