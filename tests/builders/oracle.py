"""An oracle for the codec: what the contract says of a line, with nothing in common with the contract's own code."""

from engines.contract.aggregate import Cell, decode_key, encode_key
from engines.contract.record import COLUMNS, FIELDS, OPERATORS, TYPES, parse

_DIGITS = "0123456789"


def is_well_formed(line: bytes) -> bool:
    """What the contract says of `line`, told by splitting and by comparing numbers: no pattern in common with it."""
    if not line.isascii() or line.count(b",") != len(FIELDS) - 1:
        return False
    source, destination, county, start, end, kind, operator = line.decode("ascii").split(",")
    return (
        _is_phone_number(source)
        and _is_phone_number(destination)
        and _is_number(county, 5)
        and int(county) in range(6001, 6116, 2)
        and _is_number(start, 13)
        and _is_number(end, 13)
        and 10**12 <= int(start) <= int(end) < 2 * 10**12
        and kind in TYPES
        and operator in OPERATORS
    )


def _is_phone_number(text: str) -> bool:
    return text.startswith("+1") and _is_number(text[2:], 10) and int(text[2:]) >= 2 * 10**9


def _is_number(text: str, digits: int) -> bool:
    return len(text) == digits and all(each in _DIGITS for each in text)


def codec_error(line: bytes) -> str:
    """What is wrong with what the codec makes of `line`; empty if nothing is."""
    record = parse(line)
    if (record is not None) != is_well_formed(line):
        return "accepted, against the oracle" if record else "refused, against the oracle"
    if record is None:
        return ""
    fields = line.split(b",")
    known = {
        "Location": record.location.encode("ascii"),
        "EndT": b"%d" % record.event_time_ms,
        "Type": record.type.encode("ascii"),
        "Company": record.operator.encode("ascii"),
    }
    if b",".join(known.get(*each) for each in zip(FIELDS, fields, strict=True)) != line:
        return f"encoded again, it is another line: {record}"
    if any(_column(line, name) != fields[FIELDS.index(name)] for name in COLUMNS):
        return "a field is not in its column"
    cell = Cell(record.window_s, record.location, record.operator, record.type)
    if record.window_s != record.event_time_ms // 1000 or decode_key(encode_key(cell)) != cell:
        return f"the wrong window, or a key that does not tell it: {cell}"
    return ""


def _column(line: bytes, name: str) -> bytes:
    start, length = COLUMNS[name]
    return line[start - 1 : start - 1 + length]
