"""The viewer's frames as a user of the load test reads them: all read the beginning, some keep the counts."""

import json
import re
from typing import NamedTuple

#: A frame's beginning tells all that the measurement needs, at a small part of the price of reading its cells.
_HEAD = re.compile(
    r'\{"type":"(delta|snapshot)","seq":(\d+),"side":(\d+),"sent_ms":\d+,'
    r'"updated_ms":(\d+|null),"since_ms":(\d+|null),"now_s":(\d+|null),'
)
#: Windows this far behind the newest one no longer change, as a rule.
SETTLED_BEHIND_S = 5

#: Counts by window and cell.
Windows = dict[int, dict[int, int]]


class Head(NamedTuple):
    """What a frame's beginning tells; times in milliseconds since the Unix epoch, see `viewer.side`."""

    is_snapshot: bool
    seq: int
    side: int
    updated_ms: int | None
    since_ms: int | None
    now_s: int | None


class Push(NamedTuple):
    """How long what a frame brings has taken to arrive, in milliseconds: its oldest entry and its newest one."""

    oldest_ms: int
    newest_ms: int


def read_head(text: str) -> Head:
    """The beginning of the frame `text`.

    Raises:
        ValueError: it is no frame.
    """
    found = _HEAD.match(text)
    if found is None:
        raise ValueError("a message that is no frame")
    kind, seq, side, *moments = found.groups()
    updated_ms, since_ms, now_s = (None if each == "null" else int(each) for each in moments)
    return Head(kind == "snapshot", int(seq), int(side), updated_ms, since_ms, now_s)


def read_dropped(text: str) -> int:
    """How many frames the viewer has left out for this user so far: the last field of the frame `text`."""
    return int(text[text.rindex(":") + 1 : -1])


class Follower:
    """Follows one WebSocket: are frames complete and in order, and how late is each?

    Attributes:
        has_begun: whether there was a snapshot yet.
        dropped: frames that the viewer has left out.
    """

    def __init__(self) -> None:
        self.has_begun = False
        self.dropped = 0
        self._newest: dict[int, Head] = {}

    def take(self, text: str, arrival_ms: int) -> Push | None:
        """Take a frame, and tell how late it is; None if it brings no entry, or is the first of its side.

        The snapshot that makes good for dropped frames does not tell of its oldest entry, which came after the newest
        one before it: the latency from that one is told, which is not less.

        Raises:
            ValueError: it is no frame, or does not follow the one before.
        """
        head = read_head(text)
        self.dropped = read_dropped(text)
        before = self._newest.get(head.side)
        if before is None and not head.is_snapshot:
            raise ValueError("a delta before the first snapshot")
        if before is not None and not head.is_snapshot and head.seq != before.seq + 1:
            raise ValueError("a hole between frames")
        self._newest[head.side] = head
        self.has_begun = True
        if before is None or head.updated_ms is None:
            return None
        oldest_ms = head.since_ms
        if head.is_snapshot and head.updated_ms != before.updated_ms:
            oldest_ms = before.updated_ms
        return None if oldest_ms is None else Push(arrival_ms - oldest_ms, arrival_ms - head.updated_ms)


class Mirror:
    """Keeps the counts of side 0, as a page does, by window: so that forgetting one costs little."""

    def __init__(self) -> None:
        self.windows: Windows = {}
        self.now_s = 0

    def take(self, text: str, history_s: int) -> None:
        """Apply a frame; windows older than `history_s` seconds are forgotten."""
        frame = json.loads(text)
        if frame["side"] != 0:
            return
        if frame["type"] == "snapshot":
            self.windows, self.now_s = {}, 0
        for window_s, *flat in frame["windows"]:
            self.windows.setdefault(window_s, {}).update(zip(flat[::2], flat[1::2], strict=True))
        self.now_s = max(self.now_s, frame["now_s"] or 0)
        for old_s in [each for each in self.windows if each <= self.now_s - history_s]:
            del self.windows[old_s]

    def settled(self, from_s: int, to_s: int) -> Windows:
        """The counts of windows from `from_s` to `to_s`, both included."""
        return {window_s: counts for window_s, counts in self.windows.items() if from_s <= window_s <= to_s}


class Agreement(NamedTuple):
    """How many mirrors were compared with a snapshot, how many of them agree with it, and in how many cells each."""

    checked: int
    agree: int
    cells: int


def compare(mirrors: list[Mirror], snapshot: Mirror, history_s: int) -> Agreement:
    """Compare `mirrors` with a `snapshot` taken just now, in the windows that no longer change."""
    first_s, last_s = snapshot.now_s - history_s + 2 * SETTLED_BEHIND_S, snapshot.now_s - SETTLED_BEHIND_S
    wanted = snapshot.settled(first_s, last_s)
    agree = sum(mirror.settled(first_s, last_s) == wanted for mirror in mirrors)
    return Agreement(len(mirrors), agree, sum(map(len, wanted.values())))
