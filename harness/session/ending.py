"""How the parts of a command end: the first that fails ends them all, and what is finished before it is kept."""

import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Self

from harness.clients.failures import for_users
from harness.console.interrupt import INTERRUPTED, SIGNALS, name_of
from harness.console.redaction import redact
from harness.errors import INTERNAL, INTERNAL_FIX
from harness.provision.cache import Progress
from harness.results.part import Missing


class Ending:
    """A context for all parts of a command, which keeps what is finished when an error or a signal ends it early.

    If nothing is finished yet, that is raised as it is: there is nothing to save.

    Attributes:
        missing: what did not take place, and why; None if all of it did.
    """

    def __init__(self, tell: Progress, kept: Callable[[], object]) -> None:
        """`kept` says whether anything is finished, by its truth."""
        self._tell, self._kept = tell, kept
        self._part = "the first part"
        self.missing: Missing | None = None

    def begins(self, part: str) -> None:
        """A part begins; what it is called is told if it does not come to its end."""
        self._part = part

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception | KeyboardInterrupt) or not self._kept():
            return False
        self.missing = self._missing_by(error)
        self._tell(f"{self.missing.text()}; what is finished is kept")
        if isinstance(error, KeyboardInterrupt):
            SIGNALS.resume()
        return True

    def _missing_by(self, error: Exception | KeyboardInterrupt) -> Missing:
        what = f"{self._part} and all after it"
        if isinstance(error, KeyboardInterrupt):
            return Missing(what=what, why=name_of(error), fix="run the command again", exit_code=INTERRUPTED)
        if known := for_users(error):
            fix = known.fix or "see the logs, and run the command again"
            return Missing(what=what, why=redact(known.message), fix=fix, exit_code=known.exit_code)
        self._tell("".join(traceback.format_exception(error)))
        why = redact(f"{type(error).__name__}: {error}")
        return Missing(what=what, why=why, fix=INTERNAL_FIX, exit_code=INTERNAL)


def is_interrupted(missing: Missing | None) -> bool:
    """Whether it was a signal that ended the command early."""
    return missing is not None and missing.exit_code == INTERRUPTED
