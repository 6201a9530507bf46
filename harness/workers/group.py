"""Several processes of one worker that share its work, as if they were one: started, watched, and stopped together."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from engines.contract.events import Event, EventWriter
from harness.processes.child import Child
from harness.workers.jobs import Job
from harness.workers.start import start_worker

READY_S = 60.0
POLL_S = 0.05
#: After SIGTERM, for what is on its way.
STOP_S = 70.0

Fields = Mapping[str, Any]
#: Makes one event's fields of those that each process has sent since the last time, oldest first.
Total = Callable[[Sequence[Sequence[Fields]]], dict[str, Any]]


class Group:
    """The processes of one worker.

    Since each says of what it tells that it is so since it told last, they tell something together only once all of
    them have told anew: while one is stuck, nothing is told.
    """

    def __init__(self, worker: str, jobs: Sequence[Job], directory: Path, total: Total) -> None:
        """Prepare to run a `worker` for each of `jobs`; their files go into `directory`."""
        self._worker, self._jobs, self._directory, self._total = worker, jobs, directory, total
        self._children: list[Child] = []
        self._noted_ms: dict[str, int] = {}  # when what was taken in last of a child was sent

    def run(self, events: EventWriter, stop: threading.Event) -> list[dict[str, Any]]:
        """Run until all have ended, or `stop` is set. Returns what each of them told in the end.

        Raises:
            ServiceError: one of them has failed; it says which. The others are not waited for.
        """
        with ExitStack() as stack:
            for number, job in enumerate(self._jobs):
                child = start_worker(self._worker, job, self._directory, name=f"{self._worker}_{number}")
                self._children.append(stack.enter_context(child))
            ready = [child.wait_for("ready", READY_S).fields for child in self._children]
            config = ready[0]["config"] | {"processes": len(ready)}
            events.send("ready", version=ready[0]["version"], config=config)
            self._watch(events, stop)
            if stop.is_set():
                self._stop()
            return [child.wait_for("stopped", STOP_S).fields for child in self._children]

    def _watch(self, events: EventWriter, stop: threading.Event) -> None:
        while any(child.is_running for child in self._children) and not stop.wait(POLL_S):
            for child in self._children:
                if not child.is_running and not child.last("stopped"):
                    child.wait_for("stopped", STOP_S)  # which raises, unless its last words were on their way
            self._tell(events)

    def _tell(self, events: EventWriter) -> None:
        news = {child.name: self._news(child) for child in self._children}
        if not all(news.values()):
            return
        self._noted_ms |= {name: found[-1].at_ms for name, found in news.items()}
        events.send("progress", **self._total([[event.fields for event in found] for found in news.values()]))

    def _news(self, child: Child) -> list[Event]:
        """What `child` has told of its progress since the last time, or in the end."""
        ended = child.last("stopped")
        return child.since("progress", self._noted_ms.get(child.name, 0)) or ([ended] if ended else [])

    def _stop(self) -> None:
        """Stop all at once: each has something to finish, and there is one deadline for all."""
        with ThreadPoolExecutor(len(self._children)) as pool:
            list(pool.map(lambda child: child.stop(STOP_S), self._children))
