"""Archives of loaded classes, which spare a JVM much of its start: Java's class-data sharing (JEP 310).

A program's first run lists the classes that it loads; the next preparation makes an archive of them, and runs from then
on start from it. A JVM that finds that an archive is of another Java or another class path does without it.
"""

import hashlib
import json
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.provision.cache import Progress, cache_dir, only_one
from harness.provision.java import Java
from harness.results.part import write_whole

_TIMEOUT_S = 300
_LIST = "-XX:DumpLoadedClassList="
_CLASS_PATH = ("-cp", "-classpath", "--class-path")
#: Options that an archive depends on. Others, such as those for log files, are of one run only.
_OF_CLASSES = ("--add-modules=",)


@dataclass(frozen=True)
class ClassArchive:
    """The archive of one program, in the cache.

    Attributes:
        stem: the path of its files, less their suffixes. What the class path and the Java follow from is in its name.
        java: the Java executable that the program runs on.
    """

    stem: Path
    java: Path

    @property
    def path(self) -> Path:
        """The archive."""
        return self.stem.with_name(f"{self.stem.name}.jsa")

    @property
    def _listed(self) -> Path:
        return self.stem.with_name(f"{self.stem.name}.json")

    def options(self, directory: Path) -> list[str]:
        """What the JVM is to be started with: an option to use the archive, or to list classes in `directory`.

        Nothing, if a path has a blank in it, which not every launcher understands.
        """
        listing = directory / f"{self.stem.name}.classes"
        if self.path.exists():
            option = f"-XX:SharedArchiveFile={self.path}"
        elif self._listed.exists():
            return []
        else:
            option = f"{_LIST}{listing}"
        return [] if " " in option else [option]

    def learn(self, processes: Iterable[psutil.Process]) -> None:
        """Keep what the one of `processes` that lists its classes has listed so far, if there is one.

        What cannot be kept, in a cache that is full or read-only, is done without: starts remain slow, and no more.
        """
        for process in processes:
            command = _command(process)
            listing = next((each.removeprefix(_LIST) for each in command if each.startswith(_LIST)), "")
            class_path = _class_path(command)
            if listing and class_path:
                with suppress(OSError, UnicodeDecodeError):
                    self._keep(Path(listing), class_path, [each for each in command if each.startswith(_OF_CLASSES)])

    def _keep(self, listing: Path, class_path: str, options: list[str]) -> None:
        whole_lines = listing.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
        self.stem.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = {"class_path": class_path, "options": options, "classes": whole_lines}
        write_whole(self._listed, json.dumps(found))

    def ensure(self, progress: Progress) -> None:
        """Make the archive, if there is none and a run has listed the classes. What cannot be made is done without."""
        if self.path.exists() or not self._listed.exists():
            return
        try:
            with only_one(self.path, progress):
                if not self.path.exists():
                    progress(f"archiving the classes of {self.stem.name!r}, for faster starts (once)")
                    self._make()
        except (OSError, subprocess.SubprocessError) as error:
            progress(f"the classes of {self.stem.name!r} cannot be archived, so starts remain slow: {error}")

    def _make(self) -> None:
        found = json.loads(self._listed.read_text(encoding="utf-8"))
        classes, part = (self.stem.with_name(f".{self.stem.name}.{each}") for each in ("classes", "part"))
        options = [f"-XX:SharedClassListFile={classes}", f"-XX:SharedArchiveFile={part}", *found["options"]]
        command = [str(self.java), "-Xshare:dump", *options, "-cp", found["class_path"]]
        try:
            classes.write_text("".join(f"{line}\n" for line in found["classes"]), encoding="utf-8")
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=_TIMEOUT_S)
            part.replace(self.path)
        finally:
            classes.unlink(missing_ok=True)


def class_archive(
    name: str, java: Java, class_path: Iterable[Path], sources: Iterable[bytes] = (), *, progress: Progress
) -> ClassArchive:
    """The archive of the classes of a program that has a JVM, made first if a run has listed them.

    Args:
        name: of the program.
        java: what it runs on.
        class_path: what its class path follows from: jars, or the environment that brings them.
        sources: what of the program it follows from besides.
        progress: told of what takes long.
    """
    digest = hashlib.sha256("\0".join(map(str, (java.home, java.version, *class_path))).encode())
    for source in sources:
        digest.update(source)
    archive = ClassArchive(cache_dir() / "classes" / f"{name}-{digest.hexdigest()[:16]}", java.executable)
    archive.ensure(progress)
    return archive


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _class_path(command: list[str]) -> str:
    places = [place for place, each in enumerate(command[:-1]) if each in _CLASS_PATH]
    return command[places[0] + 1] if places else ""
