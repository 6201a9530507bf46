"""Standard output and standard error that may go away while a command runs: a terminal is closed, a reader ends."""

import errno
import os
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

#: Who was to read it is there no more.
_GONE = (errno.EPIPE, errno.EIO)


class LastingStream:
    """A text stream that goes on without a reader: what is written to one that has gone is dropped.

    Attributes:
        is_lost: whether anything was dropped.
    """

    def __init__(self, stream: TextIO, *, whatever_fails: bool) -> None:
        """With `whatever_fails`, what cannot be written for other reasons, such as a full disk, is dropped as well."""
        self._stream, self._whatever_fails = stream, whatever_fails
        self.is_lost = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """See `typing.TextIO`."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        """See `typing.TextIO`."""
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        if not self._whatever_fails and error.errno not in _GONE:
            raise error
        self.is_lost = True
        # What is in the buffer yet would fail again, when the interpreter ends.
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def outlast_readers() -> None:
    """From now on, no command ends because nobody reads what it says: what it finds is in files.

    What programs read on standard output must be whole, if they are there: what cannot be written for other reasons is
    an error.
    """
    if not isinstance(sys.stdout, LastingStream):
        sys.stdout = cast(TextIO, LastingStream(sys.stdout, whatever_fails=False))
    if not isinstance(sys.stderr, LastingStream):
        sys.stderr = cast(TextIO, LastingStream(sys.stderr, whatever_fails=True))
