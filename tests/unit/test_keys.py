"""Stream entries carry aggregate keys and counts through unchanged."""

import pytest

from engines.contract.aggregate import Cell, encode_key
from engines.contract.keys import decode_updates, encode_updates, updates_key, window_key


def test_round_trip() -> None:
    counts = {encode_key(Cell(1767225600 + at, "06037", "AT&T", "call")): b"%d" % at for at in range(3)}
    assert decode_updates(encode_updates(counts)) == [(key, int(count)) for key, count in counts.items()]


def test_names() -> None:
    assert window_key("cdr", 1767225600) == "cdr:w:1767225600"
    assert updates_key("cdr:run-1") == "cdr:run-1:updates"


def test_what_is_no_entry_is_refused() -> None:
    with pytest.raises(ValueError):
        decode_updates(b"1767225600|06037|AT&T|call")
