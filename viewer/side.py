"""One side of the map: a stream's counts and scores, and the frames that are made of them.

Live, there is one side. A replay may have two, to put engines side by side.
"""

import json
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.types import Message
from websockets import frames

from viewer.cells import ALL_TYPES, by_county_and_operator, type_of
from viewer.state import Counts, encode_row
from viewer.zscore import Anomaly, Detector

#: Scores are sent no more often than this; they change once a second of event time.
SCORES_INTERVAL_S = 1.0

#: In an ASGI message, the bytes that go over the wire: all clients are sent the same, made once.
WIRE = "ringbench.wire"

_NOTHING: tuple[int | None, int] = (None, 0)


class Frame:
    """An encoded frame: all but the one field that is not the same for all clients."""

    def __init__(self, head: str) -> None:
        """Make one of the JSON object's beginning, up to that field."""
        self._head = head
        # For a client that has lost nothing, as nearly all have.
        self._whole = self._message(0)

    def message(self, dropped: int) -> Message:
        """The frame for a client for which so many frames have been dropped, as ASGI has it, and ready for the wire."""
        return self._message(dropped) if dropped else self._whole

    def _message(self, dropped: int) -> Message:
        text = f'{self._head}"dropped":{dropped}}}'
        wire = frames.Frame(frames.Opcode.TEXT, text.encode("utf-8")).serialize(mask=False)
        return {"type": "websocket.send", "text": text, WIRE: wire}


class Side:
    """Counts, scores and the state of their source.

    Attributes:
        counts: what the source says.
        detector: what stands out among them.
        is_up: whether the source answers.
        seq: number of the newest frame.
    """

    def __init__(self, number: int, name: str, extra: Callable[[], dict[str, Any]] = dict) -> None:
        """Make an empty side.

        Args:
            number: 0 or 1.
            name: for people.
            extra: further fields for each frame.
        """
        self.number, self.name = number, name
        self.counts, self.detector = Counts(), Detector()
        self.is_up = False
        self.seq = 0
        self._extra = extra
        self._scores_due_s = 0.0
        #: The window whose scores were sent last, and the version of the anomalies that were.
        self._told = _NOTHING

    def restart(self) -> None:
        """Forget the scores: another history begins."""
        self.detector = Detector()
        self._told = _NOTHING

    def swap(self, counts: Counts, detector: Detector) -> None:
        """Put others in the place of counts and scores."""
        counts.generation = self.counts.generation + 1
        self.counts, self.detector = counts, detector
        self._told = _NOTHING

    def judge(self) -> None:
        """Score the windows that have finished since this was called last."""
        oldest_s = self.counts.oldest_s
        if oldest_s is None:
            return
        last_s = self.detector.last_s
        if last_s is not None and last_s + 1 < oldest_s:
            self.restart()
            last_s = None
        window_s = oldest_s if last_s is None else last_s + 1
        while self.counts.is_finished(window_s):
            self.detector.add(window_s, by_county_and_operator(self.counts.window(window_s)))
            window_s += 1

    def next_delta(self, clients: int) -> dict[str, Any]:
        """The next frame, a delta of all that has changed since the one before."""
        self.judge()
        self.seq += 1
        since_ms = self.counts.since_ms
        fields = self._fields("delta", since_ms, self.counts.take_delta(), clients)
        now_s = time.monotonic()
        if now_s >= self._scores_due_s and self._told[0] != self.detector.last_s:
            self._scores_due_s = now_s + SCORES_INTERVAL_S
            fields |= self._scores()
        told_s, told_version = self._told
        if told_version != self.detector.version:
            fields |= self._events()
        self._told = (self.detector.last_s if "z" in fields else told_s, self.detector.version)
        return fields

    def snapshot(self, clients: int) -> dict[str, Any]:
        """All there is, with the number of the newest frame: the next delta goes on from here."""
        return self._fields("snapshot", None, self.counts.snapshot(), clients) | self._scores() | self._events()

    def _fields(self, kind: str, since_ms: int | None, rows: list[str], clients: int) -> dict[str, Any]:
        # What tells of the frame comes first: whoever only measures need not read the cells.
        return {
            "type": kind,
            "seq": self.seq,
            "side": self.number,
            "sent_ms": time.time_ns() // 1_000_000,
            "updated_ms": self.counts.updated_ms,
            "since_ms": since_ms,
            "now_s": self.counts.now_s,
            "redis": "up" if self.is_up else "down",
            "clients": clients,
            **self._extra(),
            "windows": rows,
        }

    def _scores(self) -> dict[str, Any]:
        return {"z": _rounded(self.detector.z), "county_z": _rounded(self.detector.county_z)}

    def _events(self) -> dict[str, Any]:
        return {"events": [_event(each) for each in self.detector.anomalies]}


def encode(fields: dict[str, Any], types: frozenset[int]) -> Frame:
    """Encode a frame for clients that want cells of these types, by number."""
    rows: list[str] = fields["windows"]
    if types != ALL_TYPES:
        rows = [chosen for row in rows if (chosen := _of_types(row, types))]
    rest = json.dumps({name: value for name, value in fields.items() if name != "windows"}, separators=(",", ":"))
    head = f'{rest[:-1]},"windows":[{",".join(rows)}],'
    return Frame(head)


def _of_types(row: str, types: frozenset[int]) -> str:
    """What a row has of these types; empty if it has nothing."""
    window_s, *flat = json.loads(row)
    pairs = zip(flat[::2], flat[1::2], strict=True)
    cells = [part for cell, count in pairs if type_of(cell) in types for part in (cell, count)]
    return encode_row(window_s, cells) if cells else ""


def _rounded(scores: NDArray[np.float64]) -> list[float | None]:
    return [None if math.isnan(each) else each for each in np.round(scores, 2).ravel().tolist()]


def _event(anomaly: Anomaly) -> dict[str, Any]:
    return {
        "county": anomaly.county,
        "since_s": anomaly.since_s,
        "until_s": anomaly.until_s,
        "peak_z": round(anomaly.peak_z, 2),
        "factor": None if math.isnan(anomaly.factor) else round(anomaly.factor, 2),
    }
