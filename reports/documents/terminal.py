"""The table that ends a run in the terminal."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.results.correctness import Verdict
from harness.results.performance import Emission, Latency, Throughput
from harness.results.result import EngineResult, Result
from reports.wording.baseline import baseline_notes
from reports.wording.cautions import cautions
from reports.wording.contestants import differences
from reports.wording.notes import asks_for_counts, cost_notes, measure_notes, query_text, wrong_cells
from reports.wording.numbers import decimal, integer, mebibytes, milliseconds
from reports.wording.opening import opening_of
from reports.wording.summary import engine_title

VERDICT_STYLES = {Verdict.PASS: "bold green", Verdict.FAIL: "bold red", Verdict.UNKNOWN: "bold yellow"}
ABSENT = "-"

Show = Callable[[EngineResult], str | None]


def final_table(result: Result) -> Group:
    """Whether the run is valid, figures by engine, and why a verdict is not `pass`; fits 80 columns.

    Everything that comes from outside is put in `Text`, where square brackets are no markup.
    """
    opening = opening_of(result)
    lines = [Text(opening.title, style="bold green" if result.valid else "bold red")]
    if query := query_text(result):
        lines.append(Text(query))
    lines += map(Text, differences(result))
    lines += [Text(f"  {reason}", style="red") for reason in opening.reasons]
    reasons = [
        Text(f"{engine.name}: {reason}", style=VERDICT_STYLES[engine.verdict])
        for engine in result.engines
        for reason in engine.reasons
    ]
    notes = [Text(note, style="dim") for note in measure_notes(result)]
    warnings = [Text(note, style="yellow") for note in cautions(result)]
    winners = [Text(line) for line in opening.short_winners]
    baseline = [Text(note) for note in (*cost_notes(result), *baseline_notes(result))]
    return Group(*lines, _table(result), *reasons, *warnings, *winners, *baseline, *notes)


def _table(result: Result) -> Table:
    """A column for each engine, so that the table fits a narrow terminal."""
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("")
    for engine in result.engines:
        table.add_column(Text(engine_title(engine)), justify="right", overflow="fold")
    table.add_row("verdict", *(Text(each.verdict.value, style=VERDICT_STYLES[each.verdict]) for each in result.engines))
    if any(len(engine.trials) > 1 for engine in result.engines):
        table.add_row("trials", *(str(len(engine.trials)) for engine in result.engines))
    for heading, show in _ROWS if asks_for_counts(result) else _ANSWER_ROWS:
        table.add_row(heading, *(Text(show(engine) or ABSENT) for engine in result.engines))
    return table


def _wrong(engine: EngineResult) -> str | None:
    return integer(wrong_cells(engine.correctness)) if engine.correctness else None


def _wrong_answers(engine: EngineResult) -> str | None:
    return integer(wrong_cells(engine.answers)) if engine.answers else None


def _emission(pick: Callable[[Emission], float]) -> Show:
    return lambda engine: milliseconds(pick(engine.emission)) if engine.emission else None


def _latency(pick: Callable[[Latency], float]) -> Show:
    return lambda engine: milliseconds(pick(engine.latency_ms)) if engine.latency_ms else None


def _throughput(pick: Callable[[Throughput], float]) -> Show:
    return lambda engine: f"{pick(engine.throughput_records_per_s):,.0f}" if engine.throughput_records_per_s else None


def _cpu(engine: EngineResult) -> str | None:
    return decimal(engine.cost.cpu_s_per_million_records) if engine.cost else None


def _memory(engine: EngineResult) -> str | None:
    return mebibytes(engine.cost.rss_bytes_peak) if engine.cost else None


_COST_ROWS: list[tuple[str, Show]] = [("CPU-s per million records", _cpu), ("peak memory, MiB", _memory)]
_ROWS: list[tuple[str, Show]] = [
    ("wrong cells", _wrong),
    ("latency p50, ms", _latency(lambda latency: latency.p50)),
    ("latency p99, ms", _latency(lambda latency: latency.p99)),
    ("latency p99.9, ms", _latency(lambda latency: latency.p999)),
    ("latency max, ms", _latency(lambda latency: latency.max)),
    ("offered, records/s", _throughput(lambda throughput: throughput.offered)),
    ("sustained, records/s", _throughput(lambda throughput: throughput.sustained)),
    *_COST_ROWS,
]
_ANSWER_ROWS: list[tuple[str, Show]] = [
    ("wrong answers", _wrong_answers),
    ("freshness p50, ms", _emission(lambda emission: emission.freshness_ms.p50)),
    ("freshness p99, ms", _emission(lambda emission: emission.freshness_ms.p99)),
    ("emission delay p50, ms", _emission(lambda emission: emission.delay_ms.p50)),
    ("emission delay p99, ms", _emission(lambda emission: emission.delay_ms.p99)),
    ("emission delay max, ms", _emission(lambda emission: emission.delay_ms.max)),
    *_COST_ROWS,
]
