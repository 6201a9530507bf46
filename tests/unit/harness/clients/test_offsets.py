"""How far a topic can be read, and what is behind a transaction that is open."""

from collections.abc import Callable

import pytest

from harness.clients import kafka_topics
from harness.clients.kafka_topics import left_open

CLIENT = {"bootstrap.servers": "broker:9092"}


def _broker(*readable: int, written: int = 10) -> Callable[[dict[str, str], str], dict[int, tuple[int, int]]]:
    """One that tells, each time it is asked, how far its two partitions can be read together; the last one for ever."""
    answers = list(readable)

    def bounds(client: dict[str, str], _topic: str) -> dict[int, tuple[int, int]]:
        if client["isolation.level"] == "read_uncommitted":
            return {0: (0, written - 1), 1: (0, 1)}
        end = answers.pop(0) if len(answers) > 1 else answers[0]
        return {0: (0, end - 1), 1: (0, 1)}

    return bounds


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_topics, "OPEN_POLL_S", 0.0)


def test_what_is_behind_an_open_transaction_is_counted_over_all_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_topics, "partition_bounds", _broker(7))
    assert left_open(CLIENT, "cdr-aggregates", within_s=0) == 3


def test_a_transaction_that_is_marked_as_ended_a_moment_later_was_not_left_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka_topics, "partition_bounds", _broker(7, 7, 10))
    assert left_open(CLIENT, "cdr-aggregates", within_s=60) == 0


def test_what_comes_between_the_two_questions_is_not_called_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_topics, "partition_bounds", _broker(12))
    assert left_open(CLIENT, "cdr-aggregates", within_s=0) == 0
