"""Flame graphs of a trial's JVMs: async-profiler samples, over the measured time, where their CPU time goes."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from harness.processes.process import Process, start_process, wait_until

SUFFIX = ".flame.html"
#: Of CPU time. It costs well below 1 % of it.
INTERVAL_MS = 5
#: What is thinner is left out: it would only make the graph higher.
MIN_WIDTH_PERCENT = "0.1"
#: After the measured time, for the graph to be written.
WRITING_S = 30.0


class Profiling:
    """One sampler for each JVM, for `duration_s`; none at all if `program`, which is async-profiler's, is None."""

    def __init__(self, program: Path | None, directory: Path, label: str, duration_s: int) -> None:
        self._program, self._directory, self._label, self._duration_s = program, directory, label, duration_s
        self._samplers: dict[Path, Process] | None = None

    def start(self, guards: Mapping[str, int]) -> None:
        """Sample the JVM that does most in each process group, given by its guard, unless that has begun already."""
        if self._program is None or self._samplers is not None:
            return
        self._samplers = {}
        for group, guard in guards.items():
            if jvm := _jvm(guard):
                graph = self._directory / f"{self._label}.{group}{SUFFIX}"
                title = f"{self._label}: CPU time of {group} in {self._duration_s} s"
                argv = [str(self._program), "-e", "ctimer", "-i", f"{INTERVAL_MS}ms", "-d", str(self._duration_s)]
                argv += ["-o", "flamegraph", "--minwidth", MIN_WIDTH_PERCENT, "--title", title, "-f", str(graph)]
                argv.append(str(jvm))
                self._samplers[graph] = start_process("async-profiler", argv, log_path=graph.with_suffix(".log"))

    def finish(self) -> Iterator[Path]:
        """Wait for the graphs, and give those that have come about. Why one has not stands in the log beside it.

        Raises:
            ServiceError: one is not done in time.
        """
        for graph, sampler in (self._samplers or {}).items():
            wait_until(
                lambda sampler=sampler: sampler.poll() is not None,  # type: ignore[misc]
                deadline_s=self._duration_s + WRITING_S,
                what=f"the flame graph {graph.name} is written",
            )
            if graph.exists():
                yield graph

    def stop(self) -> None:
        """End what still samples."""
        for sampler in (self._samplers or {}).values():
            sampler.stop()


def _jvm(guard: int) -> int | None:
    """The JVM below `guard` that has used the most CPU time: a launcher is a JVM, too."""
    try:
        found = [each for each in psutil.Process(guard).children(recursive=True) if each.name() == "java"]
        return max(found, key=lambda each: each.cpu_times().user).pid if found else None
    except psutil.NoSuchProcess:
        return None
