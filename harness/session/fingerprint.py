"""The fingerprint of the machine and the software that a run took place on."""

import hashlib
import os
import platform
import re
import subprocess
from importlib.metadata import requires, version
from pathlib import Path

import psutil
from pydantic import ValidationError

from harness.processes.owner import machine
from harness.provision.cache import cache_dir
from harness.results.part import save_whole
from harness.results.result import CalibrationSummary, Environment

ROOT = Path(__file__).parents[2]


def fingerprint(*, java: str, services: dict[str, str]) -> Environment:
    """Describe this machine; `java` and `services` are versions that only the caller knows."""
    return Environment(
        host=host_id(),
        cpu_model=_cpu_model(),
        cpu_count=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        operating_system=_operating_system(),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        java=java,
        ringbench=version("ringbench"),
        commit=commit(),
        packages=installed_packages(),
        services=services,
        calibration=load_calibration(),
    )


def installed_packages() -> dict[str, str]:
    """The versions of what Ringbench declares to depend on, by name, as they are installed."""
    names = [re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in requires("ringbench") or []]
    return {name: version(name) for name in sorted(names)}


def host_id() -> str:
    """A hash of what the system calls this machine (its machine-id, else its host name): tells hosts apart only."""
    return hashlib.sha256(f"ringbench {machine()}".encode()).hexdigest()[:12]


def _calibration_path() -> Path:
    return cache_dir() / f"calibration-{host_id()}.json"


def save_calibration(found: CalibrationSummary) -> None:
    """Keep what a calibration has found, for the fingerprints of the runs to come on this host.

    Raises:
        OSError: the cache cannot be written to.
    """
    save_whole(found, _calibration_path())


def load_calibration() -> CalibrationSummary | None:
    """What the last calibration on this host has found; None if there was none, or an older version wrote it."""
    try:
        return CalibrationSummary.model_validate_json(_calibration_path().read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


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


def commit() -> str | None:
    """The checked-out commit, marked if files differ from it; None where this is no checkout."""
    if not (ROOT / ".git").exists():
        return None  # installed, perhaps somewhere in the checkout of another project, whose commit git would tell
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
