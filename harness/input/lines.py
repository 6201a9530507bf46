"""A text's lines, in blocks of UTF-8 that end where a line ends."""

from __future__ import annotations

import codecs
from typing import Protocol

from harness.errors import ConfigurationError
from harness.input.kinds import check_text

#: Blocks have so many bytes or a little more.
BLOCK_BYTES = 4 << 20
_MAX_LINE_BYTES = 16 << 20
_HEAD_BYTES = 512


class Bytes(Protocol):
    """A stream of bytes."""

    def read(self, count: int, /) -> bytes:
        """The next bytes, `count` of them at the most; none at the end."""


class Blocks:
    """Whole lines of a text, a block at a time; every line ends in ``\\n``, whatever it ended in.

    Attributes:
        line: the number of the next block's first line, from 1 on.
        encoding: what the text is written in.
    """

    def __init__(self, stream: Bytes, name: str, encoding: str | None) -> None:
        self._stream, self._name = stream, name
        self._rest, self._pushed = b"", b""
        self._at_end = False
        self.line = 1
        head = stream.read(_HEAD_BYTES)
        self.encoding = check_text(head, name, encoding)
        self._decoder = None if _is_utf8(self.encoding) else codecs.getincrementaldecoder(self.encoding)()
        self._began = False
        self._take_in(head)

    @property
    def at_end(self) -> bool:
        """Whether the next block is the last."""
        return self._at_end

    def take(self) -> bytes:
        """The next block; empty at the end.

        Raises:
            ConfigurationError: a line is longer than any record, or the text is not in its encoding.
        """
        found, self._pushed = self._pushed, b""
        if self._at_end and not self._rest:
            return found
        while not self._at_end and (len(self._rest) < BLOCK_BYTES or b"\n" not in self._rest):
            if len(self._rest) > _MAX_LINE_BYTES and b"\n" not in self._rest:
                raise ConfigurationError(
                    f"{self._name}:{self.line}: a line of more than {_MAX_LINE_BYTES >> 20} MiB",
                    fix="give a text file whose rows are lines",
                )
            self._take_in(self._stream.read(BLOCK_BYTES))
        cut = len(self._rest) if self._at_end else self._rest.rindex(b"\n") + 1
        found += self._rest[:cut]
        self._rest = self._rest[cut:]
        return found if found.endswith(b"\n") or not found else found + b"\n"

    def push_back(self, text: bytes) -> None:
        """Have `text`, the end of the block that was taken, begin the next one."""
        self._pushed = text

    def _take_in(self, chunk: bytes) -> None:
        more = b"" if self._at_end else chunk
        if not chunk:
            self._at_end = True
        if self._decoder:
            try:
                more = self._decoder.decode(chunk, final=not chunk).encode("utf-8", "surrogatepass")
            except UnicodeDecodeError as error:
                raise ConfigurationError(
                    f"{self._name}: after line {self.line}: found bytes that are not {self.encoding}: {error.reason}",
                    fix="correct input.map.encoding",
                ) from error
        if not self._began and more:
            self._began, more = True, more.removeprefix(codecs.BOM_UTF8)
        # An end of line of two bytes may lie on both sides of a cut.
        if self._rest.endswith(b"\r"):
            self._rest, more = self._rest[:-1], b"\r" + more
        if b"\r" in more:
            held = not self._at_end and more.endswith(b"\r")
            more = (more[:-1] if held else more).replace(b"\r\n", b"\n").replace(b"\r", b"\n") + b"\r" * held
        self._rest += more


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "ascii", "utf-8-sig")
