"""Pictures of a load test of the live map."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from harness.results.live_map import Dashboard, DashboardLoad, UserLevel
from harness.results.result import Result
from reports.pictures.style import ALARM, MUTED, OKABE_ITO, STYLE, Picture, label_milliseconds, new_figure
from reports.wording.users import held_text

NAME = "loadtest"
USERS, PUSH, FAILURES = "#57606a", OKABE_ITO[0], ALARM


def draw_dashboard(result: Result) -> Picture | None:
    """The loads second by second, and the search; None if there was no load test."""
    return draw_load_test(result.dashboard) if result.dashboard else None


def draw_load_test(found: Dashboard) -> Picture | None:
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
        NAME,
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
