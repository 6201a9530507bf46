"""Latency taken apart into hops, over all trials of an engine: by band of latency, and hop by hop."""

from __future__ import annotations

from harness.conclusions.bands import waterfalls, weighted_mean
from harness.conclusions.headline_figures import of_trials
from harness.results.performance import Waterfall
from harness.results.result import EngineResult, Result
from reports.wording.hops import hops_of
from reports.wording.numbers import NOT_MEASURED, integer, milliseconds
from reports.wording.tables import Section, Table

CLOCKS_NOTE = (
    "Clocks: intended and sent are the generator's (wall clock at the start, monotonic from then on). The broker's "
    "append times of input and output are Kafka's wall clock, and the last is Redis's, both in whole milliseconds. On "
    "one host these are one clock; on several, what they differ by is in the hops between them."
)
SUM_NOTE = (
    "Means are exact and add up to the mean latency of these records. A hop of a single record is as good as "
    "first-in-first-out matching within the cell; where records overtake each other, a hop can be negative."
)
SPREAD_NOTE = "Percentiles of several trials are not averaged: the least and the greatest of the trials are given."


def waterfall_section(result: Result) -> Section | None:
    """The section on hops; None if no engine has any."""
    if not any(waterfalls(engine) for engine in result.engines):
        return None
    several = any(len(waterfalls(engine)) > 1 for engine in result.engines)
    return Section(
        "Latency, hop by hop",
        "hops",
        tables=(
            Table(
                "Hops of the records, in ms",
                ("engine", "hop", "from, to", "mean", "p50", "p99", "records below 0"),
                tuple(row for engine in result.engines for row in _rows(engine, hops_of(result, engine))),
                words=frozenset({0, 1, 2}),
            ),
        ),
        notes=(SUM_NOTE, *[SPREAD_NOTE] * several, CLOCKS_NOTE),
    )


def _rows(engine: EngineResult, meanings: dict[str, str]) -> list[tuple[str, ...]]:
    found = waterfalls(engine)
    if not found:
        return [(engine.name, *[NOT_MEASURED] * 6)]
    rows = [_row(engine.name, name, meaning, found) for name, meaning in meanings.items()]
    total_ms = weighted_mean((sum(hop.mean_ms for hop in each.hops), each.records) for each in found)
    of = "" if len(found) == len(engine.trials) else f" ({of_trials(len(found), engine.trials)})"
    records = f"{integer(sum(each.records for each in found))} records{of}"
    return [*rows, (engine.name, "all", records, milliseconds(total_ms), "", "", "")]


def _row(engine: str, name: str, meaning: str, found: list[Waterfall]) -> tuple[str, ...]:
    hops = [(hop, each.records) for each in found for hop in each.hops if hop.name == name]
    return (
        engine,
        name,
        meaning,
        milliseconds(weighted_mean((hop.mean_ms, records) for hop, records in hops)),
        _least_to_greatest([hop.p50_ms for hop, _ in hops]),
        _least_to_greatest([hop.p99_ms for hop, _ in hops]),
        integer(sum(hop.negative_count for hop, _ in hops)),
    )


def _least_to_greatest(values_ms: list[float]) -> str:
    least, greatest = milliseconds(min(values_ms)), milliseconds(max(values_ms))
    return least if least == greatest else f"{least} to {greatest}"
