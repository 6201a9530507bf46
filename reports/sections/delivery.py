"""What a report says of the price of delivery exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.conclusions.engine_comparison import CONFIDENCE
from harness.conclusions.headline_figures import HeadlineFigure
from harness.results.resilience import FaultOutcome, Resilience
from harness.results.result import EngineResult, Result
from reports.wording.delivery import PricedPair, factor_text, priced_pairs
from reports.wording.numbers import NOT_MEASURED, integer
from reports.wording.quoted import figure_text, range_of
from reports.wording.tables import Section, Table
from reports.wording.winner import confidence_text

NOT_IN_TIME = "not in time"
COMMIT_NOTE = (
    "Exactly once, a count becomes visible when its transaction is committed. Latency holds that wait, which the "
    "commit interval (`checkpoint_interval_ms`) decides and not the engine's speed."
)
BYTES_NOTE = (
    "Bytes are those that the broker's log keeps, with the markers of transactions. What the broker keeps for itself "
    "of transactions and of consumers' offsets is not among them."
)
INTERVAL_NOTE = (
    "A factor is the geometric mean of the quotients of blocks. It is shown where no winner may be named, too: what "
    "speaks against it stands above."
)


def delivery_section(result: Result) -> Section | None:
    """The section on the price; None if no two contestants of an engine differ in their delivery."""
    found = priced_pairs(result)
    if not found:
        return None
    recoveries = [table for pair in found if (table := _recovery(pair, result.resilience))]
    return Section(
        "What exactly once costs",
        "delivery",
        (*map(_prices, found), *recoveries),
        warnings=tuple(f"{_title(pair)}: {doubt}." for pair in found for doubt in pair.doubts),
        notes=(COMMIT_NOTE, BYTES_NOTE, INTERVAL_NOTE, *(note for pair in found for note in _committed(pair))),
    )


def _title(pair: PricedPair) -> str:
    return f"{pair.once.name} against {pair.without.name}"


def _prices(pair: PricedPair) -> Table:
    confidences = {each.interval.confidence for each in pair.prices if each.interval}
    intervals = (
        f"The factors' intervals hold with {confidence_text(max(confidences))} % each, {confidence_text(CONFIDENCE)} % "
        "together."
        if confidences
        else "There are too few trials for intervals of the factors."
    )
    every = f", with a commit every {pair.interval_ms:,} ms" if pair.interval_ms else ""
    rows = [
        (
            f"{price.of.label}, {price.of.unit}",
            _value(pair.without, price.of),
            _value(pair.once, price.of),
            factor_text(price),
        )
        for price in pair.prices
    ]
    return Table(
        f"{_title(pair)}: {pair.once.engine} at least once and exactly once{every}. {intervals}",
        ("figure", f"{pair.without.name}, at least once", f"{pair.once.name}, exactly once", "factor"),
        tuple(rows),
    )


def _value(engine: EngineResult, of: HeadlineFigure) -> str:
    found = range_of(engine, of)
    if found is None:
        return NOT_MEASURED
    return f"{figure_text(of, found.estimate)} ({found.text})" if found.text else figure_text(of, found.estimate)


def _recovery(pair: PricedPair, resilience: Resilience | None) -> Table | None:
    """Recovery and staleness by fault, if both had one of the same kind."""
    outcomes = [_by_fault(resilience, engine) for engine in (pair.without, pair.once)]
    rows = [
        (f"{fault}: {what}, s", *(_seconds([of(each) for each in found[fault]]) for found in outcomes))
        for fault in outcomes[0]
        if fault in outcomes[1]
        for what, of in _TIMES
    ]
    if not rows:
        return None
    return Table(
        f"{_title(pair)}: recovery from faults, from the least to the greatest.",
        ("fault", f"{pair.without.name}, at least once", f"{pair.once.name}, exactly once"),
        tuple(rows),
    )


_TIMES: tuple[tuple[str, Callable[[FaultOutcome], float | None]], ...] = (
    ("recovered, by the common band", lambda each: each.common_recover_s),
    ("nothing further visible for", lambda each: each.worst_staleness_s),
)


def _by_fault(resilience: Resilience | None, engine: EngineResult) -> dict[str, list[FaultOutcome]]:
    """The faults of a contestant that were measured, by their kinds."""
    found: dict[str, list[FaultOutcome]] = {}
    for each in resilience.faults if resilience else []:
        if each.engine == engine.name and each.worst_staleness_s is not None:
            found.setdefault(each.fault, []).append(each)
    return found


def _seconds(times_s: list[float | None]) -> str:
    known = sorted(each for each in times_s if each is not None)
    late = len(times_s) - len(known)
    if not known:
        return NOT_IN_TIME
    ends = f"{known[0]:.1f}" if len(known) == 1 else f"{known[0]:.1f} to {known[-1]:.1f}"
    return f"{ends}, {NOT_IN_TIME} in {late} of {len(times_s)}" if late else ends


def _committed(pair: PricedPair) -> Iterator[str]:
    """What no reader of what is committed is shown."""
    found = pair.once.committed
    if found and found.unseen is not None:
        yield (
            f"{pair.once.name}: markers of transactions and aborted messages took up {integer(found.unseen)} of "
            f"{integer(found.messages + found.unseen)} offsets of the aggregates topic."
        )
