"""What fault injection found, as it stands in ``result.json``. Times are in seconds, 0 where measuring began."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.results.part import ResultPart

#: `pass`: 0 lost and 0 miscounted records.
Verdict = Literal["pass", "fail", "unknown", "not applicable"]


class PlannedFault(ResultPart):
    """A fault of the plan, which follows from the seed alone, but for whom it is not for."""

    trial: int = Field(description="the number of the plan's trial, from 1")
    fault: str
    at_s: float = Field(description="in `chaos` the earliest, because it waits for the recovery from the one before")
    duration_s: float = Field(description="of an operation, the longest that the engine may take to stop")
    not_for: list[str] = Field([], description="engines of the run that have not got what it harms")
    operation: bool = Field(False, description="whether it is planned work on the engine, and no accident")
    parallelism: int | None = Field(None, description="of the engine after an operation; null: as before")
    changes: dict[str, str] = Field({}, description="by engine: what an operation changes, in words")
    why_not: dict[str, str] = Field({}, description="of each engine in `not_for`, the reason")


class RestartNote(ResultPart):
    """A process that died and was started again."""

    process: str
    reason: str
    died_s: float = Field(description="when it was seen dead")
    started_s: float | None = Field(description="when it was started again; null if it was not")
    ready_s: float | None
    planned: bool = Field(False, description="whether it was stopped on purpose, by an operation")


class WrongCell(ResultPart):
    """A cell whose count is not the expected one; a count is null where the cell does not exist."""

    window_s: int
    location: str
    operator: str
    type: str
    expected: int | None
    observed: int | None


class FaultOutcome(ResultPart):
    """What came of one fault in one trial.

    Records are put down to the last fault that had begun when they were due; records due before all faults, to the
    first. The sums are the trial's.
    """

    engine: str
    trial: str = Field(description="label of the trial")
    fault: str
    operation: bool = Field(False, description="whether it is planned work on the engine, and no accident")
    changed: str | None = Field(None, description="what an operation changed, in words; null: nothing")
    description: str
    verdict: Verdict = Field(
        description="`pass`: 0 lost and 0 miscounted records; `unknown`, too, if the fault did nothing"
    )
    reasons: list[str]
    started_s: float | None = Field(description="null if the trial ended before it, or it is not applicable")
    healed_s: float | None
    detect_s: float | None = Field(description="to the lag's leaving what is normal, or a death; null: never")
    recover_s: float | None = Field(
        description="from the heal until it stays in the engine's own band; null: not before next fault or end of load"
    )
    recovered: bool | None = Field(
        None, description="whether it was back in the common band before the next fault or the load's end"
    )
    common_recover_s: float | None = Field(None, description="from the heal until it stays in the common band")
    excess_lag_record_s: float | None = Field(
        None, description="from the fault until the recovery: the integral over time of the lag above the common band"
    )
    worst_staleness_s: float | None = Field(description="greatest time in which nothing became visible")
    reread_records: int | None = Field(
        None,
        description="of an operation: records that the stopped process had read, and the started one read again; null: "
        "not told, or the engine was also started again by others",
    )
    lost_records: int | None
    surplus_records: int | None
    wrong_cells: list[WrongCell] = Field([], description="up to ten")
    restarts: list[RestartNote] = Field([])


class ControlBand(ResultPart):
    """What is normal: by a trial without faults in `chaos`, else by the trial itself before its first fault.

    That is the engine's own band.
    """

    engine: str
    trial: str
    lag_records: float = Field(description="upper end of the band")
    latency_ms_p99: float = Field(description="upper end of the band, for each second")
    worst_staleness_s: float
    beyond_common_band_share: float | None = Field(
        None, description="share of the time in which what is normal was beyond the common band"
    )


class Resilience(ResultPart):
    """All faults of a run, and the controls beside them."""

    seed: int = Field(description="of the plan")
    common_band_s: float | None = Field(
        None,
        description="the band of all engines: a lag of what was due in so long a time, and a p99 of a second as long",
    )
    recover_within_s: float | None = Field(
        None, description="how long each fault waited for the recovery from the last one at the most; null: it did not"
    )
    plan: list[PlannedFault]
    controls: list[ControlBand]
    faults: list[FaultOutcome]
    repeated_dead_letters: dict[str, int] = Field(
        description="by trial with a restart of the engine or its tasks: dead letters written again, as is allowed"
    )
