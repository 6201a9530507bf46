"""What ends a command from outside: Ctrl-C, SIGTERM and SIGHUP.

Each of them is raised in the main thread as a `Stopped`, which is a `KeyboardInterrupt`: so everything that was started
is ended, temporary folders go, and finished work is kept. The command's exit code is 128 + the first signal's number.

Signals that come later do not break this off half way. They are answered with what is being waited for. The second
Ctrl-C warns that the next one ends the command at once, and so it does, naming what it leaves. SIGTERM and SIGHUP never
do: wrappers such as `timeout` send them twice, and SIGKILL is there for those who want no more.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any, Self

#: What a command ends with after Ctrl-C. One that says so after another signal ends with that one's code.
INTERRUPTED = 130
NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}
#: The same signal within so long is the same request, which has come by two ways.
ECHO_S = 0.5
_SHOW_CURSOR = "\x1b[?25h"


class Stopped(KeyboardInterrupt):
    """A signal has told the command to end.

    Attributes:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(NAMES[signal.Signals(number)])
        self.number = number


def name_of(end: KeyboardInterrupt) -> str:
    """What has ended the command, in a word, for messages."""
    return str(end) or NAMES[signal.SIGINT]


class Signals:
    """What becomes of the signals that this process gets.

    Attributes:
        came: the first that came; None if none has.
        continued: how often the process was told to go on, as after Ctrl-Z and `fg`.
    """

    def __init__(self, end: Callable[[int], Any] = os._exit, now_s: Callable[[], float] = time.monotonic) -> None:
        self._end, self._now_s = end, now_s
        self._before: dict[int, Any] = {}
        self._remains: list[str] = []
        self.continued = 0
        self._reset()

    def _reset(self) -> None:
        self.came: signal.Signals | None = None
        self._last: tuple[int, float] = 0, 0.0
        self._presses = 0
        self._pending = 0
        self._is_warned = self._has_raised = self._is_ending = False
        self._held: list[str] = []
        self._asking: list[Interrupt] = []

    @property
    def exit_code(self) -> int:
        """What the command ends with because of the signal that came first; 0 if none has."""
        return 128 + self.came if self.came else 0

    def install(self) -> None:
        """Take charge of the signals, but for SIGINT and SIGHUP if they are ignored, as under `nohup`."""
        self._reset()
        for number in NAMES:
            if number == signal.SIGTERM or signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self.receive)
        self._before[signal.SIGCONT] = signal.signal(signal.SIGCONT, self._note_continued)

    def release(self) -> None:
        """Give the signals back, for a process that goes on after its command has ended."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def receive(self, number: int, _frame: FrameType | None = None) -> None:
        """What happens when a signal comes.

        Raises:
            Stopped: the command is to end.
        """
        if self._is_echo(number):
            return
        self.came = self.came or signal.Signals(number)
        if self._asking and not self._asking[-1].has_come:
            self._asking[-1].why = name = NAMES[signal.Signals(number)]
            _say(f"{name}: ending in good order, with what there is so far; another Ctrl-C breaks that off")
            return
        self._presses += number == signal.SIGINT
        if self._is_warned and number == signal.SIGINT:
            self._end_at_once()
        elif number != signal.SIGINT and (self._asking or self._has_raised):
            self._answer(number)
        elif self._is_ending or self._held:
            self._pending = number
            self._answer(number)
        else:
            self._stop(number)

    def resume(self) -> None:
        """The command has caught what was raised, and works on with what there is: the next Ctrl-C is raised again."""
        self._is_ending = False

    @contextmanager
    def unbroken(self, what: str) -> Iterator[None]:
        """Do `what` to its end: a signal that comes meanwhile is answered, and raised after it."""
        self._held.append(what)
        try:
            yield
        finally:
            self._held.pop()
            if self._pending and not self._held:
                number, self._pending = self._pending, 0
                if not self._is_ending:
                    self._stop(number)

    @contextmanager
    def leaving(self, what: str) -> Iterator[None]:
        """If the command is ended at once within, `what` stays: then it is named."""
        self._remains.append(what)
        try:
            yield
        finally:
            self._remains.remove(what)

    @contextmanager
    def asking(self, interrupt: "Interrupt") -> Iterator[None]:
        """The first signal within is noted in `interrupt`, and raises nothing."""
        self._asking.append(interrupt)
        try:
            yield
        finally:
            self._asking.remove(interrupt)

    def _note_continued(self, _number: int, _frame: FrameType | None) -> None:
        self.continued += 1

    def _is_echo(self, number: int) -> bool:
        before, at_s = self._last
        self._last = number, self._now_s()
        return number == before and self._last[1] - at_s < ECHO_S

    def _stop(self, number: int) -> None:
        self._has_raised = self._is_ending = True
        raise Stopped(number)

    def _answer(self, number: int) -> None:
        what = self._held[-1] if self._held else "ending what was started"
        text = f"{NAMES[signal.Signals(number)]}: still {what}"
        if self._presses > 1:
            self._is_warned = True
            text += f"; the next Ctrl-C ends it at once{self._left(', and leaves ')}"
        _say(text)

    def _end_at_once(self) -> None:
        _say(f"Ctrl-C: ended at once{self._left('; what is left: ')}{_SHOW_CURSOR * os.isatty(2)}")
        self._end(self.exit_code)

    def _left(self, introduction: str) -> str:
        return introduction + ", ".join(self._remains) if self._remains else ""


#: This process's.
SIGNALS = Signals()


class Interrupt:
    """While it is entered, the first signal is noted only; a second Ctrl-C ends the run as ever.

    Attributes:
        why: which signal it was, for messages; "" if none has come.
    """

    why = ""

    def __init__(self) -> None:
        self._stack = ExitStack()

    @property
    def has_come(self) -> bool:
        """Whether one has come."""
        return bool(self.why)

    def __enter__(self) -> Self:
        self._stack.enter_context(SIGNALS.asking(self))
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()


class CleanUp(ExitStack):
    """An `ExitStack` whose end no signal breaks off half way; `what` says what that end does, for people."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool:
        with SIGNALS.unbroken(self._what):
            return bool(super().__exit__(kind, error, trace))


def _say(text: str) -> None:
    """Tell people, past all buffers: a signal may have come in the midst of writing."""
    with suppress(OSError):
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"\n{text}\n".encode())
