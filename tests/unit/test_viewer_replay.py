"""A replay shows what was recorded, when it was recorded, at any speed and from any place."""

import asyncio
import gzip
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from viewer.cells import CELLS_PER_WINDOW, NUMBERS
from viewer.replay import Replay, load_recording, load_recordings
from viewer.side import Side

EPOCH_S = 1_767_225_600
NAMES = list(NUMBERS)
DEADLINE_S = 10.0


def record(path: Path, entries: list[tuple[int, str]]) -> Path:
    """Write a recording: milliseconds and updates of each entry."""
    with gzip.open(path, "wt") as file:
        file.writelines(f"{at_ms} {updates}\n" for at_ms, updates in entries)
    return path


def entry(at_ms: int, window_s: int, cell: int, count: int) -> tuple[int, str]:
    """An entry with one change."""
    return at_ms, f"{window_s}|{NAMES[cell].decode()}={count}"


@pytest.fixture
def two(tmp_path: Path) -> dict[str, Any]:
    """Settings for two recordings of a minute: in the second one, everything comes 300 ms later, a day after."""
    seconds = range(60)
    start_ms = 1_790_000_000_000
    fast = [entry(start_ms + 1000 * each, EPOCH_S + each, 5, each + 1) for each in seconds]
    day_ms = 86_400_000
    slow = [(start_ms + day_ms, f"{EPOCH_S}|{NAMES[7].decode()}=1")]
    slow += [(at_ms + day_ms + 300, updates) for at_ms, updates in fast]
    paths = [record(tmp_path / "baseline.updates.gz", fast), record(tmp_path / "spark.updates.gz", slow)]
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
    flat = side.counts.snapshot()
    return [part for at in range(0, len(flat), 3) for part in (flat[at] - EPOCH_S, flat[at + 2])]


# Recordings


def test_a_recording_is_read_as_it_is(two: dict[str, Any]) -> None:
    recording = load_recording(Path(two["recordings"][0]["path"]))
    assert (recording.name, recording.start_ms, len(recording.at_ms)) == ("baseline", 1_790_000_000_000, 60)
    assert recording.at_ms[:3] == [0, 1000, 2000]
    assert recording.updates[0] == b"%d|%b=1" % (EPOCH_S, NAMES[5])


def test_what_makes_no_sense_in_a_recording_is_skipped(tmp_path: Path) -> None:
    good = entry(5000, EPOCH_S, 1, 1)
    path = record(tmp_path / "a.updates.gz", [good, entry(4000, EPOCH_S, 1, 2), entry(6000, EPOCH_S, 1, 3)])
    with gzip.open(path, "at") as file:
        file.write("\nyesterday x\n7000\n-5 x\n8000 x\n")
    recording = load_recording(path, "mine")
    assert (recording.name, recording.at_ms) == ("mine", [0, 1000, 3000])

    async def act(replay: Replay) -> None:
        await sought(replay, 3000)

    replay = play({"recordings": [{"path": str(path)}]}, act)
    assert cells(replay.sides[0]) == [0, 3]
    assert replay.sides[0].counts.malformed == 1


def test_a_recording_that_was_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "a.updates.gz"
    # What does not compress, so that much of it is in the part that is kept.
    random = np.random.default_rng(1)
    counts = random.integers(0, 10**9, 20_000).tolist()
    record(path, [entry(1000 + at, EPOCH_S, at % CELLS_PER_WINDOW, count) for at, count in enumerate(counts)])
    path.write_bytes(path.read_bytes()[:-10_000])
    assert 1000 < len(load_recording(path).at_ms) < 20_000


def test_files_that_are_no_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no entry"):
        load_recording(record(tmp_path / "empty.updates.gz", []))
    (tmp_path / "text").write_text("1000 x=1")
    with pytest.raises(OSError, match="gzip"):
        load_recording(tmp_path / "text")
    with pytest.raises(FileNotFoundError):
        load_recording(tmp_path / "absent")


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


def test_two_sides_run_on_one_clock_from_their_own_starts(two: dict[str, Any]) -> None:
    async def act(replay: Replay) -> None:
        assert [side.name for side in replay.sides] == ["baseline", "spark"]
        await sought(replay, 2200)
        assert cells(replay.sides[0]) == [0, 1, 1, 2, 2, 3]
        assert cells(replay.sides[1]) == [0, 1, 0, 1, 1, 2]
        assert replay.sides[0].counts.updated_ms == 1_790_000_002_000
        await sought(replay, 2300)
        assert cells(replay.sides[1]) == [0, 1, 0, 1, 1, 2, 2, 3]

    assert play(two, act).length_ms == 59_300


def test_it_plays_as_fast_as_told_and_stops_at_the_end(two: dict[str, Any]) -> None:
    async def act(replay: Replay) -> None:
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        await until(lambda: replay.position_ms == replay.length_ms)
        # At most as fast; a busy machine may make it look slower.
        assert loop.time() - start_s >= 59.3 / 20 - 0.1

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
        ("speed", 0),
        ("speed", []),
    ],
)
def test_orders_that_make_no_sense_are_refused(two: dict[str, Any], action: object, value: object) -> None:
    replay = Replay(load_recordings(two))
    with pytest.raises(ValueError, match="replay"):
        replay.control(action, value)
