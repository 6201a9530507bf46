"""Serves the metrics of a board by HTTP, from threads of its own, until the end of the context.

On loopback, the Host header must name loopback, so that no page of a foreign site can read them by a name of its own
(DNS rebinding). Elsewhere, a token is needed, as ``Authorization: Bearer``.
"""

import hmac
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from harness.errors import UsageError
from harness.monitoring.board import Board
from harness.monitoring.families import BoardCollector

PATH = "/metrics"
#: A client that sends no request for so long is let go of.
_PATIENCE_S = 10


class _Handler(WSGIRequestHandler):
    """Logs nothing, and waits for nobody in vain."""

    timeout = _PATIENCE_S

    def log_message(self, *_words: Any) -> None:
        """Nobody wants to read of every scrape."""


class _Server(ThreadingWSGIServer):
    """Answers each client in a thread."""

    def handle_error(self, *_request: Any) -> None:
        """A client that goes away before its answer is no news."""


def is_loopback(host: str) -> bool:
    """Whether `host` is a name or an address of the loopback interface."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def metrics_served(board: Board, host: str, port: int, token: str) -> Iterator[str]:
    """Serve what is on `board` until the end of the context, and say by which URL; port 0 takes a free one.

    Raises:
        UsageError: others could read it, and there is no token; or it cannot be served there.
    """
    if not token and not is_loopback(host):
        raise UsageError(
            f"--metrics-host {host}: others could read the metrics, and no token is set",
            fix="set RINGBENCH_METRICS_TOKEN to a secret",
        )
    registry = CollectorRegistry()
    registry.register(BoardCollector(board))
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        kind: type[_Server] = type("_ServerOfFamily", (_Server,), {"address_family": family})
        server = make_server(str(address[0]), port, _gated(make_wsgi_app(registry), host, token), kind, _Handler)
    except OSError as error:
        raise UsageError(
            f"--metrics-port {port}: metrics cannot be served on {host}: {error.strerror or error}",
            fix="give another port, or 0 for a free one",
        ) from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{server.server_port}{PATH}"
    finally:
        server.shutdown()
        server.server_close()


_Respond = Callable[..., Any]


def _gated(app: Callable[..., Any], host: str, token: str) -> Callable[[dict[str, Any], _Respond], Iterable[bytes]]:
    """`app` for those who may, at one path."""

    def answer(environment: dict[str, Any], respond: _Respond) -> Iterable[bytes]:
        if problem := _problem(environment, host, token):
            status, text = problem
            respond(status, [("Content-Type", "text/plain"), *_CHALLENGE.get(status, [])])
            return [f"{text}\n".encode()]
        answered: Iterable[bytes] = app(environment, respond)
        return answered

    return answer


_CHALLENGE = {"401 Unauthorized": [("WWW-Authenticate", "Bearer")]}


def _problem(environment: dict[str, Any], host: str, token: str) -> tuple[str, str] | None:
    """Status and reason of a refusal; None if there is none."""
    if is_loopback(host) and not is_loopback(_host_name(environment.get("HTTP_HOST", ""))):
        return "403 Forbidden", "the Host header does not name this server"
    if token and not _has_token(environment.get("HTTP_AUTHORIZATION", ""), token):
        return "401 Unauthorized", "a token is needed: Authorization: Bearer ..."
    if environment.get("PATH_INFO") != PATH:
        return "404 Not Found", f"the metrics are at {PATH}"
    return None


def _host_name(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _has_token(header: str, token: str) -> bool:
    scheme, _, given = header.partition(" ")
    # WSGI hands headers over as Latin-1.
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), token.encode())
