"""The life of an engine's process, from its job specification to its exit code.

Exit codes: 0 stopped in good order, 1 the job failed, 2 bad usage, job specification or settings.
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from engines.contract.events import EventWriter, stop_on_sigterm
from engines.contract.job import JobSpecification

#: The variable with options for the engine's JVM, apart by blanks, which spare it time; an engine may ignore them.
JVM_OPTIONS = "RINGBENCH_JVM_OPTIONS"

#: Runs a job with its settings until the stop event is set, sends `ready` and `progress`, returns the final totals.
Work = Callable[[JobSpecification, dict[str, Any], EventWriter, threading.Event], dict[str, int | None]]
#: The command line of the program that does a job: the job with every setting filled in, and the file that holds it.
Command = Callable[[JobSpecification, Path], list[str]]


def run_engine(defaults: dict[str, Any], work: Work) -> int:
    """Do `work` for the job specification that the command line names; return the exit code.

    Args:
        defaults: every setting that the engine knows, with its default.
        work: what the engine does; an exception from it is the death of the job.
    """
    stop = stop_on_sigterm()
    job = _load(defaults)
    if job is None:
        return 2
    events = EventWriter()
    try:
        totals = work(job, job.settings, events, stop)
    except Exception as error:
        traceback.print_exc()
        events.send("failed", error=f"{type(error).__name__}: {error}"[:2000])
        return 1
    events.send("stopped", **totals)
    return 0


def become(defaults: dict[str, Any], command: Command) -> int:
    """Replace this process by the program of an engine in another language; return the exit code if that fails.

    The job and its settings are checked first. From then on, the program is the engine: it writes the events, and acts
    on SIGTERM; it starts with SIGINT ignored.

    Args:
        defaults: every setting that the engine knows, with its default.
        command: the program, found on PATH if it has no folder, and its arguments.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    job = _load(defaults)
    if job is None:
        return 2
    path = Path(job.checkpoint_dir).resolve() / "job.json"
    try:
        job.save(path)
        argv = command(job, path)
        os.execvp(argv[0], argv)
    except OSError as error:
        EventWriter().send("failed", error=f"cannot become the engine's program: {error}")
        return 1


def _load(defaults: dict[str, Any]) -> JobSpecification | None:
    """The job that the command line names, with every setting filled in; None, and why not is said, if it is wrong."""
    try:
        job = JobSpecification.load(_only_argument())
        return replace(job, settings=job.take_settings(defaults))
    except (OSError, ValueError) as error:
        EventWriter().send("failed", error=str(error))
        return None


def _only_argument() -> str:
    if len(sys.argv) != 2:
        raise ValueError(f"usage: {sys.argv[0]} JOB.json")
    return sys.argv[1]
