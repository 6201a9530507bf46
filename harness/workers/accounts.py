"""What workers have measured, as they tell it when they end."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class ProbeAccount(BaseModel):
    """What the probe saw of the counts, or of the answers to another query, in Redis; saved as ``probe.json``.

    Attributes:
        updates: how many updates it saw.
        last_visible_ms: when it saw the last one that changed anything, on Redis's wall clock; 0 if none did.
        taken_ms, now_ms: until when updates had been taken, and when this was told, on the wall clock.
        visible_records, surplus_records: in the counts, of what was sent and beyond it.
        latency_ms_p50, latency_ms_p99: of the newest window; None if there is none.
        unknown_cells: updates of cells that there are not.
        count_regressions, lowered: how many updates lowered a count, and the first of them in words.
        warmup, latencies: of records due in the warm-up and in the measured time, as `Durations.as_json` has them; None
            for other queries.
        sustained_records: due in the measured time, and visible in it.
        slot_s, slot_means_ms: the length of slots, and the mean latency of records due in each; slot 0 starts the
            measured time.
        by_step: (step of `STEP_MS` after the start of the load, records that became visible in it).
        by_second: by second after the start of the load: records that became visible in it, and their latency's p50 and
            p99 in milliseconds; None for other queries.
        answers: how many answers there are to another query.
        seen: by answer: when it became what it is, on Redis's wall clock, and how often it had changed.
    """

    model_config = ConfigDict(extra="forbid")

    updates: int = 0
    last_visible_ms: int = 0
    taken_ms: int = 0
    now_ms: int = 0
    visible_records: int = 0
    surplus_records: int = 0
    latency_ms_p50: float | None = None
    latency_ms_p99: float | None = None
    unknown_cells: int = 0
    count_regressions: int = 0
    lowered: list[str] = []
    warmup: dict[str, Any] | None = None
    latencies: dict[str, Any] | None = None
    sustained_records: int = 0
    slot_s: int | None = None
    slot_means_ms: dict[int, float] = {}
    by_step: list[tuple[int, int]] = []
    by_second: dict[int, tuple[int, float | None, float | None]] | None = None
    answers: int = 0
    seen: dict[str, tuple[int, int]] = {}


class ProbePart(BaseModel):
    """What one of several probes saw of its share of the cells, and what their accounts are put together by.

    Attributes:
        account: its own; quantiles by second are not in it.
        slots: by slot of the intended time: records, and the sum of their latencies in nanoseconds.
        seconds: by second of becoming visible: the encoded distribution of latencies.
    """

    model_config = ConfigDict(extra="forbid")

    account: ProbeAccount
    slots: dict[int, tuple[int, int]] = {}
    seconds: dict[int, str] = {}


class GeneratorAccount(BaseModel):
    """What the generator, or all of them together, told in the end; of its ``stopped`` event, what a trial needs.

    Attributes:
        sent_records, acked_records, failed_records: handed to the client, taken by the broker, and given up.
        schedule_error_ms_p50, schedule_error_ms_p99, schedule_error_ms_max: how late records were sent; quantiles are
            None if nothing was sent.
        schedule_error_histogram: all of them, encoded.
    """

    sent_records: int
    acked_records: int
    failed_records: int
    schedule_error_ms_p50: float | None
    schedule_error_ms_p99: float | None
    schedule_error_ms_max: float
    schedule_error_histogram: str
