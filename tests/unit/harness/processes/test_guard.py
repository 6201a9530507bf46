"""Nothing that the harness starts outlives it, whatever happens to the harness, the guard or the program."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from harness.processes import guard
from harness.processes.process import Process, start_process, wait_until
from tests.deadlines import DEADLINE_S

#: A program that SIGTERM does not impress, whose grandchild in a session of its own has been orphaned.
STUBBORN = """
trap '' TERM
(setsid sh -c 'trap "" TERM; echo $$ > orphan; while :; do sleep 1; done' &)
echo $$ > program
while :; do sleep 1; done
"""


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[Process]:
    process = start_process("stubborn", ["sh", "-c", STUBBORN], log_path=tmp_path / "log", cwd=tmp_path)
    yield process
    process.kill()


def read_pids(directory: Path) -> list[int]:
    """The identifiers that `STUBBORN` writes to files, once it has."""
    files = [directory / "program", directory / "orphan"]
    wait_until(lambda: all(file.exists() and file.read_text() for file in files), deadline_s=DEADLINE_S, what="pids")
    return [int(file.read_text()) for file in files]


def wait_until_gone(pids: list[int]) -> None:
    wait_until(lambda: not any(map(psutil.pid_exists, pids)), deadline_s=DEADLINE_S, what=f"{pids} are gone")


def test_killed_harness_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from harness.processes.process import start_process\n"
        "start_process('stubborn', ['sh', '-c', sys.argv[1]], log_path=Path('log'))\n"
        "time.sleep(60)"
    )
    harness = subprocess.Popen([sys.executable, "-c", script, STUBBORN], cwd=tmp_path)
    pids = read_pids(tmp_path)
    harness.kill()
    harness.wait()
    wait_until_gone(pids)


def test_killed_guard_takes_its_program_along(tmp_path: Path) -> None:
    process = start_process("sleep", ["sleep", "60"], log_path=tmp_path / "log")
    wait_until(process.child_tree, deadline_s=DEADLINE_S, what="the program runs")
    program = process.child_tree()[0].pid
    os.kill(process.pid, signal.SIGKILL)
    wait_until_gone([program])


def test_stop_kills_what_ignores_sigterm(stubborn: Process, tmp_path: Path) -> None:
    pids = read_pids(tmp_path)
    assert stubborn.stop(timeout_s=0.2) == 128 + signal.SIGKILL
    wait_until_gone(pids)


def test_stop_ends_a_program_that_was_frozen(stubborn: Process, tmp_path: Path) -> None:
    pids = read_pids(tmp_path)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    stubborn.stop(timeout_s=0.2)
    wait_until_gone(pids)


def test_what_a_program_leaves_behind_is_ended(tmp_path: Path) -> None:
    script = "setsid sleep 60 & echo $! > left; exit 7"
    process = start_process("leaver", ["sh", "-c", script], log_path=tmp_path / "log", cwd=tmp_path)
    wait_until(lambda: process.poll() is not None, deadline_s=DEADLINE_S, what="the guard ends")
    assert process.poll() == 7
    wait_until_gone([int((tmp_path / "left").read_text())])


def test_processes_that_the_system_does_not_tell_of_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_own(path: str, mode: str) -> IO[bytes]:
        if path != f"/proc/{os.getpid()}/stat":
            raise PermissionError  # as with hidepid
        return Path(path).open(mode)

    monkeypatch.setattr(guard, "open", open_own, raising=False)
    assert guard._processes() == [(os.getpid(), os.getppid())]


def test_exit_code_of_a_program_killed_by_a_signal(tmp_path: Path) -> None:
    process = start_process("suicidal", ["sh", "-c", "kill -9 $$"], log_path=tmp_path / "log")
    wait_until(lambda: process.poll() is not None, deadline_s=DEADLINE_S, what="the guard ends")
    assert process.poll() == 128 + signal.SIGKILL


def test_program_has_default_signals_and_its_own_session(tmp_path: Path) -> None:
    script = (
        "import os, signal\n"
        "print(signal.getsignal(signal.SIGTERM).name, signal.getsignal(signal.SIGQUIT).name)\n"
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, []), os.getsid(0))"
    )
    with start_process("signals", [sys.executable, "-c", script], log_path=tmp_path / "log", stdout="pipe") as process:
        assert process.stdout is not None
        dispositions, mask = process.stdout.read().splitlines()
    assert dispositions == "SIG_DFL SIG_DFL"
    assert mask == f"set() {process.pid}"
    assert process.pid != os.getsid(0)


class Signalled(list[tuple[int, int]]):
    """Signals that were sent, in place of being sent; some cannot be."""

    def kill(self, pid: int, number: int) -> None:
        """As `os.kill`."""
        self.append((pid, number))
        if pid == ALIEN:
            raise PermissionError(errno.EPERM, "Operation not permitted")


PROGRAM, ALIEN = 2**23 + 1, 2**23 + 2


@pytest.fixture
def signalled(monkeypatch: pytest.MonkeyPatch) -> Signalled:
    found = Signalled()
    monkeypatch.setattr(os, "kill", found.kill)
    return found


def make_guard() -> guard.Guard:
    found = guard.Guard(-1, 1.0)
    found.program = PROGRAM
    return found


def test_one_that_has_become_another_users_is_said_and_keeps_no_other_from_being_ended(
    monkeypatch: pytest.MonkeyPatch, signalled: Signalled
) -> None:
    monkeypatch.setattr(guard, "_descendants", lambda: [ALIEN, PROGRAM])
    found = make_guard()
    for _ in range(2):
        found._signal_all(signal.SIGKILL)
    assert signalled == [(ALIEN, signal.SIGKILL), (PROGRAM, signal.SIGKILL)] * 2
    assert found.told == {f"process {ALIEN} has become another user's, and cannot be ended"}


def test_without_proc_the_program_is_ended_and_what_may_be_left_is_said(
    monkeypatch: pytest.MonkeyPatch, signalled: Signalled, capfd: pytest.CaptureFixture[str]
) -> None:
    def no_proc(path: str) -> list[str]:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)

    monkeypatch.setattr(os, "listdir", no_proc)
    found = make_guard()
    found._signal_all(signal.SIGKILL)
    found.program_code = 0
    found._signal_all(signal.SIGKILL)
    assert signalled == [(PROGRAM, signal.SIGKILL)]
    assert capfd.readouterr().err.count("processes cannot be listed") == 1


def test_streams_pass_through() -> None:
    guard = [sys.executable, "-I", "-S", "harness/processes/guard.py", "--pipe", "-1", "--grace-s", "1", "--"]
    root = Path(__file__).parents[4]
    command = [*guard, "sh", "-c", "cat; echo warning >&2"]
    done = subprocess.run(command, input="in", capture_output=True, text=True, cwd=root, timeout=DEADLINE_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, "in", "warning\n")
