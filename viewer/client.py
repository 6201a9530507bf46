"""One client: a WebSocket, a slot for what is to be sent to it, and limits on what it may send."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from engines.contract.record import TYPES
from viewer.cells import ALL_TYPES
from viewer.log import LOG
from viewer.side import Frame

MESSAGES_PER_S = 10
CLOSE_DEADLINE_S = 1.0

UNSUPPORTED, MALFORMED, POLICY, TOO_BIG, FAILED, TRY_LATER = 1003, 1007, 1008, 1009, 1011, 1013

#: Acts on a replay message's `action` and `value`.
Control = Callable[[Any, Any], None]


class Tick(Protocol):
    """A moment at which frames are due, one for each side."""

    def deltas(self, types: frozenset[int]) -> list[Frame]:
        """What has changed since the tick before, of these types."""

    def snapshots(self, types: frozenset[int]) -> list[Frame]:
        """All there is by now, of these types."""


class Refused(Exception):  # noqa: N818 - it is the message that is refused
    """A message that ends the connection, with the code to close it with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Client:
    """A connected page.

    A tick that comes while the one before is still unsent takes its place. Its deltas alone would leave a hole then, so
    that a snapshot is sent instead. What a slow client costs is thus bounded: one tick, and what is on its way.

    Attributes:
        dropped: frames that were made for it, but not sent.
        sent: frames that were sent to it.
    """

    def __init__(self, websocket: WebSocket, control: Control | None) -> None:
        """Serve `websocket`, which has been accepted; `control` acts on replay messages, and None refuses them."""
        self.dropped = self.sent = 0
        self._websocket, self._control = websocket, control
        self._types = ALL_TYPES
        self._tick: Tick | None = None
        self._wants_snapshot = True
        self._wake = asyncio.Event()
        self._arrivals_s: deque[float] = deque(maxlen=MESSAGES_PER_S)

    def offer(self, tick: Tick, sides: int) -> int:
        """Have `tick` sent as soon as the client is ready for it. Returns how many frames were dropped for it."""
        lost = sides if self._tick is not None else 0
        if lost:
            self.dropped += lost
            self._wants_snapshot = True
        self._tick = tick
        self._wake.set()
        return lost

    def want_snapshot(self) -> None:
        """Have a snapshot sent next, because deltas would not fit what the client has."""
        self._wants_snapshot = True

    async def serve(self, hello: str) -> None:
        """Say hello, then send and receive until the client leaves, or breaks the rules."""
        sender = asyncio.create_task(self._send_all(hello))
        try:
            await self._receive_all()
        except Refused as problem:
            await _cancel(sender)
            await self._close(problem)
        finally:
            await _cancel(sender)

    async def _close(self, problem: Refused) -> None:
        self._log(problem.code, str(problem))
        # A client that does not read takes no goodbye either.
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await self._websocket.close(problem.code, str(problem))
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            return

    def _log(self, code: int, reason: str) -> None:
        address = self._websocket.client
        LOG.warning("client %s: closed with %d: %s", f"{address.host}:{address.port}" if address else "?", code, reason)

    async def _send_all(self, hello: str) -> None:
        try:
            await self._websocket.send_text(hello)
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._send_tick()
        except (WebSocketDisconnect, RuntimeError):
            # The client has left, or is being closed; the receiver hears of it, and why.
            return
        except Exception:
            LOG.exception("a client's frames could not be made")
            await self._close(Refused(FAILED, "an error of the server"))

    async def _send_tick(self) -> None:
        tick, self._tick = self._tick, None
        if tick is None:
            return
        # Cleared before the snapshot is made: what changes while it is sent comes as a delta.
        wants_snapshot, self._wants_snapshot = self._wants_snapshot, False
        frames = tick.snapshots(self._types) if wants_snapshot else tick.deltas(self._types)
        for frame in frames:
            await self._websocket.send(frame.message(self.dropped))
            self.sent += 1

    async def _receive_all(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                if message.get("code") == TOO_BIG:
                    self._log(TOO_BIG, "a message that is too big")
                return
            self._limit()
            self._take(_decode(message))

    def _limit(self) -> None:
        now_s = time.monotonic()
        if len(self._arrivals_s) == MESSAGES_PER_S and now_s - self._arrivals_s[0] < 1:
            raise Refused(POLICY, f"more than {MESSAGES_PER_S} messages a second")
        self._arrivals_s.append(now_s)

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "subscribe":
            self._subscribe(message.get("types"))
        elif kind == "replay" and self._control is not None:
            try:
                self._control(message.get("action"), message.get("value"))
            except ValueError as error:
                raise Refused(POLICY, str(error)) from error
        elif kind != "pong":
            raise Refused(POLICY, "a message of a type that is not expected")

    def _subscribe(self, types: object) -> None:
        if not isinstance(types, list) or len(types) > len(TYPES) or not all(each in TYPES for each in types):
            raise Refused(POLICY, f"a subscription to something else than {', '.join(TYPES)}")
        self._types = frozenset(map(TYPES.index, types))
        self._wants_snapshot = True


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _decode(message: Message) -> dict[str, Any]:
    text = message.get("text")
    if text is None:
        raise Refused(UNSUPPORTED, "a binary message")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(MALFORMED, "a message that is not JSON") from error
    if not isinstance(found, dict):
        raise Refused(POLICY, "a message that is not a JSON object")
    return found
