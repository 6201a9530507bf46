"""What people see of a run while it goes on."""

import io
import itertools

from rich.console import Console

from harness.console.figures import Figures
from harness.console.progress import ConsoleWatcher


def test_the_rate_that_is_shown_is_that_of_the_generators_own_times() -> None:
    """A looker that is late by up to half a second at every look sees a steady 6,000/s all the same."""
    watcher = ConsoleWatcher(Console(file=io.StringIO()))
    shown = []
    for tick, late in zip(range(40), itertools.cycle([0, 0, 1, 2]), strict=False):
        # Twice a second, the generator tells; what is looked at is what it told last.
        told_s = max(0, tick - late) // 2 * 0.5
        records = int(6000 * told_s)
        figures = Figures(t_s=tick * 0.25, told_s=told_s, sent_records=records, acked_records=records)
        shown.append(watcher._cells(figures)["offered"])
    assert set(shown[8:]) == {"6,000/s"}
