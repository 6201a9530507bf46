"""A run that was killed is gone on with: its finished trials count, and only what is alike is put together."""

import errno
import fcntl
import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.clients.left import Left
from harness.commands.common import load_run
from harness.errors import ServiceError, UsageError
from harness.experiments.journal import FOLDER, read_plan
from harness.results.result import load_result
from harness.services.backing import External
from tests.builders.runs import OWN, Killed, Runs

SERVICES = {"own services": OWN, "started services": External()}


@pytest.fixture(params=SERVICES)
def runs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(tmp_path, monkeypatch, SERVICES[request.param])


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("phase", "trial", "finished"),
    [("start", 2, 1), ("load", 2, 1), ("drain", 3, 2), ("truth", 0, 3)],
)
def test_what_a_killed_run_had_finished_is_not_made_again_and_the_result_is_whole(
    runs: Runs, phase: str, trial: int, finished: int
) -> None:
    runs.kill(phase, trial)
    assert not (runs.directory / "result.json").exists()
    runs.started.clear()
    result, directory = runs.resume()
    assert result.invalid_reasons == []
    assert runs.started == [f"baseline-{number}" for number in range(finished + 1, 4)]
    assert [(each.number, each.verdict) for each in result.engines[0].trials] == [(n, "pass") for n in (1, 2, 3)]
    assert all((directory / str(each.recording)).exists() for each in result.engines[0].trials)
    assert [each.finished_trials for each in result.resumptions] == [finished]
    assert load_result(directory) == result
    assert not (directory / FOLDER).exists()
    assert runs.store.objects == {} or not runs.external.s3


def test_a_kill_in_the_clean_up_finds_the_result_saved(own: Runs) -> None:
    own.kill("clean-up of Redis")
    result = load_result(own.directory)
    assert result.valid and len(result.engines[0].trials) == 3
    assert not (own.directory / FOLDER).exists()


def test_a_trial_from_the_journal_gives_the_same_result(own: Runs) -> None:
    own.fails("truth", TimeoutError("timed out"))
    before, _ = own.run()
    own.heal()
    after, _ = own.resume()
    verified = {"verdict", "reasons", "correctness"}
    for one, other in zip(before.engines[0].trials, after.engines[0].trials, strict=True):
        assert one.model_dump(exclude=verified) == other.model_dump(exclude=verified)
    assert not before.valid and after.valid


def test_a_run_may_be_gone_on_with_as_often_as_it_is_killed(own: Runs) -> None:
    own.kill("load", 2)
    own.fails("load", Killed(), trial=3)
    with pytest.raises(Killed):
        own.resume()
    own.heal()
    result, _ = own.resume()
    assert result.valid and [each.finished_trials for each in result.resumptions] == [1, 2]
    assert result.started_at <= result.resumptions[0].at <= result.resumptions[1].at <= result.finished_at


def test_what_ended_in_a_result_that_is_not_whole_is_gone_on_with_too(runs: Runs) -> None:
    runs.fails("load", KeyboardInterrupt())
    broken_off, directory = runs.run()
    assert broken_off.interrupted
    assert "1 of 3 trials are in" in runs.told and f"`ringbench run --resume {broken_off.run_id}`" in runs.told
    runs.heal()
    if not runs.external.s3:
        runs.store.objects.clear()
    result, _ = runs.resume()
    assert result.valid and not result.interrupted and load_result(directory) == result


def test_a_run_that_is_whole_is_not_gone_on_with(own: Runs) -> None:
    own.run()
    with pytest.raises(UsageError, match="has a result and no journal: there is nothing to go on with"):
        own.resume()


def test_a_run_of_which_nothing_was_finished_cannot_be_gone_on_with(own: Runs) -> None:
    (own.runs_dir / "RUN_ID").mkdir(parents=True)
    with pytest.raises(UsageError, match="no journal of a run") as raised:
        own.resume()
    assert "--runs-dir" in raised.value.fix


def test_a_run_that_still_goes_on_is_left_alone(own: Runs) -> None:
    own.kill("load")
    elsewhere = os.open(own.directory, os.O_RDONLY)
    try:
        fcntl.flock(elsewhere, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="is still going on"):
            own.resume()
    finally:
        os.close(elsewhere)
    assert own.resume()[0].valid


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", "another"),
        ("kernel", "7.0"),
        ("java", "25"),
        ("packages", {"numpy": "9"}),
        ("services", {"kafka": "9"}),
    ],
)
def test_on_another_host_or_with_other_versions_it_is_refused_by_name(own: Runs, field: str, value: object) -> None:
    own.kill("load")
    own.environment = own.environment.model_copy(update={field: value})
    before = {path: path.read_bytes() for path in own.directory.rglob("*") if path.is_file()}
    own.started.clear()
    if field in ("java", "services"):  # known once the session is open only
        with pytest.raises(UsageError, match=f"{field} is "):
            own.resume()
    else:
        with pytest.raises(UsageError, match=f"{field} is .*{value}.*, and was "):
            own.resume()
    assert own.started == []
    assert before == {path: path.read_bytes() for path in own.directory.rglob("*") if path.is_file()}


def test_with_other_code_it_is_refused(own: Runs) -> None:
    own.kill("load")
    own.code = "another"
    with pytest.raises(UsageError, match="the code of Ringbench or of an engine has changed"):
        own.resume()


def test_some_pages_of_memory_make_no_other_host(own: Runs) -> None:
    own.kill("load")
    own.environment = own.environment.model_copy(update={"memory_bytes": own.environment.memory_bytes - 8192})
    assert own.resume()[0].valid


@pytest.mark.parametrize(
    ("external", "message"),
    [
        (External(redis=OWN.redis, s3=OWN.s3), "had --kafka kafka:1, and this command has no --kafka of its own"),
        (External(kafka="other:1", redis=OWN.redis, s3=OWN.s3), "had --kafka kafka:1, and .* has --kafka other:1"),
        (External(kafka=OWN.kafka, redis="redis://r:2/0", s3=OWN.s3), "has --redis redis://r:2/0"),
    ],
)
def test_with_other_services_it_is_refused(own: Runs, external: External, message: str) -> None:
    own.kill("load")
    own.external = external
    with pytest.raises(UsageError, match=message):
        own.resume()


def test_no_secret_is_in_the_journal_and_another_password_is_no_other_service(own: Runs) -> None:
    own.external = replace(
        OWN, redis="redis://me:hunter2@redis:1/0?password=hunter3", kafka_properties={"x": "hunter4"}
    )
    own.kill("load")
    for path in (own.directory / FOLDER).iterdir():
        assert b"hunter" not in path.read_bytes()
    own.external = replace(OWN, redis="redis://me:changed@redis:1/0")
    assert own.resume()[0].valid


def test_only_its_owner_can_read_the_journal(own: Runs) -> None:
    own.kill("load")
    assert (own.directory / FOLDER).stat().st_mode & 0o777 == 0o700


# What is verified, and by what


def test_an_archive_that_someone_changed_is_not_believed_but_taken_from_the_journal(own: Runs) -> None:
    own.kill("truth")
    for key in own.store.objects:
        own.store.objects[key] = b"changed"
    result, _ = own.resume()
    assert result.valid


def test_the_same_bytes_archived_by_another_trial_prove_one_whose_archive_is_gone(own: Runs) -> None:
    own.kill("load", 3)
    own.store.objects.clear()
    _forget_archives(own)
    result, _ = own.resume()
    assert result.valid


def test_a_trial_whose_archive_is_gone_is_not_verified_by_other_bytes(own: Runs) -> None:
    own.kill("load", 3)
    own.store.objects.clear()
    _forget_archives(own)
    own.archived = b"other bytes than before"
    result, directory = own.resume()
    assert [each.verdict for each in result.engines[0].trials] == ["unknown", "unknown", "pass"]
    assert result.invalid_reasons == [
        f"baseline-{number}: its archive is gone or changed, and its counts cannot be verified" for number in (1, 2)
    ]
    assert (directory / FOLDER).exists(), "it is not whole"


def test_an_archive_that_changes_after_its_trial_verifies_nothing(own: Runs) -> None:
    def meddle() -> None:
        for key in own.store.objects:
            own.store.objects[key] = b"changed"

    own.before_truth = meddle
    result, _ = own.run()
    assert {each.verdict for each in result.engines[0].trials} == {"unknown"}
    assert "baseline-1: its archive is gone or changed, and its counts cannot be verified" in result.invalid_reasons


def _forget_archives(runs: Runs) -> None:
    for path in (runs.directory / FOLDER).glob("archive-*"):
        path.unlink()


def test_one_copy_of_equal_archives_is_kept(own: Runs) -> None:
    own.kill("truth")
    assert len(list((own.directory / FOLDER).glob("archive-*.zip"))) == 1
    assert len(list((own.directory / FOLDER).glob("trial-*.json.gz"))) == 3


# What the journal cannot do


def test_a_full_disk_costs_the_journal_and_not_the_run(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_what: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("harness.experiments.journal.write_whole", full)
    result, directory = runs.run()
    assert result.valid and not (directory / FOLDER).exists()
    assert "baseline-1: cannot be written into the journal: no space is left on the disk" in runs.told


def test_a_damaged_trial_is_made_again(own: Runs) -> None:
    own.kill("truth")
    path = own.directory / FOLDER / "trial-2.json.gz"
    path.write_bytes(path.read_bytes()[:100])
    own.started.clear()
    result, _ = own.resume()
    assert result.valid and [each.number for each in result.engines[0].trials] == [1, 2, 3]
    assert own.started == ["baseline-2"]


def test_what_the_killed_process_left_is_removed(own: Runs) -> None:
    own.kill("load", 2)
    left = Path(read_plan(own.directory).work)
    (left / "job").mkdir(parents=True)
    half_made = f"{own.directory.name}/baseline-2/archive/second=9/part-0.parquet"
    own.store.objects[half_made] = b"half of it"
    result, _ = own.resume()
    assert result.valid and not left.exists() and own.store.objects == {}


def test_services_that_let_nothing_be_removed_are_told_and_the_journal_stays(
    own: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*_place: object) -> list[Left]:
        return [Left("topic", "cdr-RUN_ID-baseline-2", "not authorized")]

    own.kill("load")
    with monkeypatch.context() as patch:
        patch.setattr("harness.experiments.resume.delete_topics", deny)
        with pytest.raises(ServiceError, match="had left of a half-made trial is left behind, topic: cdr-RUN"):
            own.resume()
    result, _ = own.resume()
    assert result.valid and len(result.resumptions) == 1


# The command line


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["smoke"], "the scenario"), (["--seed", "7"], "--seed"), (["--trials", "1"], "--trials"), (["--view"], "--view")],
)
def test_what_would_change_the_plan_is_refused_beside_resume(arguments: list[str], named: str) -> None:
    outcome = CliRunner().invoke(app, ["run", "--resume", "RUN_ID", *arguments])
    assert isinstance(outcome.exception, UsageError)
    assert outcome.exception.message == f"--resume goes on with a run as it began, and {named} is part of that"


@pytest.mark.parametrize("run_id", ["", "runs/RUN_ID", "../RUN_ID", ".."])
def test_what_is_no_name_of_a_run_is_refused(run_id: str, tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["run", "--resume", run_id, "--runs-dir", str(tmp_path)])
    assert isinstance(outcome.exception, UsageError)
    assert "is no RUN_ID" in outcome.exception.message or "no journal" in outcome.exception.message


def test_the_report_of_an_unfinished_run_says_what_there_is_and_how_to_go_on(own: Runs) -> None:
    own.kill("drain", 3)
    with pytest.raises(
        UsageError, match=r"of its 3 trials of each engine, these are: baseline-1, baseline-2 \("
    ) as told:
        load_run(own.directory)
    assert f"ringbench run --resume {own.directory.name}" in told.value.fix
