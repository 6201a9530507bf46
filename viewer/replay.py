"""Shows recordings (`harness.measurement.recording`) instead of Redis: one, or two side by side on one clock.

The clock is that of the load: position 0 is its start, for each side. So what an engine is late by is seen, even if it
is late by the same time throughout. All clients see, and control, the same replay.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engines.contract.keys import decode_updates
from harness.measurement.recording import Recording, read_recording
from viewer.lag import Lag
from viewer.log import LOG, Seldom
from viewer.side import Side

SPEEDS = (1.0, 20.0)
MAX_RECORDINGS = 2

_STEP_S = 0.02
#: Clients get their turn after so many entries, and windows are scored before they leave the history.
_ENTRIES_PER_TURN = 200


@dataclass(frozen=True)
class Recordings:
    """What to replay, and how many times as fast as it was.

    `lag` is whether to tell how far an engine is behind the load: a replay of a user's own records has other event
    times than `viewer.lag` knows of.
    """

    recordings: list[Recording]
    speed: float
    lag: bool = True


def load_recordings(settings: dict[str, Any]) -> Recordings:
    """Read what a viewer's replay settings name.

    Args:
        settings: ``recordings``, a list of one or two objects with ``path`` and, optionally, ``name``; and, optionally,
            ``speed``, from 1 to 20, and ``lag``, true or false.

    Raises:
        OSError: see `harness.measurement.recording.read_recording`.
        ValueError: the same; or a setting makes no sense.
    """
    if unknown := sorted(set(settings) - {"recordings", "speed", "lag"}):
        raise ValueError(f"replay: unknown keys {', '.join(unknown)}; known: recordings, speed, lag")
    named = settings.get("recordings")
    if not isinstance(named, list) or not 1 <= len(named) <= MAX_RECORDINGS:
        raise ValueError("replay: recordings is not a list of one or two")
    if not all(isinstance(each, dict) and isinstance(each.get("path"), str) for each in named):
        raise ValueError("replay: a recording is an object with a path")
    found = [read_recording(Path(each["path"]), each.get("name", "")) for each in named]
    for recording in found:
        for note in recording.notes:
            LOG.warning("%s", note)
    return Recordings(found, _speed(settings.get("speed", 1)), bool(settings.get("lag", True)))


class Replay:
    """Plays recordings to sides.

    Attributes:
        sides: one for each recording.
        on_change: called when a side, or the state of the replay, has changed.
        position_ms: time since the start of the load.
        length_ms: that of the longer recording.
    """

    def __init__(self, recordings: Recordings) -> None:
        self.sides = [
            Side(number, each.name, partial(self._state, number)) for number, each in enumerate(recordings.recordings)
        ]
        self.on_change: Callable[[], None] = _ignore
        self.position_ms = 0.0
        self.length_ms = max(each.at_ms[-1] for each in recordings.recordings)
        self._recordings, self._speed = recordings.recordings, recordings.speed
        self._lags = [Lag(each) for each in recordings.recordings] if recordings.lag else []
        self._load_ms = max((each.load_ms for each in self._lags), default=0.0)
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

    def _state(self, number: int) -> dict[str, Any]:
        return {
            "lag_ms": self._lag_ms(number),
            "replay": {
                "position_ms": round(self.position_ms),
                "length_ms": self.length_ms,
                "speed": self._speed,
                "playing": self._is_playing,
            },
        }

    def _lag_ms(self, number: int) -> float | None:
        # Once the load has ended, its clock stands still, and so does what one can be behind it.
        position_ms = min(self.position_ms, self._load_ms)
        return round(self._lags[number].mean_ms(position_ms), 1) if self._lags else None


def _speed(value: object) -> float:
    speed = _number(value)
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise ValueError(f"a replay speed that is not from {SPEEDS[0]:g} to {SPEEDS[1]:g}")
    return speed


def _number(value: object) -> float:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:  # JSON's whole numbers may have any length
        pass
    raise ValueError("a replay value that is not a number")


def _ignore() -> None:
    """Until somebody listens."""
