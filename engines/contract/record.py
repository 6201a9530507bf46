"""The call-detail record: one line of seven comma-separated ASCII fields.

``SourcePN,DestPN,Location,StartT,EndT,Type,Company`` where

* ``SourcePN``, ``DestPN``: North American telephone numbers in E.164 form, ``+1`` and ten digits,
* ``Location``: five digits, of the set of locations that the job names: see `LOCATIONS`,
* ``StartT``, ``EndT``: milliseconds since the Unix epoch, thirteen digits; the event time is ``EndT``, because a
  record is written when its call ends, and ``EndT`` is never before ``StartT``,
* ``Type``: ``call`` or ``text``,
* ``Company``: the operator.

One pattern for each set decides what is well formed, in Python and, anchored, in the Java engines, so that all classify
alike.
"""

import re
from typing import NamedTuple

FIELDS = ("SourcePN", "DestPN", "Location", "StartT", "EndT", "Type", "Company")
OPERATORS = ("AT&T", "Sprint", "T-Mobile", "Verizon")
TYPES = ("call", "text")

CALIFORNIA = "california"
#: The sets of locations, each by the pattern of its codes.
#:
#: ``california``: the FIPS codes of California's counties (odd numbers 06001 to 06115, 58 of them).
#: ``us``: FIPS codes of counties in the 50 states and the District of Columbia. Any three digits after two that may be
#: a state's are well formed, so that to match a line costs what it does with the other sets.
#: ``synthetic``: 12,500 locations that are no place; no state has their first two digits.
LOCATIONS = {
    CALIFORNIA: "06(?:0[0-9][13579]|10[13579]|11[135])",
    "us": "(?:0[1-9]|[1-4][0-9]|5[0-6])[0-9]{3}",
    "synthetic": "(?:8[0-9]{4}|9[01][0-9]{3}|92[0-4][0-9]{2})",
}

#: By set of locations, a well-formed record, one capturing group per field. No anchors: use ``re.fullmatch``, or
#: `JAVA_PATTERNS` in a JVM.
PATTERNS = {
    name: (
        r"(\+1[2-9][0-9]{9}),(\+1[2-9][0-9]{9}),"
        rf"({location}),"
        r"(1[0-9]{12}),(1[0-9]{12}),"
        r"(call|text),(AT&T|Sprint|T-Mobile|Verizon)"
    )
    for name, location in LOCATIONS.items()
}

#: Position (from 1) and length in characters of the fields that the aggregation needs, in a well-formed line: all
#: fields have a fixed width but the last, whose length here is that of the longest operator. For engines whose
#: substring is faster than a second regular expression.
COLUMNS = {"Location": (27, 5), "StartT": (33, 13), "EndT": (47, 13), "Type": (61, 4), "Company": (66, 8)}

#: `PATTERNS` for ``java.util.regex``, whose ``$`` would accept a trailing newline.
JAVA_PATTERNS = {name: rf"\A{pattern}\z" for name, pattern in PATTERNS.items()}

_MATCHES = {name: re.compile(pattern.encode("ascii")).fullmatch for name, pattern in PATTERNS.items()}


class Record(NamedTuple):
    """The fields of a well-formed line that the aggregation needs.

    `window_s` is the start of the record's one-second window, in seconds since the Unix epoch.
    """

    window_s: int
    event_time_ms: int
    location: str
    operator: str
    type: str


def parse(line: bytes, locations: str = CALIFORNIA) -> Record | None:
    """The record in `line` (no line end), or None if it is malformed and belongs in the dead-letter topic.

    `locations` is the set of `LOCATIONS` that the record's has to be of.
    """
    found = _MATCHES[locations](line)
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
