"""A commit of the baseline's that Kafka's client never returns from is given up; what a busy broker refuses is not."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.builders.baseline import baseline_module

keeping = baseline_module("keeping")


def _transactions() -> Any:
    """Those of a job whose broker is never asked."""
    found: Any = object.__new__(keeping.ExactlyOnce)
    found._tell = lambda: None
    return found


@pytest.fixture
def in_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """How a step of a commit is done that may never return, here with little patience."""
    monkeypatch.setattr(keeping, "HUNG_S", 0.02)
    monkeypatch.setattr(keeping, "STEP_S", 0.005)
    transactions = _transactions()
    found: Callable[[Callable[[], object]], None] = transactions._in_time
    return found


def test_a_step_that_never_returns_is_given_up_so_that_a_new_producer_takes_over(
    in_time: Callable[[Callable[[], object]], None],
) -> None:
    end = threading.Event()
    try:
        with pytest.raises(keeping.AbortedError, match="has not returned"):
            in_time(end.wait)
    finally:
        end.set()


def test_what_a_step_raises_is_raised(in_time: Callable[[Callable[[], object]], None]) -> None:
    def refuse() -> None:
        raise ValueError("as it was made to")

    with pytest.raises(ValueError, match="as it was made to"):
        in_time(refuse)


def test_a_step_that_returns_is_done_once(in_time: Callable[[Callable[[], object]], None]) -> None:
    done: list[int] = []
    in_time(lambda: done.append(1))
    assert done == [1]


@pytest.mark.parametrize("code", keeping.TRANSIENT_ERRORS)
def test_what_a_broker_refuses_that_has_just_begun_is_asked_again(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "RETRY_S", 0.0)
    answers = [KafkaException(KafkaError(code))] * 2

    def ask() -> str:
        if answers:
            raise answers.pop()
        return "offsets"

    assert _transactions()._insist(ask) == "offsets"


def test_what_it_refuses_for_good_is_an_error() -> None:
    def ask() -> None:
        raise KafkaException(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))

    with pytest.raises(KafkaException, match="GROUP_AUTHORIZATION_FAILED"):
        _transactions()._insist(ask)
