"""What a report says of a result, as plain text: the HTML page, the Markdown page and the terminal all take it here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.result import (
    Correctness,
    Cost,
    DeadLetters,
    EngineResult,
    Generator,
    Latency,
    Result,
    Throughput,
    Verdict,
)

BASELINE = "baseline"
NOT_MEASURED = "not measured"
WITHHELD = "withheld"

NO_WINNER_SINGLE_TRIAL = "No winner is named: a single trial per engine gives no interval."
NO_WINNER_INVALID = "No winner is named: the run is invalid."
QUANTILES_NOTE = (
    "Latency runs from a record's intended send time to its visibility in Redis. The quantiles are those of "
    "first-in-first-out matching within a cell; the mean is exact."
)
CLOCK_NOTE = (
    "The moment of visibility is the ID of a Redis stream entry: the Redis server's own clock, of 1 ms resolution."
)
RATIO_NOTE = (
    "Ratios to the baseline are withheld where the run is invalid or either of the two engines did not pass, because "
    "the cost of a wrong answer says nothing."
)

P = TypeVar("P")
Show = Callable[[EngineResult], str]


@dataclass(frozen=True)
class Headline:
    """The first thing a reader must know: whether the run counts, why not, and that no winner is named."""

    title: str
    reasons: tuple[str, ...]
    winner: str


@dataclass(frozen=True)
class Row:
    """One quantity, with one text per engine in the result's order."""

    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Rows that belong together."""

    name: str
    rows: tuple[Row, ...]


def headline(result: Result) -> Headline:
    """Whether the run is valid, and the reasons if it is not."""
    if not result.valid:
        reasons = tuple(result.invalid_reasons) or ("no reason was recorded",)
        return Headline("Invalid run: its numbers must not be used", reasons, NO_WINNER_INVALID)
    passed = sum(engine.verdict is Verdict.PASS for engine in result.engines)
    title = f"Valid run: {passed} of {len(result.engines)} engines proven to count right"
    return Headline(title, (), NO_WINNER_SINGLE_TRIAL)


def wrong_cells(correctness: Correctness) -> int:
    """Cells that are missing, extra or of another count than the truth's."""
    return correctness.missing + correctness.extra + correctness.mismatched


def integer(number: int) -> str:
    """`number` with thousands separated."""
    return f"{number:,}"


def decimal(number: float) -> str:
    """`number` to about three figures, without an exponent."""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


def milliseconds(number: float) -> str:
    """A latency in ms, to 0.1 ms below 100 ms and to 1 ms above: the clock resolves no more."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.1f}"


def mebibytes(size_bytes: int) -> str:
    """`size_bytes` in MiB."""
    return f"{size_bytes / 2**20:,.0f}"


def groups(result: Result) -> list[Group]:
    """The main table of a report, group by group."""
    tables = [
        ("Correctness", _CORRECTNESS),
        ("Latency, ms", _LATENCY),
        ("Throughput, records/s", _THROUGHPUT),
        ("Cost of the engine", _COST),
        ("Course of the trial", _COURSE),
        ("Ratio to the baseline", _ratios(result)),
    ]
    return [Group(name, tuple(_row(label, show, result) for label, show in rows)) for name, rows in tables]


def flatten(tree: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Dotted names and values of a nested mapping, in its order."""
    pairs: list[tuple[str, str]] = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            pairs.extend(flatten(value, f"{prefix}{key}."))
        else:
            pairs.append((f"{prefix}{key}", str(value)))
    return pairs


def _row(label: str, show: Show, result: Result) -> Row:
    return Row(label, tuple(show(engine) for engine in result.engines))


def _part(part: Callable[[EngineResult], P | None], show: Callable[[P], str]) -> Show:
    """How to show one part of an engine's result that may not have been measured."""

    def shown(engine: EngineResult) -> str:
        value = part(engine)
        return NOT_MEASURED if value is None else show(value)

    return shown


def _correctness(show: Callable[[Correctness], str]) -> Show:
    return _part(lambda engine: engine.correctness, show)


def _dead_letters(show: Callable[[DeadLetters], str]) -> Show:
    return _correctness(lambda part: show(part.dead_letters))


def _latency(show: Callable[[Latency], str]) -> Show:
    return _part(lambda engine: engine.latency_ms, show)


def _throughput(show: Callable[[Throughput], str]) -> Show:
    return _part(lambda engine: engine.throughput_records_per_s, show)


def _cost(show: Callable[[Cost], str]) -> Show:
    return _part(lambda engine: engine.cost, show)


def _generator(show: Callable[[Generator], str]) -> Show:
    return _part(lambda engine: engine.generator, show)


_CORRECTNESS: list[tuple[str, Show]] = [
    ("verdict", lambda engine: engine.verdict.value),
    ("cells expected", _correctness(lambda part: integer(part.expected))),
    ("cells observed", _correctness(lambda part: integer(part.observed))),
    ("cells missing", _correctness(lambda part: integer(part.missing))),
    ("cells extra", _correctness(lambda part: integer(part.extra))),
    ("cells mismatched", _correctness(lambda part: integer(part.mismatched))),
    ("records expected", _correctness(lambda part: integer(part.expected_records))),
    ("records lost", _correctness(lambda part: integer(part.lost_records))),
    ("records surplus", _correctness(lambda part: integer(part.surplus_records))),
    ("late records, either way right", _correctness(lambda part: integer(part.either))),
    ("dead letters missing / extra", _dead_letters(lambda part: f"{part.missing:,} / {part.extra:,}")),
]
_LATENCY: list[tuple[str, Show]] = [
    ("p50", _latency(lambda part: milliseconds(part.p50))),
    ("p90", _latency(lambda part: milliseconds(part.p90))),
    ("p99", _latency(lambda part: milliseconds(part.p99))),
    ("p99.9", _latency(lambda part: milliseconds(part.p999))),
    ("max", _latency(lambda part: milliseconds(part.max))),
    ("mean (exact)", _latency(lambda part: milliseconds(part.mean))),
    ("records measured", _latency(lambda part: integer(part.count))),
    ("records never visible", _latency(lambda part: integer(part.never_visible_count))),
    ("records negative", _latency(lambda part: integer(part.negative_count))),
]
_THROUGHPUT: list[tuple[str, Show]] = [
    ("offered", _throughput(lambda part: f"{part.offered:,.0f}")),
    ("sustained", _throughput(lambda part: f"{part.sustained:,.0f}")),
]
_COST: list[tuple[str, Show]] = [
    ("CPU-seconds per million records", _cost(lambda part: decimal(part.cpu_s_per_million_records))),
    ("CPU user / system, s", _cost(lambda part: f"{part.cpu_user_s:.1f} / {part.cpu_system_s:.1f}")),
    ("peak memory, MiB", _cost(lambda part: mebibytes(part.rss_bytes_peak))),
]
_COURSE: list[tuple[str, Show]] = [
    ("start-up, s", _part(lambda engine: engine.startup_s, lambda value: f"{value:.1f}")),
    ("drain, s", _part(lambda engine: engine.drain_s, lambda value: f"{value:.1f}")),
    ("generator's schedule error p99, ms", _generator(lambda part: decimal(part.schedule_error_ms_p99))),
    ("generator's schedule error max, ms", _generator(lambda part: decimal(part.schedule_error_ms_max))),
    ("records sent", _generator(lambda part: integer(part.sent_records))),
    ("records acknowledged", _generator(lambda part: integer(part.acked_records))),
    ("records that failed to send", _generator(lambda part: integer(part.failed_records))),
    ("updates in Redis", lambda engine: integer(engine.updates)),
    ("updates that lowered a count", lambda engine: integer(engine.count_regressions)),
]


def _ratios(result: Result) -> list[tuple[str, Show]]:
    return [
        ("latency p99", _ratio(result, _p99_ms)),
        ("CPU-seconds per million", _ratio(result, _cpu_s_per_million)),
    ]


def _p99_ms(engine: EngineResult) -> float | None:
    return engine.latency_ms.p99 if engine.latency_ms else None


def _cpu_s_per_million(engine: EngineResult) -> float | None:
    return engine.cost.cpu_s_per_million_records if engine.cost else None


def _ratio(result: Result, measure: Callable[[EngineResult], float | None]) -> Show:
    baseline = next((engine for engine in result.engines if engine.name == BASELINE), None)

    def shown(engine: EngineResult) -> str:
        if baseline is None:
            return "no baseline"
        if not result.valid or {engine.verdict, baseline.verdict} != {Verdict.PASS}:
            return WITHHELD
        mine, reference = measure(engine), measure(baseline)
        return f"{decimal(mine / reference)} x" if mine is not None and reference else NOT_MEASURED

    return shown
