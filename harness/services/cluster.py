"""What the clusters that engines run on have in common: several processes, each under a guard of its own."""

import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.processes.process import Process, start_process, wait_until
from harness.services.ports import serves

#: Starting JVMs on a machine that is busy with others.
START_DEADLINE_S = 90.0
STOP_TIMEOUT_S = 5.0
#: How many workers a cluster has: one of them can be lost.
WORKERS = 2
#: SerialGC has no helper threads to compete for the cores.
JVM_OPTIONS = ("-XX:+UseSerialGC", "-Xshare:auto")

_TIMEOUT_S = 2.0
_POLL_S = 0.1


@dataclass
class Node:
    """One process of a cluster.

    `process` is another one after `start_again`; `answers` tells whether it serves, at `port` if it is asked there.
    """

    name: str
    version: str
    process: Process
    launch: Callable[[], Process] = field(repr=False)
    answers: Callable[[], bool] = field(repr=False)
    port: int | None = None

    def start_again(self) -> None:
        """Start a node that has died anew. Does not wait until it is there."""
        self.process.kill()
        self.process = self.launch()

    def wait_until_ready(self) -> None:
        """Wait until the node serves.

        Raises:
            ServiceError: it has died, or does not serve in time; with its log's end.
        """
        wait_until(
            lambda: self.answers() and (self.port is None or serves(self.process, self.port)),
            deadline_s=START_DEADLINE_S,
            what=f"{self.name} serves",
            process=self.process,
            poll_s=_POLL_S,
        )

    def stop(self) -> None:
        """Stop the node."""
        self.process.stop(STOP_TIMEOUT_S)


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Attributes:
        address: what a job is told of it: Spark's master URL, or the host and port of Flink's REST interface.
        nodes: by name, the one that the others report to first.
        web: where people look at it.
        environment: variables with which it takes a job, where it does not take anybody's.
    """

    address: str
    nodes: dict[str, Node]
    web: str
    environment: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def workers(self) -> list[Node]:
        """The nodes that do the work."""
        return list(self.nodes.values())[1:]


@dataclass
class Launcher:
    """Starts the nodes of one cluster, and stops those that have started if another one does not.

    Attributes:
        directory: where their logs go.
        version: of what they run.
        command: how each command line begins.
        environment: variables that all have.
    """

    directory: Path
    version: str
    command: list[str]
    environment: Mapping[str, str]
    _stack: ExitStack = field(default_factory=ExitStack)

    def start(self, name: str, arguments: list[str], answers: Callable[[], bool], port: int | None = None) -> Node:
        """Start a node, which is to serve at `port` if it is asked there. Does not wait until it serves."""
        log = self.directory / f"{name.replace(' ', '-')}.log"

        def launch() -> Process:
            argv = [*self.command, *arguments]
            return start_process(name, argv, log_path=log, env=self.environment, cwd=self.directory)

        node = Node(name, self.version, launch(), launch, answers, port)
        self._stack.callback(node.stop)
        return node

    @contextmanager
    def cluster(self) -> Iterator[None]:
        """Stop all nodes at the end of the context."""
        with self._stack:
            yield


def java_command(environment: Mapping[str, str]) -> str:
    """The Java that ``JAVA_HOME`` in `environment` is the home of."""
    return str(Path(environment["JAVA_HOME"]) / "bin" / "java")


def get_json(url: str) -> Any:
    """What a cluster answers, or None if it does not."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:  # noqa: S310 - loopback
            return json.load(response)
    except (OSError, ValueError):
        return None
