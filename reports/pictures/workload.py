"""The picture of a workload: how many records a second, from which counties, and to which partitions."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from engines.contract.record import CALIFORNIA, OPERATORS
from reports.pictures.series import Floats
from reports.pictures.style import INK, MUTED, OKABE_ITO, STYLE, Picture, new_figure, sentence, short_count
from workloads.california import COUNTIES
from workloads.locations import Locations, locations_of
from workloads.tally import Tally
from workloads.workload import WorkloadSpecification

LARGEST_COUNTIES = 5
#: More bars than California has counties could not be told apart.
MOST_BARS = len(COUNTIES)
DPI = 150  # the picture is wide, and is looked at by itself
OTHERS_COLOUR = "#c9d1d9"
WARMUP_COLOUR = "#eef1f4"


def totals(name: str, specification: WorkloadSpecification, found: Tally) -> dict[str, Any]:
    """What `found` adds up to, fit for JSON; by county, operator and partition over the measured time.

    Args:
        name: of the scenario.
        specification: of its workload.
        found: the workload, counted.
    """
    measured = slice(specification.warmup_s, None)
    rates = found.rates_records_per_s
    counties, operators, partitions = (
        [round(count) for count in by_second[measured].sum(axis=0)]
        for by_second in (found.counties, found.operators, found.partitions)
    )
    return {
        "scenario": name,
        "records": int(rates.sum()),
        "measured_records": int(rates[measured].sum()),
        "counted_records": found.counted_records,
        "malformed": round(found.malformed.sum()),
        "rate_records_per_s": {
            "min": int(rates[measured].min()),
            "mean": float(rates[measured].mean()),
            "max": int(rates[measured].max()),
        },
        "counties": dict(zip(_names(locations_of(specification.locations)), counties, strict=True)),
        "operators": dict(zip(OPERATORS, operators, strict=True)),
        "partitions": partitions,
    }


def draw_workload(name: str, specification: WorkloadSpecification, found: Tally) -> Picture:
    """Rates, counties' and partitions' shares; for the parameters, see `totals`."""
    measured = slice(specification.warmup_s, None)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(f"Workload: {name}", height_in=5.6, width_in=7.6, dpi=DPI)
        panels = figure.subplot_mosaic([["rates", "rates"], ["counties", "partitions"]], width_ratios=[3, 1])
        locations = locations_of(specification.locations)
        _draw_rates(panels["rates"], specification.warmup_s, found, _names(locations))
        _draw_counties(panels["counties"], _shares(found.counties[measured]), locations)
        _draw_partitions(panels["partitions"], _shares(found.partitions[measured]))
    rates = found.rates_records_per_s[measured]
    said = [
        f"from {rates.min():,} to {rates.max():,} records a second, {rates.mean():,.0f} on average",
        f"the largest share of a county is {100 * _shares(found.counties[measured]).max():.1f} %",
        f"the largest of a partition is {100 * _shares(found.partitions[measured]).max():.1f} %",
    ]
    return Picture(
        f"workload-{name}",
        f"Workload {name}",
        f"Stacked areas of records per second by county; bars of shares by county and partition. {sentence(said)}",
        "Shares are of the measured time. The warm-up is shaded.",
        figure,
    )


def _shares(by_second: Floats) -> Floats:
    shares: Floats = by_second.sum(axis=0) / by_second.sum()
    return shares


def _names(locations: Locations) -> list[str]:
    """What locations are called: counties of California by their names, all others by their codes."""
    return [county.name for county in COUNTIES] if locations.name == CALIFORNIA else list(locations.codes)


def _draw_rates(axes: Axes, warmup_s: int, found: Tally, names: list[str]) -> None:
    """Records per second, the counties with the most of them in any second apart, the largest at the bottom."""
    largest = np.argsort(-found.counties.max(axis=0), kind="stable")[:LARGEST_COUNTIES]
    others = found.rates_records_per_s - found.counties[:, largest].sum(axis=1)
    rows = np.vstack([found.counties[:, largest].T, others])
    upper = np.cumsum(np.column_stack([rows, rows[:, -1]]), axis=0)
    lower = np.vstack([np.zeros(upper.shape[1]), upper[:-1]])
    edges_s = np.arange(upper.shape[1]) - warmup_s
    labels = [*(names[county] for county in largest), "other counties"]
    colours = [*OKABE_ITO[:LARGEST_COUNTIES], OTHERS_COLOUR]
    for bottom, top, label, colour in zip(lower, upper, labels, colours, strict=True):
        axes.fill_between(edges_s, bottom, top, step="post", color=colour, label=label, linewidth=0)
    axes.axvspan(edges_s[0], 0, color=WARMUP_COLOUR, zorder=-1)
    axes.axvline(0, color=MUTED, linewidth=0.8, linestyle=":")
    axes.set_xlim(edges_s[0], edges_s[-1])
    axes.set_ylim(0, 1.05 * upper[-1].max())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
    axes.set_ylabel("records per second")
    axes.set_xlabel("seconds since the start of the measured time")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.05, 1.0), ncols=len(labels), fontsize=8, columnspacing=1.2)


def _draw_counties(axes: Axes, shares: Floats, locations: Locations) -> None:
    """A bar for each location, or the largest of many, the largest first, and a dot for its usual share."""
    order = np.argsort(-shares, kind="stable")[:MOST_BARS]
    weights = np.array(locations.weights, dtype=np.float64)
    places = np.arange(len(order))
    axes.bar(places, 100 * shares[order], color=OKABE_ITO[0], width=0.8)
    usual = (100 * weights / weights.sum())[order]
    axes.plot(places, usual, ".", color=INK, markersize=3, label="share of the population")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylim(bottom=0.5 * min(usual.min(), 100 * shares[shares > 0].min()))
    axes.set_xticks(places, np.array(_names(locations))[order], rotation=90, fontsize=5.5)
    axes.set_xlim(-0.6, len(order) - 0.4)
    axes.grid(visible=False, axis="x")
    left_out = len(shares) - len(order)
    axes.set_title(f"Counties' shares, %{f' (the largest; {left_out:,} more have less)' if left_out else ''}")
    axes.legend(loc="upper right", fontsize=8)


def _draw_partitions(axes: Axes, shares: Floats) -> None:
    axes.bar(np.arange(len(shares)), 100 * shares, color=OKABE_ITO[2], width=0.8)
    axes.set_ylim(0, 100)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(visible=False, axis="x")
    axes.set_title("Partitions' shares, %")
