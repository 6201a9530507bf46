"""What people read of a sweep: the terminal's table, a Markdown page, and the curve of latency against load."""

from __future__ import annotations

import shlex
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.headline import BASELINE
from harness.sweep_result import Sweep, SweepAnswer, SweepAttempt, SweepEngine
from reports.figures import (
    MUTED,
    STYLE,
    Picture,
    colours_of,
    label_milliseconds,
    new_figure,
    save_png,
    short_count,
)
from reports.render import escape_markdown
from reports.summary import HOW_TO_HAVE_A_BASELINE, NOT_MEASURED, decimal, milliseconds

NO_RATIO = "no ratio to the baseline: that takes a confirmed rate of each, and not both by an 'at least'"
HEADINGS = ("kind", "records/s", "sustained", "p50, ms", "p99, ms", "CPU-s per million")
BOUND_NOTE = "Sustained: no growing lag, p99 within {bound:,.0f} ms, drained as soon, every count right, on schedule."
AT_LEAST_NOTE = "At least: what failed above this rate was the harness or the search's own limit, not the engine."


def sweep_table(sweep: Sweep) -> Group:
    """Each engine's answer and its attempts; fits 80 columns."""
    parts: list[Text | Table] = []
    for engine in sweep.engines:
        style = "bold green" if engine.answer and engine.answer.rate_records_per_s else "bold red"
        parts.append(Text.assemble("\n", (engine.name, "bold"), ": ", (answer_text(engine.answer), style)))
        table = Table(*HEADINGS, show_edge=False, pad_edge=False)
        for attempt in _by_rate(engine):
            table.add_row(*_cells(attempt), style="" if attempt.sustained else "dim")
        parts.append(table)
    notes = [*baseline_notes(sweep), BOUND_NOTE.format(bound=sweep.p99_bound_ms)]
    notes += [AT_LEAST_NOTE] * any(engine.answer is not None and engine.answer.at_least for engine in sweep.engines)
    return Group(*parts, *(Text(note, style="dim") for note in notes))


def answer_text(answer: SweepAnswer | None) -> str:
    """The answer in one line."""
    if answer is None:
        return "the search has not ended"
    if answer.rate_records_per_s is None:
        return "no rate was confirmed"
    least = "at least " if answer.at_least else ""
    failed = "" if answer.failed_records_per_s is None else f", not {answer.failed_records_per_s:,}"
    knee = "" if answer.knee_records_per_s is None else f"; knee of p99 at {answer.knee_records_per_s:,}"
    return f"{least}{answer.rate_records_per_s:,} records/s sustained{failed}{knee}"


def baseline_notes(sweep: Sweep) -> list[str]:
    """Each engine's sustained rate against the baseline's, or how to have one."""
    baseline = next((engine for engine in sweep.engines if engine.name == BASELINE), None)
    if baseline is None:
        return [HOW_TO_HAVE_A_BASELINE]
    others = [engine for engine in sweep.engines if engine is not baseline]
    return [f"{engine.name}: {_ratio_text(engine, baseline)}" for engine in others] if sweep.finished else []


def _ratio_text(engine: SweepEngine, baseline: SweepEngine) -> str:
    if engine.rate_to_baseline is None:
        return NO_RATIO
    bound = "at most " if _is_least(baseline) else "at least " if _is_least(engine) else ""
    return f"{bound}{decimal(engine.rate_to_baseline)} x the baseline's sustained rate, that of one thread (COST)"


def _is_least(engine: SweepEngine) -> bool:
    return engine.answer is not None and engine.answer.at_least


def _by_rate(engine: SweepEngine) -> list[SweepAttempt]:
    return sorted(engine.attempts, key=lambda attempt: attempt.rate_records_per_s)


def _cells(attempt: SweepAttempt) -> tuple[str, ...]:
    latency = attempt.latency_ms
    return (
        attempt.kind.value,
        f"{attempt.rate_records_per_s:,}",
        "yes" if attempt.sustained else f"no ({attempt.limited_by})",
        milliseconds(latency.p50) if latency else NOT_MEASURED,
        milliseconds(latency.p99) if latency else NOT_MEASURED,
        decimal(attempt.cost.cpu_s_per_million_records) if attempt.cost else NOT_MEASURED,
    )


def write_sweep(sweep: Sweep, directory: Path) -> list[Path]:
    """Write ``sweep.md`` and ``latency-against-load.png`` in `directory`. Returns the paths written."""
    picture = draw_sweep(sweep)
    page = directory / "sweep.md"
    page.write_text(sweep_markdown(sweep, picture), encoding="utf-8")
    return [page, save_png(picture, directory)]


def sweep_markdown(sweep: Sweep, picture: Picture) -> str:
    """The Markdown page."""
    lines = [f"# Ringbench: {escape_markdown(sweep.sweep_id)}", "", BOUND_NOTE.format(bound=sweep.p99_bound_ms), ""]
    lines += [f"- {escape_markdown(each.name)}: **{answer_text(each.answer)}**" for each in sweep.engines]
    lines += [
        "",
        *(f"{escape_markdown(note)}\n" for note in baseline_notes(sweep)),
        AT_LEAST_NOTE,
        "",
        f"![{escape_markdown(picture.alt)}]({picture.name}.png)",
        "",
        picture.caption,
    ]
    for engine in sweep.engines:
        lines += ["", f"## {escape_markdown(engine.name)} {escape_markdown(engine.version or '')}", ""]
        lines += [f"| {' | '.join((*HEADINGS, 'why not'))} |", "|---|---:|---|---:|---:|---:|---|"]
        for attempt in _by_rate(engine):
            cells = (*_cells(attempt), "; ".join(attempt.reasons))
            lines.append(f"| {' | '.join(map(escape_markdown, cells))} |")
    return "\n".join([*lines, "", "To repeat it:", "", "```", shlex.join(sweep.command), "```", ""])


def draw_sweep(sweep: Sweep) -> Picture:
    """p50 and p99 against the offered rate, a colour for each engine; what was not sustained is hollow."""
    colours = colours_of([engine.name for engine in sweep.engines])
    with matplotlib.rc_context(STYLE):
        figure = new_figure("Latency against load", height_in=4.8, width_in=7.5)
        axes = figure.add_subplot()
        for engine in sweep.engines:
            _draw_engine(axes, engine, colours[engine.name])
        axes.axhline(sweep.p99_bound_ms, color=MUTED, linestyle="--", linewidth=1)
        axes.annotate("bound on p99", (0.01, sweep.p99_bound_ms), xycoords=("axes fraction", "data"), va="bottom")
        axes.set_xscale("log")
        axes.set_yscale("log")
        label_milliseconds(axes, vertical=True)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("offered records/s (log scale)")
        axes.set_ylabel("latency (log scale)")
        figure.legend(loc="outside lower left", fontsize=9)
    said = "; ".join(f"{engine.name}: {answer_text(engine.answer)}" for engine in sweep.engines)
    return Picture(
        "latency-against-load",
        "Latency against load",
        f"Latency against offered rate, one curve for each engine. {said}.",
        "p99 solid, p50 dotted. Full dots were sustained, hollow ones not; a vertical line marks the confirmed rate. "
        "Attempts that were broken off have no point.",
        figure,
    )


def _draw_engine(axes: Axes, engine: SweepEngine, colour: str) -> None:
    measured = [attempt for attempt in _by_rate(engine) if attempt.latency_ms]
    # Of a rate that was tried twice, the lines go through the last attempt: the longer one.
    latencies = {each.rate_records_per_s: each.latency_ms for each in measured if each.latency_ms}
    p99s_ms = [latency.p99 for latency in latencies.values()]
    axes.plot(list(latencies), p99s_ms, color=colour, label=f"{engine.name}: {answer_text(engine.answer)}")
    axes.plot(list(latencies), [latency.p50 for latency in latencies.values()], color=colour, linestyle=":")
    for attempt in measured:
        p99_ms = attempt.latency_ms.p99 if attempt.latency_ms else np.nan
        filling = colour if attempt.sustained else "white"
        axes.plot(attempt.rate_records_per_s, p99_ms, "o", color=colour, markerfacecolor=filling)
    if engine.answer and engine.answer.rate_records_per_s:
        axes.axvline(engine.answer.rate_records_per_s, color=colour, linewidth=0.8, alpha=0.6)
