"""`ringbench doctor`: whether everything a run needs is there. Downloads nothing."""

import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.conclusions.disturbance import disturbance_text, disturbed_share
from harness.engines.catalogue import all_engines
from harness.engines.engine import Engine
from harness.errors import RingbenchError
from harness.measurement.host import HostWatch
from harness.provision.environments import installed_uv
from harness.provision.jars import find_jars
from harness.provision.java import ensure_java
from harness.provision.redis_server import ensure_redis_server
from harness.scenarios.scenario import Limits
from harness.services import kafka, s3
from harness.session.preflight.finding import Finding
from harness.session.preflight.look import look_around
from harness.session.preflight.need import CLASSES_BYTES, ENGINE_BYTES, USUAL_WORK_BYTES, Need, environment_of

#: How long to look at how quiet the machine is.
_LOOK_S = 3.0
_FIRST_RUN = "the first run downloads it"


def diagnose(runs_dir: Path) -> list[Finding]:
    """Look at everything that a run needs, on this machine and in the cache."""
    findings = [
        Finding("Python", sys.version_info >= (3, 11), f"{platform.python_version()} ({sys.executable})"),
        _tried("uv", _uv),
        _tried("Java", _java),
        _tried("Redis", lambda: Finding("Redis", True, ensure_redis_server().version)),
        _jars("Kafka", kafka.JARS_LOCK),
        _jars("S3", s3.JARS_LOCK),
    ]
    cache_bytes = 0
    try:
        for engine in all_engines([]):
            findings += _engine(engine)
            cache_bytes += 0 if environment_of(engine) else ENGINE_BYTES
    except RingbenchError as error:
        findings.append(Finding("engines", False, error.message, fix=error.fix))
    need = Need(runs_dir=runs_dir, work_bytes=USUAL_WORK_BYTES, cache_bytes=CLASSES_BYTES + cache_bytes)
    return [*findings, *look_around(need), _quiet()]


def _tried(name: str, look: Callable[[], Finding]) -> Finding:
    """What `look` returns; an error it raises is a finding."""
    try:
        return look()
    except RingbenchError as error:
        return Finding(name, False, error.message, fix=error.fix)


def _uv() -> Finding:
    found = installed_uv()
    return Finding("uv", True, str(found or "not in the cache yet"), fix="" if found else _FIRST_RUN)


def _java() -> Finding:
    java = ensure_java(lambda _message: None)
    return Finding("Java", True, f"{java.version} from {java.source} ({java.home})")


def _jars(name: str, lock: Path) -> Finding:
    def look() -> Finding:
        jars = find_jars(lock)
        if jars is None:
            return Finding(name, True, "JVM artifacts not in the cache yet", fix=_FIRST_RUN)
        return Finding(name, True, f"{len(jars)} JVM artifacts in the cache")

    return _tried(name, look)


def _engine(engine: Engine) -> list[Finding]:
    """The engine's environment and JVM artifacts."""
    title = f"engine {engine.name}"

    def look() -> Finding:
        home = environment_of(engine)
        if home is None:
            return Finding(title, True, "Python environment not in the cache yet", fix=_FIRST_RUN)
        return Finding(title, True, str(home))

    findings = [_tried(title, look)]
    if engine.jars:
        findings.append(_jars(f"{title}, JVM", engine.directory / engine.jars))
    return findings


def _quiet() -> Finding:
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
        return Finding("quiet", True, "not measured: this system does not tell", fix="compare only what ran in turns")
    limits = Limits()
    bounds = (
        f"beyond {limits.host_marked_share:.0%}, no winner is named; beyond {limits.host_share:.0%}, runs are invalid"
    )
    fix = f"end other programs, or take another machine: {bounds}" if share > limits.host_marked_share else ""
    # No more than advice: it may be quiet when the run begins.
    return Finding("quiet", True, f"{disturbance_text(found)}: {share:.0%} in all", fix=fix)


def print_doctor(console: Console, findings: list[Finding]) -> None:
    """Print one row for each of `findings`."""
    table = Table(box=None, pad_edge=False)
    for title in ("", "what", "found", "expected", "what to do"):
        table.add_column(title, overflow="fold")
    for each in findings:
        mark = Text("ok", style="green") if each.ok else Text("no", style="bold red")
        table.add_row(mark, each.name, Text(each.found), Text(each.expected), Text(each.fix))
    console.print(table)
