"""The viewer's WebSocket: what a client makes it send is bounded, whether the client reads or not."""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from viewer.main import _Protocol

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class FakeTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing to close."""


async def accept(_scope: Any, receive: Any, send: Any) -> None:
    """An application that accepts, and waits."""
    await receive()
    await send({"type": "websocket.accept"})
    await receive()


def ping(payload: bytes) -> bytes:
    """A ping as clients send it, masked by zeros."""
    return bytes([0x89, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def pong(payload: bytes) -> bytes:
    return bytes([0x8A, len(payload)]) + payload


async def connected() -> tuple[_Protocol, FakeTransport]:
    """A WebSocket that has been accepted."""
    config = Config(accept, ws=_Protocol, log_config=None, ws_ping_interval=None)
    config.load()
    protocol, transport = _Protocol(config, ServerState(), {}), FakeTransport()
    protocol.connection_made(transport)
    protocol.data_received(HANDSHAKE)
    while not transport.written:
        await asyncio.sleep(0)
    transport.written.clear()
    return protocol, transport


def test_a_client_that_does_not_read_is_owed_one_pong_however_often_it_pings() -> None:
    async def act() -> None:
        protocol, transport = await connected()
        protocol.data_received(ping(b"first"))
        assert transport.written == [pong(b"first")]
        protocol.pause_writing()
        for number in range(1000):
            protocol.data_received(ping(b"%d" % number))
        assert transport.written == [pong(b"first")]
        protocol.resume_writing()
        assert transport.written == [pong(b"first"), pong(b"999")]
        protocol.pause_writing()
        protocol.resume_writing()
        assert len(transport.written) == 2

    asyncio.run(act())
