"""The proxy passes bytes, and does to them what it is ordered to."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from harness.processes.process import wait_until
from harness.services.ports import HOST, reserve_port
from harness.workers.jobs import ProxyJob
from harness.workers.proxy import ProxyOrders
from harness.workers.start import start_worker
from tests.deadlines import DEADLINE_S

SHORT_S = 0.3


def _echo(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    with suppress(OSError), connection:
        while data := connection.recv(1024):
            connection.sendall(data)


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[tuple[socket.socket, Path]]:
    """A connection through a proxy to what answers with the same bytes, and the proxy's orders."""
    orders = tmp_path / "orders.json"
    with socket.create_server((HOST, 0)) as server:
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        with start_worker(
            "proxy", ProxyJob(target_port=server.getsockname()[1], orders=str(orders)), tmp_path
        ) as proxy:
            port = proxy.wait_for("ready", DEADLINE_S).fields["port"]
            with socket.create_connection((HOST, port), DEADLINE_S) as client:
                client.settimeout(SHORT_S)
                yield client, orders


def _ask(client: socket.socket) -> bool:
    """Whether a byte comes back at once."""
    client.sendall(b"x")
    try:
        return client.recv(1) == b"x"
    except TimeoutError:
        return False


def test_orders_that_harm_nothing_leave_no_trace_and_others_do(tmp_path: Path) -> None:
    orders = tmp_path / "orders.json"
    with (
        socket.create_server((HOST, 0)) as server,
        reserve_port() as holder,
        start_worker(
            "proxy",
            ProxyJob(target_port=server.getsockname()[1], orders=str(orders), port=holder.getsockname()[1]),
            tmp_path,
            name="other_proxy",
        ) as proxy,
    ):
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        assert proxy.wait_for("ready", DEADLINE_S).fields["port"] == holder.getsockname()[1]
        ProxyOrders(cut=True).give(orders)
        wait_until(lambda: proxy.latest("harmed") == 0, deadline_s=DEADLINE_S, what="it tells of no harm")
        with socket.create_connection((HOST, holder.getsockname()[1]), DEADLINE_S) as client:
            client.sendall(b"x")
            wait_until(lambda: proxy.latest("harmed") > 0, deadline_s=DEADLINE_S, what="it tells of harm")
    assert (tmp_path / "other_proxy.log").exists()


def test_without_orders_bytes_pass(proxied: tuple[socket.socket, Path]) -> None:
    client, _ = proxied
    wait_until(lambda: _ask(client), deadline_s=DEADLINE_S, what="a byte passes")


def test_what_is_held_back_by_a_cut_passes_after_it(proxied: tuple[socket.socket, Path]) -> None:
    client, orders = proxied
    ProxyOrders(cut=True).give(orders)
    wait_until(lambda: not _ask(client), deadline_s=DEADLINE_S, what="the cut takes effect")
    ProxyOrders().give(orders)
    client.settimeout(DEADLINE_S)
    assert client.recv(1) == b"x"


def test_delay_goes_both_ways(proxied: tuple[socket.socket, Path]) -> None:
    client, orders = proxied
    client.settimeout(DEADLINE_S)
    ProxyOrders(delay_ms=50).give(orders)

    def is_late() -> bool:
        start_s = time.monotonic()
        return _ask(client) and time.monotonic() - start_s >= 0.1

    wait_until(is_late, deadline_s=DEADLINE_S, what="the delay takes effect")


def test_a_reset_ends_the_connection(proxied: tuple[socket.socket, Path]) -> None:
    client, orders = proxied
    wait_until(lambda: _ask(client), deadline_s=DEADLINE_S, what="a byte passes")
    ProxyOrders(resets=1).give(orders)
    client.settimeout(DEADLINE_S)
    with pytest.raises(ConnectionResetError):
        client.recv(1)
