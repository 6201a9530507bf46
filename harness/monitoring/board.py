"""What there is to tell now: written by the thread that leads the trials, and read by those that answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.console.figures import Figures


@dataclass(frozen=True)
class Standing:
    """How a command stands.

    Attributes:
        phase: what it does, in words; empty before the first phase.
        trial: the label of the trial whose phase that is; empty if it is none's.
        number, planned: which of the planned trials the phase is of, and how many there are; 0 if there is one at most.
        figures: how the trial stands; None if none is under load.
        at_s: when the figures were taken, on the wall clock, in seconds since the Unix epoch.
    """

    phase: str = ""
    trial: str = ""
    number: int = 0
    planned: int = 0
    figures: Figures | None = None
    at_s: float = 0.0


class Board:
    """Has the newest `Standing`, which is replaced as a whole: no reader sees half of one, and none waits.

    Attributes:
        standing: that.
    """

    def __init__(self, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        self.standing = Standing()

    def progress(self, number: int, planned: int) -> None:
        """The phases that follow are those of trial `number` of `planned`; of a single one, nothing is said."""
        several = planned > 1
        self.standing = replace(self.standing, number=number if several else 0, planned=planned if several else 0)

    def phase(self, text: str, trial: str) -> None:
        """A new phase begins: what the last one's figures were is over."""
        self.standing = replace(self.standing, phase=text, trial=trial, figures=None)

    def metrics(self, figures: Figures) -> None:
        """The trial stands like this now."""
        self.standing = replace(self.standing, figures=figures, at_s=self._now_s())
