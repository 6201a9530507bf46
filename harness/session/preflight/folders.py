"""The directories that a command writes to: that they can be written, are large enough, and fit."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import RingbenchError
from harness.provision.cache import cache_dir
from harness.session.preflight.finding import Finding, size_text
from harness.session.preflight.need import Need

CACHE, TEMPORARY, RUNS = "cache directory", "temporary directory", "directory of runs"
_LEAST_FILES = 1000
_IN_MEMORY = ("tmpfs", "ramfs")
_NETWORK = re.compile(r"nfs|cifs|smb|9p|ceph|lustre|gpfs|afs|glusterfs|beegfs|fuse\.(sshfs|s3fs|gcsfuse|rclone)")
#: Characters that the programs to be started would read as something else than a part of a name: in any directory, and
#: in the temporary one.
_MISREAD = {
    ":": "separates the paths of a class path, and of Python's",
    ",": "separates the jars and the directories that Spark is given",
    "\n": "ends a line",
}
_MISREAD_IN_TEMPORARY = {
    " ": "ends an option of the JVM that PyFlink starts",
    '"': "ends an option of the JVM's",
    "\\": "escapes in Java's properties files",
    "%": "stands for something in names of the JVM's logs",
}


@dataclass(frozen=True)
class Folder:
    """A directory that a command writes to.

    Attributes:
        name: what it is called.
        path: where it is, absolute.
        chosen_by: the option or variable that moves it.
        needed_bytes: how much room there is to be.
        is_made: whether commands make it.
    """

    name: str
    path: Path
    chosen_by: str
    needed_bytes: int
    is_made: bool = True

    @property
    def elsewhere(self) -> str:
        """How to take another one."""
        return f"set {self.chosen_by} to another directory"

    @property
    def nearest(self) -> Path:
        """The directory, or the nearest one above it that there is."""
        return next(each for each in (self.path, *self.path.parents) if _is_there(each))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False  # below a directory that is not this user's


def folders_of(need: Need) -> list[Folder]:
    """The directories that a command with this `need` writes to.

    Raises:
        ConfigurationError: there is no cache directory and none can be made, or it is not the user's alone.
    """
    return [
        Folder(CACHE, cache_dir(), "RINGBENCH_CACHE_DIR", need.cache_bytes),
        Folder(TEMPORARY, need.temporary, "TMPDIR", need.work_bytes, is_made=False),
        *([Folder(RUNS, need.runs_dir.absolute(), "--runs-dir", need.runs_bytes)] if need.runs_dir else []),
    ]


def look_at_folders(need: Need) -> Iterator[Finding]:
    """Look at all of them."""
    try:
        folders = folders_of(need)
    except RingbenchError as error:
        yield Finding(CACHE, False, error.message, fix=error.fix)
        return
    cache, temporary, *_ = folders
    yield look_at_name(cache)
    yield look_at_name(temporary)
    tried = {folder.name: try_to_write(folder) for folder in folders}
    yield from tried.values()
    yield look_at_programs(cache)
    for together in by_file_system([each for each in folders if tried[each.name].ok]):
        yield look_at_room(together)
    yield look_at_network(cache)
    yield look_at_network(temporary)


def look_at_name(folder: Folder) -> Finding:
    """Whether all programs read the directory's name as it is meant."""
    name, text = f"name of the {folder.name}", str(folder.path)
    misread = _MISREAD if folder.name == CACHE else _MISREAD | _MISREAD_IN_TEMPORARY
    for character, why in misread.items():
        if character in text:
            return Finding(name, False, f"{text!r} has {character!r}, which {why}", fix=folder.elsewhere)
    if text.isascii():
        return Finding(name, True, text)
    # The settings of the S3 store are ASCII; class paths are as the locale has them.
    found = f"{text!r} has letters beyond ASCII, which Java reads by the locale"
    return Finding(name, folder.name == CACHE, found, fix=folder.elsewhere)


def try_to_write(folder: Folder) -> Finding:
    """Whether files can be made and written there. What was made for this is removed again."""
    path = folder.path
    made = [each for each in (path, *path.parents) if folder.is_made and not _is_there(each)]
    try:
        if made:
            path.mkdir(parents=True)
        with tempfile.NamedTemporaryFile(dir=path, prefix=".ringbench-") as file:
            file.write(b"whether this can be written")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Finding(folder.name, False, f"{path} cannot be written: {error.strerror}", fix=folder.elsewhere)
    finally:
        for each in made:
            with contextlib.suppress(OSError):
                each.rmdir()
    return Finding(folder.name, True, f"{path} can be written")


def look_at_programs(folder: Folder) -> Finding:
    """Whether programs may be started from there."""
    name = f"programs in the {folder.name}"
    if os.statvfs(folder.nearest).f_flag & getattr(os, "ST_NOEXEC", 0):
        found = f"the file system of {folder.path} is mounted with noexec"
        return Finding(name, False, found, "Python and engines are started from there", folder.elsewhere)
    return Finding(name, True, "can be started")


def look_at_room(folders: Sequence[Folder]) -> Finding:
    """Whether there is room for what `folders`, which are on one file system, are to hold."""
    status = os.statvfs(folders[0].nearest)
    free_bytes, needed_bytes = status.f_bavail * status.f_frsize, sum(each.needed_bytes for each in folders)
    # File systems that have no fixed number of files say 0 of 0.
    has_files = not status.f_files or status.f_favail > _LEAST_FILES
    is_enough = free_bytes >= needed_bytes and has_files
    return Finding(
        "room for " + " and ".join(each.name for each in folders),
        is_enough,
        f"{size_text(free_bytes)} free in {folders[0].path}" + ("" if has_files else ", but none for further files"),
        f"{size_text(needed_bytes)} needed at least",
        "" if is_enough else f"make room, or set {' or '.join(each.chosen_by for each in folders)} to another disk",
    )


def by_file_system(folders: Sequence[Folder]) -> list[list[Folder]]:
    """The `folders`, those of one file system together."""
    found: dict[int, list[Folder]] = {}
    for each in folders:
        found.setdefault(each.nearest.stat().st_dev, []).append(each)
    return list(found.values())


def look_at_network(folder: Folder) -> Finding:
    """Whether it is on this machine: over a network, what is written there takes time that is not the engine's."""
    kind = file_system(folder.nearest)
    found = f"{folder.path} is on {kind or 'a file system of unknown kind'}"
    is_far = bool(_NETWORK.match(kind))
    fix = f"for latencies to trust, {folder.elsewhere}, on a disk of this machine" if is_far else ""
    return Finding(f"file system, {folder.name}", True, found, fix=fix)


def in_memory_bytes(folders: Sequence[Folder]) -> int:
    """How much of what is to be written will take memory."""
    return sum(each.needed_bytes for each in folders if file_system(each.nearest) in _IN_MEMORY)


def file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """The kind of file system that `path` is on, such as ``ext4``; empty if the system does not tell."""
    real, best, kind = path.resolve(), Path(), ""
    with contextlib.suppress(OSError):
        for line in mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            place, _, rest = line.partition(" - ")
            point = Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), place.split()[4]))
            # Of several in one place, the last one covers the others.
            if real.is_relative_to(point) and len(point.parts) >= len(best.parts):
                best, kind = point, rest.split()[0]
    return kind
