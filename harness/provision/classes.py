"""Java sources of engines, compiled by Eclipse's compiler, which runs on any Java: no development kit is needed."""

import hashlib
import os
import subprocess
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.errors import ProvisionError
from harness.processes.private import private_directory
from harness.provision.cache import Progress, cache_dir, only_one
from harness.provision.jars import ensure_jars
from harness.provision.java import ensure_java

COMPILER_LOCK = Path(__file__).parent / "compiler.jars.lock"

#: The oldest Java that Ringbench runs on.
_RELEASE = "17"
_MAIN = "org.eclipse.jdt.internal.compiler.batch.Main"
_TIMEOUT_S = 300


def ensure_classes(folders: Sequence[Path], classpath: Sequence[Path], name: str, *, progress: Progress) -> Path:
    """A jar of the Java sources in `folders`, compiled first if they, or what they need, are new; other files go along.

    Args:
        folders: folders of sources, in folders by package.
        classpath: jars that they need; their names count as their contents, since names have versions.
        name: a short name for people.
        progress: told of everything that can take longer than two seconds.

    Raises:
        ProvisionError: the compiler cannot be had, or refuses the sources.
    """
    jar = cache_dir() / "classes" / f"{name}-{_key(folders, classpath)}.jar"
    if not jar.exists():
        with only_one(jar, progress):
            if not jar.exists():
                progress(f"compiling the Java sources of {name!r} (once)")
                _build(jar, folders, classpath, progress)
    return jar


def _key(folders: Iterable[Path], classpath: Iterable[Path]) -> str:
    digest = hashlib.sha256(COMPILER_LOCK.read_bytes())
    for name, path in _files(folders):
        digest.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    digest.update("\0".join(path.name for path in classpath).encode())
    return digest.hexdigest()[:16]


def _files(folders: Iterable[Path]) -> list[tuple[str, Path]]:
    """Every file below `folders`, after its path there."""
    found = [(str(path.relative_to(folder)), path) for folder in folders for path in folder.rglob("*")]
    return sorted((name, path) for name, path in found if path.is_file())


def _build(jar: Path, folders: Sequence[Path], classpath: Sequence[Path], progress: Progress) -> None:
    with private_directory("compile-", where=cache_dir()) as work:
        classes, files = work / "classes", _files(folders)
        _compile([path for name, path in files if name.endswith(".java")], classpath, classes, progress)
        others = [each for each in files if not each[0].endswith(".java")]
        with zipfile.ZipFile(work / jar.name, "w") as file:
            for name, path in [*_files([classes]), *others]:
                file.write(path, name)
        (work / jar.name).replace(jar)


def _compile(sources: list[Path], classpath: Sequence[Path], classes: Path, progress: Progress) -> None:
    compiler = os.pathsep.join(map(str, ensure_jars(COMPILER_LOCK, progress=progress)))
    options = ["-source", _RELEASE, "-target", _RELEASE, "-encoding", "UTF-8", "-proc:none", "-warn:none"]
    if classpath:
        options += ["-classpath", os.pathsep.join(map(str, classpath))]
    java = str(ensure_java(progress).executable)
    command = [java, "-cp", compiler, _MAIN, *options, "-d", str(classes), *map(str, sources)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ProvisionError(f"the Java compiler did not end within {_TIMEOUT_S} s") from error
    if done.returncode != 0:
        raise ProvisionError(f"the Java compiler refuses the sources:\n{(done.stdout + done.stderr).strip()}")
