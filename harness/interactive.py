"""Services for interactive use: kept up by one command, ended by Ctrl-C or by another."""

import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console

from harness.backing import Backing, External, start_backing
from harness.errors import UsageError
from harness.provision.cache import cache_dir

DOWN_DEADLINE_S = 30


def _state_path() -> Path:
    return cache_dir() / "services.json"


def keep_up(console: Console) -> None:
    """Start the services, print how to reach them, and keep them until SIGINT or SIGTERM.

    Raises:
        UsageError: they are up already.
        ServiceError: one could not be started.
    """
    if running := _running():
        raise UsageError(f"services are up already, kept by process {running.pid}", fix="ringbench services down")
    work = Path(tempfile.mkdtemp(prefix="ringbench-services-"))
    state = _state_path()
    try:
        with start_backing(External(), "services", work, lambda text: console.print(text, highlight=False)) as backing:
            _save(state)
            _show(console, backing)
            signal.pause()
    except KeyboardInterrupt:
        console.print("stopped")
    finally:
        state.unlink(missing_ok=True)
        shutil.rmtree(work, ignore_errors=True)


def take_down(console: Console) -> None:
    """End the process that keeps the services up, and wait for it.

    Raises:
        UsageError: none does, or it does not end.
    """
    running = _running()
    if not running:
        raise UsageError("no services are up", fix="ringbench services up")
    running.send_signal(signal.SIGTERM)
    try:
        running.wait(DOWN_DEADLINE_S)
    except psutil.TimeoutExpired as error:
        raise UsageError(f"process {running.pid} did not end within {DOWN_DEADLINE_S} s") from error
    console.print("services are down")


def _save(state: Path) -> None:
    process = psutil.Process(os.getpid())
    state.touch(mode=0o600)
    state.write_text(json.dumps({"pid": process.pid, "created": process.create_time(), "at": time.time()}))


def _running() -> psutil.Process | None:
    """The process that keeps the services up; None if there is none, or another one has its number by now."""
    try:
        found = json.loads(_state_path().read_text(encoding="utf-8"))
        process = psutil.Process(found["pid"])
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None
    return process if process.create_time() == found["created"] else None


def _show(console: Console, backing: Backing) -> None:
    bucket = backing.bucket
    lines = {
        "Kafka": backing.bootstrap_servers,
        "Redis": backing.redis_url,
        "S3": f"{bucket.endpoint}/{bucket.name}",
        **bucket.environment(),
    }
    for name, value in lines.items():
        console.print(f"  {name:<22} {value}", highlight=False, soft_wrap=True)
    console.print("  Ctrl-C or `ringbench services down` ends them.", highlight=False)
