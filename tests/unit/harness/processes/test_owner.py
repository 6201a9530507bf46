"""What belongs to a living process is told from what a dead one has left, by more than a number; or is not known."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from harness.processes import owner
from harness.processes.owner import VARIABLE, Owner, owner_of_part, part_of
from harness.processes.private import RECORD, make_private, private_directory, read_record, remove_private
from harness.processes.process import start_process, wait_until
from tests.deadlines import DEADLINE_S

ME = Owner.this_process()


@pytest.fixture
def ended() -> Iterator[subprocess.Popen[bytes]]:
    """A child that has ended, and is not waited for."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        wait_until(
            lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE, deadline_s=DEADLINE_S, what="it ends"
        )
        yield process


def test_a_process_that_has_ended_is_gone_before_and_after_it_is_waited_for(ended: subprocess.Popen[bytes]) -> None:
    started = Path(f"/proc/{ended.pid}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
    its = replace(ME, pid=ended.pid, started=started)
    assert its.life() == "gone"
    ended.wait()
    assert its.life() == "gone"


@pytest.mark.parametrize(
    ("other", "life"),
    [
        ({}, "alive"),
        ({"started": "1"}, "gone"),
        ({"boot": "before"}, "gone"),
        ({"boot": ""}, "unknown"),
        ({"machine": "elsewhere"}, "unknown"),
        ({"machine": "elsewhere", "boot": "before"}, "unknown"),
        ({"place": "a container"}, "unknown"),
        ({"started": ""}, "unknown"),
    ],
)
def test_life_is_told_only_of_what_is_of_this_place(other: dict[str, str], life: str) -> None:
    assert replace(ME, **other).life() == life


def test_a_process_that_cannot_be_looked_at_is_not_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_pid: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(owner.os, "kill", denied)
    assert ME.life() == "unknown"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, the system itself keeps the time of the start")
def test_a_step_of_the_wall_clock_changes_no_owner() -> None:
    """A start in ticks since the boot: the wall clock's time of it moves with the clock."""
    assert ME.started == Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[19].decode()


def test_copies_of_a_machine_are_told_apart_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may share the temporary directory, and have the same machine-id, but never the boot."""
    monkeypatch.setattr(owner.platform, "node", lambda: "the other one")
    assert ME.life() == "unknown" and replace(ME, boot="its").life() == "unknown"


def test_a_mark_comes_back_and_one_of_another_place_is_unknown() -> None:
    assert Owner.parse(ME.mark) == ME
    elsewhere = Owner.parse(replace(ME, place="00000000").mark)
    assert elsewhere and elsewhere.life() == "unknown"
    assert [Owner.parse(each) for each in ("", "12", "x-1-2", "12--2")] == [None] * 4


def test_a_part_names_its_owner_and_other_files_do_not() -> None:
    part = part_of(Path("runs/result.json"))
    assert part.parent == Path("runs") and owner_of_part(part) == ME
    assert owner_of_part(Path("runs/.result.json.part")) is None
    assert owner_of_part(Path("runs/result.json")) is None


def test_what_is_started_and_all_that_it_starts_carries_the_mark(tmp_path: Path) -> None:
    inner = f"import os; print(os.environ[{VARIABLE!r}])"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    with start_process("it", [sys.executable, "-c", outer], log_path=tmp_path / "log", stdout="pipe") as process:
        assert process.stdout is not None
        assert process.stdout.read().strip() == ME.mark


def test_a_private_directory_says_whose_it_is(tmp_path: Path) -> None:
    work = make_private(where=tmp_path, run_directory=tmp_path / "runs" / "r")
    found = read_record(work)
    assert found and found.owner == ME
    assert (found.run_id, found.run_directory) == ("r", str(tmp_path / "runs" / "r"))
    assert work.stat().st_mode & 0o077 == 0
    with private_directory("compile-", where=tmp_path) as other:
        assert other.name.startswith("compile-") and read_record(other)
    assert not other.exists()


def test_records_of_others_and_what_is_none_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = make_private(where=tmp_path)
    link = tmp_path / "ringbench-link"
    link.symlink_to(work)
    assert read_record(link) is None and read_record(tmp_path) is None
    for text in ("", "[]", "{}", json.dumps(ME.record | {"pid": "x"})):
        (work / RECORD).write_text(text, encoding="utf-8")
        assert read_record(work) is None
    (work / RECORD).write_text(json.dumps(ME.record), encoding="utf-8")
    assert read_record(work)
    monkeypatch.setattr("harness.processes.private.os.getuid", lambda: os.geteuid() + 1)
    assert read_record(work) is None


def test_what_a_directory_says_of_itself_goes_last_and_links_are_not_followed(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "file").touch()
    work = make_private(where=tmp_path)
    (work / "link").symlink_to(theirs)
    (work / "deep" / "er").mkdir(parents=True)
    assert remove_private(work) == [] and not work.exists()
    assert (theirs / "file").exists()


def test_a_directory_that_cannot_be_emptied_still_says_whose_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = make_private(where=tmp_path)
    (work / "stubborn").mkdir()
    monkeypatch.setattr("harness.processes.private.shutil.rmtree", lambda *_what, **_how: None)
    assert remove_private(work) == [work / "stubborn"]
    assert read_record(work)
