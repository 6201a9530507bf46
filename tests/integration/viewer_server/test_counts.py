"""Pages show what Redis holds, as often and of what they ask for."""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from engines.contract.keys import updates_key
from harness.measurement.recording import Recorder
from harness.processes.process import wait_until
from tests.deadlines import DEADLINE_S
from tests.integration.viewer_server.windows import EPOCH_S, NAMES, converges, windows, write_all
from tests.integration.viewers import Page, Viewer, Writer, in_redis
from viewer.cells import NUMBERS
from viewer.state import HISTORY_S
from workloads.california import COUNTIES

pytestmark = pytest.mark.integration
SEVEN_CALLS_EACH = {name: b"7" for name in NAMES if name.endswith(b"call")}


def test_pages_show_every_cell_as_redis_holds_it(page: Page, viewer: Viewer, writer: Writer, redis_url: str) -> None:
    write_all(writer, windows(0, HISTORY_S + 30))
    write_all(writer, windows(HISTORY_S + 20, HISTORY_S + 40, seed=2))
    expected = in_redis(redis_url, writer.namespace)
    assert len(expected) > 10_000
    page.wait_for(expected)
    with Page(viewer.connect()) as later:
        later.wait_for(expected)
        assert later.snapshots == 1
    assert page.frames[0]["now_s"] == EPOCH_S + HISTORY_S + 39
    newest: Any = writer.client.xrevrange(updates_key(writer.namespace), count=1)
    assert page.frames[0]["updated_ms"] == int(newest[0][0].partition(b"-")[0])


def test_a_viewer_that_comes_late_reads_what_the_stream_no_longer_has(
    writer: Writer, redis_url: str, tmp_path: Path
) -> None:
    write_all(writer, windows(0, HISTORY_S + 30))
    writer.client.xtrim(updates_key(writer.namespace), maxlen=3, approximate=False)
    with (
        Viewer(tmp_path / "late", redis_url=redis_url, namespace=writer.namespace) as late,
        Page(late.connect()) as page,
    ):
        converges(page, writer, redis_url)
        write_all(writer, windows(HISTORY_S + 30, HISTORY_S + 35))
        converges(page, writer, redis_url)
        # History enough for scores at once.
        wait_until(
            lambda: any(z is not None for z in page.frames[0].get("z", [])), deadline_s=DEADLINE_S, what="scores come"
        )


def test_the_server_says_hello(page: Page) -> None:
    assert (page.hello["version"], page.hello["mode"], page.hello["sides"]) == (2, "live", ["Ringbench"])
    assert page.hello["counties"][18] == ["06037", "Los Angeles", 10_014_009]
    assert len(page.hello["counties"]) == len(COUNTIES)
    assert (page.hello["operators"], page.hello["types"]) == (
        ["AT&T", "Sprint", "T-Mobile", "Verizon"],
        ["call", "text"],
    )
    assert (page.hello["history_s"], page.hello["max_rate_hz"]) == (300, 20)
    assert page.hello["z"]["warmup_windows"] == 20
    assert 4 < page.hello["z"]["threshold"] < 5


def test_frames_come_no_more_often_than_allowed_and_at_least_once_a_second(
    writer: Writer, redis_url: str, tmp_path: Path
) -> None:
    with (
        Viewer(tmp_path / "slow", redis_url=redis_url, namespace=writer.namespace, max_rate_hz=4) as viewer,
        Page(viewer.connect()) as page,
    ):
        page.wait_for_frames(1)
        start_s, before = time.monotonic(), page.taken
        while time.monotonic() < start_s + 2:
            writer.write({b"%d|%b" % (EPOCH_S, random.choice(NAMES)): b"%d" % random.randrange(1000)})
        writing_s = time.monotonic() - start_s
        assert page.taken - before <= 4 * writing_s + 2
        converges(page, writer, redis_url)
        # Nothing changes any more, and frames come all the same.
        page.wait_for_frames(3)
        assert page.gaps == 0


def test_a_page_gets_the_types_it_subscribes_to(page: Page, writer: Writer) -> None:
    writer.write({b"%d|%b" % (EPOCH_S, name): b"7" for name in NAMES})
    wait_until(lambda: len(page.counts[0]) == len(NAMES), deadline_s=DEADLINE_S, what="all cells are there")
    page.send({"type": "subscribe", "types": ["call"]})
    page.wait_for({(EPOCH_S, NUMBERS[name]): 7 for name in SEVEN_CALLS_EACH})
    page.send({"type": "pong", "at": 1})
    page.send({"type": "subscribe", "types": ["call", "text"]})
    page.wait_for({(EPOCH_S, number): 7 for number in NUMBERS.values()})


def test_a_surge_is_told(page: Page, writer: Writer) -> None:
    made = random.Random(4)
    for second in range(60):
        counts = {
            b"%d|%b" % (EPOCH_S + second, name): b"%d" % round(made.gauss(200, 14)) for name in NAMES if b"text" in name
        }
        if 45 <= second < 55:
            counts |= {key: b"600" for key in counts if b"|06019|" in key}
        writer.write(counts)
    # Windows are judged when they have been quiet for a second.
    for second in range(60, 75):
        time.sleep(0.1)
        writer.write({b"%d|%b" % (EPOCH_S + second, NAMES[1]): b"1"})
    event = wait_until(lambda: page.events.get(0, []), deadline_s=DEADLINE_S, what="an anomaly is told")[0]
    assert COUNTIES[event["county"]].name == "Fresno"
    assert event["since_s"] == EPOCH_S + 45
    assert event["factor"] == pytest.approx(3, rel=0.1)


# Replay


def test_a_replay_shows_two_sides_and_obeys(tmp_path: Path) -> None:
    paths = []
    for name, count in (("baseline", 3), ("spark", 5)):
        paths.append(tmp_path / f"{name}.updates.gz")
        with Recorder(paths[-1], start_ms := 1_790_000_000_000) as recorder:
            updates = [b"%d|06037|AT&T|call=%d" % (EPOCH_S + second, count) for second in range(60)]
            recorder.add((start_ms + 1000 * second, field) for second, field in enumerate(updates))
    replay = {"recordings": [{"path": str(path)} for path in paths], "speed": 1}
    with Viewer(tmp_path / "viewer", replay=replay, title="Both") as viewer, Page(viewer.connect()) as page:
        assert (page.hello["mode"], page.hello["sides"], page.hello["title"]) == (
            "replay",
            ["baseline", "spark"],
            "Both",
        )
        page.send({"type": "replay", "action": "pause"})
        page.send({"type": "replay", "action": "seek", "value": 1500})
        cell = NUMBERS[b"06037|AT&T|call"]
        for side, count in ((0, 3), (1, 5)):
            page.wait_for({(EPOCH_S, cell): count, (EPOCH_S + 1, cell): count}, side)
            told = page.frames[side]["replay"]
            assert told == {"position_ms": 1500, "length_ms": 59_000, "speed": 1, "playing": False}
        page.send({"type": "replay", "action": "speed", "value": 20})
        page.send({"type": "replay", "action": "play"})
        wait_until(lambda: len(page.counts[1]) == 60, deadline_s=DEADLINE_S, what="it plays to the end")
        assert page.gaps == 0
        with Page(viewer.connect()) as stranger:
            stranger.send({"type": "replay", "action": "explode"})
            assert stranger.wait_for_close() == 1008
