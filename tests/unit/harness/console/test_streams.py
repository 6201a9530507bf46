"""A terminal or a reader that is gone ends no command."""

import errno
import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from harness.console.progress import ConsoleWatcher
from harness.console.streams import LastingStream


class Gone(io.StringIO):
    """A terminal that was closed."""

    def write(self, _text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


def test_what_is_said_to_a_terminal_that_is_gone_is_dropped() -> None:
    stream = LastingStream(Gone(), whatever_fails=True)
    watcher = ConsoleWatcher(Console(file=stream))
    with watcher:
        watcher.phase("load")
        watcher.note("goes on")
    assert stream.is_lost


def test_a_reader_that_has_ended_is_no_error_even_when_the_interpreter_ends() -> None:
    readable, writable = os.pipe()
    os.close(readable)
    with os.fdopen(writable, "w") as pipe:
        stream = LastingStream(pipe, whatever_fails=False)
        stream.write("result\n")
        stream.flush()
        assert stream.is_lost
    assert pipe.closed, "what was in the buffer did not fail again"


def test_a_result_that_does_not_fit_on_the_disk_is_an_error_and_a_message_is_not() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        LastingStream(full, whatever_fails=True).write("note\n")
        LastingStream(full, whatever_fails=True).flush()
    with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("w", encoding="utf-8") as full:
        LastingStream(full, whatever_fails=False).write("result\n")
        LastingStream(full, whatever_fails=False).flush()
