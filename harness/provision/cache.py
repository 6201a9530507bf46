"""The per-user cache."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.errors import ConfigurationError

#: Takes a line of text for the user; called before anything that can last longer than two seconds.
Progress = Callable[[str], None]


def cache_dir() -> Path:
    """Ringbench's cache directory, made if need be, readable by its user only.

    ``RINGBENCH_CACHE_DIR`` if set, else ``ringbench`` in ``XDG_CACHE_HOME``, else ``~/.cache/ringbench``.

    Raises:
        ConfigurationError: it cannot be made.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(os.environ.get("RINGBENCH_CACHE_DIR") or base / "ringbench").expanduser().absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot make the cache directory {path}: {error.strerror}",
            fix="set RINGBENCH_CACHE_DIR to a directory that you can write to",
        ) from error
    return path


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
