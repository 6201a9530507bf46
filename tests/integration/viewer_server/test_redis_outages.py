"""Pages are right again, whatever becomes of Redis and of what is in it."""

from pathlib import Path
from typing import Any

import pytest

from engines.contract.keys import UPDATES_FIELD, updates_key, window_key
from harness.clients.redis_contents import clear
from harness.processes.process import wait_until
from harness.services.redis import start_redis
from tests.deadlines import DEADLINE_S
from tests.integration.viewer_server.windows import EPOCH_S, converges, windows, write_all
from tests.integration.viewers import Page, PersistentRedis, Viewer, Writer, in_redis

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("keep", [True, False], ids=["with its data", "without its data"])
def test_pages_are_right_again_after_redis_was_restarted(keep: bool, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    server = PersistentRedis(tmp_path / "data")
    try:
        writer = Writer(server.url, "cdr")
        with Viewer(tmp_path / "viewer", redis_url=server.url) as viewer, Page(viewer.connect()) as page:
            write_all(writer, windows(0, 20))
            converges(page, writer, server.url)
            server.stop()
            wait_until(lambda: page.frames[0]["redis"] == "down", deadline_s=DEADLINE_S, what="pages are told")
            server.restart(keep=keep)
            wait_until(lambda: page.frames[0]["redis"] == "up", deadline_s=DEADLINE_S, what="pages are told")
            page.wait_for(in_redis(server.url, "cdr"))
            assert bool(page.counts[0]) == keep
            write_all(writer, windows(10, 25, seed=3))
            converges(page, writer, server.url)
            assert page.gaps == 0
            assert viewer.log().count("Redis is down") == 1
    finally:
        server.stop()


def test_a_viewer_waits_for_a_redis_that_is_not_there_yet(tmp_path: Path) -> None:
    server = start_redis(tmp_path, progress=print)
    server.stop()
    with (
        Viewer(tmp_path / "viewer", redis_url=server.url) as viewer,
        Page(viewer.connect()) as page,
    ):
        page.wait_for_frames(1)
        assert page.frames[0]["redis"] == "down"
        server.start_again(keep=False)
        try:
            server.wait_until_ready()
            writer = Writer(server.url, "cdr")
            write_all(writer, windows(0, 5))
            converges(page, writer, server.url)
            assert page.frames[0]["redis"] == "up"
        finally:
            server.stop()


def test_a_redis_that_hangs_is_as_good_as_down(tmp_path: Path) -> None:
    server = start_redis(tmp_path, progress=print)
    (program,) = server.process.child_tree()
    try:
        writer = Writer(server.url, "cdr")
        with Viewer(tmp_path / "viewer", redis_url=server.url) as viewer, Page(viewer.connect()) as page:
            write_all(writer, windows(0, 5))
            converges(page, writer, server.url)
            program.suspend()
            wait_until(lambda: page.frames[0]["redis"] == "down", deadline_s=DEADLINE_S, what="pages are told")
            program.resume()
            write_all(writer, windows(5, 10))
            converges(page, writer, server.url)
            assert page.frames[0]["redis"] == "up"
    finally:
        program.resume()
        server.stop()


def test_the_next_trial_begins_with_an_empty_map(page: Page, writer: Writer, redis_url: str) -> None:
    """Its windows are those of the trial before, whose other cells must be gone."""
    for seed in range(3):
        write_all(writer, windows(0, 30, seed=seed))
        converges(page, writer, redis_url)
        clear(redis_url, writer.namespace)
    page.wait_for({})
    write_all(writer, windows(0, 10, seed=9))
    converges(page, writer, redis_url)


def test_malformed_entries_are_skipped_and_counted(page: Page, viewer: Viewer, writer: Writer, redis_url: str) -> None:
    stream = updates_key(writer.namespace)
    write_all(writer, windows(0, 5))
    converges(page, writer, redis_url)
    entries: list[dict[Any, Any]] = [
        {UPDATES_FIELD: b"nonsense"},
        {UPDATES_FIELD: b"\xff\x00=1"},
        {UPDATES_FIELD: b""},
        {b"other": b"1"},
        {UPDATES_FIELD: b"%d|06037|Verizon|fax=1" % EPOCH_S},
        {UPDATES_FIELD: b"99999999999|06037|Verizon|text=1"},
        {UPDATES_FIELD: b"%d|06037|Verizon|text=-1" % EPOCH_S},
    ]
    for entry in entries * 20:
        writer.client.xadd(stream, entry)
    writer.client.hset(window_key(writer.namespace, "nonsense"), "a", "b")
    write_all(writer, windows(5, 10, seed=2))
    writer.client.delete(window_key(writer.namespace, "nonsense"))
    converges(page, writer, redis_url)
    metrics = viewer.metrics()
    assert metrics["malformed"] + metrics["unknown_cells"] == 20 * len(entries)
    assert 1 <= viewer.log().count("were skipped") <= 5
