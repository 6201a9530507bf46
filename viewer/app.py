"""The whole viewer: what it is told, its parts, and the web application that they make up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2wsgi import WSGIMiddleware
from flask import Flask, Response, jsonify, send_from_directory
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, WebSocketRoute

from viewer.hub import Hub
from viewer.reader import Reader
from viewer.replay import Replay, load_recordings
from viewer.security import Gate, is_loopback
from viewer.side import Side

MAX_RATE_HZ = 60.0
STATIC = Path(__file__).parent / "static"

_PAGE = "index.html"
#: Entries gather for a part of a frame's time before they are read, and for no longer than the probe lets them.
_GATHER_SHARE = 0.1
_LONGEST_GATHER_S = 0.1


@dataclass(frozen=True, kw_only=True)
class ViewerConfig:
    """What a viewer is told.

    Attributes:
        redis_url: where the counts are; unused in a replay.
        namespace: what their keys begin with.
        host: what to listen on.
        port: 0 for a free one.
        token: what every request must have; empty for none, which is for loopback only.
        max_rate_hz: frames a second for each side, 1 to 60.
        title: for people; live, it is the side's name, too.
        max_clients: further ones are told to try later.
        replay: recordings to show instead of Redis: see `viewer.replay.load_recordings`; None to show Redis.
    """

    redis_url: str = ""
    namespace: str = "cdr"
    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    max_rate_hz: float = 4.0
    title: str = "Ringbench"
    max_clients: int = 20_000
    replay: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense, or is not safe.

        Raises:
            ValueError: with the reason.
        """
        if not 1 <= self.max_rate_hz <= MAX_RATE_HZ:
            raise ValueError(f"max_rate_hz is {self.max_rate_hz:g}, not between 1 and {MAX_RATE_HZ:g}")
        if not is_loopback(self.host) and not self.token:
            raise ValueError(f"listening on {self.host}, which other machines may reach, needs a token")
        if not self.redis_url and self.replay is None:
            raise ValueError("neither a Redis nor a replay to show")


class Viewer:
    """The parts of a viewer: source, sides and hub.

    Attributes:
        hub: the clients.
        task: runs source and hub, once the application has started; it ends only by an error.
    """

    def __init__(self, config: ViewerConfig) -> None:
        """Put the parts together.

        Raises:
            OSError: a recording cannot be read.
            ValueError: a recording, the replay's settings or the address of Redis make no sense.
        """
        self.task: asyncio.Task[None] | None = None
        replay = Replay(load_recordings(config.replay)) if config.replay is not None else None
        sides = replay.sides if replay else [Side(0, config.title)]
        self.hub = Hub(
            sides,
            title=config.title,
            mode="replay" if replay else "live",
            max_rate_hz=config.max_rate_hz,
            max_clients=config.max_clients,
            control=replay.control if replay else None,
        )
        gather_s = min(_LONGEST_GATHER_S, _GATHER_SHARE / config.max_rate_hz)
        self._source: Reader | Replay
        if replay:
            replay.on_change = self.hub.on_change
            self._source = replay
        else:
            self._source = Reader(
                config.redis_url, config.namespace, sides[0], pause_s=gather_s, on_change=self.hub.on_change
            )

    async def run(self) -> None:
        """Follow the source and serve frames until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._source.run())
            group.create_task(self.hub.run())


def make_app(config: ViewerConfig) -> Starlette:
    """The web application; `state.viewer` is its `Viewer`.

    Raises:
        OSError: see `Viewer`.
        ValueError: see `Viewer`.
    """
    viewer = Viewer(config)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        viewer.task = asyncio.create_task(viewer.run())
        yield
        viewer.task.cancel()
        await asyncio.wait([viewer.task])

    files = {f"/{path.relative_to(STATIC).as_posix()}" for path in STATIC.rglob("*") if path.is_file()}
    gate = Middleware(
        Gate,
        host=config.host,
        token=config.token,
        public_paths=frozenset(files - {f"/{_PAGE}"} | {"/healthz"}),
    )
    # Flask, a2wsgi and Starlette each have their own spelling of the types of WSGI and ASGI.
    flask: Any = _make_pages(viewer.hub.totals)
    pages: Any = WSGIMiddleware(flask)
    app = Starlette(
        routes=[WebSocketRoute("/ws", viewer.hub.serve), Mount("/", pages)], middleware=[gate], lifespan=lifespan
    )
    app.state.viewer = viewer
    return app


def _make_pages(totals: Callable[[], dict[str, Any]]) -> Flask:
    pages = Flask("viewer", static_folder=None)

    @pages.get("/")
    def page() -> Response:
        response = send_from_directory(STATIC, _PAGE)
        response.headers["Cache-Control"] = "no-store"
        return response

    @pages.get("/<path:name>")
    def static_file(name: str) -> Response:
        response = send_from_directory(STATIC, name)
        response.headers["Cache-Control"] = "no-store" if name == _PAGE else "no-cache"
        return response

    @pages.get("/healthz")
    def health() -> Response:
        return Response("ok\n", mimetype="text/plain", headers={"Cache-Control": "no-store"})

    @pages.get("/metrics.json")
    def metrics() -> Response:
        response = jsonify(totals())
        response.headers["Cache-Control"] = "no-store"
        return response

    return pages
