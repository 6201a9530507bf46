"""The fan-out: builds frames when something has changed, and hands them to all clients without waiting for any."""

import asyncio
import json
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from engines.contract.record import OPERATORS, TYPES
from viewer.client import TRY_LATER, Client, Control
from viewer.log import Seldom
from viewer.side import Frame, Side, encode
from viewer.state import HISTORY_S
from viewer.zscore import BASELINE_WINDOWS, EXCLUDED_WINDOWS, FORMULA, THRESHOLD, WARMUP_WINDOWS
from workloads.california import COUNTIES

PROTOCOL_VERSION = 2
#: A frame is sent at least so often, so that a page can tell a quiet stream from a dead server.
QUIET_INTERVAL_S = 1.0


class Hub:
    """All clients, and the frames for them.

    Attributes:
        ticks: how often frames were built.
    """

    def __init__(
        self, sides: list[Side], *, title: str, mode: str, max_rate_hz: float, max_clients: int, control: Control | None
    ) -> None:
        """Serve `sides`, with at most `max_rate_hz` ticks a second and `max_clients` clients.

        Args:
            sides: one, or two.
            title: for people.
            mode: ``live`` or ``replay``.
            max_rate_hz: ticks a second.
            max_clients: further ones are told to try later.
            control: acts on replay messages; None refuses them.
        """
        self.ticks = 0
        self._sides, self._control = sides, control
        self._interval_s, self._max_clients = 1 / max_rate_hz, max_clients
        self._clients: set[Client] = set()
        self._changed = asyncio.Event()
        self._generations = [side.counts.generation for side in sides]
        self._sent = self._dropped = self._turned_away = 0
        self._full = Seldom()
        self._hello = _encode_hello(sides, title, mode, max_rate_hz)

    def on_change(self) -> None:
        """Have frames built as soon as the rate allows it."""
        self._changed.set()

    def totals(self) -> dict[str, Any]:
        """What to report. Every value may be read from another thread."""
        return {
            "clients": len(self._clients),
            "frames": self._sent + sum(client.sent for client in tuple(self._clients)),
            "dropped": self._dropped,
            "updates": sum(side.counts.updates for side in self._sides),
            "malformed": sum(side.counts.malformed for side in self._sides),
            "unknown_cells": sum(side.counts.unknown_cells for side in self._sides),
            "turned_away": self._turned_away,
            "ticks": self.ticks,
            "redis": "up" if all(side.is_up for side in self._sides) else "down",
            "updated_ms": self._sides[0].counts.updated_ms,
            "now_s": self._sides[0].counts.now_s,
        }

    async def run(self) -> None:
        """Build frames until cancelled."""
        while True:
            try:
                async with asyncio.timeout(QUIET_INTERVAL_S - self._interval_s):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            self._tick()
            await asyncio.sleep(self._interval_s)

    async def serve(self, websocket: WebSocket) -> None:
        """Serve a client until it leaves; one too many is told to try later."""
        try:
            await websocket.accept()
            if len(self._clients) >= self._max_clients:
                self._turned_away += 1
                self._full(f"{self._max_clients} clients are connected: another one is turned away")
                await websocket.close(TRY_LATER, "too many clients")
                return
        except WebSocketDisconnect:
            return
        client = Client(websocket, self._control)
        self._clients.add(client)
        self.on_change()
        try:
            await client.serve(self._hello)
        finally:
            self._clients.discard(client)
            self._sent += client.sent
            self.on_change()

    def _tick(self) -> None:
        self.ticks += 1
        number = len(self._clients)
        tick = _Tick(self._sides, number)
        generations = [side.counts.generation for side in self._sides]
        replaced = generations != self._generations
        self._generations = generations
        for client in self._clients:
            if replaced:
                client.want_snapshot()
            self._dropped += client.offer(tick, len(self._sides))


class _Tick:
    """See `viewer.client.Tick`. Each frame is made when the first client wants it, and encoded once."""

    def __init__(self, sides: list[Side], clients: int) -> None:
        self._sides, self._clients = sides, clients
        self._fields = [side.next_delta(clients) for side in sides]
        self._deltas: dict[frozenset[int], list[Frame]] = {}
        self._snapshots: dict[frozenset[int], list[Frame]] = {}

    def deltas(self, types: frozenset[int]) -> list[Frame]:
        """What has changed since the tick before, of these types."""
        if types not in self._deltas:
            self._deltas[types] = [encode(fields, types) for fields in self._fields]
        return self._deltas[types]

    def snapshots(self, types: frozenset[int]) -> list[Frame]:
        """All there is by now, of these types. It may be newer than the tick: later deltas then repeat some of it."""
        if types not in self._snapshots:
            self._snapshots[types] = [encode(side.snapshot(self._clients), types) for side in self._sides]
        return self._snapshots[types]


def _encode_hello(sides: list[Side], title: str, mode: str, max_rate_hz: float) -> str:
    hello = {
        "type": "hello",
        "version": PROTOCOL_VERSION,
        "title": title,
        "mode": mode,
        "sides": [side.name for side in sides],
        "counties": [[county.fips, county.name, county.population] for county in COUNTIES],
        "operators": OPERATORS,
        "types": TYPES,
        "history_s": HISTORY_S,
        "max_rate_hz": max_rate_hz,
        "z": {
            "warmup_windows": WARMUP_WINDOWS,
            "baseline_windows": BASELINE_WINDOWS,
            "excluded_windows": EXCLUDED_WINDOWS,
            "threshold": round(THRESHOLD, 3),
            "formula": FORMULA,
        },
    }
    return json.dumps(hello, separators=(",", ":"))
