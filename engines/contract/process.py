"""The life of an engine's process, from its job specification to its exit code.

Exit codes: 0 stopped in good order, 1 the job failed, 2 bad usage, job specification or settings.
"""

import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from engines.contract.events import EventWriter, stop_on_sigterm
from engines.contract.job import JobSpecification

#: The variable with options for the engine's JVM, apart by blanks, which spare it time; an engine may ignore them.
JVM_OPTIONS = "RINGBENCH_JVM_OPTIONS"

#: Runs a job with its settings until the stop event is set, sends `ready` and `progress`, returns the final totals.
Work = Callable[[JobSpecification, dict[str, Any], EventWriter, threading.Event], dict[str, int | None]]


def run_engine(defaults: dict[str, Any], work: Work) -> int:
    """Do `work` for the job specification that the command line names; return the exit code.

    Args:
        defaults: every setting that the engine knows, with its default.
        work: what the engine does; an exception from it is the death of the job.
    """
    events = EventWriter()
    stop = stop_on_sigterm()
    try:
        job = JobSpecification.load(_only_argument())
        settings = job.take_settings(defaults)
    except (OSError, ValueError) as error:
        events.send("failed", error=str(error))
        return 2
    try:
        totals = work(job, settings, events, stop)
    except Exception as error:
        traceback.print_exc()
        events.send("failed", error=f"{type(error).__name__}: {error}"[:2000])
        return 1
    events.send("stopped", **totals)
    return 0


def _only_argument() -> str:
    if len(sys.argv) != 2:
        raise ValueError(f"usage: {sys.argv[0]} JOB.json")
    return sys.argv[1]
