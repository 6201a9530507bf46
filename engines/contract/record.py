"""The call-detail record: one line of seven comma-separated ASCII fields.

``SourcePN,DestPN,Location,StartT,EndT,Type,Company`` where

* ``SourcePN``, ``DestPN``: North American telephone numbers in E.164 form, ``+1`` and ten digits,
* ``Location``: the five-digit FIPS code of a California county (odd numbers 06001 to 06115, 58 of them),
* ``StartT``, ``EndT``: milliseconds since the Unix epoch, thirteen digits; the event time is ``EndT``, because a
  record is written when its call ends, and ``EndT`` is never before ``StartT``,
* ``Type``: ``call`` or ``text``,
* ``Company``: the operator.

One pattern decides what is well formed, in Python and, anchored, in the Java engines, so that all classify alike.
"""

import re
from typing import NamedTuple

FIELDS = ("SourcePN", "DestPN", "Location", "StartT", "EndT", "Type", "Company")
OPERATORS = ("AT&T", "Sprint", "T-Mobile", "Verizon")
TYPES = ("call", "text")

#: Well-formed record, one capturing group per field. No anchors: use ``re.fullmatch``, or `JAVA_PATTERN` in a JVM.
PATTERN = (
    r"(\+1[2-9][0-9]{9}),(\+1[2-9][0-9]{9}),"
    r"(06(?:0[0-9][13579]|10[13579]|11[135])),"
    r"(1[0-9]{12}),(1[0-9]{12}),"
    r"(call|text),(AT&T|Sprint|T-Mobile|Verizon)"
)

#: Position (from 1) and length in characters of the fields that the aggregation needs, in a well-formed line: all
#: fields have a fixed width but the last, whose length here is that of the longest operator. For engines whose
#: substring is faster than a second regular expression.
COLUMNS = {"Location": (27, 5), "StartT": (33, 13), "EndT": (47, 13), "Type": (61, 4), "Company": (66, 8)}

#: `PATTERN` for ``java.util.regex``, whose ``$`` would accept a trailing newline.
JAVA_PATTERN = rf"\A{PATTERN}\z"

_match = re.compile(PATTERN.encode("ascii")).fullmatch


class Record(NamedTuple):
    """The fields of a well-formed line that the aggregation needs.

    `window_s` is the start of the record's one-second window, in seconds since the Unix epoch.
    """

    window_s: int
    event_time_ms: int
    location: str
    operator: str
    type: str


def parse(line: bytes) -> Record | None:
    """The record in `line` (no line end), or None if it is malformed and belongs in the dead-letter topic."""
    found = _match(line)
    if found is None:
        return None
    _, _, location, start, end, kind, operator = found.groups()
    # Both have thirteen digits, so that comparing the digits compares the numbers.
    if end < start:
        return None
    event_time_ms = int(end)
    return Record(
        event_time_ms // 1000,
        event_time_ms,
        location.decode("ascii"),
        operator.decode("ascii"),
        kind.decode("ascii"),
    )
