"""Telephone numbers: spellings of one are one subscriber."""

from pathlib import Path

import pytest

from harness.input.subscribers import canonical
from tests.unit.harness.input.reading import COLUMNS, read

SPELLINGS = [
    "9165550100",
    "19165550100",
    "+19165550100",
    "0019165550100",
    "01119165550100",
    "(916) 555-0100",
    "+1 (916) 555-0100",
    "1-916-555-0100",
    "+1.916.555.0100",
    "tel:+1-916-555-0100",
    "sip:+19165550100@sbc.example",
    "<sip:9165550100@10.0.0.1;user=phone>",
    "9165550100.0",
    "9.165550100E+9",
    '="9165550100"',
    "'9165550100",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_spellings_of_a_number_are_one(text: str) -> None:
    assert canonical(text) == "9165550100"


@pytest.mark.parametrize(
    "text", ["+390255501000", "00390255501000", "011 39 02 555 01000", "390255501000", "tel:+390255501000"]
)
def test_numbers_of_other_countries_have_one_spelling_too(text: str) -> None:
    assert canonical(text) == "+390255501000"


@pytest.mark.parametrize("text", ["911", "*97", "x4711", "anna", "+1916555****", "1.91987E+11", "sip:anna@pbx"])
def test_what_is_no_such_number_is_no_number_of_ten_digits(text: str) -> None:
    found = canonical(text)
    assert not (len(found) == 10 and found.isdigit())


def test_what_was_hashed_and_what_is_missing_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    numbers = ["9165550100", "+19165550100", "anna", "anna", "911", "Anonymous", "", "NaN", "1.91987E+11"]
    lines = [f"17092872{at:02d},{each}" for at, each in enumerate(numbers)]
    path.write_text("\n".join(["t,who", *lines]), encoding="utf-8")
    found = read(path, COLUMNS | {"source": "who"}, time="s")
    subscribers = found.records["source_numbers"].tolist()
    assert subscribers[0] == subscribers[1] == 9165550100
    assert subscribers[2] == subscribers[3] != subscribers[4]
    assert len(set(subscribers[5:8])) == 3, "who is not known is not one subscriber"
    assert found.tally.hashed == {"source": 4} and found.tally.missing_numbers == {"source": 3}
    assert found.tally.hashed_examples == ["anna", "911", "1.91987E+11"] and found.tally.rounded_numbers == 1
