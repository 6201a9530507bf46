"""The picture of a comparison: a forest plot of ratios with their intervals."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, Locator, LogLocator, NullFormatter, NullLocator

from harness.conclusions.headline_figures import headline
from harness.results.result import Confidence, Ratio, Result
from reports.pictures.style import INK, MUTED, Picture, engine_colours, new_figure, sentence
from reports.wording.winner import compared, confidence_text, interval_text, winner_sentences

#: The axis is never narrower than this, so that a difference of nothing does not look like one of something.
LEAST_RANGE = (0.8, 1.25)
#: Ticks for a narrow axis and for a wider one.
CLOSE_TICKS = (0.55, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.8)
NEAR_TICKS = (0.18, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6)
LONG_NAMES = 22


def draw_comparison(result: Result) -> Picture | None:
    """A row for each figure and pair; None if there is no interval to draw."""
    found = compared(result)
    by_figure: dict[str, list[tuple[Ratio, Confidence]]] = {}
    for each in found.ratios if found else []:
        if each.ratio:
            by_figure.setdefault(each.figure, []).append((each, each.ratio))
    if not found or not by_figure:
        return None
    heights = [0.55 + 0.3 * len(rows) for rows in by_figure.values()]
    figure = new_figure("Engines compared: ratios with intervals", height_in=1.1 + sum(heights))
    panels = figure.subplots(len(by_figure), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    colours = engine_colours(result.engines)
    for axes, (name, rows) in zip(panels, by_figure.items(), strict=True):
        axes.set_title(headline(name).label)
        _draw_rows(axes, rows, colours)
    _scale(panels[-1], [ratio for rows in by_figure.values() for _, ratio in rows])
    panels[-1].set_xlabel("first engine's figure / second engine's (log scale)")
    confidence = next(iter(by_figure.values()))[0][1].confidence
    return Picture(
        "comparison",
        "Comparison",
        f"Ratios of the engines' figures with intervals, on a logarithmic axis. "
        f"{sentence([text.rstrip('.') for text in winner_sentences(found, short=True)])}",
        f"A dot is the ratio of the geometric means over all blocks, a bar its {confidence_text(confidence)} % "
        f"interval; all of them together hold with {confidence_text(found.confidence)} %. Left of 1, the first "
        "engine's figure is the lower. The colour is the winner's; where none is named, the row is grey and its dot "
        "hollow.",
        figure,
    )


def _draw_rows(axes: Axes, rows: list[tuple[Ratio, Confidence]], colours: dict[str, str]) -> None:
    axes.axvline(1, color=INK, linewidth=0.9, zorder=1)
    for place, (row, ratio) in enumerate(rows):
        colour = colours[row.winner] if row.winner else MUTED
        axes.plot([ratio.low, ratio.high], [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot([ratio.low, ratio.high], [place, place], linestyle="", marker="|", color=colour, markersize=8)
        axes.plot(
            ratio.estimate, place, "o", color=colour, markerfacecolor=colour if row.winner else "white", markersize=6
        )
        axes.annotate(
            interval_text(ratio), (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=INK
        )
    axes.set_yticks(range(len(rows)), [_pair(row) for row, _ in rows], fontsize=8.5)
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(visible=False, axis="y")


def _pair(row: Ratio) -> str:
    gap = " / " if len(row.a) + len(row.b) <= LONG_NAMES else " /\n"
    return f"{row.a}{gap}{row.b}"


def _scale(axes: Axes, ratios: list[Confidence]) -> None:
    """One logarithmic axis that holds all of `ratios`, and 1."""
    low = min(LEAST_RANGE[0], *(ratio.low for ratio in ratios))
    high = max(LEAST_RANGE[1], *(ratio.high for ratio in ratios))
    margin = (high / low) ** 0.05
    axes.set_xscale("log")
    axes.set_xlim(low / margin, high * margin)
    axes.xaxis.set_major_locator(_ticks(high / low))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _ticks(span: float) -> Locator:
    """Few enough ticks for an axis whose ends have the ratio `span`; 1 is always one."""
    if span < 6:
        return FixedLocator(CLOSE_TICKS if span < 2 else NEAR_TICKS)
    return LogLocator(subs=(1.0, 2.0, 5.0) if span < 60 else (1.0,), numticks=12)
