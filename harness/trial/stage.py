"""What a fault can act upon: the processes and services of a trial."""

import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.processes.process import guarded_tree
from harness.processes.supervisor import Supervisor
from harness.services.backing import Backing
from harness.services.cluster import Cluster


@dataclass(frozen=True)
class Stage:
    """What faults act upon.

    Attributes:
        pid_of: the guard of a process group, by its name, now.
        supervisor: what starts dead children again.
        backing: the services, all of them started here.
        orders: the file that tells a worker, by its name, what to do.
        input_topic: the trial's.
        cluster: the engine's own, if it has one.
        change_engine: has the engine be what the operation says when it is started again.
    """

    pid_of: Callable[[str], int]
    supervisor: Supervisor
    backing: Backing
    orders: Callable[[str], Path]
    input_topic: str
    cluster: Cluster | None = None
    change_engine: Callable[[], object] = lambda: None

    def processes(self, group: str) -> list[psutil.Process]:
        """The processes below the guard of a group; the guard itself must go on to watch."""
        return guarded_tree(self.pid_of(group))

    def signal(self, group: str, number: signal.Signals) -> None:
        """Send a signal to every process of a group."""
        send(self.processes(group), number)


def program_below(guard: int) -> list[psutil.Process]:
    """The one process that a guard itself started; none if it has ended."""
    with suppress(psutil.NoSuchProcess):
        # The guard also adopts what others leave behind, later.
        return sorted(psutil.Process(guard).children(), key=psutil.Process.create_time)[:1]
    return []


def send(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each of `processes` that lives."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
