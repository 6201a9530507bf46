"""What is committed twice is found and named, and what goes up is never blamed."""

from itertools import pairwise

from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from harness.measurement.committed import MAX_EXAMPLES, look_through
from harness.results.correctness import Committed

KEY = b"1767225600|06037|Verizon|text"


class Seen:
    """A message as a consumer is shown it."""

    def __init__(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        self._offset, self._key, self._value = offset, key, value

    def offset(self) -> int:
        return self._offset

    def partition(self) -> int:
        return 2

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value


def _messages(*values: bytes, key: bytes = KEY) -> list[Message]:
    return [Seen(offset, key, value) for offset, value in enumerate(values)]  # type: ignore[misc]


def _look_through(messages: list[Message]) -> Committed:
    return look_through(messages, offsets=len(messages), left_open=0)


def test_counts_that_go_up_are_right_however_they_go_up() -> None:
    found = _look_through([*_messages(b"1", b"2", b"7"), *_messages(b"1", b"2", key=b"another")])
    assert (found.messages, found.repeated, found.lowered, found.examples) == (5, 0, 0, [])


def test_a_count_that_comes_again_is_named_with_its_place() -> None:
    found = _look_through(_messages(b"1", b"2", b"2"))
    assert (found.repeated, found.lowered) == (1, 0)
    assert found.examples == [f"offset 2 of partition 2: {KEY.decode()} is 2, again"]


def test_a_count_that_goes_down_is_named_and_what_follows_is_held_to_it() -> None:
    found = _look_through(_messages(b"1", b"5", b"3", b"4"))
    assert (found.repeated, found.lowered) == (0, 1)
    assert found.examples == [f"offset 2 of partition 2: {KEY.decode()} is 3, after 5"]


@given(st.lists(st.integers(1, 4), max_size=30))
def test_there_are_as_many_as_steps_that_do_not_go_up(counts: list[int]) -> None:
    found = _look_through(_messages(*(b"%d" % each for each in counts)))
    steps = list(pairwise(counts))
    assert found.repeated == sum(before == after for before, after in steps)
    assert found.lowered == sum(before > after for before, after in steps)
    assert len(found.examples) == min(found.repeated + found.lowered, MAX_EXAMPLES)


def test_offsets_that_hold_no_message_and_those_behind_an_open_transaction_are_told() -> None:
    found = look_through(_messages(b"1", b"2"), offsets=5, left_open=7)
    assert (found.messages, found.unseen, found.left_open) == (2, 3, 7)


def test_what_is_no_count_is_for_another_check() -> None:
    found = _look_through([*_messages(b"1", b"x", b""), Seen(3, None, None)])  # type: ignore[list-item]
    assert (found.messages, found.repeated, found.lowered) == (4, 0, 0)
