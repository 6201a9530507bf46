"""Shards of a stream: which there are, when they start, what they come to together, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from harness.console.progress import ConsoleWatcher
from harness.errors import RingbenchError, ServiceError, UsageError
from harness.experiments.sharding import sending
from harness.experiments.sharding.sending import GenerateOptions, exit_code, generate
from harness.experiments.sharding.shard import (
    Shard,
    load_shard,
    merge,
    parse_shard,
    parse_start,
    problems,
    stream_digest,
)
from harness.measurement.clock_offset import MESSAGE
from harness.numerics.durations import Durations, decode, encode
from harness.results.shards import ClockOffset, MergedShards, Sent, ShardResult, Stream, save_merged, save_shard
from harness.scenarios.loading import load_scenario
from reports.documents.shards import merged_table, shard_table
from workloads.workload import Workload, WorkloadSpecification

STREAM = Stream(
    scenario="small",
    seed=7,
    digest="d1",
    start_ns=1_767_225_600_000_000_000,
    shards=3,
    topic="cdr",
    kafka_cluster="c",
    total_records=3000,
    total_s=10,
    schedule_error_limit_ms=50.0,
)
CLOCK_STEP_LIMIT_MS = 10.0


def _clock(offset_ms: float, bound_ms: float = 0.5) -> ClockOffset:
    return ClockOffset(offset_ms=offset_ms, bound_ms=bound_ms, exchanges=30, round_trip_ms_min=2 * bound_ms)


def _sent(errors_ms: list[float], **changes: Any) -> Sent:
    errors = Durations()
    errors.record_ns(np.array([each * 1e6 for each in errors_ms], dtype=np.int64))
    fields = {
        "sent_records": 1000,
        "acked_records": 1000,
        "failed_records": 0,
        "arrived_records": 1000,
        "sent_by_second": [100] * 10,
        "schedule_error_ms_p50": float(np.median(errors_ms)),
        "schedule_error_ms_p99": max(errors_ms),
        "schedule_error_ms_max": max(errors_ms),
        "schedule_error_histogram": encode(errors.to_histogram()),
    }
    return Sent(**(fields | changes))


def _shard(number: int, *, errors_ms: list[float] | None = None, offset_ms: float = 0.0, **changes: Any) -> ShardResult:
    fields: dict[str, Any] = {
        "stream": STREAM,
        "shard": number,
        "processes": 1,
        "partitions": [number - 1],
        "host": f"host{number}",
        "command": ["ringbench", "generate"],
        "complete": True,
        "start_late_ms": 0.0,
        "clock_before": _clock(offset_ms),
        "clock_after": _clock(offset_ms),
        "clock_step_ms": 0.1,
        "sent": _sent(errors_ms or [1.0, 2.0]),
    }
    result = ShardResult(**(fields | changes), valid=True, invalid_reasons=[])
    reasons = problems(result, CLOCK_STEP_LIMIT_MS)
    return result.model_copy(update={"valid": not reasons, "invalid_reasons": reasons})


def _merge(*results: ShardResult, clock_limit_ms: float = 50.0) -> MergedShards:
    return merge({Path(f"{number}.json"): each for number, each in enumerate(results)}, clock_limit_ms)


def test_shards_divide_the_partitions() -> None:
    shards = [parse_shard(f"{number}/3", processes=2) for number in (1, 2, 3)]
    found = [shard.partitions(13) for shard in shards]
    assert found == [[0, 1, 6, 7, 12], [2, 3, 8, 9], [4, 5, 10, 11]]
    assert (shards[1].first_process, shards[1].all_processes) == (2, 6)


def test_more_processes_than_partitions_are_refused() -> None:
    with pytest.raises(UsageError, match=r"3 shards of 2 processes each need 6 partitions .* has 5"):
        Shard(1, 3, 2).partitions(5)


@pytest.mark.parametrize("text", ["", "2", "0/3", "4/3", "1/0", "-1/3", "a/b", "1/3/5", "1.0/3"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--shard") as caught:
        parse_shard(text)
    assert "--shard 2/8" in caught.value.fix


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00:00Z", "2026-01-01T01:30:00+01:30", "2025-12-31 16:00:00-08:00", "1767225600"]
)
def test_a_start_means_the_same_everywhere(text: str) -> None:
    assert parse_start(text) == 1_767_225_600_000_000_000


def test_a_start_may_have_fractions_of_a_second() -> None:
    assert parse_start("2026-01-01T00:00:00.250001Z") == 1_767_225_600_250_001_000


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00", "noon", "12", ""])
def test_a_start_that_is_ambiguous_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--start-at") as caught:
        parse_start(text)
    assert "2026-05-01T12:00:00Z" in caught.value.fix


def test_the_digest_is_of_all_that_decides_what_is_sent_by_whom() -> None:
    specification = WorkloadSpecification(seed=7, rate_records_per_s=100, warmup_s=1, duration_s=2, partitions=4)
    digest = stream_digest(Workload(specification), 1)
    assert digest == stream_digest(Workload(specification), 1)
    others = [
        replace(specification, seed=8),
        replace(specification, partitions=5),
        replace(specification, duration_s=3),
    ]
    digests = [stream_digest(Workload(each), 1) for each in others] + [stream_digest(Workload(specification), 2)]
    assert len({digest, *digests}) == 5


def test_the_digest_is_of_the_lines_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    workload = Workload(WorkloadSpecification(seed=7, rate_records_per_s=100, warmup_s=1, duration_s=2, partitions=4))
    digest = stream_digest(workload, 1)
    monkeypatch.setattr(workload, "lines", lambda _columns: [b"as another version makes them"])
    assert stream_digest(workload, 1) != digest


def test_counts_seconds_and_errors_of_all_shards_are_put_together() -> None:
    late = _sent([40.0] * 3, sent_by_second=[100] * 9 + [50, 50])
    merged = _merge(_shard(3), _shard(1, errors_ms=[1.0] * 197), _shard(2, sent=late))
    assert merged.valid, merged.invalid_reasons
    assert merged.sent.arrived_records == merged.sent.sent_records == 3000
    assert merged.sent.sent_by_second == [300] * 9 + [250, 50]
    assert decode(merged.sent.schedule_error_histogram).get_total_count() == 2 + 197 + 3
    # Of percentiles' means, or of the worst shard's, neither would be that of all records.
    assert merged.sent.schedule_error_ms_p50 == pytest.approx(1.0, rel=1e-3)
    assert merged.sent.schedule_error_ms_p99 == pytest.approx(40.0, rel=1e-3)
    assert merged.sent.schedule_error_ms_max == 40.0
    assert [clock.shard for clock in merged.clocks] == [1, 2, 3]


@pytest.mark.parametrize(
    ("field", "value"),
    [("seed", 8), ("digest", "d2"), ("start_ns", 5), ("topic", "other"), ("kafka_cluster", "d"), ("shards", 4)],
)
def test_shards_of_another_stream_are_refused(field: str, value: Any) -> None:
    stranger = _shard(3, stream=STREAM.model_copy(update={field: value}))
    with pytest.raises(UsageError, match=rf"^2\.json: {field} is {value}, and .* in 0\.json\n"):
        _merge(_shard(1), _shard(2), stranger)


def test_a_missing_shard_is_named() -> None:
    with pytest.raises(UsageError, match=r"^of 3 shards, these are missing: 1/3, 3/3\n"):
        _merge(_shard(2))


def test_of_many_missing_shards_the_first_are_named() -> None:
    stream = _shard(1).stream.model_copy(update={"shards": 999_999})
    with pytest.raises(UsageError, match=r"missing: 2/999999, .* 21/999999 and 999,978 more"):
        _merge(_shard(1, stream=stream))


def test_a_shard_that_is_there_twice_is_named() -> None:
    with pytest.raises(UsageError, match=r"^2\.json: shard 2 is in 1\.json, too\n"):
        _merge(_shard(1), _shard(2), _shard(2), _shard(3))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"start_late_ms": 60.0}, "it was ready 60 ms after the agreed start, limit 50 ms"),
        ({"complete": False}, "it was stopped before the stream's end"),
        ({"errors_ms": [1.0, 51.0]}, "schedule error p99 51.0 ms, limit 50 ms"),
        ({"sent": _sent([1.0], acked_records=990)}, "10 records were not acknowledged"),
        ({"sent": _sent([1.0], arrived_records=1001)}, "1,000 records were sent, and 1,001 are in its partitions"),
        ({"clock_step_ms": 11.0}, "the wall clock moved by 11.0 ms, limit 10 ms"),
        ({"clock_after": None}, "its clock could not be compared with the broker's after the load"),
    ],
)
def test_one_bad_shard_makes_all_invalid(changes: dict[str, Any], reason: str) -> None:
    bad = _shard(2, **changes)
    assert (bad.valid, bad.invalid_reasons) == (False, [reason])
    assert exit_code(bad) == (3 if bad.complete else 130)
    merged = _merge(_shard(1), bad, _shard(3))
    assert not merged.valid
    assert f"shard 2: {reason}" in merged.invalid_reasons


def test_late_within_the_limit_is_no_fault() -> None:
    assert _shard(1, start_late_ms=49.0).valid


def test_records_that_no_shard_sent_make_all_invalid() -> None:
    short = _shard(2, sent=_sent([1.0], sent_records=999, acked_records=999, arrived_records=999))
    assert short.valid
    assert _merge(_shard(1), short, _shard(3)).invalid_reasons == ["2,999 records arrived, and the stream has 3,000"]


def test_clocks_that_may_be_apart_by_more_than_the_limit_make_all_invalid() -> None:
    shards = _shard(1), _shard(2, offset_ms=-30.0), _shard(3, offset_ms=18.5)
    within, beyond = _merge(*shards), _merge(*shards, clock_limit_ms=49.0)
    # From the lowest that shard 2 may be at to the highest that shard 3 may.
    assert within.clocks_apart_ms_max == pytest.approx(49.5)
    assert within.valid
    assert beyond.invalid_reasons == ["the shards' clocks may be apart by 49.5 ms, limit 49 ms"]


def test_a_clock_that_moved_between_the_comparisons_counts_with_both() -> None:
    merged = _merge(_shard(1), _shard(2, clock_after=_clock(20.0)), _shard(3))
    assert merged.clocks_apart_ms_max == pytest.approx(21.0)


def test_a_clock_that_is_known_too_vaguely_makes_all_invalid() -> None:
    vague = _clock(0.0, bound_ms=60.0)
    merged = _merge(_shard(1), _shard(2, clock_before=vague), _shard(3))
    assert merged.invalid_reasons == ["shard 2: its clock is known to 60.0 ms only, limit 50 ms"]


def test_a_single_shard_has_no_other_clock_to_be_apart_from() -> None:
    stream = STREAM.model_copy(update={"shards": 1, "total_records": 1000})
    merged = _merge(_shard(1, stream=stream, offset_ms=5000.0))
    assert merged.valid
    assert merged.clocks_apart_ms_max == 0


@pytest.mark.parametrize(("value", "is_refused"), [(b"precious", True), (b"", True), (MESSAGE, False), (None, False)])
def test_a_topic_of_somebody_elses_is_not_written_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: bytes | None, is_refused: bool
) -> None:
    class Stored:
        def value(self) -> bytes | None:
            return value

    asked: list[str] = []
    monkeypatch.setattr(sending, "check_kafka", lambda _client: None)
    monkeypatch.setattr(sending, "ensure_topic", lambda _client, topic, *_, **__: asked.append(topic))
    monkeypatch.setattr(sending, "oldest_message", lambda *_: None if value is None else Stored())

    def after(*_: object) -> None:
        raise ServiceError("the next step")

    monkeypatch.setattr(sending, "partition_bounds", after)
    options = GenerateOptions(
        bootstrap_servers="kafka:9092",
        topic="cdr",
        create_topic=False,
        shard=Shard(1, 1),
        start_ns=None,
        start_in_s=0.0,
        directory=tmp_path,
        command=[],
    )
    words = "cdr-ringbench-clock, by which clocks are compared, holds messages of somebody else's"
    with pytest.raises(RingbenchError, match=words if is_refused else "the next step"):
        generate(load_scenario("smoke", {}), options, ConsoleWatcher(Console(file=StringIO())))
    assert asked == ["cdr", "cdr-ringbench-clock"]


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    path = save_shard(_shard(2), tmp_path / "new")
    assert path.name == "shard-2-of-3.json"
    assert load_shard(path) == _shard(2)
    merged = _merge(_shard(1), _shard(2), _shard(3))
    saved = save_merged(merged, tmp_path / "new").read_text(encoding="utf-8")
    assert MergedShards.model_validate_json(saved) == merged


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_text("{}"), "no shard's result: stream: Field required"),
        (lambda path: path.write_text("x"), "no shard's result: the file: Invalid JSON"),
        (
            lambda path: path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 9')),
            "no shard's result: schema_version",
        ),
        (
            lambda path: path.write_text(path.read_text().replace('"shards": 3', f'"shards": {10**18}')),
            r"no shard's result: stream\.shards: .* less than or equal to 999999",
        ),
        (
            lambda path: path.write_text(path.read_text().replace('"seed": ', f'"seed": {"9" * 400}')),
            r"no shard's result: stream\.seed: a number beyond",
        ),
        (
            lambda path: path.write_text(path.read_text().replace('"shard"', '"shart"')),
            "no shard's result: shard",
        ),
    ],
    ids=["absent", "empty", "no JSON", "another version", "10^18 shards", "a seed of 400 digits", "another key"],
)
def test_what_is_no_shards_result_is_refused(tmp_path: Path, spoil: Callable[[Path], Any], message: str) -> None:
    path = save_shard(_shard(2), tmp_path)
    spoil(path)
    with pytest.raises(UsageError, match=message) as caught:
        load_shard(path)
    assert caught.value.message.startswith(str(path))


def test_tables_say_what_was_sent_and_what_speaks_against_it() -> None:
    bad = _shard(2, start_late_ms=1234.0)
    for table in (shard_table(bad), merged_table(_merge(_shard(1), bad, _shard(3)))):
        console = Console(file=StringIO(), width=120)
        console.print(table)
        text = console.file.getvalue()  # type: ignore[attr-defined]
        assert "INVALID" in text
        assert "it was ready 1,234 ms after the agreed start" in text
    assert "3,000" in text
