"""Starting programs, and waiting for what they are to bring about."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import ServiceError
from harness.processes.process import start_process, wait_until
from tests.deadlines import DEADLINE_S


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "x.log"
    with start_process("x", ["sh", "-c", "seq 1 30; echo end >&2"], log_path=log) as process:
        wait_until(lambda: process.poll() is not None, deadline_s=DEADLINE_S, what="it ends")
    assert process.log_tail(3) == "29\n30\nend"


def test_piped_output_does_not(tmp_path: Path) -> None:
    with start_process(
        "x", ["sh", "-c", "echo out; echo err >&2"], log_path=tmp_path / "log", stdout="pipe"
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read() == "out\n"
    assert process.log_tail() == "err"


def test_variables_and_directory(tmp_path: Path) -> None:
    argv = ["sh", "-c", 'echo "$COLOUR $(basename "$PWD") ${PATH:+path}"']
    with start_process("x", argv, log_path=tmp_path / "log", env={"COLOUR": "red"}, cwd=tmp_path) as process:
        wait_until(lambda: process.poll() is not None, deadline_s=DEADLINE_S, what="it ends")
    assert process.log_tail() == f"red {tmp_path.name} path"


def test_missing_program_is_named(tmp_path: Path) -> None:
    process = start_process("x", ["no-such-program"], log_path=tmp_path / "log")
    with pytest.raises(ServiceError, match=r"x ended with exit code 127 .*\n?.*cannot execute no-such-program"):
        wait_until(lambda: False, deadline_s=DEADLINE_S, what="it works", process=process)


def test_stop_after_the_end_returns_the_exit_code(tmp_path: Path) -> None:
    process = start_process("x", ["sh", "-c", "exit 3"], log_path=tmp_path / "log")
    wait_until(lambda: process.poll() is not None, deadline_s=DEADLINE_S, what="it ends")
    assert process.stop() == 3
    assert process.kill() == 3
    assert process.child_tree() == []


def test_child_tree_lists_the_program_first(tmp_path: Path) -> None:
    with start_process("x", ["sh", "-c", "sleep 60 & wait"], log_path=tmp_path / "log") as process:
        wait_until(lambda: len(process.child_tree()) == 2, deadline_s=DEADLINE_S, what="both run", process=process)
        program, sleeper = process.child_tree()
        assert (program.ppid(), sleeper.ppid()) == (process.pid, program.pid)


def test_wait_until_returns_what_it_waited_for() -> None:
    answers = iter([None, 0, "found"])
    assert wait_until(lambda: next(answers), deadline_s=DEADLINE_S, what="an answer") == "found"


def test_wait_until_tells_the_log_of_a_dead_process(tmp_path: Path) -> None:
    process = start_process("x", ["sh", "-c", "echo why it died; exit 3"], log_path=tmp_path / "log")
    with pytest.raises(ServiceError, match="x ended with exit code 3 before this came true: it works") as caught:
        wait_until(lambda: False, deadline_s=DEADLINE_S, what="it works", process=process)
    assert "why it died" in caught.value.message


def test_wait_until_gives_up(tmp_path: Path) -> None:
    begun = time.monotonic()
    with (
        start_process("x", ["sleep", "60"], log_path=tmp_path / "log") as process,
        pytest.raises(ServiceError, match=r"waited 0\.2 s in vain: it works"),
    ):
        wait_until(lambda: False, deadline_s=0.2, what="it works", process=process)
    assert time.monotonic() - begun < DEADLINE_S


LEFT = """
import sys, psutil
from pathlib import Path
from harness.processes.process import end_children, start_process
program = "import signal, time; " + sys.argv[2] + "print('there', flush=True); time.sleep(600)"
left = start_process("left", [sys.executable, "-c", program], log_path=Path(sys.argv[1]), stdout="pipe")
left.stdout.readline()
pids = [each.pid for each in psutil.Process().children(recursive=True)]
end_children(timeout_s=float(sys.argv[3]))
print(len(pids), [pid for pid in pids if psutil.pid_exists(pid)])
"""


@pytest.mark.parametrize(("deaf", "timeout_s"), [("", DEADLINE_S), ("signal.signal(15, signal.SIG_IGN); ", 0.1)])
def test_what_nobody_stopped_is_ended_one_that_is_deaf_too(deaf: str, timeout_s: float, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", LEFT, str(tmp_path / "log"), deaf, str(timeout_s)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    assert done.stdout == "2 []\n", "the guard and its program"
