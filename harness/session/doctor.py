"""`ringbench doctor`: whether everything a run needs is there. Downloads nothing."""

import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.conclusions.disturbance import disturbance_text, disturbed_share
from harness.engines.catalogue import Engine, all_engines
from harness.errors import RingbenchError
from harness.measurement.host import HostWatch
from harness.provision.cache import cache_dir
from harness.provision.environments import find_environment, installed_uv
from harness.provision.jars import find_jars
from harness.provision.java import ensure_java
from harness.provision.redis_server import ensure_redis_server
from harness.scenarios.scenario import Limits
from harness.services import kafka, s3

_CACHE_BYTES = 3_000_000_000
_TEMP_BYTES = 2_000_000_000
_MEMORY_BYTES = 4_000_000_000
_CORES = 2
#: How long to look at how quiet the machine is.
_LOOK_S = 3.0
_FIRST_RUN = "the first run downloads it"


class MachineCheck(NamedTuple):
    """One thing that was looked at: what was found, whether that will do, and if not, or not yet, the way out."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def diagnose() -> list[MachineCheck]:
    """Look at everything that a run needs, on this machine and in the cache."""
    checks = [
        MachineCheck("Python", sys.version_info >= (3, 11), f"{platform.python_version()} ({sys.executable})"),
        _tried("uv", _uv),
        _tried("Java", _java),
        _tried("Redis", lambda: MachineCheck("Redis", True, ensure_redis_server().version)),
        _jars("Kafka", kafka.JARS_LOCK),
        _jars("S3", s3.JARS_LOCK),
    ]
    try:
        for engine in all_engines([]):
            checks += _engine(engine)
    except RingbenchError as error:
        checks.append(MachineCheck("engines", False, error.message, error.fix))
    return [*checks, *_machine()]


def _tried(name: str, look: Callable[[], MachineCheck]) -> MachineCheck:
    """What `look` returns; an error it raises is a finding."""
    try:
        return look()
    except RingbenchError as error:
        return MachineCheck(name, False, error.message, error.fix)


def _uv() -> MachineCheck:
    found = installed_uv()
    return MachineCheck("uv", True, str(found or "not in the cache yet"), "" if found else _FIRST_RUN)


def _java() -> MachineCheck:
    java = ensure_java(lambda _message: None)
    return MachineCheck("Java", True, f"{java.version} from {java.source} ({java.home})")


def _jars(name: str, lock: Path) -> MachineCheck:
    def look() -> MachineCheck:
        jars = find_jars(lock)
        if jars is None:
            return MachineCheck(name, True, "JVM artifacts not in the cache yet", _FIRST_RUN)
        return MachineCheck(name, True, f"{len(jars)} JVM artifacts in the cache")

    return _tried(name, look)


def _engine(engine: Engine) -> list[MachineCheck]:
    """The engine's environment and JVM artifacts."""
    title = f"engine {engine.name}"

    def look() -> MachineCheck:
        lock = engine.directory / engine.requirements
        python = find_environment(lock, engine.name, python=engine.python or None)
        if python is None:
            return MachineCheck(title, True, "Python environment not in the cache yet", _FIRST_RUN)
        return MachineCheck(title, True, str(python.parent.parent))

    checks = [_tried(title, look)]
    if engine.jars:
        checks.append(_jars(f"{title}, JVM", engine.directory / engine.jars))
    return checks


def _machine() -> list[MachineCheck]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory_bytes = psutil.virtual_memory().available
    return [
        _tried("disk, cache", lambda: _disk("disk, cache", cache_dir(), _CACHE_BYTES, "RINGBENCH_CACHE_DIR")),
        _disk("disk, temporary", Path(tempfile.gettempdir()), _TEMP_BYTES, "TMPDIR"),
        MachineCheck(
            "memory",
            memory_bytes >= _MEMORY_BYTES,
            f"{_gb(memory_bytes)} available, {_gb(_MEMORY_BYTES)} needed",
            "" if memory_bytes >= _MEMORY_BYTES else "end other programs",
        ),
        MachineCheck(
            "cores",
            cores >= _CORES,
            f"{cores}, {_CORES} needed",
            "" if cores >= _CORES else "engine, generator and services would compete: do not trust latencies from here",
        ),
        _quiet(),
    ]


def _quiet() -> MachineCheck:
    """Whether others leave the machine alone, looked at for a while."""
    own, host = psutil.Process(), HostWatch()
    for _ in range(2):
        host.look(time.monotonic())
        host.look_at_programs(time.monotonic(), {own.pid})
        if len(host.t_s) < 2:
            time.sleep(_LOOK_S)
    found = host.use(host.t_s[0], host.t_s[-1])
    share = disturbed_share(found)
    if found is None or share is None:
        return MachineCheck("quiet", True, "not measured: this system does not tell", "compare only what ran in turns")
    limits = Limits()
    bounds = (
        f"beyond {limits.host_marked_share:.0%}, no winner is named; beyond {limits.host_share:.0%}, runs are invalid"
    )
    fix = f"end other programs, or take another machine: {bounds}" if share > limits.host_marked_share else ""
    # No more than advice: it may be quiet when the run begins.
    return MachineCheck("quiet", True, f"{disturbance_text(found)}: {share:.0%} in all", fix)


def _disk(name: str, directory: Path, needed_bytes: int, variable: str) -> MachineCheck:
    free_bytes = shutil.disk_usage(directory).free
    enough = free_bytes >= needed_bytes
    found = f"{_gb(free_bytes)} free in {directory}, {_gb(needed_bytes)} needed"
    return MachineCheck(name, enough, found, "" if enough else f"make room, or set {variable} to another directory")


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB"


def print_doctor(console: Console, checks: list[MachineCheck]) -> None:
    """Print one row per check."""
    table = Table(box=None, pad_edge=False)
    for title in ("", "check", "found", "what to do"):
        table.add_column(title, overflow="fold")
    for check in checks:
        mark = Text("ok", style="green") if check.ok else Text("no", style="bold red")
        table.add_row(mark, check.name, Text(check.found), Text(check.fix))
    console.print(table)
