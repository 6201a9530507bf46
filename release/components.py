"""The third-party components that an installed Ringbench downloads, as its locks name them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from packageurl import PackageURL
from packaging.requirements import Requirement

from harness.errors import ConfigurationError
from harness.provision.jars import read_lock

ROOT = Path(__file__).parents[1]
#: By the coordinate of a component (its purl without a version): the names of its licences, any of which will do.
LICENCES = ROOT / "release" / "licences.json"
#: Where locks of what users get are; those of developers' tools are none.
_FOLDERS = ("engines", "harness", "loadtest")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Component:
    """One version of a package or a jar.

    Attributes:
        purl: its package URL.
        sha256: of each file that the lock allows; a package has one for each platform.
        locks: the locks that name it, as paths in the repository.
    """

    purl: PackageURL
    sha256: tuple[str, ...]
    locks: tuple[str, ...]

    @property
    def coordinate(self) -> str:
        """Its package URL without version and qualifiers."""
        return PackageURL(self.purl.type, self.purl.namespace, self.purl.name).to_string()


def python_locks() -> list[Path]:
    """Every lock of a Python environment that Ringbench makes when it is used."""
    found = [path for folder in _FOLDERS for path in (ROOT / folder).rglob("requirements.lock")]
    return [ROOT / "requirements" / "harness.lock", *sorted(found)]


def jar_locks() -> list[Path]:
    """Every lock of JVM artifacts that Ringbench downloads when it is used."""
    return sorted(path for folder in _FOLDERS for path in (ROOT / folder).rglob("*jars.lock"))


def python_requirements(lock: Path) -> dict[Requirement, tuple[str, ...]]:
    """What `lock` pins, and the SHA-256 of the files that it allows."""
    lines = lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    pinned = (line for line in lines if line.strip() and not line.startswith("#"))
    return {Requirement(line.partition(" --hash=")[0].strip()): tuple(_HASH.findall(line)) for line in pinned}


def components() -> list[Component]:
    """Every component, sorted by package URL."""
    hashes: dict[str, set[str]] = {}
    locks: dict[str, set[str]] = {}
    for lock, purl, sha256 in (*_packages(), *_jars()):
        hashes.setdefault(purl, set()).update(sha256)
        locks.setdefault(purl, set()).add(str(lock.relative_to(ROOT)))
    return [
        Component(PackageURL.from_string(purl), tuple(sorted(hashes[purl])), tuple(sorted(locks[purl])))
        for purl in sorted(hashes)
    ]


def licences() -> dict[str, list[str]]:
    """The contents of `LICENCES`.

    Raises:
        ConfigurationError: they lack a component of the locks.
    """
    found: dict[str, list[str]] = json.loads(LICENCES.read_text(encoding="utf-8"))
    if unknown := [each.coordinate for each in components() if each.coordinate not in found]:
        raise ConfigurationError(f"{LICENCES.name} lacks {', '.join(unknown)}", fix="run tox run -e notices")
    return found


def _packages() -> list[tuple[Path, str, tuple[str, ...]]]:
    return [
        (lock, PackageURL("pypi", None, each.name, str(each.specifier).removeprefix("==")).to_string(), sha256)
        for lock in python_locks()
        for each, sha256 in python_requirements(lock).items()
    ]


def _jars() -> list[tuple[Path, str, tuple[str, ...]]]:
    return [
        (lock, _maven(each.group, each.name, each.version, each.classifier), (sha256,))
        for lock in jar_locks()
        for each, sha256 in read_lock(lock).items()
    ]


def _maven(group: str, name: str, version: str, classifier: str) -> str:
    qualifiers = {"classifier": classifier, "type": "jar"} if classifier else {"type": "jar"}
    return PackageURL("maven", group, name, version, qualifiers).to_string()
