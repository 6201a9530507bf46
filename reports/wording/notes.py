"""Notes that go with a run's figures."""

from __future__ import annotations

from engines.contract.job import DIRECT
from engines.contract.queries import COUNTS
from harness.conclusions.hop_price import route_of, route_of_engine
from harness.results.correctness import Answers, Correctness
from harness.results.result import Result
from reports.wording.numbers import milliseconds
from workloads.partitioning import ROUND_ROBIN

WITHHELD = "withheld"
NOT_CALIBRATED = "not calibrated: run ringbench calibrate"
EXACT = "exact"
NO_JVM_LOG = "no JVM log"
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
    routes = {engine.name: route_of_engine(result, engine) for engine in result.engines}
    if len(set(routes.values())) > 1:
        return f"Routes: {', '.join(f'{name} {route}' for name, route in routes.items())}."
    if (next(iter(routes.values())) if routes else route_of(result)) == DIRECT:
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


def most_trials(result: Result) -> int:
    return max((len(engine.trials) for engine in result.engines), default=0)


def wrong_cells(correctness: Correctness | Answers) -> int:
    """Cells, or answers, that are missing, extra or of another value than the truth's."""
    return correctness.missing + correctness.extra + correctness.mismatched
