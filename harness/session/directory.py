"""A run's folders: the one of its result, which is this process's alone, and the temporary one, with its logs."""

import fcntl
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from harness.console.redaction import redact
from harness.engines.prepare import contract_path
from harness.errors import ConfigurationError, ServiceError, UsageError
from harness.processes.temporary import temporary_folder
from harness.provision.cache import Progress
from harness.provision.java import Java


def new_run_id(prefix: str = "") -> str:
    """A name for a run: when it began, and something that tells it apart."""
    return f"{prefix}{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


R = TypeVar("R")

_claims: dict[Path, int] = {}


def claim(directory: Path) -> bool:
    """Make a result's folder this process's own until `release`, and make the folder if there is none.

    The claim goes with the process, however that ends. Where the file system knows no locks, every claim is granted.

    Returns: whether it is; not, if another process is at work in it.

    Raises:
        ConfigurationError: it cannot be made.
    """
    path = directory.absolute()
    if path in _claims:
        return True
    try:
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigurationError(
            f"{directory}: results cannot be kept there: {error.strerror}",
            fix="give --runs-dir a folder that you can write to",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except OSError:
        pass
    _claims[path] = descriptor
    return True


def release(directory: Path) -> None:
    """Give up a claim, if there is one; a folder in which nothing was kept goes away."""
    path = directory.absolute()
    if path in _claims:
        with suppress(OSError):
            path.rmdir()
        os.close(_claims.pop(path))


@contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """Have a result's folder to oneself, see `claim`.

    Raises:
        UsageError: another process is at work in it.
        ConfigurationError: it cannot be made.
    """
    if not claim(directory):
        raise UsageError(f"another command is at work in {directory}", fix="wait for its end, or begin anew")
    try:
        yield
    finally:
        release(directory)


def save_somewhere(save: Callable[[R, Path], Path], found: R, directory: Path) -> Path:
    """Save what was found in `directory`, or, if there is no room for it, in a folder of its own in TMPDIR.

    Returns: the file.

    Raises:
        ServiceError: it could not be saved where it belongs; it says where it is.
    """
    try:
        return save(found, directory)
    except OSError as error:
        rescued = save(found, Path(tempfile.mkdtemp(prefix="ringbench-result-")))
        raise ServiceError(
            f"the result could not be saved in {directory}: {error}", fix=f"it is in {rescued}: make room, and move it"
        ) from error


@contextmanager
def work_folder(run_directory: Path, tell: Progress) -> Iterator[Path]:
    """A temporary folder that goes away with the run; of a run that breaks off, the logs are kept."""
    with temporary_folder(run_directory=run_directory) as work:
        try:
            yield work
        except Exception:
            keep_logs(work, run_directory / "logs", tell)
            raise


def keep_logs(work: Path, target: Path, tell: Progress) -> None:
    """Copy logs, see `copy_logs`; where that fails, as on a full disk, say so, and go on: it decides nothing."""
    try:
        copy_logs(work, target)
    except OSError as error:
        tell(f"not all logs are kept: {error}")


def copy_logs(work: Path, target: Path) -> None:
    """Copy the logs in `work` to `target`, without secrets.

    Raises:
        OSError: one cannot be written.
    """
    # No deeper: Kafka calls the files that hold its topics logs, too.
    for log in (*work.glob("*.log"), *work.glob("*/*.log")):
        copy = target / log.relative_to(work)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with (
            log.open(encoding="utf-8", errors="surrogateescape", newline="") as lines,
            copy.open("w", encoding="utf-8", errors="surrogateescape", newline="") as kept,
        ):
            kept.writelines(redact(line) for line in lines)


def engine_environment(java: Java, work: Path) -> dict[str, str]:
    """What engines' environment has besides this process's: Java, the contract, and a private place for files."""
    scratch = work / "tmp"
    scratch.mkdir(mode=0o700)
    return {"JAVA_HOME": str(java.home), "PYTHONPATH": str(contract_path(work)), "TMPDIR": str(scratch)}
