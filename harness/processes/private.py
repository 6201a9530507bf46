"""Private temporary directories: each says which process it belongs to, so that it is known when nobody needs it."""

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.processes.owner import Owner

PREFIX = "ringbench-"
RECORD = ".owner.json"


@dataclass(frozen=True)
class Record:
    """What a private directory says of itself.

    Attributes:
        owner: the process that made it.
        run_id: of the run that it is of; empty if it is of none.
        run_directory: where the run's results go; empty if it is of none.
    """

    owner: Owner
    run_id: str = ""
    run_directory: str = ""


def make_private(prefix: str = PREFIX, *, where: Path | None = None, run_directory: Path | None = None) -> Path:
    """Make a directory that only this user can read, below `where` or where temporary files are.

    With a `run_directory`, it is of the run whose results go there, and which that is named after.

    Raises:
        OSError: it cannot be made, or nothing can be written there.
    """
    work = Path(tempfile.mkdtemp(prefix=prefix, dir=where))
    found = {"run_id": "", "run_directory": ""}
    if run_directory:
        found = {"run_id": run_directory.name, "run_directory": str(run_directory.absolute())}
    try:
        (work / RECORD).write_text(json.dumps(Owner.this_process().record | found), encoding="utf-8")
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return work


@contextmanager
def private_directory(prefix: str = PREFIX, *, where: Path | None = None) -> Iterator[Path]:
    """A private directory for as long as it is needed, see `make_private`."""
    work = make_private(prefix, where=where)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def read_record(directory: Path) -> Record | None:
    """What a directory says of itself; None if it does not, or is not this user's own."""
    try:
        status = directory.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            return None
        found: Any = json.loads((directory / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    owner = Owner.of_record(found) if isinstance(found, dict) else None
    return Record(owner, str(found.get("run_id", "")), str(found.get("run_directory", ""))) if owner else None


def remove_private(directory: Path) -> list[Path]:
    """Delete a private directory, what it says of itself last. Returns what could not be deleted."""
    contents = [each for each in directory.iterdir() if each.name != RECORD]
    for each in contents:
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each, ignore_errors=True)
        else:
            with suppress(OSError):
                each.unlink()
    if left := [each for each in contents if os.path.lexists(each)]:
        return left
    shutil.rmtree(directory, ignore_errors=True)
    return [directory] if directory.exists() else []
