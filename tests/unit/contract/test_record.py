"""The codec draws the line between well-formed and malformed where the contract does, to the byte."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contract.record import CALIFORNIA, JAVA_PATTERNS, parse
from tests.builders.oracle import codec_error, is_well_formed
from workloads.hostile import VALID, hostile_lines

LINE = b"+12137168280,+12136305790,06037,1767225600000,1767225600001,text,T-Mobile"


@pytest.mark.parametrize("examples", [60, pytest.param(400, marks=pytest.mark.proof)])
def test_the_codec_agrees_with_the_oracle_on_any_line(examples: int) -> None:
    drawing = settings(max_examples=examples, derandomize=True, database=None, deadline=None)
    drawing(given(st.lists(hostile_lines(), min_size=1, max_size=40))(hold_to_the_oracle))()


def hold_to_the_oracle(drawn: list[tuple[str, bytes]]) -> None:
    """Hold the codec to the oracle on lines, each with the name of its trap."""
    for trap, line in drawn:
        assert codec_error(line) == ""
        assert trap != VALID or parse(line) is not None


@pytest.mark.parametrize(
    ("part", "other"),
    [
        (b"+12137168280", b"+12000000000"),
        (b"+12136305790", b"+19999999999"),
        (b"06037", b"06001"),
        (b"06037", b"06099"),
        (b"06037", b"06101"),
        (b"06037", b"06115"),
        (b"1767225600000", b"1000000000000"),
        (b"1767225600001", b"1767225600000"),
        (b"1767225600001", b"1999999999999"),
        (b"text", b"call"),
        (b"T-Mobile", b"AT&T"),
    ],
)
def test_the_outermost_well_formed_values_are_accepted(part: bytes, other: bytes) -> None:
    line = LINE.replace(part, other)
    assert line != LINE
    assert parse(line) is not None and is_well_formed(line)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        (b"+12137168280", b"+11999999999"),
        (b"+12137168280", b"12137168280"),
        (b"06037", b"06000"),
        (b"06037", b"06038"),
        (b"06037", b"06117"),
        (b"06037", b"6037"),
        (b"06037", "0603\u0667".encode()),
        (b"06037", b"0603\xc0\xb7"),
        (b"1767225600000", b"1767225600002"),
        (b"1767225600000", b"999999999999"),
        (b"1767225600001", b"2000000000000"),
        (b"1767225600001", b"1.767225e12"),
        (b"text", b"Text"),
        (b"T-Mobile", b"T-Mobile\n"),
        (b"T-Mobile", b"T-Mobile\r\n"),
        (b"T-Mobile", b"T-Mobile\x00"),
        (b"T-Mobile", b"T-Mobile\xf0"),
        (b"+12137168280", b"\n+12137168280"),
        (b"+12137168280", b"\xef\xbb\xbf+12137168280"),
        (LINE, b""),
    ],
)
def test_what_lies_just_beyond_is_refused(part: bytes, other: bytes) -> None:
    line = LINE.replace(part, other)
    assert line != LINE
    assert parse(line) is None and not is_well_formed(line)


def test_the_pattern_for_java_ends_where_the_line_does() -> None:
    r"""Python writes Java's ``\z`` as ``\Z``; ``$`` would accept a line end."""
    assert all(each.startswith(r"\A") and each.endswith(r"\z") for each in JAVA_PATTERNS.values())
    pattern = re.compile(JAVA_PATTERNS[CALIFORNIA].removesuffix(r"\z") + r"\Z")
    text = LINE.decode("ascii")
    assert pattern.search(text)
    assert not pattern.search(text + "\n") and not pattern.search("\n" + text)
