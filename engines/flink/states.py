"""What a job leaves to go on from: checkpoints while it runs, and a savepoint if it ends in good order."""

import time
from pathlib import Path

from pyflink.common import JobClient
from pyflink.java_gateway import get_gateway

#: The folder of savepoints, below that of the job's checkpoints.
SAVEPOINTS = "savepoints"
#: How long a savepoint may take; the harness gives the whole stop 20 s.
SAVEPOINT_TIMEOUT_S = 10.0
POLL_S = 0.02


def latest_state(directory: Path) -> str | None:
    """The last complete checkpoint or savepoint that a job left in `directory`."""
    patterns = ("*/chk-*/_metadata", f"{SAVEPOINTS}/*/_metadata")
    complete = [path.parent for pattern in patterns for path in directory.glob(pattern)]
    if not complete:
        return None
    return max(complete, key=lambda path: path.stat().st_mtime_ns).resolve().as_uri()


def end_with_savepoint(client: JobClient, directory: Path) -> None:
    """End the job of a mini cluster with a savepoint in `directory`: what goes on from that reads nothing again.

    If that fails, or takes too long, the job is cancelled, and leaves its last checkpoint.
    """
    try:
        # PyFlink's own method lacks the format, without which there is none. This one any version and backend can read.
        formats = get_gateway().jvm.org.apache.flink.core.execution.SavepointFormatType
        place = (directory / SAVEPOINTS).resolve().as_uri()
        future = client._j_job_client.stopWithSavepoint(False, place, formats.CANONICAL)
        deadline_s = time.monotonic() + SAVEPOINT_TIMEOUT_S
        while not future.isDone() and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
        if future.isDone():
            print(f"ended with the savepoint {future.get()}")
            return
        why = f"there was none after {SAVEPOINT_TIMEOUT_S:g} s"
    except Exception as error:  # whatever Flink says, the job ends
        why = str(error)
    print(f"no savepoint: {why}")
    client.cancel().result()
