"""In which words the price of delivery exactly once is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.conclusions.delivery_price import Price, commit_interval_ms, pairs, prices
from harness.conclusions.headline_figures import CPU
from harness.results.correctness import Verdict
from harness.results.result import EngineResult, Result
from reports.wording.cautions import marked_cautions
from reports.wording.contestants import contestants_by_engine, differing_keys
from reports.wording.winner import and_text, ratio_texts

#: Told at the top; the other figures stand in the section.
FIRST = ("latency_ms_p50", "latency_ms_p99", CPU, "kafka_bytes_per_record_written")
NO_INTERVAL = "no interval"


@dataclass(frozen=True)
class PricedPair:
    """Two contestants of one engine, of which one delivers at least once and the other exactly once.

    Attributes:
        interval_ms: how often the latter commits; None if it is not known.
        prices: of the figures that both have.
        doubts: what must be known of these, in words.
    """

    without: EngineResult
    once: EngineResult
    interval_ms: int | None
    prices: tuple[Price, ...]
    doubts: tuple[str, ...]


def priced_pairs(result: Result) -> list[PricedPair]:
    """All such pairs of a run; none of an invalid one, whose numbers must not be used."""
    if not result.valid:
        return []
    return [
        PricedPair(
            without,
            once,
            commit_interval_ms(result, once),
            tuple(prices(without, once)),
            tuple(_doubts(result, without, once)),
        )
        for same in contestants_by_engine(result).values()
        for without, once in pairs(result, same)
    ]


def price_sentences(result: Result) -> list[str]:
    """A sentence for each pair: what exactly once costs."""
    return [found for pair in priced_pairs(result) if (found := _sentence(pair))]


def factor_text(price: Price) -> str:
    """By what factor a figure is raised, with its interval, or that there is none."""
    if price.interval:
        factor, low, high = ratio_texts(price.interval)
        return f"{factor} [{low}, {high}]"
    return NO_INTERVAL if price.factor is None else f"{price.factor:,.2f} ({NO_INTERVAL})"


def _sentence(pair: PricedPair) -> str:
    told = [
        f"{each.of.label} x {factor_text(each)}"
        for each in pair.prices
        if each.of.name in FIRST and each.factor is not None
    ]
    if not told:
        return ""
    every = f", with a commit every {pair.interval_ms:,} ms" if pair.interval_ms else ""
    doubts = f" Not certain: {'; '.join(pair.doubts)}." if pair.doubts else ""
    whose = f"{pair.once.engine} ({pair.once.name} against {pair.without.name}{every})"
    return f"Exactly once costs {whose}: {and_text(told)}.{doubts}"


def _doubts(result: Result, without: EngineResult, once: EngineResult) -> Iterator[str]:
    """What speaks against taking the figures for the price of delivery alone."""
    for engine in (without, once):
        if engine.verdict is not Verdict.PASS:
            yield f"the verdict on {engine.name} is {engine.verdict.value}"
    if others := [key for key in differing_keys((without, once), result) if key != "delivery"]:
        yield f"the two differ in {and_text(others)}, too"
    for each in marked_cautions(result):
        if each.engine in (None, without.name, once.name):
            yield f"{each.engine or 'all'}: {each.mark}"
