"""A network that can be bad: a TCP proxy on loopback that delays, holds back, throttles or resets what passes.

The other processes know nothing of it; they are given its port in place of the service's.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.contract.events import EventWriter
from harness.services.ports import HOST
from harness.workers.jobs import ProxyJob, Pulse, run_worker
from harness.workers.orders import ORDERS_POLL_S, Orders

CHUNK_BYTES = 65_536
#: At a throttled rate, so much passes at a time.
THROTTLED_CHUNK_BYTES = 1024


@dataclass(frozen=True)
class ProxyOrders(Orders):
    """What the proxy does to all connections.

    Attributes:
        delay_ms: every chunk waits for so long, each way.
        cut: nothing passes, and nothing is lost: as behind a router that is gone for a while.
        bytes_per_s: what passes at the most, each way of each connection; 0 for no limit.
        resets: raised to have all connections reset, once.
    """

    delay_ms: float = 0.0
    cut: bool = False
    bytes_per_s: int = 0
    resets: int = 0


class Proxy:
    """Passes bytes on between clients and the port of a service.

    Its progress has totals: `passed_bytes`, and `harmed`, the chunks that orders held back and the resets of sockets.
    """

    def __init__(self, job: ProxyJob) -> None:
        self._job = job
        self._orders = ProxyOrders()
        self._writers: set[asyncio.StreamWriter] = set()
        self._passed_bytes = self._harmed = 0

    async def run(self, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
        """Serve until `stop` is set. Returns totals."""
        server = await asyncio.start_server(self._serve, HOST, self._job.port)
        pulse = Pulse(events)
        events.send("ready", version="", config={}, port=server.sockets[0].getsockname()[1])
        while not stop.is_set():
            await asyncio.sleep(ORDERS_POLL_S)
            self._look()
            pulse.tick(self._totals)
        server.close()
        totals = self._totals()
        self._reset_all()
        return totals

    def _totals(self) -> dict[str, Any]:
        return {"passed_bytes": self._passed_bytes, "harmed": self._harmed}

    def _look(self) -> None:
        orders = ProxyOrders.read(Path(self._job.orders))
        if orders.resets > self._orders.resets:
            self._reset_all()
        self._orders = orders

    def _reset_all(self) -> None:
        for writer in self._writers:
            self._harmed += 1
            # Lingering for no time at all: the other side gets a reset, and no orderly end.
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            other_reader, other_writer = await asyncio.open_connection(HOST, self._job.target_port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, other_writer}
        self._writers |= both
        try:
            ways = (self._pass(reader, other_writer), self._pass(other_reader, writer))
            tasks = [asyncio.create_task(way) for way in ways]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        finally:
            self._writers -= both
            for each in both:
                each.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(THROTTLED_CHUNK_BYTES if self._orders.bytes_per_s else CHUNK_BYTES):
                await self._hold_back(len(data))
                writer.write(data)
                await writer.drain()
                self._passed_bytes += len(data)

    async def _hold_back(self, size: int) -> None:
        orders = self._orders
        self._harmed += bool(orders.delay_ms or orders.bytes_per_s or orders.cut)
        if orders.delay_ms:
            await asyncio.sleep(orders.delay_ms / 1000)
        if orders.bytes_per_s:
            await asyncio.sleep(size / orders.bytes_per_s)
        while self._orders.cut:
            await asyncio.sleep(ORDERS_POLL_S)


def _work(job: ProxyJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    return asyncio.run(Proxy(job).run(events, stop))


if __name__ == "__main__":
    run_worker(ProxyJob, _work)
