"""The tables that `ringbench bench path` ends with: of each rate, what went through writer and probe a second, how many
changes of cells that came to, how long updates took from the broker to Redis, how many were still to come when the last
had been sent, and how long it took until all were in Redis, and seen by the probe.
"""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.results.benches import PathBench, PathCapacity, PathPace
from reports.wording.number_tables import number_table

PROCESSES = ("redis_writer", "redis", "probe", "kafka", "feeder")


def path_tables(found: PathBench) -> Group:
    """What came of each rate, what each process needed for it, and how fast writer and probe are alone."""
    parts: list[Table | Text] = []
    if found.paces:
        parts += [_paces(found.paces), Text(), _cores(found.paces), Text(_limit(found))]
        parts += [
            Text(f"{pace.rate_updates_per_s:,} updates/s: {each}") for pace in found.paces for each in pace.reasons
        ]
    if found.capacity:
        parts.append(Text(_capacity(found.capacity)))
    return Group(*parts)


def _paces(paces: list[PathPace]) -> Table:
    table = number_table(
        "updates/s", "writer", "probe", "changes", "p50, ms", "p99, ms", "lag", "drained, s", "verdict"
    )
    for pace in paces:
        table.add_row(
            f"{pace.rate_updates_per_s:,}",
            f"{pace.writer_updates_per_s:,.0f}",
            f"{pace.probe_updates_per_s:,.0f}",
            f"{pace.changes:,}",
            *(f"{each:,.0f}" for each in (pace.delay_ms_p50, pace.delay_ms_p99)),
            f"{pace.writer_lag_updates:,}",
            f"{pace.writer_drain_s:.2f}, {pace.probe_drain_s:.2f}",
            pace.verdict,
        )
    return table


def _cores(paces: list[PathPace]) -> Table:
    table = number_table("cores at updates/s", *(name.removeprefix("redis_") for name in PROCESSES))
    for pace in paces:
        table.add_row(f"{pace.rate_updates_per_s:,}", *(f"{pace.cpu_cores[name]:.2f}" for name in PROCESSES))
    return table


def _limit(found: PathBench) -> str:
    bounds = (
        f"p99 of the delay from the broker to Redis at most {found.delay_bound_ms_p99:g} ms, all in Redis and seen by "
        f"the probe {found.drain_bound_s:g} s after the last was due, every count right"
    )
    if found.kept_updates_per_s is None:
        return f"No rate that was tried was kept ({bounds})."
    return f"The path behind the engine kept {found.kept_updates_per_s:,} updates/s ({bounds})."


def _capacity(found: PathCapacity) -> str:
    return (
        f"Alone, with {found.updates:,} upserts there beforehand, the writer took {found.writer_updates_per_s:,.0f} "
        f"updates/s, which came to {found.changes:,} changes, and the probe {found.probe_changes_per_s:,.0f} changes/s."
    )
