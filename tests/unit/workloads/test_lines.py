"""Lines made by the array are those that their fields spell."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workloads.cells import CELLS
from workloads.lines import encode

NUMBERS = st.integers(2_000_000_000, 9_999_999_999)
#: Usual times, those at either end of thirteen digits, and far beyond.
TIMES_MS = st.one_of(
    st.integers(1_600_000_000_000, 1_900_000_000_000),
    st.sampled_from([10**12 - 1, 10**12, 10**13 - 1, 10**13]),
    st.integers(-(10**12), 10**16),
)
RECORDS = st.lists(st.tuples(st.integers(0, len(CELLS) - 1), NUMBERS, NUMBERS, TIMES_MS, TIMES_MS), max_size=50)


def _spell(cell: int, source: int, destination: int, start_ms: int, end_ms: int) -> bytes:
    location, operator, kind = CELLS[cell]
    return f"+1{source},+1{destination},{location},{start_ms},{end_ms},{kind},{operator}".encode()


@given(records=RECORDS)
def test_each_line_is_what_its_fields_spell(records: list[tuple[int, int, int, int, int]]) -> None:
    columns = np.array(records, dtype=np.int64).reshape(len(records), 5).T
    lines = encode(*columns)
    expected = [_spell(*record) for record in records]
    assert lines.as_list() == expected
    assert [lines.line(number) for number in range(len(records))] == expected
    usual = [number for number in range(len(records)) if number not in lines.others]
    assert lines.lengths[usual].tolist() == [len(expected[number]) for number in usual]


def test_lines_of_every_cell_differ_and_none_is_a_special_case() -> None:
    cells = np.arange(len(CELLS))
    numbers, times_ms = np.full(len(CELLS), 2_130_000_001), np.full(len(CELLS), 1_767_225_600_007)
    lines = encode(cells, numbers, numbers, times_ms, times_ms)
    assert lines.others == {}
    assert lines.as_list() == [
        _spell(cell, 2_130_000_001, 2_130_000_001, 1_767_225_600_007, 1_767_225_600_007) for cell in range(len(CELLS))
    ]
