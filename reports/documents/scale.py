"""What people read of a scaling: the terminal's tables, the page, and figures against each dimension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.results.part import write_whole
from harness.results.scale import Dimension, FitQuality, Scale, ScaledFigure, ScaleFit, ScaleTrial, figure_of, level_of
from reports.documents.page import Document
from reports.pictures.style import STYLE, Picture, colours_of, new_figure, save_png, sentence, short_count, short_ms
from reports.wording.contestants import differences
from reports.wording.numbers import NOT_MEASURED, decimal, mebibytes, milliseconds
from reports.wording.scale import FIT_NOTE, fit_of, head_of_scale, hundredths, spread_text, varied
from reports.wording.tables import Section
from reports.wording.tables import Table as PageTable

#: What stands on the axis of a dimension.
AXES = {
    Dimension.RATE: "offered records/s",
    Dimension.PARTITIONS: "partitions",
    Dimension.KEYS: "cells of a window",
    Dimension.PARALLELISM: "parallelism",
}


@dataclass(frozen=True)
class _Row:
    """A row of the picture.

    Attributes:
        title: what stands on the axis.
        lines: figures, and the lines of their fits; the exponents that are written are those of the first.
        unit: what figures are divided by.
        write: how a value is written.
    """

    title: str
    lines: tuple[tuple[ScaledFigure, str], ...]
    unit: float = 1.0
    write: Callable[[float], str] = short_count


ROWS = (
    _Row("records/s visible", ((ScaledFigure.THROUGHPUT, "-"),)),
    _Row("latency", ((ScaledFigure.LATENCY_P99, "-"), (ScaledFigure.LATENCY_P50, ":")), write=short_ms),
    _Row("CPU-s per million", ((ScaledFigure.CPU, "-"),)),
    _Row("memory, MiB", ((ScaledFigure.MEMORY, "-"),), unit=2.0**20),
)
HEADINGS = (
    "#",
    "records/s",
    "partitions",
    "keys",
    "parallelism",
    "cells a window",
    "visible/s",
    "p50, ms",
    "p99, ms",
    "CPU-s per million",
    "memory, MiB",
    "counted",
)
FIT_HEADINGS = ("engine", "dimension", "figure", "exponent", "interval", "trials", "off the line", "what is wrong")
POOR_NOTE = "?: a poor fit; the report says why. -: none was possible."
OMITTED_NOTE = "{omitted} of {trials} trials are not counted in fits: see why in the report."


# The terminal


def scale_table(scale: Scale) -> Group:
    """Exponents of each engine, a column for each dimension; fits 80 columns."""
    parts: list[Text | Table] = [Text(line) for line in differences(scale)]
    for engine in scale.engines:
        table = Table(show_edge=False, pad_edge=False)
        table.add_column(Text(engine.name, style="bold"))
        dimensions = varied(scale)
        for dimension in dimensions:
            table.add_column(dimension.value, justify="right")
        for figure in ScaledFigure:
            cells = [_short(fit_of(scale, engine.name, dimension, figure)) for dimension in dimensions]
            table.add_row(figure.value, *cells)
        parts += [Text(""), table]
    notes = [FIT_NOTE.format(percent=100 * scale.fits[0].confidence), POOR_NOTE] if scale.fits else []
    omitted = [each for each in scale.trials if not each.counted]
    notes += [OMITTED_NOTE.format(omitted=len(omitted), trials=len(scale.trials))] * bool(omitted)
    notes += [spread_text(scale, engine.name) for engine in scale.engines]
    return Group(*parts, *(Text(note, style="dim") for note in notes if note))


def _short(fit: ScaleFit | None) -> str:
    """An exponent and how far its interval reaches to either side."""
    if fit is None or fit.exponent is None or fit.high is None:
        return "-"
    mark = "?" if fit.quality is FitQuality.POOR else ""
    return f"{hundredths(fit.exponent)} ± {hundredths(fit.high - fit.exponent)}{mark}"


# The page


def write_scale(scale: Scale, directory: Path) -> list[Path]:
    """Write ``scale.html``, ``scale.md`` and ``scale.png`` in `directory`. Returns the paths written."""
    picture = draw_scale(scale)
    page = scale_document(scale, picture)
    written = [directory / "scale.html", directory / "scale.md"]
    for path, text in zip(written, (page.html(), page.markdown()), strict=True):
        write_whole(path, text)
    return [*written, save_png(picture, directory)]


def scale_document(scale: Scale, picture: Picture) -> Document:
    """What is told of a scaling, and in which order."""
    return Document(
        title=f"Ringbench scaling {scale.scale_id}",
        what="scaling",
        times=f"{scale.started_at} to {scale.finished_at or 'its last trial so far'}",
        head=head_of_scale(scale),
        answer=picture,
        sections=(*_exponents(scale), *(_trials(place, each.name, scale) for place, each in enumerate(scale.engines))),
        command=scale.command,
        numbers=f"The numbers are those of scale.json, schema version {scale.schema_version}.",
    )


def _exponents(scale: Scale) -> tuple[Section, ...]:
    """Every fit; nothing if there are none."""
    if not scale.fits:
        return ()
    note = FIT_NOTE.format(percent=100 * scale.fits[0].confidence)
    rows = tuple(map(_fit_cells, scale.fits))
    table = PageTable("Every fit", FIT_HEADINGS, rows, words=frozenset({0, 1, 2, 4, 7}))
    return (Section("Exponents", "exponents", (table,), notes=(note,)),)


def _trials(place: int, name: str, scale: Scale) -> Section:
    """All trials of a contestant, by their points."""
    own = sorted((each for each in scale.trials if each.engine == name), key=_by_point)
    words = frozenset({3, len(HEADINGS) - 1})
    table = PageTable(f"Every trial of {name}, by its point", HEADINGS, tuple(map(_cells, own)), words)
    return Section(f"Trials of {name}", f"trials-{place}", (table,))


def _fit_cells(fit: ScaleFit) -> tuple[str, ...]:
    """What stands below `FIT_HEADINGS`."""
    of = (fit.engine, fit.dimension.value, fit.figure.value)
    if fit.exponent is None:
        return (*of, "-", "-", str(fit.trials), "-", f"no fit: {fit.why}")
    interval = f"[{hundredths(fit.low or 0.0)}, {hundredths(fit.high or 0.0)}]"
    poor = f"poor: {fit.why}" if fit.why else ""
    return (*of, hundredths(fit.exponent), interval, str(fit.trials), f"{fit.off_percent:.0f} %", poor)


def _by_point(trial: ScaleTrial) -> tuple[int, int, int, int, int]:
    point = trial.point
    return point.rate_records_per_s, point.partitions, trial.cells, point.parallelism, trial.number


def _cells(trial: ScaleTrial) -> tuple[str, ...]:
    latency, cost, throughput = trial.latency_ms, trial.cost, trial.throughput_records_per_s
    return (
        str(trial.number),
        f"{trial.point.rate_records_per_s:,}",
        str(trial.point.partitions),
        trial.point.keys,
        str(trial.point.parallelism),
        f"{trial.cells_per_window_mean:,.0f} of {trial.cells:,}",
        f"{throughput.sustained:,.0f}" if throughput else NOT_MEASURED,
        milliseconds(latency.p50) if latency else NOT_MEASURED,
        milliseconds(latency.p99) if latency else NOT_MEASURED,
        decimal(cost.cpu_s_per_million_records) if cost else NOT_MEASURED,
        mebibytes(cost.rss_bytes_peak) if cost else NOT_MEASURED,
        "yes" if trial.counted else f"{_blamed(trial)}: {'; '.join(trial.reasons)}",
    )


def _blamed(trial: ScaleTrial) -> str:
    return f"no ({trial.limited_by})" if trial.limited_by else "no"


# The picture


def draw_scale(scale: Scale) -> Picture:
    """A row for each figure, a column for each varied dimension, a colour for each engine."""
    dimensions = varied(scale) or [Dimension.RATE]
    colours = colours_of([engine.name for engine in scale.engines])
    with matplotlib.rc_context(STYLE | {"font.size": 8.5}):
        figure = new_figure("How cost grows", height_in=1.0 + 1.7 * len(ROWS), width_in=1.6 + 2.4 * len(dimensions))
        panels = figure.subplots(len(ROWS), len(dimensions), squeeze=False, sharex="col", sharey="row")
        for panel, (row, dimension) in zip(panels.flat, product(ROWS, dimensions), strict=True):
            for engine in scale.engines:
                _draw(panel, scale, engine.name, dimension, row, colours[engine.name])
            _label(panel, scale, dimension, row)
            _write_exponents(panel, scale, dimension, row, colours)
        for panel, row in zip(panels[:, 0], ROWS, strict=True):
            panel.set_ylabel(row.title)
        for panel, dimension in zip(panels[-1], dimensions, strict=True):
            panel.set_xlabel(AXES[dimension])
        figure.align_ylabels()
        for engine in scale.engines:
            panels[0, 0].plot([], [], "o-", color=colours[engine.name], label=engine.name)
        figure.legend(loc="outside lower left", ncols=max(1, len(scale.engines)), fontsize=9)
    return Picture(
        "scale",
        "How cost grows",
        "Throughput, latency, CPU time and memory against "
        f"{', '.join(AXES[each] for each in dimensions)}. {_said(scale)}",
        "All axes are logarithmic. Full dots are counted, hollow ones are not; lines are fits, p99 solid and p50 "
        "dotted. The numbers are exponents, of p99 where there are two; a question mark stands at a poor fit, a dash "
        "where none was possible.",
        figure,
    )


def _draw(axes: Axes, scale: Scale, engine: str, dimension: Dimension, row: _Row, colour: str) -> None:
    """An engine's trials that differ from the base in `dimension` only, and the lines of its fits.

    Of a full design, all others would hide the lines.
    """
    alike = scale.base.without(dimension)
    own = [each for each in scale.trials if each.engine == engine and each.point.without(dimension) == alike]
    for figure, line in row.lines:
        measured = [
            (each, float(level_of(each, dimension)), value / row.unit)
            for each in own
            if (value := figure_of(each, figure))
        ]
        for trial, level, value in measured:
            filling = colour if trial.counted else "white"
            axes.plot(level, value, "o", color=colour, markerfacecolor=filling, markersize=4)
        fit = fit_of(scale, engine, dimension, figure)
        counted = [(level, value) for trial, level, value in measured if trial.counted]
        if fit and fit.exponent is not None and counted:
            levels, values = np.log(np.array(counted)).T
            ends = np.array([levels.min(), levels.max()])
            heights = values.mean() + fit.exponent * (ends - levels.mean())
            axes.plot(np.exp(ends), np.exp(heights), line, color=colour, linewidth=1.2)


def _label(axes: Axes, scale: Scale, dimension: Dimension, row: _Row) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sorted({level_of(each, dimension) for each in scale.trials})))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
    axes.margins(x=0.12)
    shown = [value / row.unit for each in scale.trials for name, _ in row.lines if (value := figure_of(each, name))]
    low, high = min(shown, default=1.0) / 1.2, max(shown, default=1.0) * 1.2
    axes.set_ylim(low, high)
    # Within a decade or so, its steps would stand at one or two places, or at none.
    axes.yaxis.set_major_locator(MaxNLocator(4) if high / low < 8 else LogLocator(subs=(1.0, 3.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: row.write(value)))


def _write_exponents(axes: Axes, scale: Scale, dimension: Dimension, row: _Row, colours: dict[str, str]) -> None:
    for number, engine in enumerate(scale.engines):
        text = _short(fit_of(scale, engine.name, dimension, row.lines[0][0]))
        place = (number / len(scale.engines), 1.02)  # above the panel, where no dot is in the way
        axes.text(*place, text, transform=axes.transAxes, va="bottom", fontsize=7, color=colours[engine.name])


def _said(scale: Scale) -> str:
    good: Sequence[ScaleFit] = [fit for fit in scale.fits if fit.quality is FitQuality.GOOD]
    return sentence([f"{fit.engine}: {fit.figure} ~ {fit.dimension}^{hundredths(fit.exponent or 0.0)}" for fit in good])
