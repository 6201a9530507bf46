"""The picture of what delivery exactly once costs: bars of both contestants for each figure."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes

from harness.conclusions.delivery_price import Price
from harness.results.result import EngineResult, Result
from reports.pictures.style import INK, Picture, engine_colours, new_figure, sentence
from reports.wording.delivery import PricedPair, factor_text, priced_pairs
from reports.wording.quoted import figure_text, range_of

NAME = "delivery"
#: So many fit beside each other.
TITLE_CHARACTERS = 60
#: The figures with a bar: the mean says the same as the median, and not every engine has topics of its own.
LEFT_OUT = ("latency_ms_mean", "kafka_bytes_per_record_with_own")


def draw_delivery(result: Result) -> Picture | None:
    """A panel for each figure of each pair; None if there is no such pair, or nothing was measured of it."""
    panels = [
        (pair, each)
        for pair in priced_pairs(result)
        for each in pair.prices
        if each.of.name not in LEFT_OUT and each.factor
    ]
    if not panels:
        return None
    figure = new_figure("What exactly once costs", height_in=0.6 + 1.05 * len(panels))
    colours = engine_colours(result.engines)
    for axes, (pair, price) in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        _draw(axes, pair, price, colours)
    doubts = list(dict.fromkeys(doubt for pair, _ in panels for doubt in pair.doubts))
    return Picture(
        NAME,
        "Delivery exactly once",
        "Bars of figures at least once and exactly once. "
        f"{sentence([f'{price.of.label} x {factor_text(price)}' for _, price in panels])}",
        "A bar is the estimate over the trials, a line its interval, or from the least to the greatest of too few "
        "trials. The factor stands with its interval beside the figure's name. Latency holds the wait for the commit."
        + (f" Not certain: {'; '.join(doubts)}." if doubts else ""),
        figure,
    )


def _draw(axes: Axes, pair: PricedPair, price: Price, colours: dict[str, str]) -> None:
    title = f"{price.of.label}, {price.of.unit}: x {factor_text(price)}"
    axes.set_title(textwrap.fill(title, TITLE_CHARACTERS), fontsize=9)
    for place, engine in enumerate((pair.without, pair.once)):
        _draw_bar(axes, place, engine, price, colours[engine.name])
    axes.set_yticks((0, 1), (pair.without.name, pair.once.name), fontsize=8.5)
    axes.set_ylim(1.6, -0.6)
    axes.set_xlim(left=0)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(visible=False, axis="y")


def _draw_bar(axes: Axes, place: int, engine: EngineResult, price: Price, colour: str) -> None:
    found = range_of(engine, price.of)
    if found is None:
        return
    axes.barh(place, found.estimate, color=colour, height=0.7)
    axes.plot([found.low, found.high], [place, place], color=INK, linewidth=1.6, solid_capstyle="butt")
    axes.annotate(
        figure_text(price.of, found.estimate),
        (max(found.high, found.estimate), place),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=INK,
    )
    axes.margins(x=0.12)
