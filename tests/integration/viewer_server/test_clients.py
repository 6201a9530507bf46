"""Slow pages and strangers harm no other page, and the viewer ends in good order whatever they do."""

import socket
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from harness.processes.process import wait_until
from harness.services.ports import HOST
from tests.deadlines import DEADLINE_S
from tests.integration.viewer_server.windows import EPOCH_S, NAMES, converges, windows, write_all
from tests.integration.viewers import Page, Viewer, Writer
from viewer.main import MAX_MESSAGE_BYTES

pytestmark = pytest.mark.integration

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
        query = f"?token={quote(token, safe='')}"
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
