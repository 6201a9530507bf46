"""Shows recorded streams instead of Redis: one, or two side by side on one clock.

A recording is a gzip file, ``NAME.updates.gz``, with a line ``AT_MS UPDATES`` for each entry of the stream: its ID's
milliseconds, and ``WINDOW_S|FIPS|OPERATOR|TYPE=COUNT`` for each change, joined by blanks. Two recordings are aligned at
their first entries. All clients see, and control, the same replay.
"""

import asyncio
import gzip
import math
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.keys import decode_updates
from viewer.log import LOG, Seldom
from viewer.side import Side

SUFFIX = ".updates.gz"
SPEEDS = (1.0, 20.0)
MAX_RECORDINGS = 2

_STEP_S = 0.02
#: Clients get their turn after so many entries, and windows are scored before they leave the history.
_ENTRIES_PER_TURN = 200


@dataclass(frozen=True)
class Recording:
    """What a stream told.

    Attributes:
        name: for people.
        at_ms: when each entry came, after the first one, in milliseconds; never decreasing.
        start_ms: when the first one came, in milliseconds since the Unix epoch.
        updates: each entry's changes, joined by blanks.
    """

    name: str
    at_ms: list[int]
    start_ms: int
    updates: list[bytes]


@dataclass(frozen=True)
class Recordings:
    """What to replay, and how many times as fast as it was."""

    recordings: list[Recording]
    speed: float


def load_recordings(settings: dict[str, Any]) -> Recordings:
    """Read what a viewer's replay settings name.

    Args:
        settings: ``recordings``, a list of one or two objects with ``path`` and, optionally, ``name``; and, optionally,
            ``speed``, from 1 to 20.

    Raises:
        OSError: a file cannot be read, or is no gzip file.
        ValueError: a file holds no entry, or a setting makes no sense.
    """
    if unknown := sorted(set(settings) - {"recordings", "speed"}):
        raise ValueError(f"replay: unknown keys {', '.join(unknown)}; known: recordings, speed")
    named = settings.get("recordings")
    if not isinstance(named, list) or not 1 <= len(named) <= MAX_RECORDINGS:
        raise ValueError("replay: recordings is not a list of one or two")
    if not all(isinstance(each, dict) and isinstance(each.get("path"), str) for each in named):
        raise ValueError("replay: a recording is an object with a path")
    found = [load_recording(Path(each["path"]), each.get("name")) for each in named]
    return Recordings(found, _speed(settings.get("speed", 1)))


def load_recording(path: Path, name: str | None = None) -> Recording:
    """Read one recording. What is left of one that was cut off is read; lines that make no sense are counted and told.

    Raises:
        OSError: the file cannot be read, or is no gzip file.
        ValueError: it holds no entry.
    """
    at_ms: list[int] = []
    updates: list[bytes] = []
    malformed = 0
    try:
        with gzip.open(path) as file:
            for line in file:
                time_ms, _, changes = line.strip().partition(b" ")
                if not time_ms.isdigit() or not changes or (at_ms and int(time_ms) < at_ms[-1]):
                    malformed += 1
                else:
                    at_ms.append(int(time_ms))
                    updates.append(changes)
    except (EOFError, zlib.error) as error:
        LOG.warning("%s ends early: %s", path, error)
    if malformed:
        LOG.warning("%s: %d malformed lines were skipped", path, malformed)
    if not at_ms:
        raise ValueError(f"{path} holds no entry of a stream")
    return Recording(name or path.name.removesuffix(SUFFIX), [each - at_ms[0] for each in at_ms], at_ms[0], updates)


class Replay:
    """Plays recordings to sides.

    Attributes:
        sides: one for each recording.
        on_change: called when a side, or the state of the replay, has changed.
        position_ms: time since the first entries.
        length_ms: that of the longer recording.
    """

    def __init__(self, recordings: Recordings) -> None:
        self.sides = [Side(number, each.name, self._state) for number, each in enumerate(recordings.recordings)]
        self.on_change: Callable[[], None] = _ignore
        self.position_ms = 0.0
        self.length_ms = max(each.at_ms[-1] for each in recordings.recordings)
        self._recordings, self._speed = recordings.recordings, recordings.speed
        self._is_playing = True
        self._seek_ms: float | None = None
        self._next = [0] * len(self.sides)
        self._malformed = Seldom()
        for side in self.sides:
            side.is_up = True

    def control(self, action: object, value: object) -> None:
        """Do what a client asks for.

        Args:
            action: ``play`` (at the end: from the beginning), ``pause``, ``seek`` or ``speed``.
            value: for ``seek`` the position in milliseconds, for ``speed`` a number from 1 to 20.

        Raises:
            ValueError: that makes no sense.
        """
        if action == "play":
            if self.position_ms >= self.length_ms:
                self._seek_ms = 0.0
            self._is_playing = True
        elif action == "pause":
            self._is_playing = False
        elif action == "seek":
            self._seek_ms = min(max(_number(value), 0.0), float(self.length_ms))
        elif action == "speed":
            self._speed = _speed(value)
        else:
            raise ValueError("a replay action that is not play, pause, seek or speed")
        self.on_change()

    async def run(self) -> None:
        """Play until cancelled; at the end, stand still."""
        then_s = time.monotonic()
        while True:
            if self._seek_ms is not None:
                await self._seek()
                then_s = time.monotonic()
            now_s = time.monotonic()
            if self._is_playing:
                self.position_ms = min(self.position_ms + (now_s - then_s) * 1000 * self._speed, float(self.length_ms))
                self._is_playing = self.position_ms < self.length_ms
                await self._advance(self.sides, self._next, self.position_ms)
            then_s = now_s
            await asyncio.sleep(_STEP_S)

    async def _seek(self) -> None:
        """Play everything up to the wanted position behind the scenes, and then show it."""
        assert self._seek_ms is not None
        position_ms, self._seek_ms = self._seek_ms, None
        behind = [Side(side.number, side.name) for side in self.sides]
        places = [0] * len(behind)
        await self._advance(behind, places, position_ms)
        self.position_ms, self._next = position_ms, places
        for side, played in zip(self.sides, behind, strict=True):
            side.swap(played.counts, played.detector)
        self.on_change()

    async def _advance(self, sides: list[Side], places: list[int], position_ms: float) -> None:
        """Play to `sides` what each recording has from its place on, up to `position_ms`; the places go along."""
        for side, recording in zip(sides, self._recordings, strict=True):
            start = places[side.number]
            while places[side.number] < len(recording.at_ms) and recording.at_ms[places[side.number]] <= position_ms:
                self._play(side, recording, places[side.number])
                places[side.number] += 1
                if (places[side.number] - start) % _ENTRIES_PER_TURN == 0:
                    side.judge()
                    await asyncio.sleep(0)
            if places[side.number] > start:
                side.judge()
                self.on_change()

    def _play(self, side: Side, recording: Recording, place: int) -> None:
        skipped = side.counts.skipped
        try:
            updates = decode_updates(recording.updates[place].replace(b" ", b"\n"))
        except ValueError:
            side.counts.skip_malformed()
        else:
            side.counts.apply(updates, recording.start_ms + recording.at_ms[place])
        if side.counts.skipped > skipped:
            self._malformed(f"malformed or unknown updates in {recording.name} were skipped")

    def _state(self) -> dict[str, Any]:
        return {
            "replay": {
                "position_ms": round(self.position_ms),
                "length_ms": self.length_ms,
                "speed": self._speed,
                "playing": self._is_playing,
            }
        }


def _speed(value: object) -> float:
    speed = _number(value)
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise ValueError(f"a replay speed that is not from {SPEEDS[0]:g} to {SPEEDS[1]:g}")
    return speed


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a replay value that is not a number")
    return float(value)


def _ignore() -> None:
    """Until somebody listens."""
