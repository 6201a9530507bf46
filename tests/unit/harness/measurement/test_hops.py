"""The latency waterfall adds up exactly, whatever the engine does; each hop gets its own time."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.contract.aggregate import encode_key
from harness.measurement.hops import BANDS, HOPS, counted_ahead, emitted_ms, moments, waterfall
from harness.measurement.trajectory import NEVER
from workloads.cells import cell_of
from workloads.sample import slot_length_s, waterfall_records, waterfall_seconds
from workloads.workload import Workload, WorkloadSpecification

WORKLOAD = Workload(
    WorkloadSpecification(
        seed=4, rate_records_per_s=500, warmup_s=2, duration_s=3, partitions=2, malformed_per_million=20_000
    )
)
EPOCH_S = WORKLOAD.specification.epoch_s
ANCHOR_NS = 1_800_000_000_123_456_789
ANCHOR_MS = ANCHOR_NS / 1e6
INDEXES = waterfall_records(WORKLOAD)
OFFSETS_MS = WORKLOAD.offsets_ns(0, WORKLOAD.total_records)[INDEXES] / 1e6


class Message:
    """A message as the Kafka client gives it, as far as it is asked."""

    def __init__(self, key: bytes | None, value: bytes | None, at_ms: int) -> None:
        self._key, self._value, self._at_ms = key, value, at_ms

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def timestamp(self) -> tuple[int, int]:
        return 2, self._at_ms


def _counts_at(times_ms: NDArray[np.int64]) -> list[Any]:
    """The messages of an engine that takes the records in order and emits each one's count at its time."""
    columns = WORKLOAD.columns(0, WORKLOAD.total_records)
    counts: dict[tuple[int, int], int] = {}
    messages = []
    for index in np.flatnonzero(~columns.malformed).tolist():
        key = int(columns.windows_s[index]), int(columns.cells[index])
        counts[key] = counts.get(key, 0) + 1
        messages.append(Message(encode_key(cell_of(*key)), b"%d" % counts[key], int(times_ms[index])))
    return messages


def _well_formed() -> NDArray[np.bool_]:
    return ~WORKLOAD.columns(0, WORKLOAD.total_records).malformed[INDEXES]


def test_every_record_of_the_measured_time_is_taken_apart_and_none_of_the_warmup() -> None:
    assert list(waterfall_seconds(WORKLOAD)) == [2, 3, 4]
    assert INDEXES.tolist() == list(range(1000, 2500))


def test_of_a_long_run_whole_seconds_are_taken_apart_up_to_a_limit() -> None:
    assert list(waterfall_seconds(WORKLOAD, limit_records=700)) == [2]
    assert list(waterfall_seconds(WORKLOAD, limit_records=800)) == [2, 4]
    assert len(waterfall_records(WORKLOAD, limit_records=800)) == 1000


@pytest.mark.parametrize(("duration_s", "slot_s"), [(1, 1), (600, 1), (601, 2), (86_400, 144)])
def test_there_are_never_more_than_600_slots(duration_s: int, slot_s: int) -> None:
    assert slot_length_s(duration_s) == slot_s


def test_when_the_engine_emitted_is_read_from_the_counts() -> None:
    times_ms = np.arange(WORKLOAD.total_records, dtype=np.int64) + 5_000_000
    found = emitted_ms(WORKLOAD, _counts_at(times_ms))
    assert np.array_equal(found[_well_formed()], times_ms[INDEXES][_well_formed()])
    assert (found[~_well_formed()] == NEVER).all()


def test_messages_that_are_none_are_passed_over() -> None:
    key = encode_key(cell_of(EPOCH_S + 2, 5))
    bad = [(None, b"1"), (key, None), (key, b"x"), (b"a|b", b"1"), (b"|06037|AT&T|call", b"1"), (b"9|9|9|9", b"1")]
    assert (emitted_ms(WORKLOAD, [Message(*each, 7) for each in bad]) == NEVER).all()  # type: ignore[misc]


def test_counts_that_come_before_the_broker_has_what_they_count_are_found_and_named() -> None:
    appended_ms = np.round(ANCHOR_MS + OFFSETS_MS).astype(np.int64)
    shown_ms = np.where(_well_formed(), appended_ms + 20, NEVER)
    early = np.flatnonzero(_well_formed())[[3, 50, 51, 90]]
    assert counted_ahead(WORKLOAD, appended_ms, shown_ms) is None
    shown_ms[early] -= [120, 30, 22, 21]  # the last is within what the clock resolves
    found = counted_ahead(WORKLOAD, appended_ms, shown_ms)
    assert found and found.records == 3
    columns = WORKLOAD.columns(int(INDEXES[early[0]]), int(INDEXES[early[0]]) + 1)
    cell = cell_of(int(columns.windows_s[0]), int(columns.cells[0]))
    assert found.examples[0] == (
        f"second {cell.window_s}, {cell.location}|{cell.operator}|{cell.type}: 100 ms too early"
    )
    assert [each.rpartition(": ")[2] for each in found.examples] == [f"{by} ms too early" for by in (100, 10, 2)]


def test_what_the_broker_never_had_or_no_count_showed_is_not_ahead() -> None:
    never = np.full(len(INDEXES), NEVER, dtype=np.int64)
    times_ms = np.round(ANCHOR_MS + OFFSETS_MS).astype(np.int64)
    assert counted_ahead(WORKLOAD, never, times_ms) is None
    assert counted_ahead(WORKLOAD, times_ms, never) is None


def _waterfall(send_ms: float, append_ms: float, engine_ms: float, sink_ms: float, *, is_direct: bool = False) -> Any:
    appended = np.round(ANCHOR_MS + OFFSETS_MS + send_ms + append_ms).astype(np.int64)
    emitted = np.where(_well_formed(), appended + int(engine_ms), NEVER)
    return waterfall(
        moments(
            WORKLOAD,
            ANCHOR_NS,
            errors_ns=np.full(len(INDEXES), int(send_ms * 1e6)),
            appended_ms=appended,
            emitted_ms=None if is_direct else emitted,
            visible_ms=np.where(_well_formed(), emitted + int(sink_ms), NEVER),
        )
    )


def test_each_hop_gets_its_own_time() -> None:
    found = _waterfall(1, 5, 40, 3)
    assert found.records == _well_formed().sum()
    assert [hop.name for hop in found.hops] == list(HOPS)
    # The broker tells milliseconds.
    assert [hop.mean_ms for hop in found.hops] == pytest.approx([1, 5, 40, 3], abs=0.5)
    assert [hop.p99_ms for hop in found.hops] == pytest.approx([1, 5, 40, 3], abs=0.6)
    assert [hop.negative_count for hop in found.hops] == [0, 0, 0, 0]


def test_without_an_aggregates_topic_the_engines_hop_ends_in_redis() -> None:
    found = _waterfall(1, 5, 40, 3, is_direct=True)
    assert found.records == _well_formed().sum()
    assert [hop.name for hop in found.hops] == ["send", "append", "engine"]
    assert [hop.mean_ms for hop in found.hops] == pytest.approx([1, 5, 43], abs=0.5)
    for band in found.bands:
        assert sum(band.hops_ms.values()) == pytest.approx(band.latency_ms, abs=1e-6), band.name


def test_hops_before_their_cause_are_counted_and_kept() -> None:
    found = _waterfall(1, 5, -40, 3)
    assert found.hops[2].negative_count == found.records
    assert found.hops[2].mean_ms == pytest.approx(-40)


@pytest.mark.parametrize("seed", range(5))
def test_the_hops_add_up_to_the_latency_in_every_band(seed: int) -> None:
    random = np.random.default_rng(seed)

    def later(times_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        return times_ms + random.pareto(1.5, len(times_ms)).astype(np.int64)

    errors_ns = random.integers(0, 10**9, len(INDEXES))
    appended = later((ANCHOR_NS // 10**6 + OFFSETS_MS + errors_ns / 1e6).astype(np.int64))
    emitted = later(appended) - random.integers(0, 3, len(INDEXES))
    visible = later(emitted)
    found = waterfall(
        moments(WORKLOAD, ANCHOR_NS, errors_ns=errors_ns, appended_ms=appended, emitted_ms=emitted, visible_ms=visible)
    )
    assert found is not None
    latencies_ms = visible - ANCHOR_NS // 10**6 - 0.456789 - OFFSETS_MS
    assert found.bands[0].latency_ms == pytest.approx(latencies_ms.mean(), abs=1e-3)
    assert sum(hop.mean_ms for hop in found.hops) == pytest.approx(latencies_ms.mean(), abs=1e-3)
    assert [band.name for band in found.bands] == [name for name, _, _ in BANDS]
    for band in found.bands:
        assert sum(band.hops_ms.values()) == pytest.approx(band.latency_ms, abs=1e-6), band.name
    slowest = np.sort(latencies_ms)[int(0.99 * len(latencies_ms)) :]
    assert found.bands[-1].latency_ms == pytest.approx(slowest.mean(), abs=1e-3)


def test_without_a_complete_record_there_is_no_waterfall() -> None:
    nothing = np.full(len(INDEXES), NEVER)
    times = dict.fromkeys(("appended_ms", "emitted_ms", "visible_ms"), nothing)
    assert waterfall(moments(WORKLOAD, ANCHOR_NS, errors_ns=nothing, **times)) is None
