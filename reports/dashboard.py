"""What people read of a load test of the live map: the terminal's table, the report's section, and a picture."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from rich.console import Group
from rich.table import Table as TerminalTable
from rich.text import Text

from harness.dashboard_result import Dashboard, DashboardLoad, Spread, UserLevel
from harness.loadtest_result import LoadTest
from harness.result import Result
from reports.figures import ALARM, MUTED, OKABE_ITO, STYLE, Picture, label_milliseconds, new_figure, save_png
from reports.summary import NOT_MEASURED, integer
from reports.tables import Section, Table

PUSH_NOTE = (
    "Push latency: from the ID of the oldest stream entry that a frame brings, which is Redis's clock, to the frame's "
    "arrival at a user, which is the load generator's. The time that the viewer gathers results before it sends a "
    "frame is therefore in it. Clocks of whole milliseconds, rounded up."
)
AT_LEAST_NOTE = '"At least": the load generator, not the viewer, was the limit, or no number failed.'
USERS, PUSH, FAILURES = "#57606a", OKABE_ITO[0], ALARM


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
        row("push latency p50, ms", *(_ms(load.push_ms, "p50") for load in loads)),
        row("push latency p99, ms", *(_ms(load.push_ms, "p99") for load in loads)),
        row("push latency max, ms", *(_ms(load.push_ms, "max") for load in loads)),
        row("of the newest entry p99, ms", *(_ms(load.newest_ms, "p99") for load in loads)),
        row("frames/s to all users", *(f"{load.frames_per_s:,.0f}" for load in loads)),
        row("MB/s to all users", *(f"{load.bytes_per_s / 1e6:,.1f}" for load in loads)),
        row("frames dropped by the viewer", *(integer(load.dropped_frames) for load in loads)),
        row("HTTP requests", *(integer(load.pages_ms.count) if load.pages_ms else "0" for load in loads)),
        row("HTTP request p99, ms", *(_ms(load.pages_ms, "p99") for load in loads)),
        row("connect to snapshot p99, ms", *(_ms(load.connects_ms, "p99") for load in loads)),
        row("back after a loss p99, ms", *(_ms(load.recoveries_ms, "p99") for load in loads)),
        row("users with right counts", *(f"{load.agreeing_users} of {load.checked_users} asked" for load in loads)),
        row("load generator's lag p99, ms", *(_number(load.lag_ms_p99) for load in loads)),
        row("load generator's cores", *(f"{load.client_cpu_cores:.2f}" for load in loads)),
    ]


def _level_row(level: UserLevel) -> tuple[str, ...]:
    return (
        integer(level.users),
        "yes" if level.held else "no",
        _number(level.push_ms_p99),
        f"{level.frames_per_s:,.0f}",
        integer(level.failures),
        _number(level.lag_ms_p99),
        level.problem,
    )


def _ms(spread: Spread | None, name: str) -> str:
    return NOT_MEASURED if spread is None else _number(getattr(spread, name))


def _number(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:,.0f}"


def held_text(found: Dashboard) -> str:
    """How many users were held, for people."""
    if found.search is None or found.search.held_users is None:
        return "no number of users was held"
    return f"{'at least ' if found.search.at_least else ''}{found.search.held_users:,} users held"


def ratio_text(found: Dashboard) -> str:
    """What the load did to the pipeline, for people."""
    blocks = ", ".join(f"{ratio:.2f}" for ratio in found.pipeline_p99_ratios)
    return (
        f"Under load, the pipeline's own p99 ({found.engine}) was {found.pipeline_p99_ratio:.2f} times what it was "
        f"without; block by block: {blocks}"
    )


def dashboard_table(found: Dashboard) -> Group:
    """The same for the terminal; fits 80 columns with two loads."""
    table = TerminalTable(show_edge=False, pad_edge=False)
    table.add_column("")
    for load in found.loads:
        table.add_column(Text(load.label), justify="right", overflow="fold")
    for row in load_rows(found):
        table.add_row(*map(Text, row))
    problems = [Text(f"{load.label}: {load.problem}", style="bold red") for load in found.loads if load.problem]
    reasons = [
        Text(f"{count:,} times {reason}", style="red") for load in found.loads for reason, count in load.reasons.items()
    ]
    lines = [Text(ratio_text(found))] if found.pipeline_p99_ratio else []
    lines += [Text(held_text(found), style="bold")] if found.search else []
    return Group(table, *problems, *reasons, *lines, Text(PUSH_NOTE, style="dim"))


def write_loadtest(found: LoadTest, directory: Path) -> list[Path]:
    """Write ``loadtest.png`` in `directory`. Returns the paths written."""
    picture = _draw(found.dashboard)
    return [save_png(picture, directory)] if picture else []


def draw_dashboard(result: Result) -> Picture | None:
    """The loads second by second, and the search; None if there was no load test."""
    return _draw(result.dashboard) if result.dashboard else None


def _draw(found: Dashboard) -> Picture | None:
    loads = [load for load in found.loads if load.series]
    levels = found.search.levels if found.search else []
    panels = len(loads) + bool(levels)
    if not panels:
        return None
    with matplotlib.rc_context(STYLE):
        figure = new_figure("The live map under load", height_in=2.4 * panels + 0.6, width_in=7.5)
        every = figure.subplots(panels, squeeze=False)[:, 0]
        for axes, load in zip(every, loads, strict=False):
            _draw_load(axes, load, found.push_bound_ms_p99)
        if levels:
            _draw_levels(every[-1], levels, found.push_bound_ms_p99)
    said = f" {held_text(found)}." if found.search else ""
    return Picture(
        "loadtest",
        "The live map under load",
        f"Users, push latency and failures, second by second, of {len(loads)} loads.{said}",
        "Push latency p50 dotted and p99 solid, its bound dashed; the grey area shows users, crosses mark seconds with "
        "failures. In the search, full dots were held and hollow ones were not.",
        figure,
    )


def _draw_load(axes: Axes, load: DashboardLoad, bound_ms: float) -> None:
    t_s = np.array([each.t_s for each in load.series])
    users = axes.twinx()
    users.fill_between(t_s, [each.users for each in load.series], step="post", color=USERS, alpha=0.15)
    users.set_ylabel("users", color=MUTED)
    users.set_ylim(0)
    users.grid(visible=False)
    for values, style, label in (
        ([each.push_ms_p50 for each in load.series], ":", "p50"),
        ([each.push_ms_p99 for each in load.series], "-", "p99"),
    ):
        axes.plot(t_s, np.array(values, dtype=np.float64), style, color=PUSH, label=f"push latency {label}")
    failed = [each.t_s for each in load.series if each.failures]
    if failed:
        axes.plot(failed, [bound_ms] * len(failed), "x", color=FAILURES, label="failures")
    axes.axhline(bound_ms, color=MUTED, linestyle="--", linewidth=1)
    axes.set_yscale("log")
    label_milliseconds(axes, vertical=True)
    axes.set_title(load.label)
    axes.set_xlabel("s")
    axes.legend(loc="upper left", fontsize=8)


def _draw_levels(axes: Axes, levels: list[UserLevel], bound_ms: float) -> None:
    for level in levels:
        if level.push_ms_p99 is not None:
            filling = PUSH if level.held else "white"
            axes.plot(level.users, level.push_ms_p99, "o", color=PUSH, markerfacecolor=filling)
    axes.axhline(bound_ms, color=MUTED, linestyle="--", linewidth=1)
    axes.set_yscale("log")
    label_milliseconds(axes, vertical=True)
    axes.set_title("search for the largest number of users")
    axes.set_xlabel("users")
    axes.set_xlim(0)
