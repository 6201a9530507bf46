"""The per-user cache."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.errors import ConfigurationError

#: Takes a line of text for the user; called before anything that can last longer than two seconds.
Progress = Callable[[str], None]

_VARIABLE = "RINGBENCH_CACHE_DIR"


def home_directory() -> Path | None:
    """The user's own directory; None without HOME, if the system knows none either, as of a user that has no name."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def cache_dir() -> Path:
    """Ringbench's cache directory, made if need be, readable by its user only.

    ``RINGBENCH_CACHE_DIR`` if set, else ``ringbench`` in ``XDG_CACHE_HOME``, else ``~/.cache/ringbench``.

    Raises:
        ConfigurationError: it cannot be made, nothing says where, or others could put programs into it.
    """
    path = _chosen()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot make the cache directory {path}: {error.strerror}",
            fix=f"set {_VARIABLE} to a directory that you can write to",
        ) from error
    _refuse_others(path)
    return path


def _refuse_others(path: Path) -> None:
    """Make sure that nobody else can put programs there: they are started from there.

    The group may, if it has the user's own number: most systems give each user such a group.
    """
    status, user = path.stat(), os.getuid()
    if status.st_uid != user:
        raise ConfigurationError(
            f"the cache directory {path} belongs to user {status.st_uid}, and this is user {user}: programs are "
            "started from there",
            fix=f"set {_VARIABLE} to a directory of your own",
        )
    is_private = status.st_gid == os.getgid() == user
    if status.st_mode & (stat.S_IWOTH if is_private else stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigurationError(
            f"others can write to the cache directory {path} (mode {stat.S_IMODE(status.st_mode):o}): programs are "
            "started from there",
            fix=f"chmod go-w {path}",
        )


def _chosen() -> Path:
    """Where the cache is to be."""
    try:
        if own := os.environ.get(_VARIABLE):
            return Path(own).expanduser().absolute()
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(base, "ringbench").expanduser().absolute()
    except RuntimeError as error:
        raise ConfigurationError(
            "nothing says where the cache directory is to be: HOME is not set, and the system knows none of this user",
            fix=f"set {_VARIABLE} to a directory that you can write to",
        ) from error


@contextlib.contextmanager
def only_one(path: Path, progress: Progress) -> Iterator[None]:
    """Hold an exclusive lock on ``PATH.lock``, waiting for the process that holds it, if any."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for another process that prepares {path.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def if_nobody_has(path: Path) -> Iterator[bool]:
    """Hold the lock that `only_one` would, if no process holds it. Gives whether it is held now.

    Of what was never locked, nobody knows who has it: that is not held, either.
    """
    with contextlib.ExitStack() as stack:
        try:
            lock = stack.enter_context(path.with_name(f"{path.name}.lock").open("r+", encoding="ascii"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def is_locked(lock: Path) -> bool:
    """Whether a process holds a lock on the file `lock`; there may be no such file."""
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # the file system knows no locks
    finally:
        os.close(descriptor)
    return False
