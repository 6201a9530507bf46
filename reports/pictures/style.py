"""How all pictures look: size, colours, fonts, and the forms in which they are saved."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from matplotlib.typing import LineStyleType

from harness.results.correctness import Verdict
from harness.results.performance import CLOCK_RESOLUTION_MS
from harness.results.result import EngineResult
from reports.pictures.series import Floats
from reports.wording.numbers import NOT_MEASURED


def lay_out(figure: Figure) -> None:
    """Give all parts of `figure` their places, the first time only.

    matplotlib would find them anew for each file, which takes longer than to draw it, and draws twice to do so.
    """
    if layout := figure.get_layout_engine():
        layout.execute(figure)
        figure.set_layout_engine(None)


INK, MUTED, GRID, ALARM = "#1b1f24", "#57606a", "#d8dee4", "#b3261e"
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
ENGINE_COLOURS = {"baseline": "#009E73", "flink": "#0072B2", "spark": "#D55E00"}
OTHER_ENGINE_COLOURS = ("#CC79A7", "#E69F00", "#56B4E9", "#000000")
WIDTH_IN = 5.2  # at a phone's 360 px, a point is about a pixel, so 10 points can be read
DPI = 200
SEVERAL_ALPHA = "73"  # in hexadecimal: lines of several trials shine through each other
DOTTED: LineStyleType = (0, (1.5, 1.2))
#: Of contestants that share a colour, because they are too many, each has its own.
DASHES: tuple[LineStyleType, ...] = ("-", (0, (5, 2)), (0, (7, 2, 1.5, 2)), (0, (2, 2)))
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.titlesize": 11.5,
    "figure.titleweight": "bold",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "ringbench",  # the same result gives the same file
    "text.color": INK,
    "text.parse_math": False,  # an engine's name may hold a dollar sign
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


@dataclass(frozen=True)
class Picture:
    """A drawn figure and the words that go with it."""

    name: str
    title: str
    alt: str
    caption: str
    figure: Figure


def svg_text(picture: Picture) -> str:
    """The picture as an SVG document, the same for the same result."""
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        lay_out(picture.figure)
        picture.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def save_png(picture: Picture, directory: Path) -> Path:
    """Write the picture as ``NAME.png`` in `directory`. Returns its path."""
    path = directory / f"{picture.name}.png"
    write_png(picture, path)
    return path


def write_png(picture: Picture, path: Path) -> None:
    """Write the picture to the file `path`.

    Raises:
        OSError: it cannot be written.
    """
    with matplotlib.rc_context(STYLE):
        lay_out(picture.figure)
        picture.figure.savefig(path, format="png", metadata={"Software": None})


def engine_colours(engines: Sequence[EngineResult]) -> dict[str, str]:
    """The colours of `engines`; see `colours_of`."""
    return colours_of([engine.name for engine in engines])


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """One colour per contestant's name; the three engines that come with Ringbench have theirs in every report.

    Those of engines that are not among `names` go to others, if there are more of these than further colours.
    """
    others = sorted(set(names) - ENGINE_COLOURS.keys())
    palette = [*OTHER_ENGINE_COLOURS, *(colour for name, colour in ENGINE_COLOURS.items() if name not in names)]
    spare = {name: palette[index % len(palette)] for index, name in enumerate(others)}
    return ENGINE_COLOURS | spare


def dash_numbers(colours: Sequence[str]) -> list[int]:
    """Which of `DASHES` each line has, so that no two of the same colour look alike."""
    return [colours[:place].count(colour) % len(DASHES) for place, colour in enumerate(colours)]


def label_percentiles(axes: Axes, rarest: float) -> None:
    """Label the vertical axis, a share of slower records down to `rarest`, with percentiles."""
    decades = int(np.floor(-np.log10(rarest) + 1e-9))
    levels = [0.5, *(10.0**-decade for decade in range(1, decades + 1))]
    names = ["50", "90", "99", *(f"99.{'9' * nines}" for nines in range(1, decades))]
    axes.yaxis.set_major_locator(FixedLocator(levels))
    axes.yaxis.set_major_formatter(FixedFormatter(names[: len(levels)]))
    axes.yaxis.set_minor_locator(NullLocator())


def hatch_ends(axes: Axes, totals: Floats) -> None:
    for minute in {0, len(totals) - 1}:
        axes.bar(
            minute, totals[minute], width=1, align="edge", facecolor="none", edgecolor="white", hatch="//", linewidth=0
        )


# Parts that several pictures share.


def new_figure(title: str, height_in: float, width_in: float = WIDTH_IN, dpi: int = DPI) -> Figure:
    """A figure with nothing in it but its title, of which PNG files have `dpi` pixels an inch."""
    figure = Figure(figsize=(width_in, height_in), dpi=dpi, layout="constrained", facecolor="white")
    figure.suptitle(title, x=0.02, ha="left")
    return figure


def figure_with_axes(title: str, height_in: float) -> tuple[Figure, Axes]:
    figure = new_figure(title, height_in)
    return figure, figure.add_subplot()


def add_legend(figure: Figure, entries: list[tuple[str, list[str], LineStyleType]]) -> None:
    """A legend of labels, each with a line of its style in all its colours."""
    handles: list[Any] = [
        tuple(Line2D([], [], color=colour, linestyle=style) for colour in colours) for _, colours, style in entries
    ]
    figure.legend(
        handles,
        [label for label, _, _ in entries],
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0)},
        loc="outside lower left",
        ncols=len(entries),
        fontsize=9,
    )


def watermark(figure: Figure) -> None:
    """Write across `figure` that it is of an invalid run."""
    width_in, height_in = figure.get_size_inches()
    figure.text(
        0.5,
        0.5,
        "INVALID RUN",
        fontsize=min(52, 17 * height_in),
        fontweight="bold",
        color=ALARM,
        alpha=0.28,
        rotation=float(np.degrees(np.arctan2(height_in, width_in))) * 0.7,
        ha="center",
        va="center",
        zorder=100,
    )


def engine_label(engine: EngineResult) -> str:
    """The engine's name, and its verdict unless it passed: a number of a wrong answer must not pass for a result."""
    return engine.name if engine.verdict is Verdict.PASS else f"{engine.name} ({engine.verdict.value})"


def say_not_measured(axes: Axes) -> None:
    """Say so in a panel that has nothing to show."""
    axes.text(0.5, 0.5, NOT_MEASURED, transform=axes.transAxes, ha="center", va="center", color=MUTED, style="italic")


def label_milliseconds(axes: Axes, *, vertical: bool) -> None:
    """Label a logarithmic axis of milliseconds."""
    axis = axes.yaxis if vertical else axes.xaxis
    low, high = axes.get_ylim() if vertical else axes.get_xlim()
    axis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 30 else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_ms(value)))
    axis.set_minor_formatter(NullFormatter())


def at_least_1_ms(latency_ms: float | None) -> float | None:
    return None if latency_ms is None else max(latency_ms, CLOCK_RESOLUTION_MS)


def short_ms(latency_ms: float) -> str:
    """A latency with its unit, to three digits: a label for an axis or a bar."""
    return f"{latency_ms / 1000:.3g} s" if latency_ms >= 1000 else f"{latency_ms:.3g} ms"


def short_count(count: float) -> str:
    """`count` to three digits, with a unit of thousands or millions: a label for an axis."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if abs(count) >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.3g}"


def sentence(parts: Sequence[str]) -> str:
    """`parts` in one sentence, for the words that stand for a picture."""
    return "; ".join(parts) + "." if parts else "Not measured."
