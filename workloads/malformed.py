"""Ways in which a line goes wrong. Each spoils a well-formed line so that the contract's codec must refuse it."""

from collections.abc import Callable


def _truncated(line: bytes) -> bytes:
    return line[: len(line) // 2]


def _missing_field(line: bytes) -> bytes:
    return line.rpartition(b",")[0]


def _extra_field(line: bytes) -> bytes:
    return line + b",1"


def _unknown_county(line: bytes) -> bytes:
    fields = line.split(b",")
    fields[2] = b"06002"  # California's codes are odd
    return b",".join(fields)


def _negative_time(line: bytes) -> bytes:
    fields = line.split(b",")
    fields[4] = b"-" + fields[4]
    return b",".join(fields)


def _not_utf8(line: bytes) -> bytes:
    return line[:1] + b"\xff\xfe" + line[3:]


KINDS: dict[str, Callable[[bytes], bytes]] = {
    "truncated": _truncated,
    "missing field": _missing_field,
    "extra field": _extra_field,
    "unknown county": _unknown_county,
    "negative time": _negative_time,
    "not UTF-8": _not_utf8,
}

_SPOILERS = tuple(KINDS.values())


def spoil(line: bytes, choice: int) -> bytes:
    """The well-formed `line` made malformed in the way that the non-negative number `choice` picks."""
    return _SPOILERS[choice % len(_SPOILERS)](line)
