"""What people read of a sweep: the terminal's table, the page, and the curve of latency against load."""

from __future__ import annotations

from itertools import starmap
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from rich.console import Group
from rich.table import Table as TerminalTable
from rich.text import Text

from harness.results.part import write_whole
from harness.results.sweep import Sweep, SweepAttempt, SweepEngine
from reports.documents.page import Document
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
from reports.wording.contestants import differences
from reports.wording.numbers import NOT_MEASURED, decimal, milliseconds
from reports.wording.sweep import (
    AT_LEAST_NOTE,
    BOUND_NOTE,
    answer_text,
    baseline_notes,
    head_of_sweep,
    per_core_notes,
)
from reports.wording.tables import Section, Table

HEADINGS = ("kind", "records/s", "sustained", "p50, ms", "p99, ms", "CPU-s per million")
DELAY_HEADINGS = ("input, ms", "sink, ms")
TRIES_NOTE = "A rate that was not sustained was tried again: it counts as failed if two of three attempts were not."
DELAYS_NOTE = (
    "Input and sink: how late the broker was with records, and Redis with the engine's updates, at the most. Neither "
    "is the engine's doing, and the engine is to blame only for what would be out of bound without them."
)


def sweep_table(sweep: Sweep) -> Group:
    """Each engine's answer and its attempts; fits 80 columns."""
    parts: list[Text | TerminalTable] = [Text(line) for line in differences(sweep)]
    for engine in sweep.engines:
        style = "bold green" if engine.answer and engine.answer.rate_records_per_s else "bold red"
        parts.append(Text.assemble("\n", (engine.name, "bold"), ": ", (answer_text(engine.answer), style)))
        table = TerminalTable(*HEADINGS, show_edge=False, pad_edge=False)
        for attempt in _by_rate(engine):
            table.add_row(*_cells(attempt), style="" if attempt.sustained else "dim")
        parts.append(table)
    notes = [*per_core_notes(sweep), *baseline_notes(sweep), BOUND_NOTE.format(bound=sweep.p99_bound_ms), TRIES_NOTE]
    notes += [AT_LEAST_NOTE] * any(engine.answer is not None and engine.answer.at_least for engine in sweep.engines)
    return Group(*parts, *(Text(note, style="dim") for note in notes))


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
    """Write ``sweep.html``, ``sweep.md`` and ``latency-against-load.png`` in `directory`. Returns the paths written."""
    page = sweep_document(sweep)
    written = [directory / "sweep.html", directory / "sweep.md"]
    for path, text in zip(written, (page.html(), page.markdown()), strict=True):
        write_whole(path, text)
    return [*written, *([save_png(page.answer, directory)] if page.answer else [])]


def sweep_document(sweep: Sweep) -> Document:
    """What is told of a sweep, and in which order."""
    return Document(
        title=f"Ringbench sweep {sweep.sweep_id}",
        what="sweep",
        times=f"{sweep.started_at} to {sweep.finished_at or 'its last attempt so far'}",
        head=head_of_sweep(sweep),
        answer=draw_sweep(sweep),
        sections=(*starmap(_attempts, enumerate(sweep.engines)), _of_attempts()),
        command=sweep.command,
        numbers=f"The numbers are those of sweep.json, schema version {sweep.schema_version}.",
    )


def _of_attempts() -> Section:
    """What the columns of all attempts mean."""
    return Section("How to read attempts", "attempts", (), notes=(TRIES_NOTE, DELAYS_NOTE))


def _attempts(place: int, engine: SweepEngine) -> Section:
    """All attempts of an engine, by their rate."""
    columns = (*HEADINGS, *DELAY_HEADINGS, "why not")
    rows = [(*_cells(each), *_delay_cells(each), "; ".join(each.reasons)) for each in _by_rate(engine)]
    table = Table(
        f"Every attempt of {engine.name}, by its rate", columns, tuple(rows), frozenset({0, 2, len(columns) - 1})
    )
    return Section(f"Attempts of {engine.name}", f"attempts-{place}", (table,))


def draw_sweep(sweep: Sweep) -> Picture:
    """p50 and p99 against the offered rate, a colour for each engine; what was not sustained is hollow."""
    colours = colours_of([engine.name for engine in sweep.engines])
    with matplotlib.rc_context(STYLE):
        figure = new_figure("Latency against load", height_in=4.2)
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
        figure.legend(loc="outside lower left", ncols=3, fontsize=9)
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
    axes.plot(list(latencies), p99s_ms, color=colour, label=engine.name)
    axes.plot(list(latencies), [latency.p50 for latency in latencies.values()], color=colour, linestyle=":")
    for attempt in measured:
        p99_ms = attempt.latency_ms.p99 if attempt.latency_ms else np.nan
        filling = colour if attempt.sustained else "white"
        axes.plot(attempt.rate_records_per_s, p99_ms, "o", color=colour, markerfacecolor=filling)
    if engine.answer and (held := engine.answer.rate_records_per_s):
        axes.axvline(held, color=colour, linewidth=0.8, alpha=0.6)
        if failed := engine.answer.above_records_per_s:
            axes.axvspan(held, failed, color=colour, alpha=0.12, linewidth=0)
