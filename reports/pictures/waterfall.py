"""The picture of latency taken apart: stacked hops, one panel for each engine."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from harness.conclusions.bands import Band, pooled_bands
from harness.results.result import EngineResult, Result
from reports.pictures.style import INK, Picture, engine_colours, engine_label, new_figure, say_not_measured, sentence
from reports.wording.hops import HOPS, hops_of
from reports.wording.numbers import milliseconds

#: Of Okabe and Ito's palette, those that are no engine's that comes with Ringbench.
HOP_COLOURS = {"send": "#000000", "append": "#E69F00", "engine": "#56B4E9", "sink": "#CC79A7"}
NEGATIVE_NOTE = (
    " A negative mean is drawn to the left of 0, and taken off the total: records overtake, or clocks differ."
)


def draw_waterfall(result: Result) -> Picture:
    """The mean hops of each engine's records, by band of latency."""
    found = [(engine, pooled_bands(engine)) for engine in result.engines]
    heights = [0.5 + 0.28 * max(2, len(bands)) for _, bands in found] or [1.0]
    figure = new_figure("Where the time goes: mean latency, hop by hop", height_in=1.2 + sum(heights))
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    if not found:
        say_not_measured(panels[0])
    for axes, (engine, bands) in zip(panels, found, strict=False):
        axes.set_title(engine_label(engine), color=engine_colours(result.engines)[engine.name])
        if bands:
            _draw_bands(axes, bands)
        else:
            say_not_measured(axes)
            axes.set_yticks([])
            axes.set_xticks([])
    panels[-1].set_xlabel("mean latency, ms (each engine has its own axis)")
    # Contestants may have different routes: the longer one's hops are the more.
    hops = max((hops_of(result, engine) for engine in result.engines), key=len, default=HOPS)
    figure.legend(
        [Patch(color=HOP_COLOURS[name]) for name in hops],
        [f"{name}: {meaning}" for name, meaning in hops.items()],
        loc="outside lower left",
        ncols=2,
        fontsize=9,
    )
    negative = any(hop_ms < 0 for _, bands in found for band in bands for hop_ms in band.hops_ms.values())
    return Picture(
        "latency-waterfall",
        "Latency, hop by hop",
        f"Stacked bars of mean hops by band of latency. {sentence(_said(found))}",
        "Each bar takes the mean latency of the records in a band apart into hops; they add up to the total at its "
        f"end. Bands are those of each trial, weighted by their records.{NEGATIVE_NOTE if negative else ''}",
        figure,
    )


def _said(found: list[tuple[EngineResult, list[Band]]]) -> list[str]:
    return [
        f"{engine.name}, {band.name}: "
        + " + ".join(f"{name} {milliseconds(hop_ms)}" for name, hop_ms in band.hops_ms.items())
        + f" = {milliseconds(band.latency_ms)} ms"
        for engine, bands in found
        for band in (bands[:1] + bands[-1:] if len(bands) > 1 else bands)
    ]


def _draw_bands(axes: Axes, bands: list[Band]) -> None:
    for place, band in enumerate(bands):
        right_ms, left_ms = 0.0, 0.0
        for name, hop_ms in band.hops_ms.items():
            start_ms = right_ms if hop_ms >= 0 else left_ms
            axes.barh(
                place, hop_ms, left=start_ms, height=0.7, color=HOP_COLOURS[name], edgecolor="white", linewidth=0.5
            )
            right_ms, left_ms = right_ms + max(hop_ms, 0), left_ms + min(hop_ms, 0)
        axes.annotate(
            f"{milliseconds(band.latency_ms)} ms",
            (right_ms, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(bands)), [band.name for band in bands])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(visible=False, axis="y")
    low, high = axes.get_xlim()
    axes.set_xlim(min(0, low), 1.2 * high)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
