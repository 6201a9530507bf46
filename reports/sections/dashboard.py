"""What people read of a load test of the live map: the terminal's table, the report's section, and a picture."""

from __future__ import annotations

from harness.results.live_map import Dashboard, UserLevel
from harness.results.result import Result
from reports.wording.numbers import integer
from reports.wording.tables import Section, Table
from reports.wording.users import AT_LEAST_NOTE, held_text, milliseconds_text, number_text, ratio_text

PUSH_NOTE = (
    "Push latency: from the ID of the oldest stream entry that a frame brings, which is Redis's clock, to the frame's "
    "arrival at a user, which is the load generator's. The time that the viewer gathers results before it sends a "
    "frame is therefore in it. Clocks of whole milliseconds, rounded up."
)


def dashboard_section(result: Result) -> Section | None:
    """The section on the load test; None if there was none."""
    if result.dashboard is None:
        return None
    found = result.dashboard
    tables = [Table("Loads on the live map.", ("", *(load.label for load in found.loads)), tuple(load_rows(found)))]
    if found.search:
        tables.append(
            Table(
                f"The search for the largest number of users: {held_text(found)}.",
                ("users", "held", "push p99, ms", "frames/s", "failures", "lag p99, ms", "why not"),
                tuple(map(_level_row, found.search.levels)),
                words=frozenset({1, 6}),
            )
        )
    return Section(
        "The live map under load",
        "dashboard",
        tuple(tables),
        warnings=tuple(f"{load.label}: {load.problem}" for load in found.loads if load.problem),
        notes=(*([ratio_text(found)] if found.pipeline_p99_ratio else []), PUSH_NOTE, AT_LEAST_NOTE),
    )


def load_rows(found: Dashboard) -> list[tuple[str, ...]]:
    """A row for each figure, a column for each load."""
    loads = found.loads

    def row(name: str, *cells: str) -> tuple[str, ...]:
        return (name, *cells)

    return [
        row("users, in the worst second", *(integer(load.users) for load in loads)),
        row("failures", *(integer(load.failures) for load in loads)),
        row("push latency p50, ms", *(milliseconds_text(load.push_ms, "p50") for load in loads)),
        row("push latency p99, ms", *(milliseconds_text(load.push_ms, "p99") for load in loads)),
        row("push latency max, ms", *(milliseconds_text(load.push_ms, "max") for load in loads)),
        row("of the newest entry p99, ms", *(milliseconds_text(load.newest_ms, "p99") for load in loads)),
        row("frames/s to all users", *(f"{load.frames_per_s:,.0f}" for load in loads)),
        row("MB/s to all users", *(f"{load.bytes_per_s / 1e6:,.1f}" for load in loads)),
        row("frames dropped by the viewer", *(integer(load.dropped_frames) for load in loads)),
        row("HTTP requests", *(integer(load.pages_ms.count) if load.pages_ms else "0" for load in loads)),
        row("HTTP request p99, ms", *(milliseconds_text(load.pages_ms, "p99") for load in loads)),
        row("connect to snapshot p99, ms", *(milliseconds_text(load.connects_ms, "p99") for load in loads)),
        row("back after a loss p99, ms", *(milliseconds_text(load.recoveries_ms, "p99") for load in loads)),
        row("users with right counts", *(f"{load.agreeing_users} of {load.checked_users} asked" for load in loads)),
        row("load generator's lag p99, ms", *(number_text(load.lag_ms_p99) for load in loads)),
        row("load generator's cores", *(f"{load.client_cpu_cores:.2f}" for load in loads)),
    ]


def _level_row(level: UserLevel) -> tuple[str, ...]:
    return (
        integer(level.users),
        "yes" if level.held else "no",
        number_text(level.push_ms_p99),
        f"{level.frames_per_s:,.0f}",
        integer(level.failures),
        number_text(level.lag_ms_p99),
        level.problem,
    )
