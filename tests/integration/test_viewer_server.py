"""The viewer as a process on a real Redis: pages show what Redis holds, whatever Redis, other pages or strangers do."""

import random
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from engines.contract.keys import UPDATES_FIELD, updates_key, window_key
from harness.clients.redis_contents import clear
from harness.measurement.recording import Recorder
from harness.processes.process import wait_until
from harness.services.ports import HOST, free_port
from harness.services.redis import start_redis
from tests.deadlines import DEADLINE_S
from tests.integration.viewers import Page, PersistentRedis, Viewer, Writer, in_redis
from viewer.cells import NUMBERS
from viewer.main import MAX_MESSAGE_BYTES
from viewer.state import HISTORY_S
from workloads.california import COUNTIES

pytestmark = pytest.mark.integration

EPOCH_S = 1_767_225_600
NAMES = list(NUMBERS)
SEVEN_CALLS_EACH = {name: b"7" for name in NAMES if name.endswith(b"call")}


def windows(first: int, last: int, seed: int = 1, cells: int = 40) -> list[dict[bytes, bytes]]:
    """A transaction for each second, with random counts of some random cells of it and of the second before."""
    made = random.Random(seed)
    return [
        {
            b"%d|%b" % (EPOCH_S + second - back, made.choice(NAMES)): b"%d" % made.randrange(1, 500)
            for back in (0, 1)
            for _ in range(cells)
        }
        for second in range(first, last)
    ]


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis for all tests here; each has its own namespace."""
    server = start_redis(tmp_path_factory.mktemp("redis"), progress=print)
    yield server.url
    server.stop()


@pytest.fixture
def writer(redis_url: str, tmp_path: Path) -> Writer:
    """A writer in a namespace of the test's own."""
    return Writer(redis_url, f"cdr:{tmp_path.name}")


@pytest.fixture
def viewer(writer: Writer, redis_url: str, tmp_path: Path) -> Iterator[Viewer]:
    """A viewer of what the writer writes."""
    with Viewer(tmp_path / "viewer", redis_url=redis_url, namespace=writer.namespace, max_rate_hz=20) as started:
        yield started


@pytest.fixture
def page(viewer: Viewer) -> Iterator[Page]:
    """A page on the viewer; it must have lost nothing at the end."""
    with Page(viewer.connect()) as opened:
        yield opened
        assert opened.gaps == 0
        assert opened.closed_with is None


def write_all(writer: Writer, transactions: list[dict[bytes, bytes]]) -> None:
    """Write transactions one after the other."""
    for each in transactions:
        writer.write(each)


def converges(page: Page, writer: Writer, redis_url: str) -> None:
    """The page comes to show what Redis holds."""
    page.wait_for(in_redis(redis_url, writer.namespace))


# Counts


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


# Slow clients


def test_a_client_that_does_not_read_costs_the_others_nothing_and_catches_up(
    page: Page, viewer: Viewer, writer: Writer, redis_url: str
) -> None:
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    parts = urlsplit(viewer.url)
    raw.connect((parts.hostname, parts.port))
    with Page(viewer.connect(sock=raw, max_queue=1)) as slow:
        slow.wait_for_frames(1)
        slow.reading.clear()
        rounds = 0

        def has_dropped() -> bool:
            nonlocal rounds
            rounds += 1
            for second in range(20):
                count = b"%d" % (1_000_000 + rounds)
                writer.write({b"%d|%b" % (EPOCH_S + second, name): count for name in NAMES})
            page.wait_for_frames(1)
            return bool(viewer.metrics()["dropped"])

        wait_until(has_dropped, deadline_s=DEADLINE_S, what="frames are dropped for the slow client")
        # It is still stuck, and the other has all.
        converges(page, writer, redis_url)
        assert page.gaps == 0
        slow.reading.set()
        converges(slow, writer, redis_url)
        assert slow.gaps == 0
        assert slow.snapshots >= 2
        wait_until(lambda: slow.dropped > 0, deadline_s=DEADLINE_S, what="it is told what it has lost")


def test_too_many_clients_are_told_to_try_later(writer: Writer, redis_url: str, tmp_path: Path) -> None:
    with (
        Viewer(tmp_path / "small", redis_url=redis_url, namespace=writer.namespace, max_clients=2) as viewer,
        Page(viewer.connect()) as first,
    ):
        with Page(viewer.connect()):
            with pytest.raises(ConnectionClosed) as closed:
                viewer.connect().recv(DEADLINE_S)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
        wait_until(lambda: viewer.metrics()["clients"] == 1, deadline_s=DEADLINE_S, what="one has left")
        with Page(viewer.connect()) as third:
            third.wait_for_frames(1)
        first.wait_for_frames(2)
        assert first.gaps == 0


# Redis


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
    port = free_port()
    with (
        Viewer(tmp_path / "viewer", redis_url=f"redis://{HOST}:{port}/0") as viewer,
        Page(viewer.connect()) as page,
    ):
        page.wait_for_frames(1)
        assert page.frames[0]["redis"] == "down"
        server = start_redis(tmp_path, port=port, progress=print)
        try:
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


# Strangers


def test_a_message_that_breaks_the_rules_ends_its_own_connection_only(page: Page, viewer: Viewer) -> None:
    messages: list[tuple[object, int]] = [
        ("x" * (MAX_MESSAGE_BYTES + 1), 1009),
        ("{not JSON", 1007),
        ("[" * 60_000, 1007),
        ("1" * 60_000, 1007),
        (b"\x00\x01", 1003),
        ([1, 2], 1008),
        ({"type": "shutdown"}, 1008),
        ({"type": "subscribe"}, 1008),
        ({"type": "subscribe", "types": ["fax"]}, 1008),
        ({"type": "subscribe", "types": ["call"] * 8000}, 1008),
        ({"type": "subscribe", "types": [["call"]]}, 1008),
        ({"type": "replay", "action": "pause"}, 1008),
    ]
    for number, (message, code) in enumerate(messages, start=1):
        with Page(viewer.connect()) as stranger:
            stranger.send(message)
            assert stranger.wait_for_close() == code, str(message)[:50]
        wait_until(
            lambda number=number: viewer.log().count("closed with") == number,  # type: ignore[misc]
            deadline_s=DEADLINE_S,
            what="it is logged, once",
        )
    page.wait_for_frames(2)


def test_ten_thousand_subscriptions_end_the_connection(page: Page, viewer: Viewer) -> None:
    with Page(viewer.connect()) as stranger:
        with suppress(ConnectionClosed):
            for _ in range(10_000):
                stranger.send({"type": "subscribe", "types": ["call"]})
        # Closed while much that it had sent was unread: it may see no more than that the connection is gone.
        assert stranger.wait_for_close() in (1008, 1006)
    page.wait_for_frames(2)
    wait_until(lambda: viewer.log().count("closed with 1008") == 1, deadline_s=DEADLINE_S, what="it is logged once")


def test_foreign_origins_and_hosts_are_refused(page: Page, viewer: Viewer) -> None:
    host = urlsplit(viewer.url).netloc
    port = host.rpartition(":")[2]
    assert viewer.refusal(origin=f"http://{host}") == 0
    for origin in ("http://evil.example", f"http://evil.example:{port}", "null", f"http://{host}1", f"https://{HOST}"):
        assert viewer.refusal(origin=origin) == 403, origin
    assert viewer.get("/healthz", Host=f"localhost:{port}")[0] == 200
    for name in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "192.0.2.1", "", ":::"):
        assert viewer.get("/healthz", Host=name)[0] in (400, 403), name
    page.wait_for_frames(1)


def test_without_the_token_nothing_is_told(writer: Writer, redis_url: str, tmp_path: Path) -> None:
    token = "s3cret/& token"  # noqa: S105
    with Viewer(tmp_path / "v", redis_url=redis_url, namespace=writer.namespace, host="0.0.0.0", token=token) as viewer:  # noqa: S104
        assert viewer.url.startswith("http://127.0.0.1:")
        query = f"?{urlsplit(viewer.url).query}"
        for wrong in ("", "?token=", "?token=s3cret", "?token=x" * 2, f"{query}x"):
            assert viewer.refusal(wrong) == 403, wrong
            assert viewer.get(f"/{wrong}")[0] == 401
            assert viewer.get(f"/metrics.json{wrong}")[0] == 401
        assert viewer.refusal(additional_headers={"Authorization": "Bearer wrong"}) == 403
        assert viewer.refusal(additional_headers={"Authorization": f"Bearer {token}"}) == 0
        assert viewer.get("/metrics.json", Authorization=f"Bearer {token}")[0] == 200
        assert viewer.get(f"/{query}")[0] == 200
        assert viewer.get("/app.js")[0] == viewer.get("/healthz")[0] == 200
        with Page(viewer.connect(query)) as page:
            page.wait_for_frames(1)
        assert token not in viewer.log()


# HTTP


def test_the_page_comes_with_headers_that_protect_it(viewer: Viewer) -> None:
    status, headers, body = viewer.get("/")
    assert (status, headers["cache-control"]) == (200, "no-store")
    assert b"<!doctype html>" in body.lower()
    for path in ("/", "/app.js", "/absent", "/metrics.json", "/ws"):
        _, headers, _ = viewer.get(path)
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    status, headers, _ = viewer.get("/app.js")
    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/javascript")
    for path in ("/absent.js", "/..%2fmain.py", "/../main.py", "/%2e%2e/main.py", "/ws"):
        assert viewer.get(path)[0] == 404, path


def test_metrics_say_what_happens(page: Page, viewer: Viewer, writer: Writer, redis_url: str) -> None:
    write_all(writer, windows(0, 5))
    converges(page, writer, redis_url)
    write_all(writer, windows(5, 6))
    converges(page, writer, redis_url)
    metrics = viewer.metrics()
    assert (metrics["clients"], metrics["redis"], metrics["now_s"]) == (1, "up", EPOCH_S + 5)
    assert metrics["frames"] > 0
    assert metrics["updates"] > 0
    assert metrics["dropped"] == 0
    assert viewer.get("/healthz")[::2] == (200, b"ok\n")


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


# Life and death


def test_sigterm_ends_it_in_good_order_whatever_its_clients_do(viewer: Viewer, writer: Writer, redis_url: str) -> None:
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    parts = urlsplit(viewer.url)
    raw.connect((parts.hostname, parts.port))
    with Page(viewer.connect(sock=raw, max_queue=1)) as stuck, Page(viewer.connect()) as page:
        stuck.reading.clear()
        silent = socket.create_connection((parts.hostname, parts.port))
        for second in range(200):
            writer.write({b"%d|%b" % (EPOCH_S + second, name): b"1000000" for name in NAMES})
        converges(page, writer, redis_url)
        left = viewer.process.child_tree()
        assert left
        assert viewer.process.stop(DEADLINE_S) == 0, "it was killed, since it did not end by itself"
        assert not any(map(psutil.Process.is_running, left))
        assert viewer.event("stopped").fields["clients"] is not None
        assert page.wait_for_close() == 1012
        silent.close()


def test_events_tell_of_its_life(viewer: Viewer, page: Page) -> None:
    progress = viewer.event("progress").fields
    assert {"clients", "frames", "dropped", "updates"} <= set(progress)
    assert urlsplit(viewer.url).hostname == HOST
    page.wait_for_frames(1)
    number = len([each for each in viewer.events if each.kind == "progress"])
    wait_until(
        lambda: len([each for each in viewer.events if each.kind == "progress"]) >= number + 2,
        deadline_s=DEADLINE_S,
        what="progress is told on",
    )


@pytest.mark.parametrize(
    ("job", "code", "error"),
    [
        ({}, 2, "neither a Redis nor a replay"),
        ({"redis_url": "redis://127.0.0.1:1", "host": "0.0.0.0"}, 2, "needs a token"),  # noqa: S104
        ({"redis_url": "redis://127.0.0.1:1", "colour": "red"}, 2, "colour"),
        ({"redis_url": "redis://127.0.0.1:1", "max_rate_hz": 61}, 2, "between 1 and 60"),
        ({"redis_url": "http://127.0.0.1"}, 1, "redis://"),
        ({"replay": {"recordings": [{"path": "absent"}]}}, 1, "absent"),
    ],
    ids=str,
)
def test_jobs_that_make_no_sense_fail(job: dict[str, Any], code: int, error: str, tmp_path: Path) -> None:
    with Viewer(tmp_path, **job) as viewer:
        assert error in viewer.event("failed").fields["error"]
        assert wait_until(lambda: viewer.process.poll() is not None, deadline_s=DEADLINE_S, what="it ends")
        assert viewer.process.poll() == code


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Viewer(tmp_path, redis_url="redis://127.0.0.1:1", port=port) as viewer:
            assert f"cannot listen on port {port} of {HOST}" in viewer.event("failed").fields["error"]
            wait_until(lambda: viewer.process.poll() == 1, deadline_s=DEADLINE_S, what="it ends")
