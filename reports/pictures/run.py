"""Pictures of a result: latency, throughput and lag over time, cost, and the operators' volume.

Every picture is drawn by matplotlib without its global state. Engines keep one colour in all pictures, of Okabe and
Ito's palette, which the colour-blind can tell apart; where a sample is missing, so is the line.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from matplotlib.typing import LineStyleType

from harness.results.performance import Sample
from harness.results.result import Result
from reports.pictures.series import Floats, rates, samples_of, spread, volume_table, with_gaps
from reports.pictures.style import (
    DOTTED,
    GRID,
    INK,
    MUTED,
    OKABE_ITO,
    SEVERAL_ALPHA,
    Picture,
    add_legend,
    at_least_1_ms,
    engine_colours,
    engine_label,
    hatch_ends,
    label_milliseconds,
    new_figure,
    say_not_measured,
    sentence,
    short_count,
)
from reports.wording.numbers import NOT_MEASURED, decimal, mebibytes, milliseconds

#: The strip at the foot of a picture, which is of no engine, and how much of the picture's height it may take.
FOOT, STRIP_HEIGHT = "#b0a08a", 0.25
LAG_LINEAR_UP_TO_RECORDS = 10


# How it is drawn.


def draw_latency_over_time(result: Result) -> Picture:
    """p50 and p99 of latency, second by second, and at the foot what others had of the machine."""
    cores = result.environment.cpu_count

    def panel(axes: Axes, series: Sequence[Sample], colour: str) -> None:
        _host_strip(axes, series, cores)
        _line(axes, series, lambda sample: at_least_1_ms(sample.latency_ms_p99), colour, "-")
        _line(axes, series, lambda sample: at_least_1_ms(sample.latency_ms_p50), colour, DOTTED)

    figure = _panels("Latency of what became visible in each second", result, panel)
    for axes in figure.axes:
        axes.set_yscale("log")
        label_milliseconds(axes, vertical=True)
    entries: list[tuple[str, list[str], LineStyleType]] = [("p99", [INK], "-"), ("p50", [INK], DOTTED)]
    add_legend(figure, [*entries, ("taken by others (foot)", [FOOT], "-")])
    worst = [
        (engine.name, [s.latency_ms_p99 for s in samples_of(engine) if s.latency_ms_p99 is not None])
        for engine in result.engines
    ]
    said = [f"{name}: p99 of the worst second {milliseconds(max(p99s))} ms" for name, p99s in worst if p99s]
    return Picture(
        "latency-over-time",
        "Latency over time",
        f"Median and 99th percentile of latency in every second of each engine's trials. {sentence(said)}",
        "A second in which nothing became visible has no latency, and the line is broken there. "
        f"Warm-up (shaded) is not part of any number in the table.{_overlaid(result)} The strip at the foot is CPU "
        "time that the hypervisor stole or other programs used, a quarter of the height for all of the machine; it is "
        "missing where that was not measured.",
        figure,
    )


def _host_strip(axes: Axes, series: Sequence[Sample], cores: int) -> None:
    """The share of the machine that others had in each second, as a strip at the foot of `axes`."""
    known = [each for each in series if each.stolen_share is not None and each.foreign_cores is not None]
    shares = [(each.stolen_share or 0.0) + (each.foreign_cores or 0.0) / cores for each in known]
    heights = np.clip(np.array(shares), 0, 1) * STRIP_HEIGHT
    starts_s = np.array([each.t_s for each in known])
    # One shape for all: as many bars as there are seconds take most of the time of drawing the picture.
    corners_s = np.column_stack([starts_s, starts_s, starts_s + 1, starts_s + 1])
    corners = np.column_stack([np.zeros_like(heights), heights, heights, np.zeros_like(heights)])
    bars = list(np.stack([corners_s, corners], axis=-1))
    axes.add_collection(PolyCollection(bars, color=FOOT, linewidth=0, transform=axes.get_xaxis_transform()))


def draw_throughput(result: Result) -> Picture:
    """Records sent, acknowledged and visible, second by second."""
    colours = engine_colours(result.engines)

    def panel(axes: Axes, series: Sequence[Sample], colour: str) -> None:
        _steps(axes, series, lambda sample: sample.visible_records, color=colour, linewidth=1.6)
        _steps(axes, series, lambda sample: sample.sent_records, color=MUTED, linewidth=1.0)
        _steps(axes, series, lambda sample: sample.acked_records, color=INK, linewidth=1.0, linestyle=DOTTED)

    figure = _panels("Records per second: sent, acknowledged, visible", result, panel)
    for axes in figure.axes:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
    add_legend(
        figure,
        [
            ("sent", [MUTED], "-"),
            ("acknowledged", [INK], DOTTED),
            ("visible", [colours[engine.name] for engine in result.engines] or [MUTED], "-"),
        ],
    )
    said = [
        f"{engine.name}: offered {engine.throughput_records_per_s.offered:,.0f}, "
        f"sustained {engine.throughput_records_per_s.sustained:,.0f} records per second"
        for engine in result.engines
        if engine.throughput_records_per_s
    ]
    return Picture(
        "throughput-over-time",
        "Throughput over time",
        f"Records sent, acknowledged and visible in every second of each engine's trials. {sentence(said)}",
        "Each step is the mean between two samples; where a sample is missing, nothing is drawn. "
        f"The axes are the same for all engines.{_overlaid(result)}",
        figure,
    )


def draw_lag(result: Result) -> Picture:
    """Records acknowledged but not yet visible, second by second."""
    figure = _panels(
        "Lag: records acknowledged but not yet visible",
        result,
        lambda axes, series, colour: _line(axes, series, lambda sample: sample.lag_records, colour, "-"),
    )
    for axes in figure.axes:
        axes.set_yscale("symlog", linthresh=LAG_LINEAR_UP_TO_RECORDS)
        axes.set_ylim(bottom=0)
        _label_lag(axes)
    said = [
        f"{engine.name}: at most {max(sample.lag_records for sample in samples_of(engine)):,}"
        for engine in result.engines
        if samples_of(engine)
    ]
    return Picture(
        "lag-over-time",
        "Lag over time",
        f"Records of lag at every second of each engine's trials. {sentence(said)}",
        f"The axis is linear up to {LAG_LINEAR_UP_TO_RECORDS} records and logarithmic above. "
        f"Lag that keeps growing means that the engine does not keep up.{_overlaid(result)}",
        figure,
    )


def draw_cost(result: Result) -> Picture:
    """CPU time and memory of every engine."""
    figure = new_figure("What each engine used", height_in=1.7 + 0.55 * len(result.engines))
    cpu, memory = figure.subplots(1, 2, sharey=True)
    costs = [engine.cost for engine in result.engines]
    cpu_s = [cost.cpu_s_per_million_records if cost else None for cost in costs]
    peaks_mib = [cost.rss_bytes_peak / 2**20 if cost else None for cost in costs]
    names = [engine_label(engine) for engine in result.engines]
    _bars(cpu, result, cpu_s, "CPU-seconds per\nmillion records", decimal)
    _bars(memory, result, peaks_mib, "peak memory,\nMiB", lambda mib: mebibytes(round(mib * 2**20)))
    cpu.set_yticks(range(len(names)), names)
    cpu.invert_yaxis()
    said = [
        f"{engine.name}: {decimal(engine.cost.cpu_s_per_million_records)} CPU-seconds per million records, "
        f"{mebibytes(engine.cost.rss_bytes_peak)} MiB"
        for engine in result.engines
        if engine.cost
    ]
    return Picture(
        "cost",
        "Cost",
        f"Bars of CPU time and of peak memory. {sentence(said)}",
        "Of the engine's process group, from the kernel's accounting, over the measured time.",
        figure,
    )


def _bars(axes: Axes, result: Result, lengths: list[float | None], label: str, show: Callable[[float], str]) -> None:
    colours = engine_colours(result.engines)
    for place, (engine, length) in enumerate(zip(result.engines, lengths, strict=True)):
        axes.barh(place, length or 0, height=0.62, color=colours[engine.name])
        text = NOT_MEASURED if length is None else show(length)
        axes.annotate(text, (length or 0, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_xlim(0, 1.35 * max((length or 0 for length in lengths), default=0) or 1)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
    axes.set_xlabel(label)


def draw_operator_volume(result: Result) -> Picture:
    """The operators' records, minute by minute."""
    figure = new_figure("Operators' volume per minute of event time", height_in=5.0)
    absolute, share = figure.subplots(2, 1, sharex=True)
    minutes_s, operators, records = volume_table(result.truth.operator_volume if result.truth else [])
    if operators:
        _stack(absolute, records, operators, "records per minute", short_count)
        hatch_ends(absolute, records.sum(axis=0))
        totals = records.sum(axis=0)
        shares = 100 * np.divide(records, totals, out=np.zeros_like(records), where=totals > 0)
        _stack(share, shares, operators, "share, %", lambda value: f"{value:.0f}")
        share.set_ylim(0, 100)
        share.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        start = datetime.fromtimestamp(minutes_s[0], UTC)
        share.set_xlabel(f"minutes of event time since {start:%Y-%m-%d %H:%M} UTC")
    else:
        say_not_measured(absolute)
        say_not_measured(share)
    said = [
        f"{operator} {100 * volume / records.sum():.0f} %"
        for operator, volume in zip(operators, records.sum(axis=1), strict=True)
    ]
    return Picture(
        "operator-volume",
        "Operators' volume",
        f"Stacked areas of each operator's records per minute, and of its share. Of all records: {sentence(said)}",
        "From the batch job over the archive. The load may begin within the first minute and end within the last (both "
        "hatched): they may hold less than a minute's records, so only their shares can be compared with the others'.",
        figure,
    )


def _stack(axes: Axes, rows: Floats, operators: list[str], label: str, show: Callable[[float], str]) -> None:
    minutes = np.arange(rows.shape[1] + 1)
    upper = np.cumsum(np.column_stack([rows, rows[:, -1]]), axis=0)
    lower = np.vstack([np.zeros(len(minutes)), upper[:-1]])
    for index, (bottom, top) in enumerate(zip(lower, upper, strict=True)):
        colour = OKABE_ITO[index % len(OKABE_ITO)]
        axes.fill_between(minutes, bottom, top, step="post", color=colour, edgecolor="white", linewidth=0.6)
    axes.set_xlim(0, minutes[-1])
    axes.set_ylim(0, 1.05 * upper[-1].max() or 1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: show(value)))
    axes.set_ylabel(label)
    height = axes.get_ylim()[1]
    middles = [float(middle) / height for middle in (lower[:, -1] + upper[:, -1]) / 2]
    for operator, colour, place in zip(operators, itertools.cycle(OKABE_ITO), spread(middles, 0.1, 1.0), strict=False):
        axes.annotate("■", (1.02, place), xycoords="axes fraction", color=colour, va="center")
        axes.annotate(operator, (1.07, place), xycoords="axes fraction", fontsize=9, va="center")


def _panels(title: str, result: Result, draw: Callable[[Axes, Sequence[Sample], str], None]) -> Figure:
    """One panel above the other, an engine each, all its trials in it; with the same axes, and the warm-up shaded."""
    figure = new_figure(title, height_in=1.2 + 1.35 * max(1, len(result.engines)))
    panels = figure.subplots(max(1, len(result.engines)), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    colours = engine_colours(result.engines)
    if not result.engines:
        say_not_measured(panels[0])
    for axes, engine in zip(panels, result.engines, strict=False):
        axes.set_title(engine_label(engine), color=colours[engine.name])
        colour = colours[engine.name] if len(engine.trials) < 2 else f"{colours[engine.name]}{SEVERAL_ALPHA}"
        for trial in engine.trials:
            if trial.series:
                draw(axes, trial.series, colour)
        if not samples_of(engine):
            say_not_measured(axes)
    _shade_warm_up(panels, result)
    panels[-1].set_xlabel("seconds since the measured time began (shaded: warm-up)")
    return figure


def _overlaid(result: Result) -> str:
    several = any(len(engine.trials) > 1 for engine in result.engines)
    return " An engine's trials lie over each other, a line each." if several else ""


def _shade_warm_up(panels: Iterable[Axes], result: Result) -> None:
    start_s = min((sample.t_s for engine in result.engines for sample in samples_of(engine)), default=0.0)
    for axes in panels:
        axes.margins(x=0.01)
        if start_s < 0:
            axes.axvspan(start_s, 0, color=GRID, alpha=0.55, linewidth=0, zorder=0)


def _line(
    axes: Axes, series: Sequence[Sample], value: Callable[[Sample], float | None], colour: str, style: LineStyleType
) -> None:
    times_s = np.array([sample.t_s for sample in series])
    values = np.array([value(sample) for sample in series], dtype=np.float64)  # None becomes NaN
    # The small dots show a second whose neighbours are both missing, where there is no line to draw.
    axes.plot(*with_gaps(times_s, values), color=colour, linestyle=style, linewidth=1.4, marker=".", markersize=2)


def _steps(axes: Axes, series: Sequence[Sample], total: Callable[[Sample], int], **style: Any) -> None:
    edges_s, per_s = rates(series, total)
    axes.stairs(per_s, edges_s, baseline=None, **style)


def _label_lag(axes: Axes) -> None:
    decades = range(1, int(np.log10(max(10.0, axes.get_ylim()[1]))) + 1)
    axes.yaxis.set_major_locator(FixedLocator([0, *(10**decade for decade in decades)]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
