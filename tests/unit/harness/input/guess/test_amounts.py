"""Numbers and lengths, as people write them."""

import pytest

from harness.input.guess.amounts import (
    DECIMAL_COMMA,
    EUROPEAN,
    HMS,
    MIN_S,
    NUMBER,
    THOUSANDS,
    UNITS,
    amount,
    amount_form,
)

FORMS = {
    "65": (NUMBER, 65),
    "0.5": (NUMBER, 0.5),
    "1e2": (NUMBER, 100),
    "1,5": (DECIMAL_COMMA, 1.5),
    "1,000,000": (THOUSANDS, 1_000_000),
    "1.000,5": (EUROPEAN, 1000.5),
    "00:01:05": (HMS, 65),
    "1:02:03.5": (HMS, 3723.5),
    "1 days 00:01:05": (HMS, 86_465),
    "10:11": (MIN_S, 611),
    "10m11s": (UNITS, 611),
    "1h2m3.5s": (UNITS, 3723.5),
    "PT1M5S": (UNITS, 65),
    "250ms": (UNITS, 0.25),
}


@pytest.mark.parametrize(("value", "expected"), FORMS.items())
def test_an_amount_has_its_form_and_value(value: str, expected: tuple[str, float]) -> None:
    found = amount_form([value])
    assert found
    assert (found.name, amount(value, found.name)) == expected


@pytest.mark.parametrize("value", ["C12", "+19165550100", "2024-03-11", "call", "00:65:00", "m", "PT"])
def test_what_is_no_amount_has_no_form(value: str) -> None:
    assert amount_form([value]) is None


def test_whole_numbers_among_fractions_with_a_comma_are_of_their_form() -> None:
    found = amount_form(["0", "4", "17", "0,5"])
    assert found
    assert (found.name, found.whole) == (DECIMAL_COMMA, False)
