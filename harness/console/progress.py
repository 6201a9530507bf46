"""Shows people how a run goes: a live table on a terminal, plain lines elsewhere."""

import time
from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from harness.console.figures import Figures
from harness.console.redaction import redact
from harness.console.visible import visible

LINE_INTERVAL_S = 10.0
RATE_WINDOW_S = 2.0


class ConsoleWatcher:
    """Prints phases as they begin; while records flow, shows rates, lag and latency."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True)
        self._phase = self._progress = ""
        self._started_s = self._line_due_s = time.monotonic()
        self._totals: deque[tuple[float, int, int]] = deque()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def progress(self, number: int, total: int) -> None:
        """The phases that follow are those of trial `number` of `total`; of a single one, nothing is said."""
        self._progress = f"[{number}/{total}] " if total > 1 else ""

    def phase(self, text: str, trial: str = "") -> None:
        """A new phase begins, of a `trial` or of the whole command."""
        text = redact(f"{self._progress}{trial}: {text}" if trial else self._progress + text)
        self._phase = text
        self._line_due_s = time.monotonic() + LINE_INTERVAL_S
        elapsed_s = time.monotonic() - self._started_s
        self._console.print(f"[dim]{elapsed_s:7.1f} s[/dim]  {escape(text)}", highlight=False, soft_wrap=True)
        self._live.update(Spinner("dots", escape(text)))

    def note(self, text: str) -> None:
        """Progress within a phase, such as a download's."""
        self._console.print(f"             [dim]{escape(visible(redact(text)))}[/dim]", highlight=False, soft_wrap=True)

    def status(self, text: str) -> None:
        """How far the phase is: in place on a terminal, else a line from time to time."""
        now_s = time.monotonic()
        if self._console.is_terminal:
            self._live.update(Spinner("dots", escape(redact(f"{self._phase}: {text}"))))
        elif now_s >= self._line_due_s:
            self._line_due_s = now_s + LINE_INTERVAL_S
            self.note(text)

    def metrics(self, figures: Figures) -> None:
        """How the trial stands now."""
        now_s = time.monotonic()
        if self._console.is_terminal:
            self._live.update(self._table(figures))
            return
        cells = self._cells(figures)
        if now_s >= self._line_due_s:
            self._line_due_s = now_s + LINE_INTERVAL_S
            self.note("  ".join(f"{name} {value}" for name, value in cells.items()))

    def _table(self, figures: Figures) -> Table:
        table = Table("phase", *(cells := self._cells(figures)), title_justify="left")
        table.add_row(self._phase, *cells.values())
        return table

    def _cells(self, figures: Figures) -> dict[str, str]:
        offered_rate, acked_rate = self._rates(figures.told_s, figures.sent_records or 0, figures.acked_records or 0)
        lag, p99_ms = figures.lag_records, figures.latency_ms.get(0.99)
        return {
            "t": f"{figures.t_s:+.0f} s",
            "offered": f"{offered_rate:,.0f}/s",
            "acked": f"{acked_rate:,.0f}/s",
            "lag": "-" if lag is None else f"{lag:,}",
            "p99": "-" if p99_ms is None else f"{p99_ms:,.0f} ms",
        }

    def _rates(self, told_s: float, sent: int, acked: int) -> tuple[float, float]:
        """Records sent and acknowledged per second, over the last `RATE_WINDOW_S` of what the generator has told."""
        totals = self._totals
        if totals and told_s < totals[-1][0]:
            totals.clear()  # the next trial has begun
        if not totals or told_s > totals[-1][0]:
            totals.append((told_s, sent, acked))
        while len(totals) > 2 and told_s - totals[1][0] > RATE_WINDOW_S:
            totals.popleft()
        (before_s, sent_before, acked_before), (last_s, sent_last, acked_last) = totals[0], totals[-1]
        elapsed_s = last_s - before_s
        return ((sent_last - sent_before) / elapsed_s, (acked_last - acked_before) / elapsed_s) if elapsed_s else (0, 0)
