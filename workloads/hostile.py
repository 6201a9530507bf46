"""Hostile lines: Hypothesis strategies for lines near the border of what is well formed.

The border is that of California's set of locations; what a line is by another set, the contract's codec tells.
"""

from collections.abc import Callable, Sequence
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contract.record import CALIFORNIA, FIELDS, OPERATORS, TYPES, parse

#: 2026-01-01T00:00:00Z. Times of ordinary lines lie in few windows, so that cells have counts beyond 1.
EPOCH_MS: Final = 1_767_225_600_000
LENGTH_MS: Final = 3000

_DIGITS = "0123456789"
_START, _END = FIELDS.index("StartT"), FIELDS.index("EndT")

#: A trap makes a hostile line of the fields of a well-formed one.
Trap = Callable[[st.DrawFn, list[bytes]], bytes]


# Well-formed fields


def _phone_number() -> st.SearchStrategy[bytes]:
    return st.integers(2 * 10**9, 10**10 - 1).map(lambda number: b"+1%d" % number)


@st.composite
def _fields(draw: st.DrawFn) -> list[bytes]:
    end_ms = EPOCH_MS + draw(st.integers(0, LENGTH_MS - 1))
    start_ms = end_ms - draw(st.sampled_from((0, 1, 999, 65_432)))
    return [
        draw(_phone_number()),
        draw(_phone_number()),
        draw(st.sampled_from((b"06001", b"06037", b"06099", b"06115"))),
        b"%d" % start_ms,
        b"%d" % end_ms,
        draw(st.sampled_from(TYPES)).encode("ascii"),
        draw(st.sampled_from(OPERATORS)).encode("ascii"),
    ]


def _join(fields: list[bytes]) -> bytes:
    return b",".join(fields)


def _with(fields: list[bytes], position: int, value: bytes) -> bytes:
    return _join([*fields[:position], value, *fields[position + 1 :]])


# Traps with well-formed lines on the other side of the border


def _byte_replaced(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    line = _join(fields)
    at = draw(st.integers(0, len(line) - 1))
    byte = draw(st.one_of(st.sampled_from(_DIGITS.encode("ascii")), st.integers(0, 255)))
    return line[:at] + bytes([byte]) + line[at + 1 :]


def _spliced(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    line, other = _join(fields), _join(draw(_fields()))
    at = draw(st.integers(1, 60))
    return line[:at] + other[at + draw(st.sampled_from((0, 0, -1, 1))) :]


def _fields_swapped(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    one, other = draw(st.sampled_from(((0, 1), (3, 4)))) if draw(st.booleans()) else draw(_two_positions())
    fields[one], fields[other] = fields[other], fields[one]
    return _join(fields)


def _two_positions() -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(*[st.integers(0, len(FIELDS) - 1)] * 2)


def _county_limits(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    code = draw(st.one_of(st.integers(5990, 6126), st.sampled_from((0, 1, 1001, 7001, 16_001, 60_010, 99_999))))
    width = draw(st.sampled_from((5, 5, 5, 5, 4, 6)))
    return _with(fields, 2, b"%0*d" % (width, code))


def _number_limits(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    number = draw(st.sampled_from((0, 10**9 - 1, 10**9, 2 * 10**9 - 1, 2 * 10**9, 10**10 - 1, 10**10)))
    prefix = draw(st.sampled_from((b"+1", b"+1", b"+1", b"+2", b"+0", b"1")))
    return _with(fields, draw(st.integers(0, 1)), prefix + b"%010d" % number)


def _time_limits(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    near = st.sampled_from((0, 10**12, 2 * 10**12, 10**13, 2**31, 2**40, 2**63))
    start_ms, end_ms = (max(0, draw(near) + draw(st.integers(-2, 2))) for _ in range(2))
    if draw(st.booleans()):
        start_ms, end_ms = draw(st.sampled_from(((10**12, 10**12), (10**12, 2 * 10**12 - 1), (end_ms, end_ms))))
    return _with(_with(fields, _START, b"%013d" % start_ms).split(b","), _END, b"%013d" % end_ms)


def _end_around_start(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    apart_ms = draw(st.sampled_from((0, 1, 9, 10, 999, 1000, 100_000)))
    start_ms = int(fields[_END]) + draw(st.sampled_from((-1, 1))) * apart_ms
    return _with(fields, _START, b"%d" % start_ms)


def _types(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    words = ("call", "text", "Call", "TEXT", "cAll", "calls", "cal", "", "sms", "callcall", "call|text", "cal\u0131")
    return _with(fields, 5, draw(st.sampled_from(words)).encode())


def _operators(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    wrong = ("AT&amp;T", "ATT", "at&t", "AT&t", "SPRINT", "sprint", "T-mobile", "T Mobile", "TMobile", "Verizo")
    longer = ("Verizon ", "Sprint,", "AT&T&", "T-Mobile\x00", "T-Mobile|", "VerizonVerizon", "Sprint$", "")
    return _with(fields, 6, draw(st.sampled_from((*OPERATORS, *OPERATORS, *wrong, *longer))).encode())


# Traps without


def _byte_inserted(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    return _inserted(draw, fields, bytes([draw(st.integers(0, 255))]))


def _inserted(draw: st.DrawFn, fields: list[bytes], what: bytes) -> bytes:
    line = _join(fields)
    at = draw(st.integers(0, len(line)))
    return line[:at] + what + line[at:]


def _byte_deleted(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    line = _join(fields)
    at = draw(st.integers(0, len(line) - 1))
    return line[:at] + line[at + 1 :]


#: What one or another library takes for the end of a line, for a blank, or for nothing.
_BREAKS = ("\n", "\r\n", "\r", "\n\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\x00", " ", "\t", "\u00a0")
_BREAK = st.sampled_from([*(each.encode() for each in _BREAKS), b"\x85", b"\xa0"])


def _line_end(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    return _join(fields) + draw(_BREAK)


def _line_start(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    marks = ("\ufeff".encode(), b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff", "\u200b".encode(), b"#", b'"', b"\\")
    return draw(st.one_of(_BREAK, st.sampled_from(marks))) + _join(fields)


def _break_inside(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    return _inserted(draw, fields, draw(_BREAK))


def _two_lines(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    lines = [_join(fields), draw(st.sampled_from((_join(fields), b"", b"x")))]
    return draw(st.sampled_from((b"\n", b"\r\n", b",", b"\x00", b"\r"))).join(draw(st.permutations(lines)))


def _quoted(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    quote = draw(st.sampled_from((b'"', b"'", b"`", b'\\"', b'""')))
    position = draw(st.integers(0, len(FIELDS)))
    if position == len(FIELDS):
        return quote + _join(fields) + quote
    return _with(fields, position, quote + fields[position] + quote)


def _separators(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    others = (b";", b"\t", b"|", b" ", b"", b",,", b", ", b" ,", b"\\,", "\uff0c".encode(), b",\n", b"\x1f")
    at = draw(st.integers(1, len(FIELDS) - 1))
    return _join(fields[:at]) + draw(st.sampled_from(others)) + _join(fields[at:])


def _fields_missing_or_more(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    at = draw(st.integers(0, len(FIELDS) - 1))
    values = draw(st.sampled_from(([], [b""], [fields[at]] * 2, [fields[at], b""], [b"NULL"], [b"\\N"])))
    return _join([*fields[:at], *values, *fields[at + 1 :]])


def _other_digits(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    """A digit of the same value, in another script: Arabic, Persian, Devanagari, full width, bold, superscript."""
    zero = draw(st.sampled_from("\u0660\u06f0\u0966\uff10\U0001d7ce\u2080"))
    return _digit_replaced(draw, fields, lambda digit: chr(ord(zero) + digit).encode())


def _digit_replaced(draw: st.DrawFn, fields: list[bytes], by: Callable[[int], bytes]) -> bytes:
    position = draw(st.integers(0, _END))
    field = fields[position]
    at = draw(st.sampled_from([at for at, each in enumerate(field) if each != ord("+")]))
    return _with(fields, position, field[:at] + by(field[at] - ord("0")) + field[at + 1 :])


def _overlong_digits(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    """A digit in two, three or four bytes of UTF-8, which a careless decoder takes for the digit."""
    lead = draw(st.sampled_from((b"\xc0", b"\xe0\x80", b"\xf0\x80\x80")))
    return _digit_replaced(draw, fields, lambda digit: lead + bytes([0xB0 + digit]))


def _latin_1(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    return _inserted(draw, fields, bytes([draw(st.integers(0xA0, 0xFF))]) * draw(st.integers(1, 3)))


def _lookalikes(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    pairs = {"a": "\u0430", "e": "\u0435", "T": "\u0422", "+": "\uff0b", "-": "\u2010", "&": "\uff06", "i": "\u0456"}
    pairs |= {"0": "O", "1": "l", "c": "\u0441", "x": "\u0445", ",": "\u201a", "l": "\u217c"}
    line = _join(fields).decode("ascii")
    at = draw(st.sampled_from([at for at, each in enumerate(line) if each in pairs]))
    return (line[:at] + pairs[line[at]] + line[at + 1 :]).encode()


def _invalid_utf_8(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    """Bytes that never are UTF-8, sequences cut short (most harmful at the end), surrogates, too great a number."""
    parts = (b"\xff", b"\xfe", b"\x80", b"\xc3", b"\xe2\x82", b"\xf0", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\x80")
    part = draw(st.sampled_from((*parts, b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfd")))
    return _join(fields) + part if draw(st.booleans()) else _overwritten(draw, fields, part)


def _overwritten(draw: st.DrawFn, fields: list[bytes], part: bytes) -> bytes:
    line = _join(fields)
    at = draw(st.integers(0, len(line)))
    return line[:at] + part + line[at + len(part) :]


def _notations(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    """The same number, written in another way."""
    position = draw(st.integers(0, _END))
    value = int(fields[position])
    forms = ("%d.0", "%e", "+0%d", "-%d", "00%d", " %d", "%d ", "0x%x", "%dL", "%d.", "++%d", "%d\x00", "(%d)", "%d0")
    others = (f"{value:,}", f"{value:_}", "1e12", "1E12", "NaN", "Infinity", "1.0e+12", f"{value // 1000}")
    words = [*(form % value for form in forms), *others]
    return _with(fields, position, draw(st.sampled_from(words)).encode("ascii"))


def _long(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    """Some kilobytes: padding at either end, a field that goes on and on, or the line again and again."""
    filling = draw(st.sampled_from((b" ", b"0", b",", b"\x00", b"\xff", b"\n", b"A", "\u00e9".encode(), _join(fields))))
    padding = filling * (draw(st.integers(1000, 8000)) // len(filling))
    position = draw(st.integers(0, len(FIELDS) + 1))
    if position >= len(FIELDS):
        return padding + _join(fields) if position == len(FIELDS) else _join(fields) + padding
    return _with(fields, position, fields[position] + padding)


def _blank(draw: st.DrawFn, _fields: list[bytes]) -> bytes:
    return bytes(draw(st.lists(st.sampled_from(b" \t\r\n\x00,\x0b\x85\xa0"), max_size=12)))


def _noise(draw: st.DrawFn, _fields: list[bytes]) -> bytes:
    return draw(st.binary(max_size=80))


def _other_encodings(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    names = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp500", "utf-7", "hex")
    line = _join(fields)
    name = draw(st.sampled_from(names))
    return line.hex().encode("ascii") if name == "hex" else line.decode("ascii").encode(name)


#: By name: traps that make lines of both classes, and traps that make malformed lines only.
BOTH: dict[str, Trap] = {
    "byte replaced": _byte_replaced,
    "spliced": _spliced,
    "fields swapped": _fields_swapped,
    "county limits": _county_limits,
    "number limits": _number_limits,
    "time limits": _time_limits,
    "end around start": _end_around_start,
    "types": _types,
    "operators": _operators,
}
REFUSED: dict[str, Trap] = {
    "byte inserted": _byte_inserted,
    "byte deleted": _byte_deleted,
    "line end": _line_end,
    "line start": _line_start,
    "break inside": _break_inside,
    "two lines": _two_lines,
    "quoted": _quoted,
    "separators": _separators,
    "fields missing or more": _fields_missing_or_more,
    "other digits": _other_digits,
    "overlong digits": _overlong_digits,
    "Latin-1": _latin_1,
    "lookalikes": _lookalikes,
    "invalid UTF-8": _invalid_utf_8,
    "notations": _notations,
    "long": _long,
    "blank": _blank,
    "noise": _noise,
    "other encodings": _other_encodings,
}
#: No trap: the line as it is.
VALID: Final = "valid"
_TRAPS: dict[str, Trap] = {VALID: lambda _draw, fields: _join(fields), **BOTH, **REFUSED}


@st.composite
def hostile_lines(draw: st.DrawFn) -> tuple[str, bytes]:
    """A line, after the name of the trap that it is to be."""
    # Valid ones more often than any trap: what is to be counted must be there to be counted wrong.
    name = draw(st.sampled_from((*_TRAPS, *[VALID] * 3)))
    return name, _TRAPS[name](draw, draw(_fields()))


def drawn_lines(draws: int) -> dict[bytes, str]:
    """The lines of so many draws, the same in every process: all different, each with the name of its trap."""
    found: dict[bytes, str] = {}

    @settings(max_examples=draws, derandomize=True, database=None, deadline=None)
    @given(hostile_lines())
    def draw(named: tuple[str, bytes]) -> None:
        found.setdefault(named[1], named[0])

    draw()
    return found


def without_late_ones(lines: Sequence[bytes], locations: str = CALIFORNIA) -> list[bytes]:
    """`lines` with the well-formed ones, where they stand, in the order of their event times.

    None of them is late then. Malformed lines with times far ahead stand between them, and must make none late.
    """
    records = [parse(line, locations) for line in lines]
    well_formed = [(record.event_time_ms, line) for record, line in zip(records, lines, strict=True) if record]
    ordered = iter(sorted(well_formed))
    return [next(ordered)[1] if record else line for record, line in zip(records, lines, strict=True)]
