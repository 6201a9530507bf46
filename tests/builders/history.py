"""Summaries of runs whose figures are known, for tests of many results."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.history.series import Run
from harness.results.correctness import Verdict
from harness.results.history import ContestantSummary, Noise, RunSummary

P99, THROUGHPUT = "latency_ms_p99", "throughput_records_per_s_sustained"
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def summary(day: int, value: float, *, figure: str = P99, name: str = "flink", not_counted: str = "") -> RunSummary:
    """The run of a day, with one contestant and one trial."""
    contestant = ContestantSummary(
        name=name,
        engine=name,
        version="1.0.0",
        verdict=Verdict.PASS,
        settings={},
        not_counted=not_counted,
        noise=Noise(stolen_share=0.01, foreign_share=0.02, cpu_pressure_share=None),
        figures={figure: [value]},
        intervals={},
    )
    return RunSummary(
        run_id=f"run-{day:04}",
        started_at=FIRST_DAY + timedelta(days=day),
        valid=not not_counted,
        commit=f"{day:07x}",
        scenario="nightly",
        workload={"seed": "42"},
        mode={"route": "kafka"},
        host={"host": "2f6c", "cpu_model": "Example CPU", "cpu_count": "2"},
        memory_bytes=24 << 30,
        software={"kernel": "6.1"},
        contestants=[contestant],
    )


def runs_of(values: Sequence[float], *, figure: str = P99) -> list[Run]:
    """A run a day."""
    return [
        Run(Path(f"/runs/run-{day:04}/result.json"), summary(day, value, figure=figure))
        for day, value in enumerate(values)
    ]
