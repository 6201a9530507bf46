"""A private temporary folder that goes with the command, whatever ends it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.console.interrupt import SIGNALS, CleanUp
from harness.processes.private import PREFIX, make_private

_DELETING = "deleting temporary files"


@contextmanager
def temporary_folder(prefix: str = PREFIX, *, run_directory: Path | None = None) -> Iterator[Path]:
    """A new folder in TMPDIR that only its user can read, see `make_private`; no signal interrupts its removal."""
    with CleanUp(_DELETING) as stack:
        with SIGNALS.unbroken(_DELETING):  # lest a signal comes when it is made, and nobody knows of it yet
            work = make_private(prefix, run_directory=run_directory)
            stack.callback(shutil.rmtree, work, ignore_errors=True)
            stack.enter_context(SIGNALS.leaving(f"the folder {work}"))
        yield work
