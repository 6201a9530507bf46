"""What others wrote does not steer the terminal."""

import io
from pathlib import Path
from types import SimpleNamespace

from rich.console import Console

from harness.console.progress import ConsoleWatcher
from harness.console.visible import visible
from harness.processes.process import Process

#: Sets the terminal's title, clears the screen, and goes back to the line's beginning.
HOSTILE = "\x1b]0;owned\x07\x1b[2Jfailed\r\x9bpassed"


def test_control_characters_are_shown_and_lines_and_tabs_stay() -> None:
    assert visible("one\n\ttwo") == "one\n\ttwo"
    assert visible(HOSTILE) == r"\x1b]0;owned\x07\x1b[2Jfailed\r\x9bpassed"


def test_neither_a_log_nor_a_note_reaches_the_terminal_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "engine.log").write_text(HOSTILE, encoding="utf-8")
    tail = Process("engine", SimpleNamespace(stdout=None), tmp_path / "engine.log").log_tail()
    out = io.StringIO()
    ConsoleWatcher(Console(file=out)).note(HOSTILE)
    assert not set("\x1b\x07\r\x9b") & set(tail + out.getvalue())
    assert "owned" in tail and "owned" in out.getvalue()
