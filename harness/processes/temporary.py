"""A private temporary folder that goes with the command, whatever ends it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.console.interrupt import SIGNALS, CleanUp

_DELETING = "deleting temporary files"


@contextmanager
def temporary_folder(prefix: str = "ringbench-") -> Iterator[Path]:
    """A new folder in TMPDIR that only its user can read; no signal interrupts its removal."""
    with CleanUp(_DELETING) as stack:
        with SIGNALS.unbroken(_DELETING):  # lest a signal comes when it is made, and nobody knows of it yet
            work = Path(tempfile.mkdtemp(prefix=prefix))
            stack.callback(shutil.rmtree, work, ignore_errors=True)
            stack.enter_context(SIGNALS.leaving(f"the folder {work}"))
        yield work
