"""What a report says of a result, as plain text: the HTML page, the Markdown page and the terminal all take it here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.conclusions.headline_figures import (
    AGAINST_BASELINE,
    BASELINE,
    cold_trials,
    cpu_with_pipeline,
    ratios_to_baseline,
)
from harness.results.correctness import Answers, Approximation, Correctness, DeadLetters, Verdict
from harness.results.performance import Cost, Emission, GeneratorFigures, Latency, Spread, Throughput
from harness.results.result import EngineResult, Result, TrialResult
from reports.wording.baseline import NO_BASELINE
from reports.wording.cautions import change_of
from reports.wording.notes import EXACT, NO_JVM_LOG, NO_TOPIC, WITHHELD, asks_for_counts
from reports.wording.numbers import NOT_MEASURED, decimal, integer, mebibytes, milliseconds

#: Of an engine without a JVM, or of a result from before this was measured.
NOTHING_COMPILED = "no compiler seen"
P = TypeVar("P")
Show = Callable[[EngineResult], str]


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


def engine_title(engine: EngineResult) -> str:
    """What stands above an engine's figures: its name, its cores if it had its own, and whether it was not warm."""
    marks = [
        *([f"on {cores}"] if (cores := _own_cores(engine)) else []),
        *(["not warm"] if cold_trials(engine) else []),
    ]
    return f"{engine.name} ({', '.join(marks)})" if marks else engine.name


def _own_cores(engine: EngineResult) -> str:
    """How many cores an engine could run on, as read back, if that is not all of them."""
    found = {len(trial.engine_cpus) for trial in engine.trials if trial.engine_cpus and trial.host}
    every = {trial.host.cores for trial in engine.trials if trial.host}
    if len(found) != 1 or found >= every:
        return ""
    [cores] = found
    return f"{cores} core{'s' * (cores > 1)}"


def _cpu_with_pipeline(engine: EngineResult) -> str:
    """The mean over an engine's trials."""
    found = [cpu_with_pipeline(trial) for trial in engine.trials]
    known = [value for value in found if value is not None]
    return decimal(sum(known) / len(known)) if known and len(known) == len(found) else NOT_MEASURED


def _host(engine: EngineResult) -> str:
    """What others had of the machine, over all trials of an engine."""
    hosts = [trial.host for trial in engine.trials if trial.host]
    stolen = [host.stolen_share for host in hosts if host.stolen_share is not None]
    foreign = [host.foreign_cores for host in hosts if host.foreign_cores is not None]
    if not stolen and not foreign:
        return NOT_MEASURED
    texts = [f"{max(stolen):.1%}" if stolen else NOT_MEASURED, f"{max(foreign):.2f}" if foreign else NOT_MEASURED]
    return " / ".join(texts)


def groups(result: Result) -> list[Group]:
    """The main table of a report, group by group."""
    around: list[tuple[str, list[tuple[str, Show]]]] = [
        ("Cost of the engine", _COST),
        ("Around the engine", _AROUND),
        ("Course of the trial", _COURSE),
    ]
    tables = (
        [
            ("Correctness", _CORRECTNESS),
            ("Latency, ms", _LATENCY),
            ("Throughput, records/s", _THROUGHPUT),
            *around[:-1],
            ("Course of the trial", [*_COURSE, _LOWERED]),
            ("Ratio to the baseline", _ratios(result)),
        ]
        if asks_for_counts(result)
        else [("Correctness", _ANSWERS), ("Freshness, ms", _FRESHNESS), ("Emission delay, ms", _DELAY), *around]
    )
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


def _part(part: Callable[[EngineResult], P | None], show: Callable[[P], str | None]) -> Show:
    """How to show one part of an engine's result that may not have been measured."""

    def shown(engine: EngineResult) -> str:
        value = part(engine)
        return (None if value is None else show(value)) or NOT_MEASURED

    return shown


def _correctness(show: Callable[[Correctness], str]) -> Show:
    return _part(lambda engine: engine.correctness, show)


def _answers(show: Callable[[Answers], str]) -> Show:
    return _part(lambda engine: engine.answers, show)


def _approximation(show: Callable[[Approximation], str]) -> Show:
    return _answers(lambda part: show(part.approximation) if part.approximation else EXACT)


def _emission(show: Callable[[Emission], str]) -> Show:
    return _part(lambda engine: engine.emission, show)


def _spread(of: Callable[[Emission], Spread]) -> list[tuple[str, Show]]:
    """The rows of a distribution."""
    return [
        ("p50", _emission(lambda part: milliseconds(of(part).p50))),
        ("p90", _emission(lambda part: milliseconds(of(part).p90))),
        ("p99", _emission(lambda part: milliseconds(of(part).p99))),
        ("max", _emission(lambda part: milliseconds(of(part).max))),
        ("mean (exact)", _emission(lambda part: milliseconds(of(part).mean))),
    ]


def _dead_letters(show: Callable[[DeadLetters], str]) -> Show:
    return _part(_letters_of, show)


def _letters_of(engine: EngineResult) -> DeadLetters | None:
    if engine.answers:
        return engine.answers.dead_letters
    return engine.correctness.dead_letters if engine.correctness else None


def _latency(show: Callable[[Latency], str]) -> Show:
    return _part(lambda engine: engine.latency_ms, show)


def _throughput(show: Callable[[Throughput], str | None]) -> Show:
    return _part(lambda engine: engine.throughput_records_per_s, show)


def _lag(part: Throughput) -> str | None:
    if part.lag_records_start is None or part.lag_records_end is None:
        return None
    return f"{part.lag_records_start:,} / {part.lag_records_end:,}"


def _cost(show: Callable[[Cost], str]) -> Show:
    return _part(lambda engine: engine.cost, show)


def _generator(show: Callable[[GeneratorFigures], str]) -> Show:
    return _part(lambda engine: engine.generator, show)


def _gc_pauses(engine: EngineResult) -> str:
    """Count, sum and maximum of the pauses of the engine's own JVM, over all trials."""
    found = [[each for each in trial.pauses if each.process == "engine"] for trial in engine.trials]
    if all(found):
        pauses = [each for trial in found for each in trial]
        total_ms, max_ms = sum(each.total_ms for each in pauses), max(each.max_ms for each in pauses)
        return f"{sum(each.count for each in pauses):,} / {milliseconds(total_ms)} / {milliseconds(max_ms)}"
    was_measured = all(trial.latency_ms for trial in engine.trials)
    return NO_JVM_LOG if was_measured and not any(found) else NOT_MEASURED


def _warm(engine: EngineResult) -> str:
    """Whether the engine was warm in all of its trials, and what its compilers used in the worst one, and later."""
    found = [trial.warmth for trial in engine.trials if trial.warmth]
    if not found:
        return NOTHING_COMPILED
    worst = max(found, key=lambda warmth: warmth.compiler_cores)
    answer = "yes" if all(warmth.warm for warmth in found) else "NO"
    return f"{answer}: {worst.compiler_cores:.2f} / {worst.compiler_cores_later:.2f}"


def _compilers_share(engine: EngineResult) -> str:
    """What the compilers used in the measured time, of the engine's CPU time, over all trials."""
    used_s = [trial.warmth.compiler_cpu_s for trial in engine.trials if trial.warmth]
    if not used_s:
        return NOTHING_COMPILED
    if len(used_s) < len(engine.trials) or not engine.cost:
        return NOT_MEASURED
    return f"{sum(used_s) / (engine.cost.cpu_user_s + engine.cost.cpu_system_s):.0%}"


def _kafka_mib(engine: EngineResult) -> str:
    """Input and aggregates in the broker's log, mean over the trials."""
    stored = [trial.kafka_bytes for trial in engine.trials if trial.kafka_bytes]
    if len(stored) < len(engine.trials):
        return NOT_MEASURED
    inputs, aggregates = ([each.input for each in stored], [each.aggregates for each in stored])
    return f"{_mean_mib(inputs)} / {_mean_mib([each for each in aggregates if each is not None])}"


def _mean_mib(sizes_bytes: list[int]) -> str:
    return decimal(sum(sizes_bytes) / len(sizes_bytes) / 2**20) if sizes_bytes else NO_TOPIC


def _measuring_cores(engine: EngineResult) -> str:
    """What all processes that measure used together, mean over the trials."""
    cores = [_cores(trial, "measuring") for trial in engine.trials]
    known = [each for each in cores if each is not None]
    return f"{sum(known) / len(known):.3f}" if known and len(known) == len(cores) else NOT_MEASURED


def _cores(trial: TrialResult, role: str) -> float | None:
    used = [cost.cpu_cores for cost in trial.other_costs if cost.role == role]
    return sum(used) if used else None


_DEAD_LETTERS: tuple[str, Show] = (
    "dead letters missing / extra",
    _dead_letters(lambda part: f"{part.missing:,} / {part.extra:,}"),
)
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
    ("late records, to be dropped", _correctness(lambda part: integer(part.must_drop))),
    _DEAD_LETTERS,
]
_ANSWERS: list[tuple[str, Show]] = [
    ("verdict", lambda engine: engine.verdict.value),
    ("answers expected", _answers(lambda part: integer(part.expected))),
    ("answers still open at the end", _answers(lambda part: integer(part.open))),
    ("answers observed", _answers(lambda part: integer(part.observed))),
    ("answers missing", _answers(lambda part: integer(part.missing))),
    ("answers extra", _answers(lambda part: integer(part.extra))),
    ("answers mismatched", _answers(lambda part: integer(part.mismatched))),
    ("error: greatest / mean", _approximation(lambda part: f"{part.error_max:.2%} / {part.error_mean:+.3%}")),
    _DEAD_LETTERS,
]
_FRESHNESS = _spread(lambda emission: emission.freshness_ms)
_DELAY: list[tuple[str, Show]] = [
    *_spread(lambda emission: emission.delay_ms),
    ("answers measured", _emission(lambda part: integer(part.delay_ms.count))),
    ("answers revised", _emission(lambda part: integer(part.revised))),
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
    ("records left out as ambiguous", _latency(lambda part: integer(part.ambiguous_count))),
    ("records negative", _latency(lambda part: integer(part.negative_count))),
]
_THROUGHPUT: list[tuple[str, Show]] = [
    ("offered", _throughput(lambda part: f"{part.offered:,.0f}")),
    ("sustained", _throughput(lambda part: f"{part.sustained:,.0f}")),
    ("lag at the start / the end, records", _throughput(_lag)),
]
_COST: list[tuple[str, Show]] = [
    ("CPU-seconds per million records", _cost(lambda part: decimal(part.cpu_s_per_million_records))),
    ("the same, with broker, Redis writer and Redis", _cpu_with_pipeline),
    ("of it, the compilers of its JVMs", _compilers_share),
    ("CPU user / system, s", _cost(lambda part: f"{part.cpu_user_s:.1f} / {part.cpu_system_s:.1f}")),
    ("peak memory, MiB", _cost(lambda part: mebibytes(part.rss_bytes_peak))),
]
_AROUND: list[tuple[str, Show]] = [
    ("GC pauses of the engine: count / sum, ms / max, ms", _gc_pauses),
    ("in Kafka: input / aggregates, MiB a trial", _kafka_mib),
    ("the harness itself, CPU cores", _measuring_cores),
    ("the host: stolen / cores of other programs, worst trial", _host),
]
_COURSE: list[tuple[str, Show]] = [
    ("warm: compilers' cores at the end of the warm-up / later", _warm),
    ("start-up, s", _part(lambda engine: engine.startup_s, lambda value: f"{value:.1f}")),
    ("latency over the measured time", lambda engine: change_of(engine.trials, lambda each: each.latency)),
    ("CPU per second over the measured time", lambda engine: change_of(engine.trials, lambda each: each.cpu)),
    ("drain, s", _part(lambda engine: engine.drain_s, lambda value: f"{value:.1f}")),
    ("generator's schedule error p99, ms", _generator(lambda part: decimal(part.schedule_error_ms_p99))),
    ("generator's schedule error max, ms", _generator(lambda part: decimal(part.schedule_error_ms_max))),
    ("records sent", _generator(lambda part: integer(part.sent_records))),
    ("records acknowledged", _generator(lambda part: integer(part.acked_records))),
    ("records that failed to send", _generator(lambda part: integer(part.failed_records))),
    ("updates in Redis", lambda engine: integer(engine.updates)),
]
_LOWERED: tuple[str, Show] = ("updates that lowered a count", lambda engine: integer(engine.count_regressions))


def _ratios(result: Result) -> list[tuple[str, Show]]:
    return [(of.label, _ratio(result, of.name)) for of in AGAINST_BASELINE]


def _ratio(result: Result, figure: str) -> Show:
    baseline = next((engine for engine in result.engines if engine.name == BASELINE), None)
    found = {each.engine: each.ratio for each in ratios_to_baseline(result.engines) if each.figure == figure}

    def shown(engine: EngineResult) -> str:
        if baseline is None:
            return NO_BASELINE
        if not result.valid or {engine.verdict, baseline.verdict} != {Verdict.PASS}:
            return WITHHELD
        if cold_trials(engine) or cold_trials(baseline):
            return WITHHELD
        if engine is baseline:
            return "1"
        return f"{decimal(found[engine.name])} x" if engine.name in found else NOT_MEASURED

    return shown
