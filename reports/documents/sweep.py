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

from harness.conclusions.headline_figures import BASELINE
from harness.results.part import write_whole
from harness.results.sweep import RateRatio, Sweep, SweepAnswer, SweepAttempt, SweepEngine
from reports.documents.page import escape_markdown
from reports.pictures.style import (
    MUTED,
    STYLE,
    Picture,
    colours_of,
    label_milliseconds,
    new_figure,
    save_png,
    short_count,
)
from reports.wording.baseline import HOW_TO_HAVE_A_BASELINE
from reports.wording.contestants import differences
from reports.wording.numbers import NOT_MEASURED, decimal, milliseconds

NO_RATIO = "no ratio to the baseline: that takes a rate that one of them held, and one at which the other failed"
HEADINGS = ("kind", "records/s", "sustained", "p50, ms", "p99, ms", "CPU-s per million")
DELAY_HEADINGS = ("input, ms", "sink, ms")
BOUND_NOTE = "Sustained: no growing lag, p99 within {bound:,.0f} ms, drained as soon, every count right, on schedule."
TRIES_NOTE = "A rate that was not sustained was tried again: it counts as failed if two of three attempts were not."
AT_LEAST_NOTE = (
    "At least: the engine failed at no rate. What failed above the one that held was the harness or the host "
    "(generator, broker, Redis writer, Redis, other programs), or no higher rate was tried."
)
DELAYS_NOTE = (
    "Input and sink: how late the broker was with records, and Redis with the engine's updates, at the most. Neither "
    "is the engine's doing, and the engine is to blame only for what would be out of bound without them."
)


def sweep_table(sweep: Sweep) -> Group:
    """Each engine's answer and its attempts; fits 80 columns."""
    parts: list[Text | Table] = [Text(line) for line in differences(sweep)]
    for engine in sweep.engines:
        style = "bold green" if engine.answer and engine.answer.rate_records_per_s else "bold red"
        parts.append(Text.assemble("\n", (engine.name, "bold"), ": ", (answer_text(engine.answer), style)))
        table = Table(*HEADINGS, show_edge=False, pad_edge=False)
        for attempt in _by_rate(engine):
            table.add_row(*_cells(attempt), style="" if attempt.sustained else "dim")
        parts.append(table)
    notes = [*per_core_notes(sweep), *baseline_notes(sweep), BOUND_NOTE.format(bound=sweep.p99_bound_ms), TRIES_NOTE]
    notes += [AT_LEAST_NOTE] * any(engine.answer is not None and engine.answer.at_least for engine in sweep.engines)
    return Group(*parts, *(Text(note, style="dim") for note in notes))


def answer_text(answer: SweepAnswer | None) -> str:
    """The answer in one line."""
    if answer is None:
        return "the search has not ended"
    failed = "" if answer.above_records_per_s is None else f", {answer.above_records_per_s:,} failed"
    knee = "" if answer.knee_records_per_s is None else f"; knee of p99 at {answer.knee_records_per_s:,}"
    if answer.rate_records_per_s is None:
        return f"no rate was confirmed{failed}{_limited_text(answer)}{knee}"
    least = "at least " if answer.at_least else ""
    return f"{least}{answer.rate_records_per_s:,} records/s held{failed}{_limited_text(answer)}{knee}"


def _limited_text(answer: SweepAnswer) -> str:
    """At which rate others than the engine were the limit, if that was below the rate at which the engine failed."""
    # In version 1, the lowest rate that was not sustained stood for both.
    limited = answer.limited_records_per_s or (answer.failed_records_per_s if answer.at_least else None)
    if limited is None or (answer.above_records_per_s or limited) < limited:
        return ""
    return f"; at {limited:,}, the harness or the host was the limit"


def baseline_notes(sweep: Sweep) -> list[str]:
    """The bracket of each engine's limit over the baseline's, or how to have one."""
    baseline = next((engine for engine in sweep.engines if engine.name == BASELINE), None)
    if baseline is None:
        return [HOW_TO_HAVE_A_BASELINE]
    others = [engine for engine in sweep.engines if engine is not baseline]
    return (
        [f"{each.name}: {_ratio_text(each.name, each.rate_to_baseline)}" for each in others] if sweep.finished else []
    )


def per_core_notes(sweep: Sweep) -> list[str]:
    """The rate that held by core of the engine's own, which others publish; nothing where all cores were shared."""
    held = [
        (each.name, each.answer.rate_records_per_s, each.own.get("engine_cpus", sweep.scenario.get("engine_cpus", 0)))
        for each in sweep.engines
        if each.answer
    ]
    return [
        f"{name}: {rate / cores:,.0f} records/s and core held, on {cores} core{'s' * (cores > 1)} of its own."
        for name, rate, cores in held
        if rate and cores
    ]


def _ratio_text(name: str, ratio: RateRatio | None) -> str:
    if ratio is None:
        return NO_RATIO
    ends = (("at least", ratio.low), ("at most", ratio.high))
    said = [f"{bound} {decimal(end)}" for bound, end in ends if end is not None]
    return f"{', '.join(said)} x the baseline's limit, that of one thread (COST): {_winner_text(name, ratio)}"


def _winner_text(name: str, ratio: RateRatio) -> str:
    if ratio.low is not None and ratio.low >= 1:
        return f"{name} sustains more"
    if ratio.high is not None and ratio.high <= 1:
        return f"{BASELINE} sustains more"
    return "the brackets overlap, so that neither is shown to sustain more"


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


def _delay_cells(attempt: SweepAttempt) -> list[str]:
    delays_ms = (attempt.input_delay_ms_max, attempt.sink_delay_ms_max)
    return [NOT_MEASURED if each is None else milliseconds(each) for each in delays_ms]


def write_sweep(sweep: Sweep, directory: Path) -> list[Path]:
    """Write ``sweep.md`` and ``latency-against-load.png`` in `directory`. Returns the paths written."""
    picture = draw_sweep(sweep)
    page = directory / "sweep.md"
    write_whole(page, sweep_markdown(sweep, picture))
    return [page, save_png(picture, directory)]


def sweep_markdown(sweep: Sweep, picture: Picture) -> str:
    """The Markdown page."""
    lines = [f"# Ringbench: {escape_markdown(sweep.sweep_id)}", ""]
    lines += [f"{escape_markdown(line)}\n" for line in differences(sweep)]
    lines += [BOUND_NOTE.format(bound=sweep.p99_bound_ms), ""]
    lines += [f"- {escape_markdown(each.name)}: **{answer_text(each.answer)}**" for each in sweep.engines]
    lines += [
        "",
        *(f"{escape_markdown(note)}\n" for note in (*per_core_notes(sweep), *baseline_notes(sweep))),
        TRIES_NOTE,
        AT_LEAST_NOTE,
        DELAYS_NOTE,
        "",
        f"![{escape_markdown(picture.alt)}]({picture.name}.png)",
        "",
        picture.caption,
    ]
    for engine in sweep.engines:
        lines += ["", f"## {escape_markdown(engine.name)} {escape_markdown(engine.version or '')}", ""]
        headings = (*HEADINGS, *DELAY_HEADINGS, "why not")
        lines += [f"| {' | '.join(headings)} |", "|---|---:|---|---:|---:|---:|---:|---:|---|"]
        for attempt in _by_rate(engine):
            cells = (*_cells(attempt), *_delay_cells(attempt), "; ".join(attempt.reasons))
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
        "p99 solid, p50 dotted. Full dots were sustained, hollow ones not; a vertical line marks the confirmed rate, "
        "and the stripe beside it reaches to the lowest rate at which the engine failed. Attempts that were broken off "
        "have no point.",
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
    if engine.answer and (held := engine.answer.rate_records_per_s):
        axes.axvline(held, color=colour, linewidth=0.8, alpha=0.6)
        if failed := engine.answer.above_records_per_s:
            axes.axvspan(held, failed, color=colour, alpha=0.12, linewidth=0)
