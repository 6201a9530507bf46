"""The baseline counts by the batch what the contract's codec says line by line, whatever the lines are."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contract.aggregate import Cell, decode_key, encode_count, encode_key
from engines.contract.record import CALIFORNIA, LOCATIONS, OPERATORS, TYPES, Record, parse
from tests.builders.baseline import baseline_module
from workloads.hostile import EPOCH_MS, hostile_lines

PARTITIONS = 3
LATENESS_MS = 700
#: Within the three seconds that hostile lines lie in, so that some come too late; alone, with few others, with many.
BATCHES = st.lists(
    st.lists(st.tuples(st.integers(0, PARTITIONS - 1), hostile_lines().map(lambda named: named[1])), max_size=40),
    max_size=5,
)

lines_module, query_module = baseline_module("lines"), baseline_module("query")


def _drawing(examples: int) -> settings:
    """The same examples in each run of the tests."""
    return settings(max_examples=examples, derandomize=True, database=None, deadline=None)


class LineByLine:
    """The query as docs/engines.md has it, one line after the other."""

    def __init__(self) -> None:
        self.totals = {"records_in": 0, "malformed": 0, "late": 0}
        self.counts: Counter[Cell] = Counter()
        self.greatest_ms = [0] * PARTITIONS
        self.at_end: set[int] = set()
        self.watermark_ms = 0

    def add(self, batch: list[tuple[int, bytes]]) -> tuple[dict[bytes, bytes], list[bytes]]:
        """Count a batch, then move the watermark. Returns the upserts and the malformed lines of it."""
        changed, malformed = set(), []
        for partition, line in batch:
            self.totals["records_in"] += 1
            self.at_end.discard(partition)
            if (record := parse(line)) is None:
                malformed.append(line)
            elif self._is_late(partition, record):
                self.totals["late"] += 1
            else:
                cell = cell_of(record)
                self.counts[cell] += 1
                changed.add(cell)
        self.totals["malformed"] += len(malformed)
        behind_ms = [each for at, each in enumerate(self.greatest_ms) if at not in self.at_end]
        self.watermark_ms = max(self.watermark_ms, min(behind_ms or [max(self.greatest_ms)]) - LATENESS_MS)
        return {encode_key(cell): encode_count(self.counts[cell]) for cell in changed}, malformed

    def _is_late(self, partition: int, record: Record) -> bool:
        self.greatest_ms[partition] = max(self.greatest_ms[partition], record.event_time_ms)
        return (record.window_s + 1) * 1000 <= self.watermark_ms


def cell_of(record: Record) -> Cell:
    """The cell that `record` counts for."""
    return Cell(record.window_s, record.location, record.operator, record.type)


def new_query() -> Any:
    query = query_module.Query(LATENESS_MS)
    query.assign(PARTITIONS)
    return query


def add(query: Any, batch: list[tuple[int, bytes]]) -> tuple[dict[bytes, bytes], list[bytes]]:
    """The same as `LineByLine.add`, by the baseline."""
    query.add(np.array([partition for partition, _ in batch], dtype=np.int64), [line for _, line in batch])
    upserts, malformed = query.take_upserts(), query.take_malformed_lines()
    query.advance_watermark()
    assert len(dict(upserts)) == len(upserts), "no cell is published twice"
    return dict(upserts), malformed


@pytest.mark.parametrize("examples", [40, pytest.param(150, marks=pytest.mark.proof)])
def test_batches_give_what_line_by_line_gives_across_a_restart(examples: int) -> None:
    ends = st.lists(st.sets(st.integers(0, PARTITIONS - 1)), min_size=5, max_size=5)
    _drawing(examples)(given(BATCHES, ends, st.integers(0, 4))(compare_across_a_restart))()


def compare_across_a_restart(batches: list[list[tuple[int, bytes]]], ends: list[set[int]], restart: int) -> None:
    """Hold the baseline to `LineByLine`: partitions end after their batches, and it starts anew after one of these."""
    query, reference = new_query(), LineByLine()
    before = dict.fromkeys(reference.totals, 0)
    for number, (batch, ended) in enumerate(zip(batches, ends, strict=False)):
        assert add(query, batch) == reference.add(batch)
        for partition in ended:
            query.reach_end(partition)
            reference.at_end.add(partition)
        if number == restart:
            state, before = query.save(), query.totals()
            query = new_query()
            query.restore(state)
            reference.at_end = set()
    assert {name: before[name] + total for name, total in query.totals().items()} == reference.totals


def test_a_restart_goes_on_from_what_was_published_since_a_snapshot() -> None:
    """As exactly once, where neither what was published nor what made records late may be decided anew."""
    ends = st.lists(st.sets(st.integers(0, PARTITIONS - 1)), min_size=5, max_size=5)
    _drawing(40)(given(BATCHES, ends, st.integers(-1, 4), st.integers(0, 4))(compare_across_a_catch_up))()


def compare_across_a_catch_up(
    batches: list[list[tuple[int, bytes]]], ends: list[set[int]], saved: int, restart: int
) -> None:
    """Start anew after one batch, from a snapshot that was `saved` after an earlier one, or from none."""
    query, reference = new_query(), LineByLine()
    snapshot: Any = None
    published: list[tuple[int, int]] = []
    for number, (batch, ended) in enumerate(zip(batches, ends, strict=False)):
        upserts, malformed = add(query, batch)
        assert (upserts, malformed) == reference.add(batch)
        published += [(lines_module.number_of(decode_key(key)), int(value)) for key, value in upserts.items()]
        for partition in ended:
            query.reach_end(partition)
            reference.at_end.add(partition)
        if number == saved:
            snapshot, published = query.save(), []
        if number == restart:
            marks = query.save()
            query = new_query()
            if snapshot is not None:
                query.restore(snapshot)
            query.catch_up(published, int(marks["watermark_ms"]), marks["greatest_ms"])
            assert query.take_upserts() == [], "what was published is not published again"
            reference.at_end = set()


def test_late_records_are_left_out_and_malformed_ones_move_no_watermark() -> None:
    query = new_query()
    for partition in range(PARTITIONS):
        add(query, [(partition, line(EPOCH_MS + 1699))])
    assert add(query, [(0, line(EPOCH_MS + 999))])[0], "the window is still open"
    add(query, [(at, line(EPOCH_MS + 1700)) for at in range(PARTITIONS - 1)])
    add(query, [(PARTITIONS - 1, line(EPOCH_MS + 5000) + b" ")])
    assert add(query, [(0, line(EPOCH_MS + 999))])[0], "the slowest partition holds the watermark back"
    query.reach_end(PARTITIONS - 1)
    query.advance_watermark()
    assert add(query, [(0, line(EPOCH_MS + 999))] * 20) == ({}, [])
    assert query.totals() == {"records_in": PARTITIONS * 2 + 22, "malformed": 1, "late": 20}


def line(end_ms: int, tail: bytes = b"call,AT&T") -> bytes:
    """A well-formed line."""
    return b"+12025550101,+19995550199,06037,%d,%d,%s" % (EPOCH_MS - 5, end_ms, tail)


def test_what_is_recognised_without_the_codec_is_what_the_codec_accepts() -> None:
    """Every byte in every place of a line with each operator; lines cut off, padded, and with each county's number."""
    tails = [f"{kind},{operator}".encode("ascii") for kind in TYPES for operator in OPERATORS]
    whole = [line(EPOCH_MS + 1234, tail) for tail in tails]
    replaced = [
        each[:at] + bytes([byte]) + each[at + 1 :] for each in whole for at in range(len(each)) for byte in range(256)
    ]
    cut = [each[:length] for each in whole for length in range(len(each))]
    padded = [each + end for each in whole for end in (b"\0", b"\0" * 9, b" ", b"\n", b"T", b"," + each)]
    counties = [whole[0].replace(b"06037", b"%05d" % county) for county in range(5990, 6210)]
    found = check_recognised([*whole, *replaced, *cut, *padded, *counties])
    assert found > 3000


@pytest.mark.parametrize("examples", [60, pytest.param(300, marks=pytest.mark.proof)])
def test_hostile_lines_are_recognised_as_the_codec_accepts_them(examples: int) -> None:
    lines = st.lists(hostile_lines().map(lambda named: named[1]), min_size=1, max_size=40)

    @_drawing(examples)
    @given(lines)
    def hold(drawn: list[bytes]) -> None:
        check_recognised(drawn)

    hold()


def check_recognised(lines: list[bytes], locations: str = CALIFORNIA) -> int:
    """Hold what is recognised at once to the codec, and return how many of the `lines` are well formed."""
    found = lines_module._recognise(lines, locations)
    records = [parse(each, locations) for each in lines]
    wrong = [
        each for each, record, known in zip(lines, records, found.well_formed, strict=True) if bool(record) != known
    ]
    assert not wrong, f"{len(wrong)} lines, such as {wrong[:3]}"
    wanted = [(record.event_time_ms, cell_of(record)) for record in records if record]
    times_ms, cells = (each[found.well_formed].tolist() for each in (found.times_ms, found.cells))
    assert list(zip(times_ms, map(lines_module.cell_of, cells), strict=True)) == wanted
    assert [lines_module.number_of(cell) for _, cell in wanted] == cells
    return len(wanted)


@pytest.mark.parametrize(("locations", "well_formed"), [*zip(LOCATIONS, (58, 56_000, 12_500), strict=True)])
def test_every_code_of_five_digits_is_recognised_as_the_codec_accepts_it(locations: str, well_formed: int) -> None:
    lines = [
        b"+12137168280,+12136305790,%05d,1767225600000,1767225600001,text,T-Mobile" % code for code in range(10**5)
    ]
    assert check_recognised(lines, locations) == well_formed


@pytest.mark.parametrize("count", [1, 2, 500])
def test_a_number_of_windows_further_is_the_same_cell_later(count: int) -> None:
    cell = Cell(EPOCH_MS // 1000, "06115", "Verizon", "text")
    later = lines_module.cell_of(lines_module.number_of(cell) + count * lines_module.CELLS)
    assert later == cell._replace(window_s=cell.window_s + count)
