"""What a calibration finds: the truth of each injected fault beside what the harness reported of it."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from harness.results.part import Missing, ResultPart, save_whole
from harness.results.result import CalibrationSummary, Environment

SCHEMA_VERSION = 1
#: The case without any delay.
FLOOR = "floor"
#: A reported percentile may be off by this, and by this share of the true one.
ALLOWED_MS, ALLOWED_SHARE = 2.0, 0.02


class PercentileRow(ResultPart):
    """One percentile: injected by the engine, plus the floor of the path behind it, against the reported one."""

    percentile: str
    injected_ms: float = Field(description="when the engine let go of a record, less its intended send time")
    after_ms: float = Field(description="the same with each record's own floor added: visible after this")
    by_ms: float = Field(description="and visible by this")
    reported_ms: float = Field(description="what the harness reports")
    low_ms: float | None = Field(None, description="where it reports bounds, the lower one")
    high_ms: float | None = Field(None, description="and the upper one")
    error_ms: float = Field(
        description="by how much the reported percentile, or the reported bounds, are outside what is possible"
    )
    allowed_ms: float
    passed: bool


class CountRow(ResultPart):
    """A number of records injected, and the number reported of them."""

    what: str
    injected: int
    reported: int
    passed: bool


class StallRow(ResultPart):
    """Records due early enough in a stall to wait at least `latency_ms`, and records reported to have done so."""

    latency_ms: float
    due_records: int
    reported_records: int
    passed: bool


class CaseResult(ResultPart):
    """One case of a calibration."""

    name: str
    description: str
    exact_quantiles: bool = Field(
        description="whether matching is exact here; if not, only the mean is held to 2 ms + 2 %"
    )
    passed: bool
    reasons: list[str] = Field(description="why not; empty if it passed")
    floor_ms_p50: float | None = Field(description="from the engine's letting go to Redis's answer")
    floor_ms_p99: float | None
    percentiles: list[PercentileRow] = Field([])
    counts: list[CountRow] = Field([])
    stalls: list[StallRow] = Field([])
    true_histogram: str | None = Field(None, description="of the latencies by which records were visible")
    reported_histogram: str | None = None


class Calibration(ResultPart):
    """All cases, in ``runs/CALIBRATION_ID/calibration.json``."""

    schema_version: int = SCHEMA_VERSION
    calibration_id: str
    started_at: str = Field(description="ISO 8601, UTC")
    finished_at: str
    command: list[str]
    rate_records_per_s: int
    duration_s: int
    passed: bool
    environment: Environment
    cases: list[CaseResult]
    missing: Missing | None = Field(None, description="what did not take place, and why; null if nothing is missing")


def allowed_ms(true_ms: float) -> float:
    """By how much a reported percentile may be off, if it is truly `true_ms`."""
    return ALLOWED_MS + ALLOWED_SHARE * true_ms


def summarise(calibration: Calibration) -> CalibrationSummary | None:
    """What the fingerprint of later runs says of `calibration`; None if the case without any delay broke off."""
    rows = [row for case in calibration.cases if case.name == FLOOR for row in case.percentiles]
    by_name = {row.percentile: row.reported_ms for row in rows}
    if not by_name:
        return None
    return CalibrationSummary(
        calibrated_at=calibration.finished_at,
        commit=calibration.environment.commit,
        rate_records_per_s=calibration.rate_records_per_s,
        passed=calibration.passed,
        floor_ms_p50=by_name["p50"],
        floor_ms_p99=by_name["p99"],
        error_ms_max=max(
            abs(row.error_ms) for case in calibration.cases if case.exact_quantiles for row in case.percentiles
        ),
    )


def save_calibration_result(calibration: Calibration, directory: Path) -> Path:
    """Write ``calibration.json`` in `directory`; the file appears whole or not at all. Returns its path."""
    return save_whole(calibration, directory / "calibration.json")
