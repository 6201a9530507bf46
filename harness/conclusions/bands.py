"""An engine's bands of latency: the hops of the records in each, over all trials, and how much is the engine's own."""

from collections.abc import Iterable
from dataclasses import dataclass

from harness.conclusions.headline_figures import by_block
from harness.numerics.intervals import Interval, paired_ratio
from harness.results.performance import Waterfall, WaterfallBand
from harness.results.result import EngineResult

#: The hop that is the engine's. All others are the harness's: the generator, the broker, the Redis writer and Redis.
ENGINE_HOP = "engine"
#: The band that a figure of latency falls into. The 99th percentile is the least latency of the slowest 1 %.
BAND_OF = {
    "latency_ms_p50": "median",
    "latency_ms_p99": "slowest 1 %",
    "latency_ms_p999": "slowest 1 %",
    "latency_ms_mean": "all",
}
#: A band of which others have more says too little of the engine by itself.
OTHERS_SHARE = 0.25


@dataclass(frozen=True)
class Band:
    """The records of one band of latency, of all trials; the hops' means add up to `latency_ms`."""

    name: str
    records: int
    latency_ms: float
    hops_ms: dict[str, float]

    @property
    def others_share(self) -> float:
        """What share of the latency is not the engine's."""
        return 1 - self.hops_ms[ENGINE_HOP] / self.latency_ms if self.latency_ms > 0 else 1.0


def pooled_bands(engine: EngineResult) -> list[Band]:
    """The bands of an engine: the means of its trials, weighted by records; none if no trial has any."""
    found = waterfalls(engine)
    names = list(dict.fromkeys(band.name for each in found for band in each.bands))
    return [_pooled(name, [band for each in found for band in each.bands if band.name == name]) for name in names]


def waterfalls(engine: EngineResult) -> list[Waterfall]:
    """Those of the trials that have one."""
    return [trial.waterfall for trial in engine.trials if trial.waterfall]


def weighted_mean(weighted: Iterable[tuple[float, int]]) -> float:
    """The mean of values with weights."""
    pairs = list(weighted)
    return sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs)


def why_not_the_engines(winner: EngineResult, loser: EngineResult, figure: str, confidence: float) -> str:
    """Why a difference of latency may not be the engines'; empty if it is theirs, or the figure is no latency.

    It is theirs where others have little of either latency; and where it is there even if all that others have counts
    against `winner`, and nothing of it against `loser`: then no way to an engine, or from it, accounts for it.
    """
    found = next((why for engine in (winner, loser) if (why := _too_little(engine, figure))), "")
    worst = _least_favourable(winner, loser, figure, confidence) if found else None
    if worst is None:
        return found
    if worst.high < 1:
        return ""
    return f"{found}; with that counted against {winner.name} alone, its ratio to {loser.name} is {worst}"


def _too_little(engine: EngineResult, figure: str) -> str:
    """Why a figure of latency says too little of the engine itself; empty if it does, or is no figure of latency.

    Names the hop with the greatest share of the band that the figure falls into.
    """
    if figure not in BAND_OF:
        return ""
    band = next((each for each in pooled_bands(engine) if each.name == BAND_OF[figure]), None)
    if band is None:
        return f"the latency of {engine.name} was not taken apart into hops"
    if band.others_share <= OTHERS_SHARE:
        return ""
    greatest = max((hop for hop in band.hops_ms if hop != ENGINE_HOP), key=lambda hop: band.hops_ms[hop])
    share = band.hops_ms[greatest] / band.latency_ms if band.latency_ms > 0 else 0.0
    return (
        f"{band.others_share:.0%} of the latency of {engine.name} (band: {band.name}) is not the engine's, limit "
        f"{OTHERS_SHARE:.0%}; the most is {greatest}, {share:.0%}"
    )


def _least_favourable(winner: EngineResult, loser: EngineResult, figure: str, confidence: float) -> Interval | None:
    """The ratio of all that `winner` took in the band to the engine's own hop of `loser`; None if it cannot be told."""
    whole = [band.latency_ms for band in _by_block(winner, BAND_OF[figure])]
    own = [band.hops_ms[ENGINE_HOP] for band in _by_block(loser, BAND_OF[figure])]
    return paired_ratio(whole, own, confidence) if len(whole) == len(own) else None


def _by_block(engine: EngineResult, name: str) -> list[WaterfallBand]:
    """The band called `name` of each trial that has one, in the order of the blocks."""
    found = [trial.waterfall for trial in by_block(engine) if trial.waterfall]
    return [band for each in found for band in each.bands if band.name == name]


def _pooled(name: str, bands: list[WaterfallBand]) -> Band:
    return Band(
        name,
        sum(band.records for band in bands),
        weighted_mean((band.latency_ms, band.records) for band in bands),
        {hop: weighted_mean((band.hops_ms[hop], band.records) for band in bands) for hop in bands[0].hops_ms},
    )
