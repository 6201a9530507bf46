"""Ways in which a line goes wrong. Each spoils a well-formed line so that the contract's codec must refuse it."""

from bisect import bisect_right
from collections.abc import Callable, Collection
from functools import partial
from itertools import accumulate

from engines.contract.record import CALIFORNIA

#: Length of the longest lines: what passes everywhere by default, also on its way to the dead letters. librdkafka takes
#: messages of up to 1,000,000 bytes, its own overhead included.
LONG_LINE_BYTES = 999_000
#: By set of locations, the code of a place outside it: California's are odd, and 72 is Puerto Rico.
_UNKNOWN = {CALIFORNIA: b"06002", "us": b"72001", "synthetic": b"06002"}


def _truncated(line: bytes) -> bytes:
    return line[: len(line) // 2]


def _missing_field(line: bytes) -> bytes:
    return line.rpartition(b",")[0]


def _extra_field(line: bytes) -> bytes:
    return line + b",1"


def _unknown_county(line: bytes, locations: str = CALIFORNIA) -> bytes:
    return _with_field(line, 2, _UNKNOWN[locations])


def _negative_time(line: bytes) -> bytes:
    return _with_field(line, 4, b"-" + line.split(b",")[4])


def _year_9999(line: bytes) -> bytes:
    return _with_field(line, 4, b"253402300799999")


def _with_field(line: bytes, number: int, value: bytes) -> bytes:
    fields = line.split(b",")
    fields[number] = value
    return b",".join(fields)


def _not_utf8(line: bytes) -> bytes:
    return line[:1] + b"\xff\xfe" + line[3:]


def _quotes(line: bytes) -> bytes:
    return b'"' + line.replace(b",", b'","') + b'"'


def _newlines(line: bytes) -> bytes:
    # What splits it, or takes the end of a line for the end of the text, finds records that nobody sent.
    return line + b"\n" + line + b"\n"


def _long(line: bytes) -> bytes:
    return line.ljust(LONG_LINE_BYTES, b"x")


#: By the name that a scenario gives them.
KINDS: dict[str, Callable[[bytes], bytes]] = {
    "truncated": _truncated,
    "missing_field": _missing_field,
    "extra_field": _extra_field,
    "unknown_county": _unknown_county,
    "negative_time": _negative_time,
    "year_9999": _year_9999,
    "not_utf8": _not_utf8,
    "quotes": _quotes,
    "newlines": _newlines,
    "long": _long,
}

#: Weights among the malformed lines. A long line weighs as much on the pipeline as 14,000 others.
_USUAL_WEIGHT, _WEIGHTS = 100, {"long": 1}


class Spoiler:
    """Spoils lines in some of the ways, in the order of `KINDS` whatever the order they are named in."""

    def __init__(self, kinds: Collection[str], locations: str = CALIFORNIA) -> None:
        chosen = [kind for kind in KINDS if kind in kinds]
        spoilers = KINDS | {"unknown_county": partial(_unknown_county, locations=locations)}
        self._spoilers = [spoilers[kind] for kind in chosen]
        self._bounds = list(accumulate(_WEIGHTS.get(kind, _USUAL_WEIGHT) for kind in chosen))

    def spoil(self, line: bytes, choice: int) -> bytes:
        """The well-formed `line` made malformed in the way that the 32-bit number `choice` picks."""
        return self._spoilers[bisect_right(self._bounds, choice * self._bounds[-1] >> 32)](line)
