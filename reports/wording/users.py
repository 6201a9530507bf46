"""What users of the live map saw, in words."""

from __future__ import annotations

from harness.results.live_map import Dashboard, UserQuantiles
from reports.wording.numbers import NOT_MEASURED

AT_LEAST_NOTE = '"At least": the load generator, not the viewer, was the limit, or no number failed.'


def milliseconds_text(spread: UserQuantiles | None, name: str) -> str:
    return NOT_MEASURED if spread is None else number_text(getattr(spread, name))


def number_text(value: float | None) -> str:
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
