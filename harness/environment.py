"""The fingerprint of the machine and the software that a run took place on."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

from harness.result import Environment


def fingerprint(*, java: str, services: dict[str, str]) -> Environment:
    """Describe this machine; `java` and `services` are versions that only the caller knows."""
    return Environment(
        cpu_model=_cpu_model(),
        cpu_count=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        operating_system=_operating_system(),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        java=java,
        ringbench=version("ringbench"),
        commit=_commit(),
        services=services,
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()


def _commit() -> str | None:
    """The checked-out commit, marked if files differ from it; None where this is no checkout."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
