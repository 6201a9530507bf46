"""What runs and other commands have left on this machine: processes, private directories, half-made files."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from harness.clients.left import Left
from harness.clients.run_names import is_run_id
from harness.processes.owner import VARIABLE, Owner, owner_of_part
from harness.processes.private import remove_private
from harness.provision.cache import cache_dir
from harness.provision.environments import half_made, remove_half_made
from harness.session.cleaning.finds import HERE, Find
from harness.session.cleaning.runs import JOURNAL, Choice, why_owner_keeps

PROCESS, DIRECTORY, FILE, ENVIRONMENT = "process", "private directory", "half-made file", "half-made environment"
#: What finished trials are kept in, until the run's result is saved.
JOURNAL_OF_RUN = "journal"
NOBODYS = "it does not say whose it is"
_PART = ".*.part"
#: How long a process may take to end.
_TERM_S = 5.0


class Here:
    """This machine, as far as this user's own processes and files go."""

    where = HERE

    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    def find(self) -> list[Find]:
        """Processes whose owner is gone, private directories, what is half made, the journal of the run asked for."""
        found = [*self._processes(), *self._directories(), *self._files(), *self._journal()]
        if not self._choice.run_id:
            found += [Find(HERE, ENVIRONMENT, str(home), size=_bytes_below(home)) for home in half_made()]
        return found

    def remove(self, finds: Sequence[Find]) -> list[Left]:
        """Processes first: what they have open, and write, is to be deleted."""
        left = _end([each for each in finds if each.kind == PROCESS])
        for find in finds:
            left += _REMOVALS.get(find.kind, _keep)(find)
        return left

    def _processes(self) -> Iterator[Find]:
        for process, owner in _strays():
            run_id = self._choice.known.run_of(owner)
            if self._choice.concerns(run_id):
                with suppress(psutil.Error):
                    yield Find(HERE, PROCESS, f"{process.pid} {process.name()}", run_id, process.memory_info().rss)

    def _directories(self) -> Iterator[Find]:
        for path, record in self._choice.known.directories.items():
            run_id = record.run_id if record else ""
            if not self._choice.concerns(run_id):
                continue
            why = why_owner_keeps(record.owner) if record else NOBODYS
            if record and not why and run_id:
                why = self._choice.why_kept(run_id)
            yield Find(HERE, DIRECTORY, str(path), run_id, _bytes_below(path), kept=why)

    def _files(self) -> Iterator[Find]:
        """Those that name their owner, in the cache and where runs are kept; of the run asked for, all of its own."""
        folders = [
            cache_dir(),
            cache_dir() / "classes",
            self._choice.runs_dir,
            *_folders_of_runs(self._choice.runs_dir),
        ]
        for path in (path for folder in folders for path in sorted(folder.glob(_PART))):
            run_id = path.parent.name if is_run_id(path.parent.name) else ""
            owner = owner_of_part(path)
            if not self._choice.concerns(run_id) or not path.is_file():
                continue
            why = why_owner_keeps(owner) if owner else "" if self._choice.run_id else NOBODYS
            with suppress(FileNotFoundError):
                yield Find(HERE, FILE, str(path), run_id, path.stat().st_size, kept=why)

    def _journal(self) -> Iterator[Find]:
        run_id = self._choice.run_id
        if run_id and (path := self._choice.run_directory(run_id) / JOURNAL).is_dir():
            yield Find(HERE, JOURNAL_OF_RUN, str(path), run_id, _bytes_below(path))


def _folders_of_runs(runs_dir: Path) -> list[Path]:
    return sorted(each for each in runs_dir.glob("*") if is_run_id(each.name) and each.is_dir())


def _strays() -> Iterator[tuple[psutil.Process, Owner]]:
    """This user's processes that one of the harness's has started, by itself or through others, which is gone."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid == os.getpid() or process.uids().real != os.getuid():
                continue
            owner = Owner.parse(process.environ().get(VARIABLE, ""))
            if owner and owner.life() == "gone" and not _is_over(process):
                yield process, owner


def _end(finds: Sequence[Find]) -> list[Left]:
    """End processes, each of which is looked at again: numbers are used again."""
    if not finds:
        return []
    wanted = {each.name for each in finds}
    strays = [process for process, _owner in _strays() if f"{process.pid} {process.name()}" in wanted]
    for process in strays:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(strays, _TERM_S)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _, alive = psutil.wait_procs(stubborn, _TERM_S)
    return [Left(PROCESS, str(process.pid), "it does not end") for process in alive if not _is_over(process)]


def _is_over(process: psutil.Process) -> bool:
    """Whether a process has ended: where nobody waits for orphans, it keeps its entry."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _remove_directory(find: Find) -> list[Left]:
    return [Left(DIRECTORY, str(path), "it cannot be deleted") for path in remove_private(Path(find.name))]


def _remove_file(find: Find) -> list[Left]:
    try:
        Path(find.name).unlink(missing_ok=True)
    except OSError as error:
        return [Left(FILE, find.name, error.strerror or str(error))]
    return []


def _remove_environment(find: Find) -> list[Left]:
    return [] if remove_half_made(Path(find.name)) else [Left(ENVIRONMENT, find.name, "it is in use by now")]


def _remove_journal(find: Find) -> list[Left]:
    path = Path(find.name)
    shutil.rmtree(path, ignore_errors=True)
    return [Left(JOURNAL_OF_RUN, find.name, "it cannot be deleted")] if path.exists() else []


def _keep(_find: Find) -> list[Left]:
    return []


_REMOVALS = {
    DIRECTORY: _remove_directory,
    FILE: _remove_file,
    ENVIRONMENT: _remove_environment,
    JOURNAL_OF_RUN: _remove_journal,
}


def _bytes_below(folder: Path) -> int:
    """How many bytes the files below `folder` hold, as far as they can be looked at."""
    total = 0
    for path, _folders, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                total += (Path(path) / name).lstat().st_size
    return total
