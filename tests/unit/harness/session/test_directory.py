"""A result's folder is one process's own, temporary folders go, and logs that cannot be kept stop nothing."""

import errno
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import BaseModel

from harness.console.interrupt import SIGNALS
from harness.errors import ConfigurationError, ServiceError, UsageError
from harness.experiments.attempt import find_unfinished
from harness.processes.temporary import temporary_folder
from harness.results.part import save_whole
from harness.session import directory as module
from harness.session.directory import claim, claimed, release, save_somewhere, work_folder

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fail(*_arguments: object) -> None:
    raise FULL


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    found = tmp_path / "temp"
    found.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(found))
    return found


def test_a_full_disk_while_logs_are_kept_leaves_no_job_file(
    temp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(module, "copy_logs", fail)
    with pytest.raises(ValueError, match="broke off"), work_folder(tmp_path / "run", told.append) as work:
        (work / "viewer.job.json").write_text("password")
        raise ValueError("broke off")
    assert list(temp.iterdir()) == []
    assert told == ["not all logs are kept: [Errno 28] No space left on device"]


def test_logs_of_a_run_that_breaks_off_are_kept_and_of_one_that_is_interrupted_not(temp: Path, tmp_path: Path) -> None:
    for error, kept in ((ValueError, True), (KeyboardInterrupt, False)):
        with pytest.raises(error), work_folder(tmp_path / error.__name__, print) as work:
            (work / "kafka.log").write_text("started")
            raise error
        assert (tmp_path / error.__name__ / "logs" / "kafka.log").exists() is kept
    assert list(temp.iterdir()) == []


def test_a_temporary_folder_goes_whatever_ends_the_command(temp: Path) -> None:
    for number in (signal.SIGHUP, signal.SIGTERM):
        SIGNALS.install()
        with pytest.raises(KeyboardInterrupt), temporary_folder():
            assert len(list(temp.iterdir())) == 1
            signal.raise_signal(number)
        SIGNALS.release()
        assert list(temp.iterdir()) == []


@contextmanager
def another_at_work_in(folder: Path) -> Iterator[None]:
    """What another process that has claimed `folder` looks like: it has opened it by itself, and locked it."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield
    os.close(descriptor)


def test_a_folder_that_another_process_is_at_work_in_is_left_to_it(tmp_path: Path) -> None:
    with another_at_work_in(tmp_path / "sweep-1"):
        assert not claim(tmp_path / "sweep-1")
        with pytest.raises(UsageError, match="another command is at work in"), claimed(tmp_path / "sweep-1"):
            pass
    with claimed(tmp_path / "sweep-1"):
        assert claim(tmp_path / "sweep-1"), "of its own, a process may be sure as often as it asks"


def test_of_two_sweeps_at_once_only_one_goes_on_with_what_is_unfinished(tmp_path: Path) -> None:
    class Unfinished(BaseModel):
        key: str = "k"
        finished: bool = False

    def load(path: Path) -> Unfinished:
        return Unfinished.model_validate_json(path.read_text(encoding="utf-8"))

    folder = tmp_path / "sweep-1"
    save_whole(Unfinished(), folder / "sweep.json")
    with another_at_work_in(folder):
        assert find_unfinished(tmp_path, "sweep-*/sweep.json", "k", load) is None
    assert find_unfinished(tmp_path, "sweep-*/sweep.json", "k", load) == Unfinished()
    release(folder)


def test_where_no_results_can_be_kept_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(ConfigurationError, match="Not a directory") as found, claimed(tmp_path / "runs" / "run-1"):
        pass
    assert "--runs-dir" in found.value.fix


def test_a_result_for_which_there_is_no_room_is_saved_elsewhere_and_it_is_said_where(
    temp: Path, tmp_path: Path
) -> None:
    def save(found: str, folder: Path) -> Path:
        if folder.parent != temp:
            raise FULL
        (folder / "result.json").write_text(found)
        return folder / "result.json"

    with pytest.raises(ServiceError, match="No space left") as told:
        save_somewhere(save, "hours of work", tmp_path / "runs" / "run-1")
    (folder,) = temp.iterdir()
    assert (folder / "result.json").read_text() == "hours of work"
    assert str(folder / "result.json") in told.value.fix


def test_a_folder_in_which_nothing_was_kept_goes_away(tmp_path: Path) -> None:
    with claimed(tmp_path / "runs" / "run-1"):
        pass
    assert list((tmp_path / "runs").iterdir()) == []
