"""A run's private directory: its name, and which logs are kept."""

import secrets
import shutil
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from harness.console.redaction import redact
from harness.engines.prepare import contract_path
from harness.provision.java import Java


def new_run_id(prefix: str = "") -> str:
    """A name for a run: when it began, and something that tells it apart."""
    return f"{prefix}{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def private_directory(stack: ExitStack, run_directory: Path) -> Path:
    """A temporary directory that goes away with the run; of a run that breaks off, the logs are kept."""
    work = Path(tempfile.mkdtemp(prefix="ringbench-"))

    def leave(kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, Exception):
            copy_logs(work, run_directory / "logs")
        shutil.rmtree(work, ignore_errors=True)

    stack.push(leave)
    return work


def copy_logs(work: Path, target: Path) -> None:
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
