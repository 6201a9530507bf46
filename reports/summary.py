"""What a report says of a result, as plain text: the HTML page, the Markdown page and the terminal all take it here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from engines.contract.job import DIRECT
from engines.contract.queries import COUNTS
from harness.disturbance import disturbance_text, disturbed_share
from harness.headline import AGAINST_BASELINE, BASELINE, cold_trials, cpu_with_pipeline, ratios_to_baseline
from harness.headline import headline as headline_of
from harness.hop_price import route_of
from harness.result import (
    Answers,
    Approximation,
    Change,
    Correctness,
    Cost,
    DeadLetters,
    Emission,
    EngineResult,
    Generator,
    Latency,
    Result,
    Spread,
    SteadyState,
    Throughput,
    TrialResult,
    Verdict,
)
from harness.statistics import MIN_TRIALS
from harness.steady import change_text, interval_of, why_unsettled
from reports.winner import compared, short_note, winner_sentences
from workloads.partitioning import ROUND_ROBIN

NOT_MEASURED = "not measured"
WITHHELD = "withheld"
NO_BASELINE = "no baseline"
HOW_TO_HAVE_A_BASELINE = (
    "There is no baseline in this run: with --engine baseline beside the other engines, or `baseline` among the "
    "scenario's `engines`, it tells what a single thread does with the same records (COST)."
)

NO_WINNER_SINGLE_TRIAL = "No winner is named: a single trial per engine gives no interval."
NO_WINNER_INVALID = "No winner is named: the run is invalid."
NO_WINNER_ONE_ENGINE = "No winner is named: there is one engine only."
TOO_FEW_TRIALS = "too few trials to tell"
NOT_CALIBRATED = "not calibrated: run ringbench calibrate"
EXACT = "exact"
NO_JVM_LOG = "no JVM log"
#: Of an engine without a JVM, or of a result from before this was measured.
NOTHING_COMPILED = "no compiler seen"
NO_TOPIC = "no topic"
QUANTILES_NOTE = (
    "Latency runs from a record's intended send time to its visibility in Redis. The quantiles are those of "
    "first-in-first-out matching within a cell; the mean is exact."
)
ESTIMATES_NOTE = (
    "A cell's records are in several partitions, so that quantiles are estimates: which of them a count shows is not "
    "known. They lie within `quantile_bounds_ms` of each trial."
)
CLOCK_NOTE = (
    "The moment of visibility is the ID of a Redis stream entry: the Redis server's own clock, of 1 ms resolution."
)
EMISSION_NOTE = (
    "An answer's freshness is the time from when the last record that it tells of was due to its being final in Redis. "
    "Its emission delay is the part of it that the engine could have done without: from when the record was due whose "
    "event time let the watermark close the answer. Latency and throughput of records are not measured, because an "
    "answer does not say which records it tells of."
)
RATIO_NOTE = (
    "Ratios to the baseline are withheld where the run is invalid, or either of the two engines did not pass or was "
    "not warm: the cost of a wrong answer says nothing, and that of a start something else. They are of all trials "
    "taken together, and have no intervals."
)
GC_NOTE = (
    'GC pauses are those of the engine\'s JVM within the measured time, from its own log; "no JVM log" means that it '
    "has no JVM, or one that wrote no log. What the harness itself used is the CPU time of all processes that are "
    "there only to measure, listed by name further down."
)

P = TypeVar("P")
Show = Callable[[EngineResult], str]


@dataclass(frozen=True)
class Headline:
    """The first thing a reader must know: whether the run counts, why not, and who won, or why nobody is named.

    Attributes:
        short_winners: the same as `winners`, for a terminal.
    """

    title: str
    reasons: tuple[str, ...]
    winners: tuple[str, ...]
    short_winners: tuple[str, ...]


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
    """Whether the run is valid, the reasons if it is not, and the winners that its comparison names."""
    if not result.valid:
        reasons = tuple(result.invalid_reasons) or ("no reason was recorded",)
        nobody = (NO_WINNER_INVALID,)
        return Headline("Invalid run: its numbers must not be used", reasons, nobody, nobody)
    passed = sum(engine.verdict is Verdict.PASS for engine in result.engines)
    do = "count" if asks_for_counts(result) else "answer"
    title = (
        f"Valid run: {passed} of {len(result.engines)} engines proven to {do} right{_leaks_text(result)}"
        f"{_cold_text(result)}"
    )
    comparison = compared(result)
    if not comparison:
        nobody = (NO_WINNER_SINGLE_TRIAL if _most_trials(result) < 2 else NO_WINNER_ONE_ENGINE,)
        return Headline(title, (), nobody, nobody)
    brief = [*winner_sentences(comparison, short=True), short_note(comparison)]
    return Headline(title, (), winner_sentences(comparison), tuple(line for line in brief if line))


def _cold_text(result: Result) -> str:
    """Which engines were not warm: their figures are those of a start."""
    names = [engine.name for engine in result.engines if cold_trials(engine)]
    return f"; not warm: {', '.join(names)}" if names else ""


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


def _leaks_text(result: Result) -> str:
    """Of a soak test, whether anything leaks; what was not judged is not told of here."""
    growth = [each for trial in result.soak.trials for each in trial.growth] if result.soak else []
    judged = sum(each.verdict != "not judged" for each in growth)
    leaking = sum(each.verdict == "fail" for each in growth)
    return f", {leaking} of {judged} resources that were judged leak" if growth else ""


def is_direct(result: Result) -> bool:
    """Whether the engines wrote Redis by themselves."""
    return route_of(result) == DIRECT


def query_of(result: Result) -> str:
    """What the engines were asked."""
    return str(result.scenario.get("query", COUNTS))


def asks_for_counts(result: Result) -> bool:
    """Whether the engines were asked the usual query."""
    return query_of(result) == COUNTS


def query_text(result: Result) -> str:
    """What the engines were asked, unless it is the usual query."""
    answers = [engine.answers for engine in result.engines if engine.answers]
    if not answers:
        return "" if asks_for_counts(result) else f"Query {query_of(result)}."
    parameters = ", ".join(f"{name} {value}" for name, value in answers[0].parameters.items())
    return f"Query {answers[0].query}, version {answers[0].version}: {parameters}."


def measure_notes(result: Result) -> list[str]:
    """What the times of a report are, and by which clock."""
    if not asks_for_counts(result):
        return [EMISSION_NOTE, CLOCK_NOTE]
    return [QUANTILES_NOTE, *([] if has_exact_quantiles(result) else [ESTIMATES_NOTE]), CLOCK_NOTE]


def has_exact_quantiles(result: Result) -> bool:
    """Whether a cell's records were in one partition, and so in order. In runs that do not say, they were not."""
    partitioning = result.scenario.get("partitioning", ROUND_ROBIN)
    return partitioning != ROUND_ROBIN or result.scenario.get("partitions") == 1


def route_text(result: Result) -> str:
    """How counts got to Redis."""
    if is_direct(result):
        return "Route direct: each engine wrote Redis by itself, without the aggregates topic and the Redis writer."
    return "Route kafka: counts went through the aggregates topic, and the Redis writer applied them to Redis."


def trials_text(result: Result) -> str:
    """How many trials the numbers are of, and how several are put together."""
    numbers = sorted({len(engine.trials) for engine in result.engines})
    if not numbers or numbers[-1] < 2:
        return "One trial per engine."
    number = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    return (
        f"{number} trials per engine, taken together: percentiles are of all trials' records, counts and CPU time are "
        "sums, rates, start-up and bytes are means, drain, memory and maxima are the greatest."
    )


def cautions(result: Result) -> list[str]:
    """What a reader must know of figures that count all the same."""
    return [*_cold(result), *_unsettled(result), *_disturbed(result)]


def _cold(result: Result) -> list[str]:
    """The engines whose compilers were still at work when the measured time began, and what to do about it."""
    notes = []
    for engine in result.engines:
        found = [trial.warmth for trial in cold_trials(engine) if trial.warmth]
        if found:
            worst = max(found, key=lambda warmth: warmth.compiler_cores)
            notes.append(
                f"{engine.name}: not warm in {len(found)} of {len(engine.trials)} "
                f"trial{'s' * (len(engine.trials) > 1)}: its compilers used {worst.compiler_cores:.2f} cores at the "
                f"end of the warm-up of {worst.warmup_s} s, and {worst.compiler_cores_later:.2f} later; give it a "
                "longer one (--warmup)"
            )
    return notes


def _disturbed(result: Result) -> list[str]:
    """The engines in whose trials others had more of the machine than the scenario's limit for naming winners."""
    limit = result.scenario.get("limits", {}).get("host_marked_share")
    notes = []
    for engine in result.engines:
        hosts = [trial.host for trial in engine.trials if trial.host]
        marked = [host for host in hosts if limit is not None and (disturbed_share(host) or 0.0) > limit]
        if marked:
            of = f"{len(marked)} of {len(engine.trials)} trial{'s' * (len(engine.trials) > 1)}"
            worst = max(marked, key=lambda host: disturbed_share(host) or 0.0)
            notes.append(f"{engine.name}: the host was not quiet in {of}: {disturbance_text(worst)}")
    return notes


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


def _unsettled(result: Result) -> list[str]:
    """The engines that had not settled when the measured time began, or of which nobody can tell."""
    return [f"{engine.name}: {why}" for engine in result.engines for why in _why_unsettled(engine.trials)]


def _why_unsettled(trials: list[TrialResult]) -> list[str]:
    """By all trials together, where they are enough for that; else by each, as in results of before that was done."""
    if len(trials) >= MIN_TRIALS and any(trial.steady and trial.steady.latency for trial in trials):
        reason = why_unsettled(trials)
        return [reason] if reason else []
    settled = [trial.steady.settled for trial in trials if trial.steady]
    of = f"of {len(trials)} trial{'s' * (len(trials) > 1)}"
    texts = {
        False: "latency or CPU time had not settled by the end of the warm-up",
        None: "nobody can tell whether it had settled by the end of the warm-up",
    }
    return [f"{text} in {settled.count(found)} {of}" for found, text in texts.items() if found in settled]


def change_of(trials: list[TrialResult], of: Callable[[SteadyState], Change | None]) -> str:
    """By how much latency or CPU time changed over the measured time, in percent, with its interval where there is one.

    Of several trials, by all of them together, if there are enough for an interval.
    """
    found = [change for trial in trials if trial.steady and (change := of(trial.steady))]
    if not found or len(found) < len(trials):
        return NOT_MEASURED
    if interval := interval_of(found):
        return change_text(interval)
    return f"{found[0].factor - 1:+.0%}" if len(found) == 1 else TOO_FEW_TRIALS


def cost_notes(result: Result) -> list[str]:
    """Of which engines it is not known what they used, and why."""
    unknown = {engine.name: {trial.cost_unknown for trial in engine.trials} - {""} for engine in result.engines}
    return [f"{name}: the cost is not measured: {why}" for name, reasons in unknown.items() for why in sorted(reasons)]


def calibration_text(result: Result) -> str:
    """What the last calibration of the harness on this host found."""
    found = result.environment.calibration
    if found is None:
        return NOT_CALIBRATED
    same = "" if found.commit == result.environment.commit else f", of commit {found.commit or 'unknown'}"
    return (
        f"{'passed' if found.passed else 'FAILED'}; harness floor p50 {milliseconds(found.floor_ms_p50)} ms, "
        f"p99 {milliseconds(found.floor_ms_p99)} ms; greatest error {milliseconds(found.error_ms_max)} ms; "
        f"{found.calibrated_at}{same}"
    )


def _most_trials(result: Result) -> int:
    return max((len(engine.trials) for engine in result.engines), default=0)


def wrong_cells(correctness: Correctness | Answers) -> int:
    """Cells, or answers, that are missing, extra or of another value than the truth's."""
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


def _generator(show: Callable[[Generator], str]) -> Show:
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


def baseline_notes(result: Result) -> list[str]:
    """What each engine is worth against one thread, or how to find out; nothing of a run that must not be used."""
    if not result.valid or not asks_for_counts(result):
        return []
    if all(engine.name != BASELINE for engine in result.engines):
        return [HOW_TO_HAVE_A_BASELINE]
    ratios = ratios_to_baseline(result.engines)
    notes = []
    for name in dict.fromkeys(each.engine for each in ratios):
        own = [f"{headline_of(each.figure).label} {decimal(each.ratio)} x" for each in ratios if each.engine == name]
        notes.append(f"{name} against the baseline, which is one thread (COST): {', '.join(own)}.")
    return notes
