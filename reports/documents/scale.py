"""What people read of a scaling: the terminal's tables, a Markdown page, and figures against each dimension."""

from __future__ import annotations

import shlex
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
from reports.documents.page import escape_markdown
from reports.pictures.style import STYLE, Picture, colours_of, new_figure, save_png, sentence, short_count, short_ms
from reports.wording.contestants import differences
from reports.wording.numbers import NOT_MEASURED, decimal, mebibytes, milliseconds

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
FIT_NOTE = (
    "A figure grows as the dimension to the power of the exponent: 1 is in proportion, 0 not at all. Least squares on "
    "logarithms, with {percent:g} % intervals."
)
POOR_NOTE = "?: a poor fit; the report says why. -: none was possible."
OMITTED_NOTE = "{omitted} of {trials} trials are not counted in fits: see why in the report."


# The terminal


def scale_table(scale: Scale) -> Group:
    """Exponents of each engine, a column for each dimension; fits 80 columns."""
    parts: list[Text | Table] = [Text(line) for line in differences(scale)]
    for engine in scale.engines:
        table = Table(show_edge=False, pad_edge=False)
        table.add_column(Text(engine.name, style="bold"))
        dimensions = _varied(scale)
        for dimension in dimensions:
            table.add_column(dimension.value, justify="right")
        for figure in ScaledFigure:
            cells = [_short(_fit(scale, engine.name, dimension, figure)) for dimension in dimensions]
            table.add_row(figure.value, *cells)
        parts += [Text(""), table]
    notes = [FIT_NOTE.format(percent=100 * scale.fits[0].confidence), POOR_NOTE] if scale.fits else []
    omitted = [each for each in scale.trials if not each.counted]
    notes += [OMITTED_NOTE.format(omitted=len(omitted), trials=len(scale.trials))] * bool(omitted)
    notes += [_spread_text(scale, engine.name) for engine in scale.engines]
    return Group(*parts, *(Text(note, style="dim") for note in notes if note))


def _varied(scale: Scale) -> list[Dimension]:
    return [dimension for dimension in Dimension if len(scale.levels[dimension]) > 1]


def _fit(scale: Scale, engine: str, dimension: Dimension, figure: ScaledFigure) -> ScaleFit | None:
    found = (fit for fit in scale.fits if (fit.engine, fit.dimension, fit.figure) == (engine, dimension, figure))
    return next(found, None)


def _short(fit: ScaleFit | None) -> str:
    """An exponent and how far its interval reaches to either side."""
    if fit is None or fit.exponent is None or fit.high is None:
        return "-"
    mark = "?" if fit.quality is FitQuality.POOR else ""
    return f"{_hundredths(fit.exponent)} ± {_hundredths(fit.high - fit.exponent)}{mark}"


def _hundredths(number: float) -> str:
    """`number` to two places, and what rounds to nothing without a sign."""
    return f"{round(number, 2) + 0.0:.2f}"


def _spread_text(scale: Scale, engine: str) -> str:
    """By how much the base point's own figures differed, in a line; empty if it was not repeated."""
    own = [each for each in scale.controls if each.engine == engine]
    if not own:
        return ""
    said = ", ".join(f"{each.figure.value} {each.spread_percent:.0f} %" for each in own)
    return f"{engine}: the base point, measured {own[0].trials} times, differed by itself: {said}."


# The page


def write_scale(scale: Scale, directory: Path) -> list[Path]:
    """Write ``scale.md`` and ``scale.png`` in `directory`. Returns the paths written."""
    picture = draw_scale(scale)
    page = directory / "scale.md"
    write_whole(page, scale_markdown(scale, picture))
    return [page, save_png(picture, directory)]


def scale_markdown(scale: Scale, picture: Picture) -> str:
    """The Markdown page."""
    design = "Every combination of levels" if scale.full else "One dimension at a time is varied"
    lines = [f"# Ringbench: {escape_markdown(scale.scale_id)}", ""]
    lines += [f"{design}, around the base point: {scale.base.text()}.", ""]
    lines += [f"{escape_markdown(line)}\n" for line in differences(scale)]
    lines += [f"![{escape_markdown(picture.alt)}]({picture.name}.png)", "", picture.caption, ""]
    if scale.fits:
        lines += ["## Exponents", "", FIT_NOTE.format(percent=100 * scale.fits[0].confidence), ""]
        lines += _fit_rows(scale)
    lines += ["", *(f"- {escape_markdown(text)}" for each in scale.engines if (text := _spread_text(scale, each.name)))]
    for engine in scale.engines:
        lines += ["", f"## {escape_markdown(engine.name)} {escape_markdown(engine.version or '')}", ""]
        lines += [f"| {' | '.join(HEADINGS)} |", f"|{'---:|' * (len(HEADINGS) - 1)}---|"]
        own = [each for each in scale.trials if each.engine == engine.name]
        lines += [f"| {' | '.join(map(escape_markdown, _cells(trial)))} |" for trial in sorted(own, key=_by_point)]
    return "\n".join([*lines, "", "To repeat it:", "", "```", shlex.join(scale.command), "```", ""])


def _fit_rows(scale: Scale) -> list[str]:
    rows = [
        "| engine | dimension | figure | exponent | interval | trials | off the line | |",
        "|---|---|---|---:|---|---:|---:|---|",
    ]
    for fit in scale.fits:
        if fit.exponent is None:
            cells = ["-", "-", str(fit.trials), "-", f"no fit: {fit.why}"]
        else:
            poor = f"poor: {fit.why}" if fit.why else ""
            interval = f"[{_hundredths(fit.low or 0.0)}, {_hundredths(fit.high or 0.0)}]"
            cells = [_hundredths(fit.exponent), interval, str(fit.trials), f"{fit.off_percent:.0f} %", poor]
        rows.append(f"| {' | '.join(map(escape_markdown, (fit.engine, fit.dimension, fit.figure, *cells)))} |")
    return rows


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
    varied = _varied(scale) or [Dimension.RATE]
    colours = colours_of([engine.name for engine in scale.engines])
    with matplotlib.rc_context(STYLE | {"font.size": 8.5}):
        figure = new_figure("How cost grows", height_in=1.0 + 1.7 * len(ROWS), width_in=1.6 + 2.4 * len(varied))
        panels = figure.subplots(len(ROWS), len(varied), squeeze=False, sharex="col", sharey="row")
        for panel, (row, dimension) in zip(panels.flat, product(ROWS, varied), strict=True):
            for engine in scale.engines:
                _draw(panel, scale, engine.name, dimension, row, colours[engine.name])
            _label(panel, scale, dimension, row)
            _write_exponents(panel, scale, dimension, row, colours)
        for panel, row in zip(panels[:, 0], ROWS, strict=True):
            panel.set_ylabel(row.title)
        for panel, dimension in zip(panels[-1], varied, strict=True):
            panel.set_xlabel(AXES[dimension])
        figure.align_ylabels()
        for engine in scale.engines:
            panels[0, 0].plot([], [], "o-", color=colours[engine.name], label=engine.name)
        figure.legend(loc="outside lower left", ncols=max(1, len(scale.engines)), fontsize=9)
    return Picture(
        "scale",
        "How cost grows",
        f"Throughput, latency, CPU time and memory against {', '.join(AXES[each] for each in varied)}. {_said(scale)}",
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
        fit = _fit(scale, engine, dimension, figure)
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
        text = _short(_fit(scale, engine.name, dimension, row.lines[0][0]))
        place = (number / len(scale.engines), 1.02)  # above the panel, where no dot is in the way
        axes.text(*place, text, transform=axes.transAxes, va="bottom", fontsize=7, color=colours[engine.name])


def _said(scale: Scale) -> str:
    good: Sequence[ScaleFit] = [fit for fit in scale.fits if fit.quality is FitQuality.GOOD]
    return sentence(
        [f"{fit.engine}: {fit.figure} ~ {fit.dimension}^{_hundredths(fit.exponent or 0.0)}" for fit in good]
    )
