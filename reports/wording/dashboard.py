"""What the report of a load test of the live map begins with: what users of it experienced, and how many were held."""

from __future__ import annotations

from harness.results.live_map import Dashboard, DashboardLoad
from reports.wording.numbers import NOT_MEASURED, integer
from reports.wording.quoted import Quoted, QuotedFigure, on_one_axis
from reports.wording.users import held_text, milliseconds_text, ratio_text


def all_held(found: Dashboard) -> bool:
    """Whether every load was held, and of a search, some number of users."""
    searched = found.search is None or found.search.held_users is not None
    return searched and not any(load.problem for load in found.loads)


def verdict_of_users(found: Dashboard) -> str:
    """How many users were held, in one sentence."""
    if found.search:
        return f"Valid run: {held_text(found)}"
    held = sum(not load.problem for load in found.loads)
    bound = f"push p99 within {found.push_bound_ms_p99:,.0f} ms"
    return f"Valid run: {held} of {len(found.loads)} loads of {found.users:,} users were held ({bound})"


def reasons_of_users(found: Dashboard) -> list[str]:
    """Why loads were not held."""
    return [f"{load.label}: {load.problem}" for load in found.loads if load.problem]


def effect_of_users(found: Dashboard) -> list[str]:
    """What the load did to the pipeline, if that was measured."""
    return [f"{ratio_text(found)}."] if found.pipeline_p99_ratio else []


def figures_of_users(found: Dashboard) -> tuple[QuotedFigure, ...]:
    """By load: latency of what is pushed to users, failures, and users whose counts agreed."""
    loads = found.loads
    p99s_ms = [load.push_ms.p99 if load.push_ms else None for load in loads]
    rows = [Quoted(load.label, milliseconds_text(load.push_ms, "p99"), "", _marks(load)) for load in loads]
    ends = [None if each is None else (each, each, each) for each in p99s_ms]
    return (
        QuotedFigure("Push latency p99", "ms", "lower is better", on_one_axis(rows, ends), ""),
        QuotedFigure(
            "Failures",
            "in all",
            "0 is right",
            tuple(Quoted(each.label, integer(each.failures), "") for each in loads),
            "",
        ),
        QuotedFigure("Users whose counts agreed", "of those asked", "all is right", tuple(map(_agreeing, loads)), ""),
    )


def _marks(load: DashboardLoad) -> tuple[tuple[str, int | None], ...]:
    return (("not held", None),) if load.problem else ()


def _agreeing(load: DashboardLoad) -> Quoted:
    asked = load.checked_users
    return Quoted(load.label, f"{load.agreeing_users} of {asked}" if asked else NOT_MEASURED, "")
