"""Which forms of times are known, and what cannot be told."""

import pytest

from harness.input.guess.times import time_form

FORMS = {
    "1709658001": "s",
    "1709658001.25": "s",
    "1710136800000": "ms",
    "1710136800000.0": "ms",
    "1.710137E+12": "ms",
    "1710136800000000": "us",
    "1710136800000000000": "ns",
    "2024-03-05 09:00:01": "iso",
    "2024-03-05T09:00Z": "iso",
    "2025-03-11 06:00:03.346000 UTC": "iso",
    "2025-03-11 06:00:03,346": "iso",
    "2024-05-01 12:00:00 -0700": "iso",
    "2024-03-11 06:00:01.123+00": "iso",
    "2024/04/30 06:00:05": "%Y/%m/%d %H:%M:%S",
    "30.04.2024 06:00:05": "%d.%m.%Y %H:%M:%S",
    "04/30/24 06:00": "%m/%d/%y %H:%M",
    "3/31/2024 6:00:05 AM": "%m/%d/%Y %I:%M:%S %p",
    "31/03/2024, 06:00:05": "%d/%m/%Y, %H:%M:%S",
    "20240311060000": "%Y%m%d%H%M%S",
    "20240501120000+0200": "%Y%m%d%H%M%S%z",
    "20240311T060000Z": "%Y%m%dT%H%M%SZ",
    "14-Mar-2024 09:05:23": "%d-%b-%Y %H:%M:%S",
    "Mar 14, 2024 9:05:23 PM": "%b %d, %Y %I:%M:%S %p",
    "Thu, 14 Mar 2024 09:05:06 +0000": "%a, %d %b %Y %H:%M:%S %z",
    "Thu Mar 14 09:05:06 2024": "%a %b %d %H:%M:%S %Y",
    "09:05:13 UTC 2024-03-14": "%H:%M:%S UTC %Y-%m-%d",
    "2024-05-01 12:00:00 PDT": "%Y-%m-%d %H:%M:%S %Z",
    "2024-05-01 12:00:00 (+0200)": "%Y-%m-%d %H:%M:%S (%z)",
    "+0200 2024-05-01 12:00:00": "%z %Y-%m-%d %H:%M:%S",
}


@pytest.mark.parametrize(("value", "form"), FORMS.items())
def test_a_time_has_its_form(value: str, form: str) -> None:
    found = time_form([value])
    assert found
    assert (found.name, found.has_date, found.has_clock) == (form, True, True)


@pytest.mark.parametrize("value", ["9165550100", "C12", "31026512345678", "00:61:00", "01-mag-2024 12:00:00", "65", ""])
def test_what_is_no_time_has_none(value: str) -> None:
    assert time_form([value]) is None


def test_a_date_and_a_time_of_day_are_known_as_halves() -> None:
    date, clock = time_form(["2024-03-05"]), time_form(["09:00:01"])
    assert date
    assert clock
    assert (date.has_date, date.has_clock) == (True, False)
    assert (clock.has_date, clock.has_clock) == (False, True)


def test_one_day_beyond_the_twelfth_tells_the_order() -> None:
    found = time_form(["03/04/2024 10:00:00"] * 9 + ["13/04/2024 10:00:00"])
    assert found
    assert (found.name, found.other) == ("%d/%m/%Y %H:%M:%S", None)


def test_an_order_that_nothing_tells_is_kept_open() -> None:
    found = time_form(["03/04/2024 10:00:00"] * 9)
    assert found
    assert (found.other, found.order_told) == ("%m/%d/%Y %H:%M:%S", False)


def test_of_two_numbers_the_one_that_varies_more_is_the_day() -> None:
    found = time_form([f"03/0{day}/2024 10:00:00" for day in range(1, 6)])
    assert found
    assert (found.name, found.other, found.order_told) == ("%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", True)


def test_some_values_of_another_kind_do_not_hide_a_form() -> None:
    found = time_form(["1709658001"] * 9 + ["-1076616359"])
    assert found
    assert (found.name, found.share) == ("s", 0.9)
    assert time_form(["1709658001"] * 5 + ["-1076616359"] * 5) is None
