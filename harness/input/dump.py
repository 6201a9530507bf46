"""Records that were read, written out for other programs to compare."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from engines.contract.record import TYPES
from harness.input.reading import Reading
from workloads.california import COUNTIES

_ROWS = 10_000
_COLUMNS = ("event_times_ms", "durations_ms", "chosen", "counties", "types")


def lines(reading: Reading) -> Iterator[str]:
    """A line of JSON for each record, in the order of event times: ``[event_time_ms, duration_ms, county, type]``.

    Event time is a call's end. A county that was chosen by a hash is null. Records of one time come in the order of
    length, county and type, so that the same records give the same lines.
    """
    found = reading.records
    order = np.lexsort((found["types"], found["counties"], found["durations_ms"], found["event_times_ms"]))
    names = [each.name for each in COUNTIES]
    for first in range(0, len(order), _ROWS):
        at = order[first : first + _ROWS]
        columns = (
            found[name][at].tolist() for name in ("event_times_ms", "durations_ms", "chosen", "counties", "types")
        )
        for end_ms, length_ms, chosen, county, kind in zip(*columns, strict=True):
            record = [end_ms, length_ms, None if chosen else names[county], TYPES[kind]]
            yield json.dumps(record, ensure_ascii=False) + "\n"
