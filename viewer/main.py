"""The viewer as a process: ``python -m viewer.main JOB.json``.

The job is one JSON object with the attributes of `viewer.app.ViewerConfig`. On standard output, it speaks the one-line
events of `engines.contract.events`: ``ready`` with `url`, ``progress`` every second, ``failed`` or ``stopped``. SIGTERM
ends it within two seconds.
"""

import asyncio
import contextlib
import ipaddress
import json
import logging
import os
import resource
import socket
import sys
import threading
import time
import traceback
from collections.abc import Generator
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from engines.contract.events import EventWriter, stop_on_sigterm
from viewer.app import ViewerConfig, make_app
from viewer.side import WIRE

MAX_MESSAGE_BYTES = 65_536
PROGRESS_INTERVAL_S = 1.0
STOP_DEADLINE_S = 1.5
#: Where cores are short, who looks at the pipeline is to wait, and not the pipeline.
NICENESS = 10

_POLL_S = 0.05
_BACKLOG = 2048
#: Clients that do not take their goodbye are left behind.
_GOODBYE_S = 1
#: File descriptors that are no clients'.
_SPARE_FILES = 64


class _Server(uvicorn.Server):
    """Leaves signals to the main thread's loop below."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


class _Protocol(WebSocketsSansIOProtocol):
    """A WebSocket that is gone once the other end is, and takes frames that are ready for the wire."""

    #: The answer to a ping that waits until the client reads again.
    _owed = b""

    async def send(self, message: Any) -> None:
        """Send `message`; as it is, if it says what goes over the wire, and not made anew for each client."""
        if WIRE not in message:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.conn.state is not State.OPEN:
            raise ClientDisconnected
        self.transport.write(message[WIRE])

    def handle_ping(self) -> None:
        """Answer; but for a client that does not read, keep the newest answer only, as RFC 6455 (5.5.3) allows."""
        answer = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(answer)
        elif answer:
            self._owed = answer

    def resume_writing(self) -> None:
        """Go on, since the client reads again: first of all with the answer that it is owed."""
        super().resume_writing()
        owed, self._owed = self._owed, b""
        if owed and not self.transport.is_closing():
            self.transport.write(owed)

    def keepalive_timeout(self) -> None:
        """Close, and do not wait until a client that does not even answer a ping has read what was sent to it."""
        super().keepalive_timeout()
        self.transport.abort()


def load_config(path: str) -> ViewerConfig:
    """The job at `path`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a job.
    """
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    try:
        return ViewerConfig(**found)
    except TypeError as error:
        raise ValueError(f"job: {error}") from error


async def serve(config: ViewerConfig, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    """Run a viewer until `stop` is set. Returns its totals.

    Raises:
        OSError: it cannot listen, or a recording cannot be read.
        ValueError: the configuration makes no sense.
        RuntimeError: it has ended by itself.
    """
    app = make_app(config)
    viewer = app.state.viewer
    server = _Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http="h11",
            ws=_Protocol,
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_GOODBYE_S,
        )
    )
    with _listen(config) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(_POLL_S)
        events.send("ready", version="", config=_told(config), url=_url(config, listener))
        await _report(viewer, events, serving, stop)
        server.should_exit = True
        await asyncio.wait([serving], timeout=STOP_DEADLINE_S)
    if not stop.is_set():
        raise RuntimeError("the server has ended by itself")
    return dict(viewer.hub.totals())


async def _report(viewer: Any, events: EventWriter, serving: asyncio.Task[None], stop: threading.Event) -> None:
    """Tell of progress until `stop` is set, or a part of the viewer has ended by itself."""
    due_s = 0.0
    while not stop.is_set() and not serving.done():
        if viewer.task.done():
            # Raises what it has died of.
            viewer.task.result()
            return
        if time.monotonic() >= due_s:
            due_s = time.monotonic() + PROGRESS_INTERVAL_S
            events.send("progress", **viewer.hub.totals())
        await asyncio.sleep(_POLL_S)


def _listen(config: ViewerConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise OSError(f"cannot listen on port {config.port} of {config.host}: {error.strerror or error}") from error


def _url(config: ViewerConfig, listener: socket.socket) -> str:
    """Where a browser on this machine finds the page, without the token: events get into logs."""
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(config.host).is_unspecified:
            host = "[::1]" if ":" in config.host else "127.0.0.1"
            return f"http://{host}:{listener.getsockname()[1]}/"
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{listener.getsockname()[1]}/"


def _told(config: ViewerConfig) -> dict[str, Any]:
    return {"max_rate_hz": config.max_rate_hz, "max_clients": config.max_clients, "mode": _mode(config)}


def _mode(config: ViewerConfig) -> str:
    return "live" if config.replay is None else "replay"


def _allow_files(config: ViewerConfig) -> None:
    """Have a file descriptor for every client, if the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = config.max_clients + _SPARE_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> int:
    """Do the job that the command line names. Returns the exit code: 0, 1 if it failed, 2 if the job makes no sense."""
    events, stop = EventWriter(), stop_on_sigterm()
    os.nice(NICENESS)
    logging.basicConfig(format="%(asctime)s %(message)s")
    try:
        if len(sys.argv) != 2:
            raise ValueError("usage: python -m viewer.main JOB.json")
        config = load_config(sys.argv[1])
    except (OSError, ValueError) as error:
        events.send("failed", error=str(error))
        return 2
    try:
        _allow_files(config)
        totals = uvloop.run(serve(config, events, stop))
    except Exception as error:
        traceback.print_exc()
        # A part that has died of an error takes the other parts with it, in a group of one.
        cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        events.send("failed", error=f"{type(cause).__name__}: {cause}")
        return 1
    events.send("stopped", **totals)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # A thread that sends a file to a client that does not read it would keep the process from ending.
    os._exit(code)
