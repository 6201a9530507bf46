"""Synthetic results for tests: three engines of known behaviour, nothing measured."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from hdrh.histogram import HdrHistogram

from harness.result import (
    CellExample,
    Correctness,
    Cost,
    DeadLetters,
    EngineResult,
    Environment,
    Examples,
    Generator,
    Latency,
    OperatorVolume,
    ProcessCost,
    Result,
    Sample,
    Throughput,
    Truth,
    Verdict,
)

RATE_PER_S = 6000
WARM_UP_S, MEASURED_S = 20, 60
EPOCH_S = 1_760_000_000 - 1_760_000_000 % 60
OPERATORS = {"AT&T": 0.36, "Verizon": 0.31, "T-Mobile": 0.24, "US Cellular": 0.06, "Cricket": 0.03}


def encode(samples_ms: Sequence[float]) -> str:
    """An HdrHistogram of `samples_ms`, as a result holds it."""
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    for sample_ms in samples_ms:
        histogram.record_value(round(sample_ms * 1000))
    return str(histogram.encode().decode())


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


def make_engine(name: str, median_ms: float, cores: float = 0.5, *, seed: int = 1) -> EngineResult:
    """An engine that passed, with log-normal latencies about `median_ms`."""
    dice = random.Random(f"{name} {seed}")
    samples_ms = [max(0.2, dice.lognormvariate(math.log(median_ms), 0.35)) for _ in range(20_000)]
    return EngineResult(
        name=name,
        version="1.0.0",
        verdict=Verdict.PASS,
        reasons=[],
        config={"parallelism": 2, "table": {"exec.mini-batch.enabled": True, "exec.mini-batch.size": 5000}},
        startup_s=median_ms / 30,
        drain_s=median_ms / 400,
        correctness=make_correctness(),
        latency_ms=make_latency(samples_ms),
        throughput_records_per_s=Throughput(offered=RATE_PER_S, sustained=RATE_PER_S - 0.4),
        cost=Cost(
            cpu_s_per_million_records=1e6 * cores / RATE_PER_S,
            cpu_user_s=0.9 * cores * MEASURED_S,
            cpu_system_s=0.1 * cores * MEASURED_S,
            rss_bytes_peak=round(600 * 2**20 * (0.1 + cores)),
        ),
        generator=Generator(
            schedule_error_ms_p50=0.31,
            schedule_error_ms_p99=1.94,
            schedule_error_ms_max=7.2,
            sent_records=RATE_PER_S * (WARM_UP_S + MEASURED_S),
            acked_records=RATE_PER_S * (WARM_UP_S + MEASURED_S),
            failed_records=0,
        ),
        updates=116_204,
        count_regressions=0,
        other_costs=[
            ProcessCost(name="kafka", cpu_user_s=9.1, cpu_system_s=2.2, rss_bytes_peak=640 * 2**20),
            ProcessCost(name="redis", cpu_user_s=4.0, cpu_system_s=1.1, rss_bytes_peak=48 * 2**20),
            ProcessCost(name="generator", cpu_user_s=5.5, cpu_system_s=0.9, rss_bytes_peak=90 * 2**20),
        ],
        series=make_series(median_ms, cores, dice),
    )


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


def make_result(*, invalid_reasons: Sequence[str] = (), engines: Sequence[EngineResult] | None = None) -> Result:
    """A run of `engines` (the baseline, Flink and Spark unless given), valid unless there are `invalid_reasons`."""
    usual = [make_engine("baseline", 6, 0.11), make_engine("flink", 18, 0.62), make_engine("spark", 403, 0.81)]
    return Result(
        run_id="20251009-085320-smoke",
        valid=not invalid_reasons,
        invalid_reasons=list(invalid_reasons),
        started_at="2025-10-09T08:53:20Z",
        finished_at="2025-10-09T08:59:02Z",
        command=["ringbench", "run", "smoke", "--seed", "42"],
        scenario={"name": "smoke", "seed": 42, "load": {"rate_records_per_s": RATE_PER_S, "profile": "constant"}},
        environment=Environment(
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
        ),
        truth=make_truth(),
        engines=list(usual if engines is None else engines),
    )


def _example(expected: int | None, observed: int | None) -> CellExample:
    return CellExample(
        window_s=EPOCH_S + 7, location="06037", operator="Verizon", type="call", expected=expected, observed=observed
    )
