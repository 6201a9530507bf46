"""Ctrl-C as something to ask for, where a run is to end in good order and still say what it saw."""

import signal
from types import FrameType
from typing import Self

#: What a command ends with after Ctrl-C.
INTERRUPTED = 130


class Interrupt:
    """While it is entered, the first Ctrl-C is noted only, in `has_come`; the second one ends the run as ever."""

    has_come = False

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_error: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.has_come = True
        signal.signal(signal.SIGINT, self._before)
