"""Stream entries carry aggregate keys and counts through unchanged, and a transaction changes what its entry says."""

import pytest

from engines.contract.aggregate import Cell, encode_key
from engines.contract.keys import decode_updates, encode_updates, transaction, updates_key, window_key


def test_round_trip() -> None:
    counts = {encode_key(Cell(1767225600 + at, "06037", "AT&T", "call")): b"%d" % at for at in range(3)}
    assert decode_updates(encode_updates(counts)) == [(key, int(count)) for key, count in counts.items()]


def test_names() -> None:
    assert window_key("cdr", 1767225600) == "cdr:w:1767225600"
    assert updates_key("cdr:run-1") == "cdr:run-1:updates"


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
