"""Log lines about what may happen very often."""

import logging
import time

LOG = logging.getLogger("viewer")

_INTERVAL_S = 1.0


class Seldom:
    """Logs at most one line a second, and says how many it has left out."""

    def __init__(self) -> None:
        self._due_s = 0.0
        self._left_out = 0

    def __call__(self, text: str) -> None:
        """Log `text`, or count it."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            self._left_out += 1
            return
        LOG.warning("%s%s", text, f" (and {self._left_out} more before it)" if self._left_out else "")
        self._due_s, self._left_out = now_s + _INTERVAL_S, 0
