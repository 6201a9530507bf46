"""A watcher that tells monitoring what it shows people."""

from rich.console import Console

from harness.console.figures import Figures
from harness.console.progress import ConsoleWatcher
from harness.console.redaction import redact
from harness.monitoring.board import Board


class MonitoredWatcher(ConsoleWatcher):
    """Shows people how a run goes, and puts the same on a board."""

    def __init__(self, console: Console, board: Board) -> None:
        super().__init__(console)
        self._board = board

    def progress(self, number: int, total: int) -> None:
        """See `ConsoleWatcher`."""
        super().progress(number, total)
        self._board.progress(number, total)

    def phase(self, text: str, trial: str = "") -> None:
        """See `ConsoleWatcher`."""
        super().phase(text, trial)
        self._board.phase(redact(text), redact(trial))

    def metrics(self, figures: Figures) -> None:
        """See `ConsoleWatcher`."""
        super().metrics(figures)
        self._board.metrics(figures)
