"""Who may talk to the viewer: checks of Host, Origin and token before anything else, and headers on all responses.

* **Host** must name this machine. A foreign site whose name is made to resolve to 127.0.0.1 (DNS rebinding) is thereby
  kept out, since the browser sends that site's name.
* **Origin**, which browsers send when a page opens a WebSocket, must be the page's own: the Host. Other sites' pages
  could connect otherwise, because WebSockets know no same-origin policy.
* The **token**, if there is one, is needed for everything but the page's static files, which hold no secrets and cannot
  carry it, and ``/healthz``. It is in the query (``?token=``) or in ``Authorization: Bearer``.
"""

import hmac
import ipaddress
import socket
from urllib.parse import SplitResult, parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viewer.log import Seldom

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # The page's address may hold the token.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
POLICY = 1008

_PORTS = {"http": 80, "https": 443}


def is_loopback(host: str) -> bool:
    """Whether `host` is a name or an address of the loopback interface."""
    return host == "localhost" or ((address := _address(host)) is not None and address.is_loopback)


class Gate:
    """Lets pass what may; see the module."""

    def __init__(self, app: ASGIApp, *, host: str, token: str, public_paths: frozenset[str]) -> None:
        """Stand before `app`.

        Args:
            app: what is protected.
            host: the name or address that the server listens on.
            token: what a request must have; empty for none.
            public_paths: what needs no token.
        """
        self._app, self._host, self._token, self._public_paths = app, host.lower(), token.encode(), public_paths
        self._own_name = socket.gethostname().lower()
        self._log = Seldom()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or have the app answer, one request or WebSocket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        status, problem = self._judge(scope)
        if problem:
            self._log(f"refused {scope['path'][:100]!r} with {status}: {problem}")
        if scope["type"] == "websocket":
            # Before it is accepted, a WebSocket is refused by HTTP: the server makes 403 of this.
            await (send({"type": "websocket.close", "code": POLICY}) if problem else self._app(scope, receive, send))
        else:
            headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
            app = PlainTextResponse(f"{problem}\n", status, headers) if problem else self._app
            await app(scope, receive, _with_headers(send))

    def _judge(self, scope: Scope) -> tuple[int, str]:
        """The status of a refusal and its reason; an empty reason if there is none."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        host = _split(f"//{hosts[0]}") if len(hosts) == 1 else None
        if host is None or not self._is_ours(host.hostname or ""):
            return 403, "the Host header does not name this server"
        if scope["type"] == "websocket" and not _is_same(host, headers.getlist("origin")):
            return 403, "a page of another origin"
        if self._token and scope["path"] not in self._public_paths and not self._has_token(scope, headers):
            return 401, "a token is needed: ?token=... or Authorization: Bearer ..."
        return 200, ""

    def _is_ours(self, name: str) -> bool:
        if is_loopback(name) or name == self._host:
            return True
        # Addresses cannot be made to point elsewhere, as names can.
        return not is_loopback(self._host) and (name == self._own_name or _address(name) is not None)

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = [bearer.strip()] if scheme.lower() == "bearer" else []
        given += parse_qs(scope["query_string"].decode("latin-1")).get("token", [])[:1]
        return any(hmac.compare_digest(each.encode(), self._token) for each in given)


def _is_same(host: SplitResult, origins: list[str]) -> bool:
    """Whether every origin (there should be one at most) is `host`'s."""
    for text in origins:
        origin = _split(text)
        if origin is None or origin.scheme not in _PORTS or origin.hostname != host.hostname:
            return False
        default = _PORTS[origin.scheme]
        if (origin.port or default) != (host.port or default):
            return False
    return True


def _split(text: str) -> SplitResult | None:
    """The parts of an address with a sound port; None if it has none."""
    try:
        found = urlsplit(text)
        return found if found.port is None or found.port > 0 else None
    except ValueError:
        return None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return send_with_headers
