"""Stream entries become arrays, and nothing in them is lost, mistaken, or too large for an array."""

import pytest

from engines.contract.aggregate import encode_key
from engines.contract.keys import encode_updates
from engines.contract.record import CALIFORNIA
from harness.measurement import changes
from harness.measurement.changes import GREATEST_COUNT, NO_CELL, CellCodes, changes_of
from workloads.cells import CELLS, cell_of
from workloads.locations import locations_of

EPOCH_S = 1_767_225_600


def _key(window_s: int, number: int) -> bytes:
    return encode_key(cell_of(window_s, number))


def test_entries_are_taken_in_order_with_their_times() -> None:
    first = {_key(EPOCH_S, 3): b"5", _key(EPOCH_S + 1, 400): b"12"}
    found = changes_of(
        [(10, encode_updates(first)), (11, encode_updates({_key(EPOCH_S, 3): b"6"}))],
        CellCodes(locations_of(CALIFORNIA)),
    )
    assert [divmod(code, len(CELLS)) for code in found.codes.tolist()] == [
        (EPOCH_S, 3),
        (EPOCH_S + 1, 400),
        (EPOCH_S, 3),
    ]
    assert (found.counts.tolist(), found.at_ms.tolist()) == ([5, 12, 6], [10, 10, 11])


def test_what_names_no_cell_is_kept_as_such() -> None:
    keys = [
        b"1767225600|06037|Verizon|fax",
        b"soon|06037|Verizon|text",
        b"9" * 40 + b"|06037|Verizon|text",
        b"a=b|c|d|e",
    ]
    counts = dict.fromkeys((_key(EPOCH_S, 0), *keys), b"1")
    found = changes_of([(1, encode_updates(counts))], CellCodes(locations_of(CALIFORNIA)))
    assert found.codes.tolist() == [EPOCH_S * len(CELLS), *[NO_CELL] * len(keys)]
    assert found.only(found.codes != NO_CELL).counts.tolist() == [1]


def test_a_count_that_no_array_holds_is_taken_for_a_great_one() -> None:
    found = changes_of([(1, encode_updates({_key(EPOCH_S, 0): b"9" * 30}))], CellCodes(locations_of(CALIFORNIA)))
    assert found.counts.tolist() == [GREATEST_COUNT]


@pytest.mark.parametrize("field", [b"", b"1767225600|06037|AT&T|call", b"1767225600|06037|AT&T|call=many"])
def test_what_is_no_entry_is_refused(field: bytes) -> None:
    with pytest.raises(ValueError):
        changes_of([(1, field)], CellCodes(locations_of(CALIFORNIA)))


def test_no_more_keys_are_remembered_than_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "KNOWN_KEYS", 100)
    codes = CellCodes(locations_of(CALIFORNIA))
    for second in range(500):
        assert codes[_key(EPOCH_S + second, 7)] == (EPOCH_S + second) * len(CELLS) + 7
        assert len(codes) <= 100
