"""WebSocket frames as a server sends them (RFC 6455, section 5.2), out of the bytes of a connection."""

import struct

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA

_FINAL = _MASKED = 0x80
#: What the length's seven bits say when it follows in two bytes, or in eight.
_IN_TWO, _IN_EIGHT = 126, 127


class FrameBuffer:
    """Takes bytes as they come, and gives whole frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take the bytes that have come next."""
        self._bytes += chunk

    def take(self) -> tuple[int, bytes] | None:
        """Opcode and payload of the next frame; None if it is not there as a whole.

        Raises:
            ValueError: the frame is masked, which a server's never is, or only part of a message.
        """
        found = self._bytes
        if len(found) < 2:
            return None
        first, length = found[0], found[1]
        if length & _MASKED or not first & _FINAL:
            raise ValueError("a masked frame, or part of a message")
        start = {_IN_TWO: 4, _IN_EIGHT: 10}.get(length, 2)
        if len(found) < start:
            return None
        if start > 2:
            [length] = struct.unpack_from("!H" if start == 4 else "!Q", found, 2)
        end = start + length
        if len(found) < end:
            return None
        payload = bytes(found[start:end])
        del found[:end]
        return first & ~_FINAL, payload
