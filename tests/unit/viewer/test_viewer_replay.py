"""A replay shows what was recorded, when it was recorded, at any speed and from any place."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.measurement.recording import Recorder
from tests.deadlines import DEADLINE_S
from viewer.cells import NUMBERS
from viewer.replay import Replay, load_recordings
from viewer.side import Side

EPOCH_S = 1_767_225_600
START_MS = 1_790_000_000_000
NAMES = list(NUMBERS)


def record(path: Path, start_ms: int, entries: list[tuple[int, bytes]]) -> Path:
    """Write a recording: the milliseconds after its start, and the field, of each entry."""
    with Recorder(path, start_ms) as recorder:
        recorder.add((start_ms + at_ms, field) for at_ms, field in entries)
    return path


def entries(late_ms: int) -> list[tuple[int, bytes]]:
    """A minute's windows, each shown, with its number from 1 as the count, so late after it has begun."""
    return [(1000 * each + late_ms, b"%d|%b=%d" % (EPOCH_S + each, NAMES[5], each + 1)) for each in range(60)]


@pytest.fixture
def two(tmp_path: Path) -> dict[str, Any]:
    """Settings for two recordings of a minute: in the second one, a day later, everything comes 300 ms later."""
    paths = [
        record(tmp_path / "baseline.updates.gz", START_MS, entries(0)),
        record(tmp_path / "spark.updates.gz", START_MS + 86_400_000, entries(300)),
    ]
    return {"recordings": [{"path": str(path)} for path in paths]}


def play(settings: dict[str, Any], act: Callable[[Replay], Coroutine[Any, Any, None]]) -> Replay:
    """Run a replay while `act` runs."""

    async def run() -> Replay:
        replay = Replay(load_recordings(settings))
        task = asyncio.create_task(replay.run())
        async with asyncio.timeout(DEADLINE_S):
            await act(replay)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return replay

    return asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` is true."""
    while not condition():
        await asyncio.sleep(0.01)


async def sought(replay: Replay, position_ms: float) -> None:
    """Pause, go to a position, and wait until it is reached."""
    replay.control("pause", None)
    replay.control("seek", position_ms)
    await until(lambda: replay.position_ms == position_ms)


def cells(side: Side) -> list[int]:
    """The windows, after the start, and counts of a side."""
    rows = [json.loads(row) for row in side.counts.snapshot()]
    return [part for window_s, *flat in rows for count in flat[1::2] for part in (window_s - EPOCH_S, count)]


# Settings


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"recordings": []},
        {"recordings": "a"},
        {"recordings": [{"path": "a"}] * 3},
        {"recordings": ["a"]},
        {"recordings": [{"name": "a"}]},
        {"recordings": [{"path": "a"}], "loop": True},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="replay: "):
        load_recordings(settings)


@pytest.mark.parametrize("speed", [0, 0.9, 21, "2", None, True, float("nan")])
def test_speeds_that_make_no_sense_are_refused(two: dict[str, Any], speed: object) -> None:
    with pytest.raises(ValueError, match="replay"):
        load_recordings(two | {"speed": speed})


# Playing


def test_an_engine_that_is_late_by_the_same_time_throughout_is_shown_to_be(two: dict[str, Any]) -> None:
    async def act(replay: Replay) -> None:
        assert [side.name for side in replay.sides] == ["baseline", "spark"]
        await sought(replay, 2299)
        assert cells(replay.sides[0]) == [0, 1, 1, 2, 2, 3]
        assert cells(replay.sides[1]) == [0, 1, 1, 2]
        assert replay.sides[0].counts.updated_ms == START_MS + 2000
        await sought(replay, 2300)
        assert cells(replay.sides[1]) == [0, 1, 1, 2, 2, 3]
        first, second = (side.next_delta(1)["lag_ms"] for side in replay.sides)
        assert second > first

    assert play(two, act).length_ms == 59_300


def test_after_the_load_nothing_falls_further_behind(tmp_path: Path) -> None:
    late = entries(1500)
    path = record(tmp_path / "a.updates.gz", START_MS, [*late, (90_000, late[-1][1])])
    found = []

    async def act(replay: Replay) -> None:
        for position_ms in (60_000, 90_000):
            await sought(replay, position_ms)
            found.append(replay.sides[0].next_delta(1)["lag_ms"])

    play({"recordings": [{"path": str(path)}]}, act)
    assert found[0] == found[1] > 0


def test_what_makes_no_sense_in_a_recording_is_skipped_and_counted(tmp_path: Path) -> None:
    path = record(
        tmp_path / "a.updates.gz", START_MS, [(0, b"%d|%b=1" % (EPOCH_S, NAMES[5])), (5, b"x"), (9, b"7|x=1")]
    )

    async def act(replay: Replay) -> None:
        await sought(replay, 9)

    replay = play({"recordings": [{"path": str(path), "name": "mine"}]}, act)
    assert replay.sides[0].name == "mine"
    assert cells(replay.sides[0]) == [0, 1]
    assert (replay.sides[0].counts.malformed, replay.sides[0].counts.unknown_cells) == (1, 1)


def test_it_plays_as_fast_as_told_and_stops_at_the_end(two: dict[str, Any]) -> None:
    async def act(replay: Replay) -> None:
        loop = asyncio.get_running_loop()
        replay.control("seek", 40_000)
        start_s = loop.time()
        await until(lambda: replay.position_ms == replay.length_ms)
        # At most as fast; a busy machine may make it look slower.
        assert loop.time() - start_s >= 19.3 / 20 - 0.1

    replay = play(two | {"speed": 20}, act)
    assert cells(replay.sides[0])[-2:] == [59, 60]
    assert replay.sides[0].next_delta(1)["replay"] == {
        "position_ms": 59_300,
        "length_ms": 59_300,
        "speed": 20,
        "playing": False,
    }


def test_going_back_takes_back_what_came_after(two: dict[str, Any]) -> None:
    async def act(replay: Replay) -> None:
        await sought(replay, 50_000)
        generation = replay.sides[0].counts.generation
        assert not np.isnan(replay.sides[0].detector.z).all()
        await sought(replay, 1000)
        assert cells(replay.sides[0]) == [0, 1, 1, 2]
        assert replay.sides[0].counts.generation > generation
        assert np.isnan(replay.sides[0].detector.z).all()

    play(two, act)


def test_positions_outside_are_moved_inside(two: dict[str, Any]) -> None:
    async def act(replay: Replay) -> None:
        replay.control("pause", None)
        replay.control("seek", 10**9)
        await until(lambda: replay.position_ms == replay.length_ms)
        replay.control("seek", -5)
        await until(lambda: replay.position_ms == 0)

    play(two, act)


def test_playing_from_the_end_begins_anew(two: dict[str, Any]) -> None:
    async def act(replay: Replay) -> None:
        await sought(replay, replay.length_ms)
        replay.control("play", None)
        await until(lambda: 0 < replay.position_ms < 10_000)

    play(two, act)


def test_a_pause_holds(two: dict[str, Any]) -> None:
    async def act(replay: Replay) -> None:
        await sought(replay, 1500)
        replay.control("speed", 20)
        await asyncio.sleep(0.2)
        assert replay.position_ms == 1500
        replay.control("play", None)
        await until(lambda: replay.position_ms > 3000)

    play(two, act)


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("rewind", None),
        (None, None),
        ("seek", "1"),
        ("seek", None),
        ("seek", float("inf")),
        ("seek", 10**400),
        ("speed", 0),
        ("speed", []),
    ],
)
def test_orders_that_make_no_sense_are_refused(two: dict[str, Any], action: object, value: object) -> None:
    replay = Replay(load_recordings(two))
    with pytest.raises(ValueError, match="replay"):
        replay.control(action, value)
