"""Flink's count of late records is of those that are on no way any more, and never goes down."""

from types import ModuleType

import pytest

from tests.builders.engine_modules import engine_module


@pytest.fixture(scope="module")
def totals() -> ModuleType:
    """The engine's module."""
    return engine_module("flink", "totals")


def test_records_on_their_way_are_not_late(totals: ModuleType) -> None:
    late = totals.Late()
    assert late.found(None, None, None) is None
    assert late.found(100, 1, 90) is None, "nine are late, or on their way"
    assert late.found(100, 1, 96) == 3
    assert late.found(150, 1, 120) == 3
    assert late.found(150, 1, 146) == 3


def test_what_was_told_to_be_late_is_never_less(totals: ModuleType) -> None:
    late = totals.Late()
    told = [late.found(*each) for each in ((10, 0, 5), (10, 0, 7), (10, 0, 9), (10, None, 9), (10, 0, 10))]
    assert told == [None, 3, 3, 3, 3]


def test_late_records_are_known_once_the_topic_is_quiet(totals: ModuleType) -> None:
    late = totals.Late()
    assert [late.found(20, 2, 15), late.found(20, 2, 15)] == [None, 3]
