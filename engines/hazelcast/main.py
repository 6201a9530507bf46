"""The Hazelcast engine: a Jet job on two members (java/ringbench/hazelcast), each a JVM, which this process starts.

Each member has the other one's copy of the job's snapshots. When one is lost, the job goes on from the last snapshot on
the one that is left, and this process starts another. When both are lost, so are the snapshots, and the job with them.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engines.contract.events import EventWriter, act_on_sigusr1
from engines.contract.job import JobSpecification
from engines.contract.jvm import java_program
from engines.contract.process import run_engine
from engines.contract.promises import Promises
from engines.contract.record import LOCATIONS

DEFAULT_SETTINGS: dict[str, Any] = {
    # A cell's upserts of so many milliseconds are joined into one.
    "flush_interval_ms": 20,
    # How long the producer waits for more upserts to send together.
    "linger_ms": 2,
    # A fetch from Kafka waits for so many bytes, but no longer than so many milliseconds.
    "fetch_min_bytes": 1,
    "fetch_wait_ms": 500,
    # A thread of Jet's that finds nothing to do looks again after so many microseconds at the latest. Jet's own default
    # for threads that may wait, among them those that write, is 5000, which every upsert would have to bear a part of.
    "longest_idle_us": 500,
    # A cell that has rested for longer, and for the allowed lateness, by the wall clock, is forgotten, and after twice
    # the time at the latest: longer than it takes to read again, after a loss, what came since the last snapshot.
    "state_ttl_ms": 300_000,
    # The heap of each member's JVM.
    "heap": "768m",
}

TOTALS = ("records_in", "malformed", "late")
PROGRESS_INTERVAL_S = 1.0
POLL_S = 0.05
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 14.0
#: What Hazelcast asks for, so that it finds out about buffers and the machine without warnings.
_JVM_ACCESS = (
    *("--add-modules=java.se", "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED"),
    *("--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED"),
    "--add-opens=java.management/sun.management=ALL-UNNAMED",
    "--add-opens=jdk.management/com.sun.management.internal=ALL-UNNAMED",
)


def command(job: JobSpecification, path: Path, other: str) -> list[str]:
    """The command line of a member's JVM; `other` is the address of the member to join, if there is one."""
    arguments = [str(path), LOCATIONS[job.locations], *filter(None, [other])]
    return java_program(job, "ringbench.hazelcast.Main", arguments, options=_JVM_ACCESS, is_first=not other)


class Member:
    """A member's process, and what it last told of itself.

    Attributes:
        told: all that it has told, the last of each kind.
    """

    def __init__(self, argv: list[str]) -> None:
        self.told: dict[str, Any] = {}
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._listen, name="member", daemon=True)
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._process.poll() is None

    @property
    def is_running(self) -> bool:
        """Whether it takes part in the job, which runs."""
        return self.told.get("status") == "RUNNING" and self.told["execution"] != 0

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.told = self.told | json.loads(line)

    def order(self, word: str) -> None:
        """Tell it to do something; one that has died cannot."""
        assert self._process.stdin
        try:
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass

    def kill(self) -> None:
        """End its process at once, as a crash would."""
        self._process.kill()

    def finish(self) -> None:
        """Wait until it has ended, and has told its last; one that does not end is killed.

        Raises:
            subprocess.TimeoutExpired: it had to be killed.
        """
        try:
            self._process.wait(STOP_TIMEOUT_S)
        finally:
            self._process.kill()
            self._reader.join(STOP_TIMEOUT_S)


class Members:
    """The members of one job, those that were lost included."""

    def __init__(self, job: JobSpecification, path: Path) -> None:
        self._job, self._path = job, path
        self._all: list[Member] = []
        self._executions: set[int] = set()

    @property
    def living(self) -> list[Member]:
        """Those that have not died, the longest-lived one first."""
        return [each for each in self._all if each.is_alive]

    def start(self) -> Member:
        """Start another one, which joins those that live."""
        addresses = [each.told["address"] for each in self.living if "address" in each.told]
        self._all.append(Member(command(self._job, self._path, addresses[0] if addresses else "")))
        return self._all[-1]

    def look_after(self) -> None:
        """Start another one in place of one that has died.

        Raises:
            RuntimeError: none is left that could have the job's snapshots, or the job has failed.
        """
        living = self.living
        if failed := [each.told["error"] for each in living if "error" in each.told]:
            raise RuntimeError(failed[0])
        if not any("address" in each.told for each in living):
            raise RuntimeError("no member is left, and so no snapshot to go on from")
        if len(living) < len(self._all) and not self._job.restarts_tasks:
            raise RuntimeError("a member has died, and the job does not say that what fails is to be run again")
        if len(living) == 1:
            self.start()
        self._executions |= {each.told["execution"] for each in living if each.is_running}

    def lose_one(self) -> None:
        """Kill the one that leads: the other one has to take the job over, with what it has of the last snapshot."""
        if len(living := self.living) > 1:
            living[0].kill()

    def totals(self) -> dict[str, int | None]:
        """What all have read, those that were lost included, as far as they told."""
        read: dict[str, int | None] = {name: sum(each.told.get(name, 0) for each in self._all) for name in TOTALS}
        return read | {"task_restarts": max(0, len(self._executions) - 1)}

    def stop(self) -> None:
        """End the job with all that was read published, and then the members.

        Raises:
            RuntimeError: the job was not ended in time.
        """
        living = self.living
        leader = living[0]
        has_begun = leader.told.get("execution", 0) != 0
        if has_begun:
            leader.order("suspend")
            _await(lambda: leader.told["status"] == "SUSPENDED" or not leader.is_alive, STOP_TIMEOUT_S)
        for each in living:
            each.order("end")
        for each in living:
            each.finish()
        if has_begun and leader.told["status"] != "SUSPENDED":
            raise RuntimeError(f"the job could not be suspended, and is {leader.told['status'] or 'not known of'}")

    def kill(self) -> None:
        """Leave none behind."""
        for each in self.living:
            each.kill()


def _await(is_so: Callable[[], bool], timeout_s: float) -> bool:
    """Wait until `is_so()`, or until the time is up; whether it is so."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := is_so()) and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
    return found


def promises(job: JobSpecification, settings: dict[str, Any]) -> Promises:
    """What this engine promises with these settings."""
    return Promises(
        delivery="records exactly once while one member lives, upserts at least once",
        checkpoints=f"every {job.checkpoint_interval_ms} ms, to the memory of both members",
        state_kept=f"{job.allowed_lateness_ms + settings['state_ttl_ms']} ms by the clock",
        upserts_joined=f"{settings['flush_interval_ms']} ms",
        heap=f"{settings['heap']} of each member",
    )


def work(
    job: JobSpecification, settings: dict[str, Any], events: EventWriter, stop: threading.Event
) -> dict[str, int | None]:
    """Run the job until told to stop; the final totals."""
    path = Path(job.checkpoint_dir).resolve() / "job.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    job.save(path)
    members = Members(job, path)
    try:
        _start(members, stop)
        act_on_sigusr1(members.lose_one)
        if not stop.is_set():
            config = members.living[0].told["config"]
            config |= {"members": len(members.living), "settings": settings} | promises(job, settings).as_config()
            events.send("ready", version=config["version"], config=config)
        _watch(members, events, stop)
        members.stop()
        return members.totals()
    finally:
        members.kill()


def _start(members: Members, stop: threading.Event) -> None:
    """Start the first member, then the other one, told where to find it, and wait until the job runs."""
    first = members.start()
    if not _await(lambda: "address" in first.told or not first.is_alive or stop.is_set(), START_TIMEOUT_S):
        raise RuntimeError(f"the first member was not there within {START_TIMEOUT_S:g} s")

    def runs() -> bool:
        members.look_after()
        return stop.is_set() or all(each.is_running for each in members.living)

    if not _await(runs, START_TIMEOUT_S):
        raise RuntimeError(f"the job did not run on both members within {START_TIMEOUT_S:g} s")


def _watch(members: Members, events: EventWriter, stop: threading.Event) -> None:
    progress_due_s = 0.0
    while not stop.wait(POLL_S):
        members.look_after()
        if time.monotonic() >= progress_due_s:
            progress_due_s = time.monotonic() + PROGRESS_INTERVAL_S
            events.send("progress", **members.totals())


if __name__ == "__main__":
    sys.exit(run_engine(DEFAULT_SETTINGS, work))
