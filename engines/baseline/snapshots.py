"""The baseline's snapshots: what a restart goes on from. They are written beside the loop, which waits for no disk.

A snapshot is one file of arrays, which replaces the former by renaming once all of it is on the disk.
"""

import os
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.int64]]


class Snapshots:
    """The snapshots in one file, and when the next one is due.

    One thread writes them. What it is given must not change any more; writing arrays takes hardly any of the
    interpreter's time, so that the loop goes on meanwhile.
    """

    def __init__(self, path: Path, interval_s: float) -> None:
        self._path, self._interval_s = path, interval_s
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="snapshots")
        self._written: Future[None] | None = None
        self._due_s = time.monotonic()

    def exists(self) -> bool:
        """Whether there is one."""
        return self._path.exists()

    def read(self) -> dict[str, NDArray[np.int64]]:
        """The last one that is whole.

        Raises:
            OSError: there is none.
        """
        with np.load(self._path, allow_pickle=False) as arrays:
            return dict(arrays)

    def overdue_s(self) -> float | None:
        """For how long one has been due; None if none is, or if the last one is still being written.

        Raises:
            OSError: the last one could not be written.
        """
        if self._written is not None:
            if not self._written.done():
                return None
            self._written.result()
        late_s = time.monotonic() - self._due_s
        return late_s if late_s >= 0 else None

    def put_off(self) -> None:
        """Let the next one be due after the interval."""
        self._due_s = time.monotonic() + self._interval_s

    def save(self, arrays: Arrays) -> None:
        """Let `arrays` replace the last snapshot, and return before they do."""
        self.put_off()
        self._written = self._writer.submit(self._write, arrays)

    def finish(self) -> None:
        """Wait until the last one is on the disk.

        Raises:
            OSError: it could not be written.
        """
        if self._written is not None:
            self._written.result()

    def _write(self, arrays: Arrays) -> None:
        new_path = self._path.with_suffix(".new")
        with new_path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        new_path.replace(self._path)
