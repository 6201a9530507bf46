"""Synthetic results for tests: three engines of known behaviour, nothing measured."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import cache

import numpy as np

from harness.conclusions.engine_comparison import compare_engines
from harness.evaluation.pooling import pool
from harness.measurement.hops import Moments, waterfall
from harness.numerics.durations import Durations
from harness.numerics.durations import encode as encode_histogram
from harness.results.correctness import CellExample, Correctness, DeadLetters, Examples, Verdict
from harness.results.performance import (
    Change,
    Cost,
    GeneratorFigures,
    Latency,
    Pauses,
    ProcessCost,
    Sample,
    SteadyState,
    Throughput,
    TopicBytes,
    Waterfall,
)
from harness.results.result import (
    CalibrationSummary,
    EngineResult,
    Environment,
    OperatorVolume,
    Result,
    TrialResult,
    Truth,
)

RATE_PER_S = 6000
WARM_UP_S, MEASURED_S = 20, 60
EPOCH_S = 1_760_000_000 - 1_760_000_000 % 60
OPERATORS = {"AT&T": 0.36, "Verizon": 0.31, "T-Mobile": 0.24, "US Cellular": 0.06, "Cricket": 0.03}
#: The standard deviation of what the trials of an engine differ by.
NOISE = 0.03
#: Engines that run on a JVM, and so have pauses.
JVM_ENGINES = {"flink", "spark"}
#: The other processes: name, role, share of a core, peak memory in MiB.
PROCESSES = [
    ("kafka", "pipeline", 0.19, 640),
    ("redis", "pipeline", 0.085, 48),
    ("redis writer", "pipeline", 0.11, 62),
    ("generator", "load", 0.107, 90),
    ("archiver", "load", 0.08, 130),
    ("s3", "load", 0.03, 110),
    ("probe", "measuring", 0.064, 80),
    ("ringbench", "measuring", 0.02, 160),
]


def encode(samples_ms: Sequence[float]) -> str:
    """An HdrHistogram of `samples_ms`, as a result holds it."""
    recorded = Durations()
    recorded.record_ns(np.round(np.asarray(samples_ms, dtype=np.float64) * 1e6).astype(np.int64))
    return encode_histogram(recorded.to_histogram())


def make_latency(samples_ms: Sequence[float]) -> Latency:
    """The latency of exactly `samples_ms`."""
    ordered = sorted(samples_ms)

    def quantile(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return Latency(
        p50=quantile(0.5),
        p90=quantile(0.9),
        p99=quantile(0.99),
        p999=quantile(0.999),
        max=ordered[-1],
        mean=sum(ordered) / len(ordered),
        count=len(ordered),
        negative_count=0,
        never_visible_count=0,
        histogram=encode(ordered),
    )


def make_series(median_ms: float, cores: float, dice: random.Random) -> list[Sample]:
    """A sample a second, from the warm-up's start to a second after the load's end."""
    samples: list[Sample] = []
    for second in range(-WARM_UP_S, MEASURED_S + 2):
        sent = RATE_PER_S * min(second + WARM_UP_S, WARM_UP_S + MEASURED_S)
        cold = 1 + 8 * math.exp(-(second + WARM_UP_S) / 4)
        p50 = median_ms * cold * dice.uniform(0.9, 1.1)
        backlog = RATE_PER_S * p50 / 1000 * dice.uniform(0.2, 1.8) if second <= MEASURED_S else 0
        visible = max(samples[-1].visible_records if samples else 0, sent - round(backlog))
        samples.append(
            Sample(
                t_s=second,
                sent_records=sent,
                acked_records=sent,
                visible_records=visible,
                lag_records=sent - visible,
                latency_ms_p50=p50 if sent else None,
                latency_ms_p99=p50 * dice.uniform(1.6, 2.4) if sent else None,
                cpu_cores=cores,
                rss_bytes=600 * 2**20,
                stolen_share=0.02,
                foreign_cores=0.1,
            )
        )
    return samples


def make_correctness(*, wrong: bool = False) -> Correctness:
    """All right; or, if `wrong`, one cell of each kind of difference and one malformed line lost."""
    return Correctness(
        expected=41_200,
        observed=41_200,
        missing=int(wrong),
        extra=int(wrong),
        mismatched=int(wrong),
        either=118,
        expected_records=RATE_PER_S * (WARM_UP_S + MEASURED_S),
        lost_records=7 if wrong else 0,
        surplus_records=2 if wrong else 0,
        examples=Examples(missing=[_example(6, None)], extra=[_example(None, 1)], mismatched=[_example(12, 11)])
        if wrong
        else Examples(),
        dead_letters=DeadLetters(expected=480, observed=480 - wrong, missing=int(wrong), extra=0),
    )


def make_waterfall(samples_ms: Sequence[float], seed: int = 1, *, is_direct: bool = False) -> Waterfall:
    """The hops of records of exactly these latencies: a few ms each way, and the engine for the rest.

    Where a record was faster than that, the engine's hop is negative, as it is where records overtake each other.
    With `is_direct`, the engine wrote Redis by itself.
    """
    latencies_ms = np.asarray(samples_ms, dtype=np.float64)
    dice = np.random.default_rng(seed)
    intended = np.linspace(0, 1000 * MEASURED_S, len(latencies_ms), endpoint=False)
    produced = intended + dice.gamma(2, 0.15, len(latencies_ms))
    visible = intended + latencies_ms
    found = waterfall(
        Moments(
            intended=intended,
            produced=produced,
            appended=produced + dice.gamma(4, 0.3, len(latencies_ms)),
            emitted=None if is_direct else visible - dice.gamma(4, 0.4, len(latencies_ms)),
            visible=visible,
        )
    )
    assert found
    return found


def make_steady(latency: float = 1.01, cpu: float = 0.99) -> SteadyState:
    """Of a trial whose latency and CPU time changed by these factors, as far as two percent can be told."""
    changes = [
        Change(factor=factor, low=factor / 1.02, high=factor * 1.02, tolerated_share=0.05, certain_share=0.25)
        for factor in (latency, cpu)
    ]
    return SteadyState(settled=True, settled_from_s=-8, start_settled=True, latency=changes[0], cpu=changes[1])


def make_trial(name: str, median_ms: float, cores: float = 0.5, *, seed: int = 1, number: int = 1) -> TrialResult:
    """A trial that passed, with log-normal latencies about `median_ms`, in the block of its number."""
    dice = random.Random(f"{name} {seed} {number}")
    median_ms *= math.exp(dice.gauss(0, NOISE))
    cores *= math.exp(dice.gauss(0, NOISE))
    samples_ms = [max(0.2, dice.lognormvariate(math.log(median_ms), 0.35)) for _ in range(1_000)]
    return TrialResult(
        number=number,
        block=number,
        verdict=Verdict.PASS,
        reasons=[],
        startup_s=median_ms / 30,
        drain_s=median_ms / 400,
        steady=make_steady(),
        clock_step_ms=abs(dice.gauss(0, 0.05)),
        correctness=make_correctness(),
        latency_ms=make_latency(samples_ms),
        throughput_records_per_s=Throughput(offered=RATE_PER_S, sustained=RATE_PER_S - dice.uniform(0.1, 0.7)),
        cost=_cost(cores),
        generator=_generator(dice),
        updates=116_204,
        count_regressions=0,
        other_costs=[_process(*each) for each in PROCESSES],
        pauses=_pauses(name, dice),
        kafka_bytes=TopicBytes(input=31_400_000, aggregates=5_250_000, dead_letter=17_000),
        waterfall=make_waterfall(samples_ms, dice.getrandbits(32)),
        series=make_series(median_ms, cores, dice),
    )


@cache
def _trials(name: str, median_ms: float, cores: float, seed: int, trials: int) -> list[TrialResult]:
    return [make_trial(name, median_ms, cores, seed=seed, number=number) for number in range(1, trials + 1)]


def make_engine(name: str, median_ms: float, cores: float = 0.5, *, seed: int = 1, trials: int = 1) -> EngineResult:
    """An engine that passed in all of its `trials`, which differ by a few percent."""
    return make_engine_of(name, [each.model_copy() for each in _trials(name, median_ms, cores, seed, trials)])


def make_engine_of(name: str, trials: list[TrialResult]) -> EngineResult:
    """The engine that did these `trials`."""
    config = {"parallelism": 2, "table": {"exec.mini-batch.enabled": True, "exec.mini-batch.size": 5000}}
    return pool(name, "1.0.0", config, trials)


def changed(engine: EngineResult, **fields: object) -> EngineResult:
    """The same engine with `fields` of it changed, or of all its trials where they are a trial's."""
    of_trials = {name: value for name, value in fields.items() if name in TrialResult.model_fields}
    trials = [trial.model_copy(update=of_trials) for trial in engine.trials]
    of_engine = {name: value for name, value in fields.items() if name not in of_trials}
    return pool(engine.name, engine.version, engine.config, trials).model_copy(update=of_engine)


def directly(result: Result) -> Result:
    """The same run by the direct route: no aggregates topic, no Redis writer, one hop less."""
    engines = [
        changed(
            engine,
            waterfall=make_waterfall([18.0 + at / 100 for at in range(500)], is_direct=True),
            kafka_bytes=TopicBytes(input=31_400_000, dead_letter=17_000),
            other_costs=[_process(*each) for each in PROCESSES if each[0] != "redis writer"],
        )
        for engine in result.engines
    ]
    return result.model_copy(update={"engines": engines, "scenario": result.scenario | {"route": "direct"}})


def make_truth() -> Truth:
    """A truth whose load began 40 s into one minute and ended 0 s into another."""
    minutes = {EPOCH_S: 20, EPOCH_S + 60: 60}
    volumes = [
        OperatorVolume(minute_s=minute_s, operator=operator, records=round(RATE_PER_S * seconds * share))
        for minute_s, seconds in minutes.items()
        for operator, share in OPERATORS.items()
    ]
    return Truth(
        engine="spark 4.2.0",
        archive_objects=14,
        archive_sha256="9f" * 32,
        records=RATE_PER_S * (WARM_UP_S + MEASURED_S),
        malformed=480,
        cells=41_200,
        agrees_with_seed=True,
        operator_volume=volumes,
    )


def make_environment() -> Environment:
    """A host on which `ringbench calibrate` has been run, and passed."""
    return Environment(
        host="2f6c0a91d4be",
        cpu_model="Example CPU",
        cpu_count=2,
        memory_bytes=24 * 2**30,
        operating_system="Debian GNU/Linux 12",
        kernel="6.1",
        python="3.11.7",
        java="21.0.8",
        ringbench="0.1.0",
        commit="48cbd08",
        services={"kafka": "4.2.0", "redis": "7.0.15", "s3": "moto 5.2"},
        calibration=CalibrationSummary(
            calibrated_at="2025-10-08T17:02:44+00:00",
            commit="48cbd08",
            passed=True,
            rate_records_per_s=6000,
            floor_ms_p50=2.31,
            floor_ms_p99=6.87,
            error_ms_max=0.42,
        ),
    )


def make_result(
    *, invalid_reasons: Sequence[str] = (), engines: Sequence[EngineResult] | None = None, trials: int = 1
) -> Result:
    """A run of `engines`, valid unless there are `invalid_reasons`; its trials take turns, block by block.

    Unless given, the engines are the baseline, Flink and Spark, with `trials` trials each.
    """
    ran = _in_turn(_usual(trials) if engines is None else list(engines))
    return Result(
        run_id="20251009-085320-smoke",
        valid=not invalid_reasons,
        invalid_reasons=list(invalid_reasons),
        started_at="2025-10-09T08:53:20Z",
        finished_at="2025-10-09T08:59:02Z",
        command=["ringbench", "run", "smoke", "--seed", "42"],
        scenario={"name": "smoke", "seed": 42, "load": {"rate_records_per_s": RATE_PER_S, "profile": "constant"}},
        environment=make_environment(),
        truth=make_truth(),
        engines=ran,
        comparison=compare_engines(ran) if len(ran) > 1 and not invalid_reasons else None,
    )


def _usual(trials: int) -> list[EngineResult]:
    return [
        make_engine("baseline", 6, 0.11, trials=trials),
        make_engine("flink", 18, 0.62, trials=trials),
        make_engine("spark", 403, 0.81, trials=trials),
    ]


def _in_turn(engines: list[EngineResult]) -> list[EngineResult]:
    """The engines with their trials numbered as a run does them: all in each block, forwards and backwards in turn."""
    places = [(trial.block, place) for place, engine in enumerate(engines) for trial in engine.trials]
    order = sorted(places, key=lambda each: (each[0], each[1] if each[0] % 2 else -each[1]))
    return [
        engine.model_copy(
            update={
                "trials": [
                    trial.model_copy(update={"number": 1 + order.index((trial.block, place))})
                    for trial in engine.trials
                ]
            }
        )
        for place, engine in enumerate(engines)
    ]


def _cost(cores: float) -> Cost:
    return Cost(
        records=RATE_PER_S * MEASURED_S,
        cpu_s_per_million_records=1e6 * cores / RATE_PER_S,
        cpu_user_s=0.9 * cores * MEASURED_S,
        cpu_system_s=0.1 * cores * MEASURED_S,
        rss_bytes_peak=round(600 * 2**20 * (0.1 + cores)),
    )


def _generator(dice: random.Random) -> GeneratorFigures:
    errors_ms = sorted(dice.lognormvariate(math.log(0.31), 0.8) for _ in range(500))
    return GeneratorFigures(
        schedule_error_ms_p50=errors_ms[249],
        schedule_error_ms_p99=errors_ms[494],
        schedule_error_ms_max=errors_ms[-1],
        schedule_error_histogram=encode(errors_ms),
        sent_records=RATE_PER_S * (WARM_UP_S + MEASURED_S),
        acked_records=RATE_PER_S * (WARM_UP_S + MEASURED_S),
        failed_records=0,
    )


def _process(name: str, role: str, cores: float, rss_mib: int) -> ProcessCost:
    return ProcessCost(
        name=name,
        role=role,
        cpu_cores=cores,
        cpu_user_s=0.8 * cores * MEASURED_S,
        cpu_system_s=0.2 * cores * MEASURED_S,
        rss_bytes_peak=rss_mib * 2**20,
    )


def _pauses(name: str, dice: random.Random) -> list[Pauses]:
    found = []
    for process in ["engine"] * (name in JVM_ENGINES) + ["kafka"]:
        lengths_ms = [dice.uniform(1.5, 14) for _ in range(dice.randrange(8, 15))]
        found.append(Pauses(process=process, count=len(lengths_ms), total_ms=sum(lengths_ms), max_ms=max(lengths_ms)))
    return found


def _example(expected: int | None, observed: int | None) -> CellExample:
    return CellExample(
        window_s=EPOCH_S + 7, location="06037", operator="Verizon", type="call", expected=expected, observed=observed
    )
