"""What people read of a calibration: the terminal's tables, and a picture of true against reported latencies."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.results.calibration import Calibration, CaseResult, PercentileRow
from reports.pictures.series import cdf_points
from reports.pictures.style import (
    INK,
    MUTED,
    STYLE,
    Picture,
    label_milliseconds,
    label_percentiles,
    new_figure,
    save_png,
)
from reports.wording.numbers import milliseconds

PASSED, FAILED = Text("pass", style="bold green"), Text("FAIL", style="bold red")
COLUMNS = 3
LEAST_MS = 1.0
TRUE, REPORTED = "#0072B2", "#D55E00"


def calibration_table(found: Calibration) -> Group:
    """Injected against reported, case by case; fits 80 columns."""
    title = "The harness reports what was injected" if found.passed else "The harness does NOT report what was injected"
    parts: list[Text | Table] = [Text(title, style="bold green" if found.passed else "bold red")]
    for case in found.cases:
        verdict = PASSED if case.passed else FAILED
        parts.append(Text.assemble("\n", (case.name, "bold"), ": ", case.description, "  ", verdict))
        parts += [Text(f"  {reason}", style="red") for reason in case.reasons]
        parts += [table for table in (_percentiles(case), _numbers(case)) if table.row_count]
    return Group(*parts)


def _percentiles(case: CaseResult) -> Table:
    table = Table("latency, ms", show_edge=False, pad_edge=False)
    for heading in ("injected", "with the floor", "reported", "error", "allowed"):
        table.add_column(heading, justify="right")
    for row in case.percentiles:
        numbers = (
            milliseconds(row.injected_ms),
            f"{milliseconds(row.after_ms)} .. {milliseconds(row.by_ms)}",
            _reported(row),
        )
        error = Text(f"{row.error_ms:+.2f}", style="" if row.passed else "bold red")
        table.add_row(row.percentile, *numbers, error, f"{row.allowed_ms:.1f}")
    return table


def _reported(row: PercentileRow) -> str:
    """What is held against the truth: a value, or the bounds of one that is not known better."""
    if row.low_ms is None or row.high_ms is None:
        return milliseconds(row.reported_ms)
    return f"{milliseconds(row.low_ms)} .. {milliseconds(row.high_ms)}"


def _numbers(case: CaseResult) -> Table:
    table = Table("records", show_edge=False, pad_edge=False)
    for heading in ("injected", "reported"):
        table.add_column(heading, justify="right")
    for count in case.counts:
        style = "" if count.passed else "bold red"
        table.add_row(count.what, f"{count.injected:,}", Text(f"{count.reported:,}", style=style))
    for stall in case.stalls:
        style = "" if stall.passed else "bold red"
        what = f"held back {stall.latency_ms:,.0f} ms or more"
        table.add_row(what, f"{stall.due_records:,}", Text(f"{stall.reported_records:,}", style=style))
    return table


def write_calibration(found: Calibration, directory: Path) -> list[Path]:
    """Write ``calibration.png`` in `directory`. Returns the paths written."""
    return [save_png(picture, directory) for picture in [draw_calibration(found)] if picture]


def draw_calibration(found: Calibration) -> Picture | None:
    """True and reported latencies of each case with a known truth, one panel each; None if there is none."""
    cases = [case for case in found.cases if case.true_histogram and case.reported_histogram]
    if not cases:
        return None
    with matplotlib.rc_context(STYLE):
        rows = -(-len(cases) // COLUMNS)
        figure = new_figure("True and reported latency of every record", height_in=1.0 + 2.6 * rows, width_in=11.0)
        panels = figure.subplots(rows, min(COLUMNS, len(cases)), squeeze=False).flatten()
        for axes, case in zip(panels, cases, strict=False):
            _draw_case(axes, case)
        for axes in panels[len(cases) :]:
            axes.set_axis_off()
        figure.text(
            0.99, 0.985, "thick blue: true, thin orange: reported", color=MUTED, ha="right", va="top", fontsize=10
        )
    return Picture(
        "calibration",
        "Calibration",
        "Cumulative distributions of true and reported latency, one panel for each case.",
        "Where the thin line lies on the thick one, the harness reports what happened.",
        figure,
    )


def _draw_case(axes: Axes, case: CaseResult) -> None:
    rarest = 0.5
    for histogram, colour, width in (
        (case.true_histogram, TRUE, 4.5),
        (case.reported_histogram, REPORTED, 1.4),
    ):
        latency_ms, slower = cdf_points(histogram or "")
        rarest = min(rarest, float(slower[slower > 0].min(initial=0.5)))
        slower[-1] = rarest  # a share of 0 has no place on a logarithmic axis
        axes.step(np.maximum(latency_ms, LEAST_MS), slower, where="post", color=colour, linewidth=width)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1.0, rarest / 2)
    axes.set_title(f"{case.name}{'' if case.passed else ' (FAIL)'}", color=INK)
    label_milliseconds(axes, vertical=False)
    label_percentiles(axes, rarest)
