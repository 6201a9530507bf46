"""Quix's query takes lines for what the contract's codec does, and counts none twice that comes again."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engines.contract.record import CALIFORNIA
from tests.builders.engine_modules import engine_module

query = engine_module("quix", "query")

START_MS = 1_767_225_600_000
LATENESS_MS = 1500
#: How far the reading of a partition gets, time after time: it goes back to where it was committed, and on from there.
READS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 9)), max_size=20)


def line(at_ms: int) -> bytes:
    """A text that ended so long after the start."""
    end_ms = START_MS + at_ms
    return f"+12135550100,+12135550101,06037,{end_ms},{end_ms},text,Verizon".encode()


def sorter(process: int = 1) -> Any:
    """A new one."""
    return query.Sorter(LATENESS_MS, CALIFORNIA, process)


def test_a_record_goes_on_by_its_cell_and_what_is_none_as_it_is() -> None:
    sorted_ = sorter()
    assert sorted_.sort(line(0), 1, 7, int).key == b"1767225600|06037|Verizon|text"
    assert sorted_.sort(b"nonsense", 1, 8, int) == (None, b"nonsense")
    assert sorted_.totals() == {"records_in": 2, "malformed": 1, "late": 0}


def test_a_record_is_late_by_its_own_partition_from_the_watermark_on() -> None:
    sorted_ = sorter()
    assert sorted_.sort(line(2499), 0, 0, int) is not None
    assert sorted_.sort(line(0), 0, 1, int) is not None, "its window ends after the watermark"
    assert sorted_.sort(line(2500), 0, 2, int) is not None
    assert sorted_.sort(line(0), 0, 3, int) is None, "its window ends at the watermark"
    assert sorted_.sort(line(0), 1, 0, int) is not None, "another partition"
    assert sorted_.totals()["late"] == 1


def test_a_partition_goes_on_from_its_watermark_of_before() -> None:
    first = sorter()
    first.sort(line(2700), 0, 0, int)
    kept_ms = first.to_keep(0)
    assert kept_ms == START_MS + 2000, "in whole seconds"
    first.sort(line(2900), 0, 1, int)
    assert first.to_keep(0) is None, "nothing to keep anew"
    again = sorter()
    again.sort(b"", 0, 2, lambda: kept_ms)
    assert again.sort(line(-1000), 0, 3, int) is None
    assert again.sort(line(0), 0, 4, int) is not None


def test_records_of_a_former_process_are_not_waited_for() -> None:
    former, now = sorter(1), sorter(2)
    records = [each.sort(line(0), 0, 0, int).value for each in (former, now)]
    assert now.on_their_way == 1
    now.arrived(records[0])
    assert now.on_their_way == 1
    now.arrived(records[1])
    assert now.on_their_way == 0


@given(READS)
def test_what_comes_again_is_counted_once(reads: list[tuple[int, int, int]]) -> None:
    state: Mapping[str, int] = {}
    read: dict[int, int] = {}
    for partition, back, records in reads:
        reached = read.get(partition, 0)
        for offset in range(max(0, reached - back), reached + records):
            taken = query.count_in(state, sorter().sort(line(0), partition, offset, int).value)
            state = state if taken is None else taken
        read[partition] = reached + records
    assert state.get("n", 0) == sum(read.values())
