"""The headline figures: what trials are compared by, within a run and across runs, and engines with the baseline."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.results.correctness import Verdict
from harness.results.performance import CLOCK_RESOLUTION_MS
from harness.results.result import BaselineRatio, EngineResult, TrialResult

#: The engine that others have to justify themselves against: one thread.
BASELINE = "baseline"
#: The name of the figure that is exact in whatever order records came, and names winners where quantiles are not.
MEAN = "latency_ms_mean"
#: Figures by the fields of `harness.results.result.QuantileBounds`.
BOUNDED = {"latency_ms_p50": "p50", "latency_ms_p99": "p99", "latency_ms_p999": "p999"}
#: The name of the figure that tells what an engine costs.
CPU = "cpu_s_per_million_records"


@dataclass(frozen=True)
class HeadlineFigure:
    """A figure of a trial.

    Attributes:
        name: as it stands in the result.
        label: for people.
        unit: for people and for tools.
        lower_is_better: which way is the better.
        ranked: whether a winner may be named by it. Few are, since every further one costs all of them confidence.
        resolution: differences up to this mean nothing.
        of: the figure, of a trial or of all of an engine's together; None if it was not measured.
    """

    name: str
    label: str
    unit: str
    lower_is_better: bool
    ranked: bool
    resolution: float
    of: Callable[[TrialResult | EngineResult], float | None]


def _latency(name: str) -> Callable[[TrialResult | EngineResult], float | None]:
    return lambda trial: getattr(trial.latency_ms, name) if trial.latency_ms else None


def _delay(name: str) -> Callable[[TrialResult | EngineResult], float | None]:
    return lambda trial: getattr(trial.emission.delay_ms, name) if trial.emission else None


def cpu_with_pipeline(trial: TrialResult) -> float | None:
    """CPU-seconds per million records of the engine, with what broker, Redis writer and Redis used at the same time.

    An engine that leaves work to them is not cheaper for it. None where any of that was not measured, as with services
    of the user's own.
    """
    pipeline = [each for each in trial.other_costs if each.role == "pipeline"]
    names = {each.name.rstrip(" 0123456789") for each in pipeline}
    if trial.cost is None or not {"kafka", "redis"} <= names:
        return None
    pipeline_s = sum(each.cpu_user_s + each.cpu_system_s for each in pipeline)
    return (trial.cost.cpu_user_s + trial.cost.cpu_system_s + pipeline_s) / trial.cost.records * 1e6


_OF_COUNTS = (
    HeadlineFigure("latency_ms_p50", "latency p50", "ms", True, True, CLOCK_RESOLUTION_MS, _latency("p50")),
    HeadlineFigure("latency_ms_p99", "latency p99", "ms", True, True, CLOCK_RESOLUTION_MS, _latency("p99")),
    HeadlineFigure("latency_ms_p999", "latency p99.9", "ms", True, False, CLOCK_RESOLUTION_MS, _latency("p999")),
    HeadlineFigure(MEAN, "latency mean", "ms", True, False, CLOCK_RESOLUTION_MS, _latency("mean")),
    HeadlineFigure(
        "throughput_records_per_s_sustained",
        "sustained throughput",
        "records/s",
        False,
        False,
        0.0,
        lambda trial: trial.throughput_records_per_s.sustained if trial.throughput_records_per_s else None,
    ),
)
_OF_ANSWERS = (
    HeadlineFigure("emission_delay_ms_p50", "emission delay p50", "ms", True, True, CLOCK_RESOLUTION_MS, _delay("p50")),
    HeadlineFigure("emission_delay_ms_p99", "emission delay p99", "ms", True, True, CLOCK_RESOLUTION_MS, _delay("p99")),
    HeadlineFigure(
        "emission_delay_ms_mean", "emission delay mean", "ms", True, False, CLOCK_RESOLUTION_MS, _delay("mean")
    ),
)
_OF_ALL = (
    HeadlineFigure(
        CPU,
        "CPU per million records",
        "s",
        True,
        True,
        0.0,
        lambda trial: trial.cost.cpu_s_per_million_records if trial.cost else None,
    ),
    HeadlineFigure(
        "rss_bytes_peak",
        "peak memory",
        "bytes",
        True,
        False,
        0.0,
        lambda trial: float(trial.cost.rss_bytes_peak) if trial.cost else None,
    ),
)
#: Of runs that asked for counts, and of those with another query.
HEADLINES, ANSWER_HEADLINES = _OF_COUNTS + _OF_ALL, _OF_ANSWERS + _OF_ALL


def headlines_of(engines: Iterable[EngineResult]) -> tuple[HeadlineFigure, ...]:
    """What `engines` are compared by, all of which were asked the same."""
    return ANSWER_HEADLINES if any(engine.answers for engine in engines) else HEADLINES


def headline(name: str) -> HeadlineFigure:
    """The headline figure called `name`."""
    return next(each for each in HEADLINES + ANSWER_HEADLINES if each.name == name)


def figures(trials: list[TrialResult], of: HeadlineFigure) -> list[float] | None:
    """The figure of every trial, in their order; None if any lacks it."""
    found = [value for trial in trials if (value := of.of(trial)) is not None]
    return found if len(found) == len(trials) else None


def by_block(engine: EngineResult) -> list[TrialResult]:
    """The engine's trials in the order of their blocks, by which those of two engines are pairs."""
    return sorted(engine.trials, key=lambda trial: trial.block)


def worst_of(found: Sequence[float], of: HeadlineFigure) -> float:
    """Of the figures of trials, the worst one: of a rare bad trial, means say little."""
    return (max if of.lower_is_better else min)(found)


#: What two runs are judged by, unless other figures are asked for: one of each kind that somebody pays for, since every
#: further one costs all of them power. The mean and the other quantiles follow p50 and p99, or scatter more.
GATED = tuple(
    headline(name)
    for name in (
        "latency_ms_p50",
        "latency_ms_p99",
        "emission_delay_ms_p50",
        "emission_delay_ms_p99",
        "throughput_records_per_s_sustained",
        CPU,
        "rss_bytes_peak",
    )
)
#: What engines are held against the baseline by.
AGAINST_BASELINE = tuple(
    headline(name)
    for name in (
        "latency_ms_p50",
        "latency_ms_p99",
        "throughput_records_per_s_sustained",
        CPU,
    )
)


def of_trials(count: int, trials: Sequence[object]) -> str:
    """In words, in how many of all `trials` something was seen."""
    return f"{count} of {len(trials)} trial{'s' * (len(trials) > 1)}"


def cold_trials(engine: EngineResult) -> list[TrialResult]:
    """The trials in which the engine was not warm when measuring began."""
    return [trial for trial in engine.trials if trial.warmth and not trial.warmth.warm]


def ratios_to_baseline(engines: list[EngineResult]) -> list[BaselineRatio]:
    """Each other engine's figures over the baseline's, among those that passed and were warm, of a valid run."""
    passed = [engine for engine in engines if engine.verdict is Verdict.PASS and not cold_trials(engine)]
    baseline = next((engine for engine in passed if engine.name == BASELINE), None)
    if baseline is None:
        return []
    return [
        BaselineRatio(engine=engine.name, figure=of.name, ratio=mine / reference)
        for engine in passed
        if engine is not baseline
        for of in AGAINST_BASELINE
        if (mine := of.of(engine)) is not None and (reference := of.of(baseline))
    ]
