"""Stream entries carry aggregate keys and counts through unchanged, and a transaction changes what its entry says."""

import pytest

from engines.contract.aggregate import Cell, encode_key
from engines.contract.keys import (
    decode_updates,
    encode_updates,
    position_key,
    share_of,
    transaction,
    updates_key,
    window_key,
)


def test_round_trip() -> None:
    counts = {encode_key(Cell(1767225600 + at, "06037", "AT&T", "call")): b"%d" % at for at in range(3)}
    assert decode_updates(encode_updates(counts)) == [(key, int(count)) for key, count in counts.items()]


def test_names() -> None:
    assert window_key("cdr", 1767225600) == "cdr:w:1767225600"
    assert updates_key("cdr:run-1") == "cdr:run-1:updates"
    assert [position_key("cdr"), position_key("cdr", 0)] == ["cdr:position", "cdr:position:0"]


def test_what_is_no_entry_is_refused() -> None:
    with pytest.raises(ValueError):
        decode_updates(b"1767225600|06037|AT&T|call")


def test_a_transaction_sets_each_window_once_lets_it_expire_and_ends_with_the_entry_that_says_so() -> None:
    cells = [Cell(1767225600, "06037", "AT&T", "call"), Cell(1767225601, "06001", "Sprint", "text")]
    other = Cell(1767225600, "06115", "Verizon", "text")
    counts = {encode_key(cell): b"%d" % at for at, cell in enumerate([*cells, other], start=1)}
    assert transaction(counts, "cdr:run-1", 60) == [
        ("HSET", "cdr:run-1:w:1767225600", b"06037|AT&T|call", b"1", b"06115|Verizon|text", b"3"),
        ("EXPIRE", "cdr:run-1:w:1767225600", 60),
        ("HSET", "cdr:run-1:w:1767225601", b"06001|Sprint|text", b"2"),
        ("EXPIRE", "cdr:run-1:w:1767225601", 60),
        ("XADD", "cdr:run-1:updates", "MAXLEN", "~", 100_000, "*", b"u", encode_updates(counts)),
    ]


def test_among_several_shares_a_transaction_has_an_entry_for_each_and_a_cell_is_in_the_same_one_in_every_window() -> (
    None
):
    cells = [Cell(1767225600 + at % 5, f"06{at:03}", "AT&T", "call") for at in range(40)]
    counts = {encode_key(cell): b"%d" % at for at, cell in enumerate(cells, start=1)}
    alone, shared = transaction(counts, "cdr", 60), transaction(counts, "cdr", 60, shares=3)
    assert shared[:-3] == alone[:-1], "the windows are written alike"
    told: dict[bytes, int] = {}
    for number, entry in enumerate(shared[-3:]):
        assert entry[:5] == ("XADD", "cdr:updates", "MAXLEN", "~", 300_000)
        assert (entry[6], entry[8], entry[9]) == (b"u", b"s", number)
        own = dict(decode_updates(bytes(entry[7])))  # type: ignore[arg-type]
        assert {share_of(key.partition(b"|")[2], 3) for key in own} == {number}
        assert not told.keys() & own.keys()
        told |= own
    assert told == {key: int(count) for key, count in counts.items()}


def test_a_share_without_changes_has_no_entry() -> None:
    counts = {encode_key(Cell(1767225600, "06037", "AT&T", "call")): b"1"}
    commands = transaction(counts, "cdr", 60, shares=64)
    assert [command[0] for command in commands] == ["HSET", "EXPIRE", "XADD"]
