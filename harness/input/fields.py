"""Values of a user's columns turned into numbers, a batch at a time; what cannot be is marked as bad."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from engines.contract.record import OPERATORS, TYPES
from harness.input.problems import Check
from harness.scenarios.input import ColumnSection
from workloads.activity import (
    Words,
    counties_by_population,
    derive,
    phone_numbers,
    text_words,
)
from workloads.california import COUNTIES

#: Event times have thirteen digits, the first of them a 1 (see `engines.contract.record`).
LEAST_MS, PAST_MS = 1_000_000_000_000, 2_000_000_000_000
_YEARS = "from 2001-09-09 to 2033-05-17"
_TIMES = {
    "ms": f"milliseconds since the Unix epoch, 13 digits, {_YEARS}",
    "s": f"seconds since the Unix epoch, {_YEARS}",
    "iso": f"ISO 8601, such as 2013-11-01T00:10:00Z, {_YEARS}",
}
_SECONDS = r"^1[0-9]{9}(\.[0-9]{1,9})?$"
_ISO = (
    r"^(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
    r"(?P<fraction>\.[0-9]{1,9})?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
_NUMBER = r"^[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?$"
_PHONE = re.compile(r"(?:\+?1)?[ .-]?\(?([2-9][0-9]{2})\)?[ .-]?([0-9]{3})[ .-]?([0-9]{4})")
_MAX_AMOUNT = 1e9
_MAX_DURATION_MS = 7 * 86_400_000
_SHOWN_CHARACTERS = 60
_UNKNOWN = -1

COUNTY_NAMES = {
    **{county.name.lower(): number for number, county in enumerate(COUNTIES)},
    **{county.fips: number for number, county in enumerate(COUNTIES)},
    # What is left of a code that a spreadsheet took for a number.
    **{county.fips[1:]: number for number, county in enumerate(COUNTIES)},
}
OPERATOR_NAMES = {name.lower(): number for number, name in enumerate(OPERATORS)}
TYPE_NAMES = {name: number for number, name in enumerate(TYPES)}


def quoted(column: pa.Array, at: int) -> str:
    """A value as an error tells it: not at any length."""
    text = str(column[at].as_py())
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}...")


def _wrong(key: str, column: pa.Array, expected: str) -> Callable[[int], str]:
    return lambda at: f"{key}: found {quoted(column, at)}; expected {expected}"


def times_ms(check: Check, key: str, column: pa.Array, form: str) -> NDArray[np.int64]:
    """Times in milliseconds since the Unix epoch; of bad rows, `LEAST_MS`.

    Args:
        check: is told of bad rows.
        key: what the column is in the map.
        column: strings, or timestamps.
        form: ``ms``, ``s``, ``iso`` or a pattern of `strftime`; of strings only.
    """
    if pa.types.is_timestamp(column.type):
        parsed = column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
    else:
        parsed = _PARSERS.get(form, lambda text: _by_pattern(text, form))(pc.utf8_trim_whitespace(column))
    found = _filled(parsed, 0)
    holds = (found >= LEAST_MS) & (found < PAST_MS)
    check.require(holds, _wrong(key, column, _TIMES.get(form, f"a time like {form!r}, {_YEARS}")))
    return np.where(holds, found, LEAST_MS)


def _filled(values: pa.Array, default: int) -> NDArray[np.int64]:
    found: NDArray[np.int64] = pc.fill_null(values, default).to_numpy(zero_copy_only=False)
    return found


def _matching(text: pa.Array, pattern: str) -> pa.Array:
    """`text`, with nulls in place of what does not match."""
    return pc.if_else(pc.match_substring_regex(text, pattern), text, None)


def _milliseconds(text: pa.Array) -> pa.Array:
    return _matching(text, r"^1[0-9]{12}$").cast(pa.int64())


def _seconds(text: pa.Array) -> pa.Array:
    # Of sixteen digits, a double holds milliseconds exactly.
    return pc.round(pc.multiply(_matching(text, _SECONDS).cast(pa.float64()), 1000.0)).cast(pa.int64())


def _iso(text: pa.Array) -> pa.Array:
    parts = pc.extract_regex(text, _ISO)
    date, time, fraction, zone = (pc.struct_field(parts, name) for name in ("date", "time", "fraction", "zone"))
    time = pc.if_else(pc.equal(time, ""), "00:00", time)
    time = pc.if_else(pc.equal(pc.utf8_length(time), 5), pc.binary_join_element_wise(time, ":00", ""), time)
    seconds = _by_pattern(pc.binary_join_element_wise(date, time, " "), "%Y-%m-%d %H:%M:%S")
    parts_s = pc.if_else(pc.equal(fraction, ""), "0", fraction).cast(pa.float64())
    # 0.29 * 1000 is a little less than 290 in binary.
    parts_ms = pc.floor(pc.add(pc.multiply(parts_s, 1000.0), 1e-6)).cast(pa.int64())
    return pc.subtract(pc.add(seconds, parts_ms), _zone_ms(zone))


def _zone_ms(zone: pa.Array) -> pa.Array:
    """How far zones such as ``+01:00`` are ahead of UTC, in milliseconds."""
    seen = pc.dictionary_encode(zone)
    offsets = [_offset_ms(each) for each in seen.dictionary.to_pylist()]
    return pc.take(pa.array(offsets, type=pa.int64()), seen.indices)


def _offset_ms(zone: str) -> int:
    digits = zone[1:].replace(":", "").ljust(4, "0")
    if not zone or zone == "Z":
        return 0
    ahead_ms = (int(digits[:2]) * 60 + int(digits[2:])) * 60_000
    return -ahead_ms if zone[0] == "-" else ahead_ms


def _by_pattern(text: pa.Array, pattern: str) -> pa.Array:
    return pc.multiply(pc.strptime(text, pattern, "s", error_is_null=True).cast(pa.int64()), 1000)


_PARSERS: dict[str, Callable[[pa.Array], pa.Array]] = {"ms": _milliseconds, "s": _seconds, "iso": _iso}


def durations_ms(check: Check, key: str, column: pa.Array, unit: str) -> NDArray[np.int64]:
    """Lengths of calls in milliseconds; an empty value is none."""
    amounts = _numbers(
        check, key, column, f"a length in {unit}, 0 or more, at most 7 days; or nothing", _MAX_DURATION_MS
    )
    found: NDArray[np.int64] = np.round(amounts * {"ms": 1, "s": 1000}[unit]).astype(np.int64)
    check.require(found <= _MAX_DURATION_MS, _wrong(key, column, f"a length in {unit}, at most 7 days"))
    return found


def amounts(check: Check, key: str, column: pa.Array) -> NDArray[np.float64]:
    """How much activity there was; an empty value is none."""
    return _numbers(check, key, column, f"a number from 0 to {_MAX_AMOUNT:,.0f}, or nothing", _MAX_AMOUNT)


def _numbers(check: Check, key: str, column: pa.Array, expected: str, greatest: float) -> NDArray[np.float64]:
    text = pc.utf8_trim_whitespace(_as_text(column))
    parsed = _matching(pc.if_else(pc.equal(text, ""), "0", text), _NUMBER).cast(pa.float64())
    found = pc.fill_null(parsed, -1.0).to_numpy(zero_copy_only=False)
    holds = (found >= 0) & (found <= greatest)
    check.require(holds, _wrong(key, column, expected))
    return np.where(holds, found, 0.0)


def identifiers(check: Check, key: str, column: pa.Array) -> NDArray[np.int64]:
    """Whole numbers that name something."""
    parsed = _matching(pc.utf8_trim_whitespace(_as_text(column)), r"^[0-9]{1,18}$").cast(pa.int64())
    found = _filled(parsed, _UNKNOWN)
    check.require(found != _UNKNOWN, _wrong(key, column, "a whole number, 0 or more"))
    return found


def _as_text(column: pa.Array) -> pa.Array:
    return column.cast(pa.string()) if pa.types.is_timestamp(column.type) else column


def categories(
    check: Check,
    key: str,
    column: pa.Array,
    section: ColumnSection,
    known: dict[str, int],
    expected: str,
    by_share: Callable[[Words], NDArray[np.int64]] | None,
    seed: int,
) -> NDArray[np.int64]:
    """Numbers of counties, operators or types, by their names in `known`; of bad rows, 0."""
    seen = pc.dictionary_encode(pc.utf8_trim_whitespace(_as_text(column)))
    texts = seen.dictionary.to_pylist()
    numbers = np.array([_category(text, section, known) for text in texts], dtype=np.int64)
    if section.by_share and by_share:
        open_ = np.array([number == _UNKNOWN and bool(text) for number, text in zip(numbers, texts, strict=True)])
        numbers = np.where(open_, by_share(text_words(texts, seed)), numbers)
    found: NDArray[np.int64] = numbers[seen.indices.to_numpy()]
    check.require(found != _UNKNOWN, _wrong(key, column, expected))
    return np.where(found != _UNKNOWN, found, 0)


def _category(text: str, section: ColumnSection, known: dict[str, int]) -> int:
    return category(section.values.get(text, text), known, section.default)


def category(text: str, known: dict[str, int], default: str | None = None) -> int:
    """The number of what `text` names, in capitals or not; that of `default` if there is none; else -1."""
    name = text.strip().lower()
    for each in (name, name.removesuffix(" county"), (default or "").lower()):
        if each in known:
            return known[each]
    return _UNKNOWN


def subscribers(check: Check, key: str, column: pa.Array, seed: int) -> NDArray[np.int64]:
    """Telephone numbers of ten digits; a text that is none, such as a pseudonym, gets one by its hash."""
    text = pc.utf8_trim_whitespace(_as_text(column))
    seen = pc.dictionary_encode(text)
    texts = seen.dictionary.to_pylist()
    check.require(
        pc.not_equal(text, "").to_numpy(zero_copy_only=False), _wrong(key, column, "something that names a subscriber")
    )
    found: NDArray[np.int64] = _numbers_of(texts, seed)[seen.indices.to_numpy()]
    return found


def _numbers_of(texts: Sequence[str], seed: int) -> NDArray[np.int64]:
    words = text_words(texts, seed)
    made = phone_numbers(words, counties_by_population(derive(words, 0)))
    own = [_PHONE.fullmatch(text) for text in texts]
    return np.array(
        [int("".join(match.groups())) if match else number for match, number in zip(own, made.tolist(), strict=True)],
        dtype=np.int64,
    )
