"""Reads a viewer's WebSocket, one call of the system for a message as a rule.

It is what a load test does most, on cores that it shares with what it measures; websocket-client, which opens the
WebSocket and says what is to be said, needs three calls and more CPU.
"""

import websocket

from loadtest.site import Site
from loadtest.wire import CLOSE, PING, PONG, TEXT, FrameBuffer

_CHUNK_BYTES = 65_536


def open_socket(site: Site, timeout_s: float) -> websocket.WebSocket:
    """A WebSocket of the viewer's, on which nothing may take longer than `timeout_s`.

    Raises:
        OSError, WebSocketException: it cannot be opened.
    """
    return websocket.create_connection(site.socket, timeout=timeout_s, origin=site.origin, header=site.headers)


class MessageStream:
    """The text messages of a WebSocket that websocket-client has just opened, and has not read from."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self._frames = FrameBuffer()

    def read(self) -> str:
        """The next text message. Pings are answered meanwhile.

        Raises:
            OSError: nothing has come for as long as the socket waits, or the connection is lost.
            WebSocketConnectionClosedException: the other end has closed the WebSocket.
            ValueError: what comes is nothing that a viewer sends.
        """
        while True:
            opcode, payload = self._next()
            if opcode == TEXT:
                return payload.decode("utf-8")
            if opcode == PING:
                self._socket.pong(payload)
            elif opcode == CLOSE:
                raise websocket.WebSocketConnectionClosedException("the viewer closed the WebSocket")
            elif opcode != PONG:
                raise ValueError(f"a frame with opcode {opcode}")

    def _next(self) -> tuple[int, bytes]:
        while (frame := self._frames.take()) is None:
            chunk = self._socket.sock.recv(_CHUNK_BYTES)
            if not chunk:
                raise websocket.WebSocketConnectionClosedException("the connection is lost")
            self._frames.add(chunk)
        return frame
