"""Duplicates and disorder: what is asked is what is sent; the classes of late records hold for every engine."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from heapq import heapify, heappop
from pathlib import Path
from random import Random

import numpy as np
import pytest

from engines.contract.aggregate import Cell
from engines.contract.record import parse
from harness.errors import ConfigurationError
from harness.evaluation.counts import compare
from harness.evaluation.ground_truth import certain_counts
from harness.measurement.trajectory import NEVER, Trajectories
from harness.scenarios.loading import load_scenario
from harness.scenarios.scenario import Scenario
from harness.workers.jobs import GeneratorJob, load_job, save_job
from tests.builders.baseline import baseline_module
from tests.builders.trajectories import tell
from workloads.cells import CELLS
from workloads.disorder import MAX_COPY_DISTANCE, Disorder
from workloads.lateness import classify
from workloads.malformed import KINDS, LONG_LINE_BYTES, Spoiler
from workloads.truth import expected_counts
from workloads.workload import Workload, WorkloadSpecification

IN_ORDER = WorkloadSpecification(seed=7, rate_records_per_s=2000, warmup_s=5, duration_s=35, partitions=4)
DISORDER = Disorder(
    shuffle_ms=500,
    late_share=0.05,
    late_delay_ms_mean=2000,
    far_late_share=0.005,
    far_late_delay_ms=25_000,
    skewed_share=0.1,
    skewed_ahead_ms=300,
)
DIRTY = replace(
    IN_ORDER,
    malformed_per_million=5000,
    malformed_kinds=("truncated", "newlines"),
    duplicates_per_million=20_000,
    disorder=DISORDER,
    allowed_lateness_ms=5000,
)
LINE = b"+12137168280,+12136305790,06037,1767225600000,1767225600000,text,Verizon"


# Malformed lines


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoilt_line_is_malformed_in_the_codec(kind: str) -> None:
    assert parse(LINE) is not None
    assert parse(KINDS[kind](LINE)) is None


def test_kinds_are_what_they_are_called() -> None:
    assert len(KINDS["long"](LINE)) == LONG_LINE_BYTES == 999_000
    assert all(parse(part) for part in KINDS["newlines"](LINE).splitlines())
    assert KINDS["quotes"](LINE).split(b",")[2] == b'"06037"'
    with pytest.raises(UnicodeDecodeError):
        KINDS["not_utf8"](LINE).decode("utf-8")


def test_kinds_are_alike_frequent_but_long_lines_are_rare() -> None:
    names = {spoil(LINE): kind for kind, spoil in KINDS.items()}
    step, spoiler = 2**32 // 9010, Spoiler(KINDS)
    found = Counter(names[spoiler.spoil(LINE, choice)] for choice in range(0, 2**32, step))
    assert 8 <= found.pop("long") <= 12
    assert set(found) == set(KINDS) - {"long"}
    assert max(found.values()) - min(found.values()) <= 2


def test_only_the_kinds_that_are_wanted_are_made_whatever_their_order() -> None:
    some = Spoiler(["quotes", "truncated"])
    made = {some.spoil(LINE, choice) for choice in (0, 2**31 - 1, 2**31, 2**32 - 1)}
    assert made == {KINDS["quotes"](LINE), KINDS["truncated"](LINE)}
    assert Spoiler(["truncated", "quotes"]).spoil(LINE, 7) == some.spoil(LINE, 7)


# Duplicates


def test_duplicates_repeat_the_line_of_a_record_shortly_before() -> None:
    usual, workload = Workload(IN_ORDER), Workload(replace(IN_ORDER, duplicates_per_million=20_000))
    lines, before = (each.lines(each.columns(0, 50_000)) for each in (workload, usual))
    copies = [index for index in range(50_000) if lines[index] != before[index]]
    assert abs(len(copies) - 1000) < 5 * 1000**0.5
    for index in copies:
        assert lines[index] in before[max(0, index - MAX_COPY_DISTANCE) : index]
        assert lines[index] in lines[max(0, index - MAX_COPY_DISTANCE) : index], "what is repeated was sent"
    assert workload.offsets_ns(0, 100).tolist() == usual.offsets_ns(0, 100).tolist()


# Disorder


def _shifts_ms(disorder: Disorder) -> np.ndarray:
    columns = Workload(replace(IN_ORDER, disorder=disorder)).columns(0, 60_000)
    return columns.event_times_ms - IN_ORDER.epoch_s * 1000 - columns.offsets_ns // 1_000_000


def test_a_shuffle_is_even_and_bounded() -> None:
    found = _shifts_ms(Disorder(shuffle_ms=500))
    assert (found.min(), found.max()) == (-500, 0)
    assert abs(found.mean() + 250) < 5 * 144.6 / 60_000**0.5


def test_delays_are_exponential() -> None:
    found = -_shifts_ms(Disorder(late_share=0.1, late_delay_ms_mean=2000))
    late = found[found > 0]
    assert abs(len(late) - 6000) < 5 * 6000**0.5
    assert abs(late.mean() - 2000) < 5 * 2000 / len(late) ** 0.5
    assert abs(np.median(late) - 2000 * np.log(2)) < 150
    assert late.max() <= 9.1 * 2000


def test_far_late_records_and_wrong_clocks_are_off_by_what_is_asked() -> None:
    far = _shifts_ms(Disorder(far_late_share=0.01, far_late_delay_ms=60_000))
    ahead = _shifts_ms(Disorder(skewed_share=0.1, skewed_ahead_ms=300))
    behind = _shifts_ms(Disorder(skewed_share=0.1, skewed_ahead_ms=-300))
    assert set(far.tolist()) == {0, -60_000} and abs((far < 0).sum() - 600) < 5 * 600**0.5
    assert set(ahead.tolist()) == {0, 300} and abs((ahead > 0).sum() - 6000) < 5 * 6000**0.5
    assert behind.tolist() == (-ahead).tolist()


def test_the_lines_of_a_dirty_workload_stay_what_they_are_and_any_range_can_be_made_alone() -> None:
    """A change here changes every archive with disorder ever made: it must be meant, and its reason recorded."""
    workload = Workload(DIRTY)
    lines = workload.lines(workload.columns(0, 3000))
    digest = hashlib.sha256(b"\n".join(lines)).hexdigest()
    assert digest == "3467abaf0e322f892708bbf40b2938e846c9bd8d26a169f45d723713ab59664e"
    assert all(record.event_time_ms >= 0 for line in lines if (record := parse(line)))
    for first, last in ((0, 5), (3, 20), (1500, 2600)):
        assert workload.lines(workload.columns(first, last)) == lines[first:last]


def test_expected_counts_are_those_of_the_lines() -> None:
    workload = Workload(DIRTY)
    records = map(parse, workload.lines(workload.columns(0, workload.total_records)))
    counts = Counter(Cell(each.window_s, each.location, each.operator, each.type) for each in records if each)
    assert expected_counts(workload, chunk_records=7777).counts == counts


def test_a_specification_survives_its_way_through_json(tmp_path: Path) -> None:
    job = GeneratorJob(workload=DIRTY, anchor="a", bootstrap_servers="b", topic="t", output="o")
    save_job(job, tmp_path / "job.json")
    assert load_job(GeneratorJob, str(tmp_path / "job.json")) == job


# Classes


class Small(Workload):
    """Records given by hand: (sent after the start, event time after the epoch, partition), all in seconds."""

    def __init__(self, records: list[tuple[float, float, int]], partitions: int, lateness_s: int) -> None:
        super().__init__(
            replace(DIRTY, partitions=partitions, allowed_lateness_ms=lateness_s * 1000, malformed_per_million=0)
        )
        self._records = records
        self.total_records = len(records)

    def columns(self, first: int, last: int):
        sent_s, event_s, _ = np.array(self._records[first:last]).T
        found = super().columns(first, last)
        event_ms = (event_s * 1000).astype(np.int64) + self.specification.epoch_s * 1000
        return replace(found, offsets_ns=(sent_s * 1e9).astype(np.int64), event_times_ms=event_ms)

    def partitions(self, first: int, last: int):
        return np.array([partition for _, _, partition in self._records[first:last]], dtype=np.int64)


def _classes(records: list[tuple[float, float, int]], partitions: int = 1, lateness_s: int = 5) -> str:
    found = classify(Small(records, partitions, lateness_s))
    letters = np.select([found.must_count, found.must_drop, found.either], ["c", "d", "e"], "?")
    return "".join(letters.tolist())


def test_a_record_must_be_counted_if_its_window_ends_after_every_watermark_there_may_be() -> None:
    # Watermarks may be at 20 - 5 = 15 s: the window from 15 s on ends after that, and that from 14 s on does not.
    assert _classes([(20, 20, 0), (21, 15, 0), (22, 14.9, 0)]) == "cce"


def test_what_is_sent_up_to_two_seconds_later_may_have_come_first() -> None:
    assert _classes([(10, 8, 0), (12, 14, 0)]) == "ec"
    assert _classes([(10, 8, 0), (12, 13.9, 0)]) == "cc"
    assert _classes([(10, 8, 0), (12.1, 15, 0)]) == "cc"


def test_a_record_must_be_dropped_if_every_watermark_has_passed_its_window_for_long() -> None:
    assert _classes([(20, 20, 0), (35, 14.9, 0)]) == "cd"
    assert _classes([(20, 20, 0), (34.9, 14.9, 0)]) == "ce"
    assert _classes([(20, 20, 0), (35, 15, 0)]) == "cc"


def test_the_slowest_partition_decides_what_must_be_dropped() -> None:
    assert _classes([(20, 20, 0), (35, 1, 0)], partitions=2) == "ce"
    both = [(19, 7, 1), (20, 20, 0), (35, 1, 0), (36, 3, 0)]
    assert _classes(both, partitions=2) == "ecde"


def _simulate(workload: Workload, policy: str, seed: int) -> np.ndarray:
    """Which records an engine counts that moves its watermark by `policy`, lags by up to 5 s, and reads in batches."""
    columns = workload.columns(0, workload.total_records)
    partitions = workload.partitions(0, workload.total_records)
    greatest = dict.fromkeys(range(workload.specification.partitions), -(10**15))
    watermark, counted = -(10**15), np.zeros(len(partitions), dtype=bool)
    for batch in _batches(columns.offsets_ns / 1e9, partitions.tolist(), Random(seed)):
        for index in batch:
            if columns.malformed[index]:
                continue
            event_ms = int(columns.event_times_ms[index])
            counted[index] = (event_ms // 1000 + 1) * 1000 > watermark
            greatest[partitions[index]] = max(greatest[partitions[index]], event_ms)
        ahead = max(greatest.values()) if policy == "topic" else min(greatest.values())
        watermark = max(watermark, ahead - workload.specification.allowed_lateness_ms)
    return counted


def _baseline(workload: Workload, seed: int) -> np.ndarray:
    """Which records the baseline's own query counts, when partitions are read to their ends at times."""
    query = baseline_module("query").Query(workload.specification.allowed_lateness_ms)
    query.assign(workload.specification.partitions)
    columns, dice = workload.columns(0, workload.total_records), Random(seed)
    lines, partitions = workload.lines(columns), workload.partitions(0, workload.total_records).tolist()
    counted = np.zeros(len(lines), dtype=bool)
    for batch in _batches(columns.offsets_ns / 1e9, partitions, dice):
        for index in batch:
            before = query.late + query.malformed
            query.add(np.array([partitions[index]]), [lines[index]])
            counted[index] = query.late + query.malformed == before
        for partition in range(workload.specification.partitions):
            if dice.random() < 0.5:
                query.reach_end(partition)
        query.take_upserts()
        query.advance_watermark()
    return counted


def _batches(sent_s: np.ndarray, partitions: list[int], dice: Random) -> Iterator[list[int]]:
    """Indexes of the records that an engine reads at once, one partition after the other, as clients hand them out."""
    queue = [(at_s, index) for index, at_s in enumerate(_arrivals(sent_s, partitions, dice))]
    heapify(queue)
    now_s = 0.0
    while queue:
        now_s += dice.choice([0.01, 0.1, 1.0, 5.0])
        batch = []
        while queue and queue[0][0] <= now_s:
            batch.append(heappop(queue)[1])
        yield sorted(batch, key=lambda index: (partitions[index], index))


def _arrivals(sent_s: np.ndarray, partitions: list[int], dice: Random) -> list[float]:
    """When the broker takes each record: up to 2 s after it was sent, in order within a partition."""
    latest: dict[int, float] = {}
    for index, partition in enumerate(partitions):
        latest[partition] = max(latest.get(partition, 0), sent_s[index] + dice.choice([0, 0, 0, dice.random() * 1.9]))
        sent_s[index] = latest[partition]
    return sent_s.tolist()


@pytest.mark.parametrize("policy", ["topic", "slowest", "baseline"])
@pytest.mark.parametrize("seed", [0, 3, *(pytest.param(seed, marks=pytest.mark.proof) for seed in (1, 2, 4, 5))])
def test_no_policy_of_watermarks_violates_the_classes(policy: str, seed: int) -> None:
    """Spark's (the topic's, after each batch), Flink's (the slowest partition's), and the baseline itself."""
    workload = Workload(replace(DIRTY, seed=seed, rate_records_per_s=300, partitions=2 + seed))
    found = classify(workload)
    counted = _baseline(workload, seed) if policy == "baseline" else _simulate(workload, policy, seed)
    assert counted[found.must_count].all()
    assert not counted[found.must_drop].any()
    assert found.either.any() and found.must_drop.any()


def test_every_well_formed_record_is_in_one_class_and_cells_add_up() -> None:
    workload = Workload(DIRTY)
    found, expected = classify(workload), expected_counts(workload)
    well_formed = ~workload.columns(0, workload.total_records).malformed
    assert (found.must_count.astype(int) + found.must_drop + found.either == well_formed).all()
    assert sum(expected.either.values()) == found.either.sum() > 0
    assert len(expected.must_drop_indexes) == sum(expected.must_drop.values()) == found.must_drop.sum() > 0
    assert sum(certain_counts(expected.counts, expected).values()) == found.must_count.sum()


# The verifier's band

CELL, LATE, OTHER = (Cell(window_s, "06037", "AT&T", "call") for window_s in (100, 90, 80))


@pytest.mark.parametrize(
    ("observed", "lost", "surplus"),
    [
        ({CELL: 10}, 0, 0),
        ({CELL: 12, LATE: 1}, 0, 0),
        ({CELL: 9}, 1, 0),
        ({CELL: 13}, 0, 1),
        ({LATE: 1}, 10, 0),
        ({CELL: 10, LATE: 2}, 0, 1),
        ({CELL: 10, OTHER: 4}, 0, 4),
    ],
)
def test_a_count_may_be_anything_within_its_band(observed: dict[Cell, int], lost: int, surplus: int) -> None:
    found = compare({CELL: 10}, observed, expected_dead_letters=[], observed_dead_letters=[], either={CELL: 2, LATE: 1})
    assert (found.lost_records, found.surplus_records, found.either) == (lost, surplus, 3)
    assert (found.missing, found.extra) == (int(CELL not in observed), int(OTHER in observed))


# Latency


def test_a_windows_records_come_in_order_of_sending_without_those_to_drop() -> None:
    workload = Workload(DIRTY)
    found, columns = classify(workload), workload.columns(0, workload.total_records)
    followed = Trajectories(workload)
    wanted = found.must_count | found.either
    for window_s in range(DIRTY.epoch_s - 30, DIRTY.epoch_s + 45):
        for cell in range(len(CELLS)):
            own = np.flatnonzero(wanted & (found.keys == window_s * len(CELLS) + cell)) if cell % 97 == 0 else []
            for count in range(1, len(own) + 1):
                tell(followed, window_s, cell, count, int(own[count - 1]))
    seen = 0
    for window in followed.take_rest():
        visible = window.seen_ms != NEVER
        assert window.indexes[visible].tolist() == window.seen_ms[visible].tolist(), "the k-th count shows the k-th"
        assert window.offsets_ns.tolist() == columns.offsets_ns[window.indexes].tolist()
        assert window.ambiguous.tolist() == found.ambiguous[window.indexes].tolist()
        seen += int(visible.sum())
    assert seen == followed.matched_records > 100 and followed.surplus_records == 0


# The scenario's keys


def _load(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "own.yaml"
    path.write_text(f"name: own\n{text}\n", encoding="utf-8")
    return load_scenario(str(path), {})


def test_disorder_reaches_the_workload(tmp_path: Path) -> None:
    found = load_scenario("dirty", {}).workload()
    assert found.disorder == Disorder(500, 0.01, 2000, 0.0005, 60_000, 0.1, 300)
    assert (found.duplicates_per_million, found.malformed_kinds) == (10_000, tuple(KINDS))
    assert _load(tmp_path, "disorder: {}").workload().disorder is None
    assert Workload(_load(tmp_path, "malformed_kinds: [long]").workload()).is_in_order


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("malformed_kinds: []", ["malformed_kinds", "at least 1"]),
        ("malformed_kinds: [quots]", ["malformed_kinds", "'quots' (did you mean 'quotes'?)"]),
        ("malformed_kinds: [long, long]", ["malformed_kinds", "each kind once"]),
        ("duplicates_per_million: 200001", ["duplicates_per_million", "found 200001"]),
        ("disorder: {shufle_ms: 5}", ["disorder.shufle_ms", "did you mean 'shuffle_ms'?"]),
        ("disorder: {shuffle_ms: -1}", ["disorder.shuffle_ms", "found -1"]),
        ("disorder: {late: {share: 0.1}}", ["disorder.late.delay_ms_mean", "required"]),
        ("disorder: {late: {share: 0.1, delay_ms: 5}}", ["disorder.late.delay_ms", "keys: share, delay_ms_mean"]),
        ("disorder: {far_late: {share: 0, delay_ms: 5}}", ["disorder.far_late.share", "found 0"]),
        ("disorder: {far_late: {share: 2.0, delay_ms: 5}}", ["disorder.far_late.share", "found 2.0"]),
        ("disorder: {far_late: {share: 0.1, delay_ms: 86400001}}", ["disorder.far_late.delay_ms", "86400001"]),
        ("disorder: {skewed_producers: {share: 0.1, ahead_ms: 0}}", ["skewed_producers.ahead_ms", "0 is right"]),
        ("disorder: {skewed_producers: {share: 0.1, ahead: 1}}", ["skewed_producers.ahead", "share, ahead_ms"]),
        ("disorder: [late]", ["disorder", "found ['late']"]),
    ],
)
def test_bad_keys_get_clear_errors(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(tmp_path, text)
    assert all(word in caught.value.message for word in words), caught.value.message
