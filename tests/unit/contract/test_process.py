"""A launcher gives way to an engine's program, which finds the job with every setting; what is wrong is said before."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from engines.contract.job import JobSpecification
from tests.deadlines import DEADLINE_S
from tests.unit.contract.test_job import JOB

ROOT = Path(__file__).parents[3]
#: A launcher of a program that says what it was given, and whether it heeds SIGINT.
LAUNCHER = """
import sys
from engines.contract.process import become
SAY = "import json, signal, sys; job = json.load(open(sys.argv[1])); " \
    "print(json.dumps({'settings': job['settings'], 'ignores': signal.getsignal(signal.SIGINT) == signal.SIG_IGN}))"
sys.exit(become({"wait_ms": 5, "batch": 9}, lambda job, path: [PROGRAM, "-c", SAY, str(path)]))
"""


def launch(directory: Path, settings: dict[str, int], program: str = sys.executable) -> tuple[int, dict[str, object]]:
    """Launch the program; return its exit code, and the JSON object that was printed."""
    job: JobSpecification = replace(JOB, settings=settings, checkpoint_dir=str(directory))
    job.save(directory / "engine.job.json")
    argv = [sys.executable, "-c", LAUNCHER.replace("PROGRAM", repr(program)), str(directory / "engine.job.json")]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S)
    found: dict[str, object] = json.loads(done.stdout)
    return done.returncode, found


def test_the_program_has_the_place_and_the_job_of_its_launcher(tmp_path: Path) -> None:
    assert launch(tmp_path, {"batch": 1}) == (0, {"settings": {"wait_ms": 5, "batch": 1}, "ignores": True})


def test_an_unknown_setting_is_refused_before_the_program_starts(tmp_path: Path) -> None:
    code, event = launch(tmp_path, {"batsch": 1})
    assert (code, event["event"]) == (2, "failed")
    assert "unknown settings batsch; known: batch, wait_ms" in str(event["error"])


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    code, event = launch(tmp_path, {}, "/no/such/program")
    assert (code, event["event"]) == (1, "failed")
    assert "cannot become the engine's program" in str(event["error"])
