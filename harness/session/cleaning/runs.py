"""Which runs live, are over, or can be resumed, as their private directories and journals here tell."""

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.processes.owner import Owner
from harness.processes.private import PREFIX, Record, read_record
from harness.provision.cache import cache_dir, is_locked

JOURNAL, PLAN = "journal", "plan.json"
ELSEWHERE = "its process is of another machine, boot or container: whether it lives is not known"


@dataclass(frozen=True)
class Known:
    """The private directories of this user here, by path, and what each says of itself; None if it says nothing."""

    directories: Mapping[Path, Record | None]

    def of(self, run_id: str) -> list[Record]:
        """What directories of a run say."""
        return [each for each in self.directories.values() if each and each.run_id == run_id]

    def run_of(self, owner: Owner) -> str:
        """The id of the run that a process makes, or has made; empty if it is not known."""
        records = [each for each in self.directories.values() if each and each.owner == owner]
        return next((each.run_id for each in records if each.run_id), "")


def look_around() -> Known:
    """Look at the temporary directory and the cache."""
    found: dict[Path, Record | None] = {}
    for path in _folders(Path(tempfile.gettempdir())):
        if path.name.startswith(PREFIX):
            found[path] = read_record(path)
    for path in _folders(cache_dir()):
        if record := read_record(path):
            found[path] = record
    return Known(found)


def _folders(folder: Path) -> Iterable[Path]:
    """The folders of this user in `folder`, links left out."""
    for each in sorted(folder.iterdir()):
        try:
            is_own = each.lstat().st_uid == os.getuid()
        except FileNotFoundError:
            continue
        if is_own and each.is_dir() and not each.is_symlink():
            yield each


@dataclass(frozen=True)
class Choice:
    """What is asked for: all that one run has left, or what is left of all runs that are over.

    Attributes:
        known: see there.
        runs_dir: where runs are kept.
        run_id: the run; empty for all.
    """

    known: Known
    runs_dir: Path
    run_id: str = ""

    def check(self) -> None:
        """Make sure that the run that is asked for is over, as far as can be told here.

        Raises:
            UsageError: it is not, or that is not known of a process that has a private directory here.
        """
        if not self.run_id:
            return
        for owner in (each.owner for each in self.known.of(self.run_id)):
            if owner.life() == "alive":
                raise UsageError(f"the run {self.run_id} is going on: process {owner.pid}", fix="end it first")
            if owner.life() == "unknown":
                raise UsageError(
                    f"the run {self.run_id}: {ELSEWHERE}",
                    fix="clean up where the run was started; if that is gone, delete the run's private directory",
                )
        if self._is_worked_on(self.run_id):
            where = self.run_directory(self.run_id)
            raise UsageError(f"the run {self.run_id} is going on: a process is at work in {where}", fix="end it first")

    def run_directory(self, run_id: str) -> Path:
        """Where a run's results are."""
        named = [each.run_directory for each in self.known.of(run_id) if each.run_directory]
        return Path(named[0]) if named else self.runs_dir / run_id

    def concerns(self, run_id: str) -> bool:
        """Whether what is of a run is asked for at all."""
        return not self.run_id or run_id == self.run_id

    def why_kept(self, run_id: str) -> str:
        """Why what is of a run is not deleted; empty if it is."""
        if self.run_id:
            return ""  # it was made sure of that it is over
        records = self.known.of(run_id)
        if why := next((why for each in records if (why := why_owner_keeps(each.owner))), ""):
            return why
        if self._is_worked_on(run_id):
            return "its run is going on"
        if self.is_resumable(run_id):
            return f"`ringbench run --resume {run_id}` can go on with it; `ringbench clean {run_id}` gives that up"
        if not records:
            return f"whether its run lives is not known here: if it does not, `ringbench clean {run_id}` deletes it"
        return ""

    def is_resumable(self, run_id: str) -> bool:
        """Whether a run that is over can be gone on with: its journal has finished trials."""
        return (self.run_directory(run_id) / JOURNAL / PLAN).is_file()

    def _is_worked_on(self, run_id: str) -> bool:
        """Whether a process holds a lock there, be it in a container of its own."""
        return is_locked(self.run_directory(run_id))


def why_owner_keeps(owner: Owner) -> str:
    """Why what belongs to a process is not deleted; empty if it is."""
    life = owner.life()
    if life == "alive":
        return f"in use by process {owner.pid}"
    return ELSEWHERE if life == "unknown" else ""
