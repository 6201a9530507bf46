"""Versions of an engine: its default one, those that its folder offers besides, and any other one.

The default is that of the engine's own locks. Each further one that was tested has a folder with locks in `VERSIONS`,
in the engine's own folder: an engine that shares another's lock need not run in all of its versions. Locks of any other
are in the cache: `harness.engines.version_locks` makes them.
"""

import hashlib
import re
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

from harness.engines.engine import Engine
from harness.errors import ConfigurationError
from harness.provision.cache import cache_dir
from harness.provision.jars import read_lock

VERSIONS = "versions"
REQUIREMENTS = "requirements.in"
OVERRIDES = "overrides.txt"
REQUIREMENTS_LOCK = "requirements.lock"
JARS_LOCK = "jars.lock"
#: A version becomes a part of names of files, and of a requirement.
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!_-]{0,40}")


def split_version(text: str) -> tuple[str, str | None]:
    """An engine's name and version in ``NAME@VERSION``; no version in ``NAME``."""
    name, at, version = text.partition("@")
    return name, version if at else None


def check_version(engine: Engine, version: str | None) -> None:
    """Make sure that `version` can be one of the engine's; whether it exists is known when its locks are made.

    Raises:
        ConfigurationError: it is none, the engine does not run in it, or has no version to choose.
    """
    if version is None:
        return
    if not engine.version_of:
        raise ConfigurationError(
            f"the engine {engine.name} has no version {version!r}: its engine.toml has no `version_of`",
            fix=f"name it without a version: {engine.name}",
        )
    if not VERSION.fullmatch(version):
        what = f"{engine.name}@{version[:60]} {'is no' if version else 'names no'} version"
        raise ConfigurationError(what, fix=versions_told(engine))
    if engine.versions and not SpecifierSet(engine.versions).contains(version, prereleases=True):
        raise ConfigurationError(
            f"{engine.name}@{version}: {engine.name} runs in {engine.version_of} {engine.versions} only",
            fix=versions_told(engine),
        )


def default_version(engine: Engine) -> str:
    """The version in the engine's own locks, whichever one was asked for; empty if there is none to choose.

    Raises:
        ConfigurationError: the lock cannot be read, or does not have it.
    """
    if not engine.version_of:
        return ""
    separator, lock = "==", _own_lock(engine)
    if is_jvm_artifact(engine.version_of):
        separator, lock = ":", engine.directory / (engine.jars or JARS_LOCK)
    try:
        text = lock.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot read the lock {lock}: {error.strerror}") from error
    found = re.search(rf"^{re.escape(engine.version_of)}{separator}([^\s:;]+)", text, re.MULTILINE)
    if found is None:
        raise ConfigurationError(f"the lock {lock} does not have {engine.version_of!r}, which `version_of` names")
    return found[1]


def offered_versions(engine: Engine) -> list[str]:
    """The versions that come with locks: the default one first, then those of folders; none if none can be chosen."""
    if not engine.version_of:
        return []
    folders = sorted(path.parent.name for path in (engine.directory / VERSIONS).glob(f"*/{REQUIREMENTS_LOCK}"))
    return list(dict.fromkeys([default_version(engine), *folders]))


def versions_told(engine: Engine) -> str:
    """What to do about a version that cannot be had."""
    return f"give one of the versions of {engine.name} that were tested: {', '.join(offered_versions(engine))}"


def is_tested(engine: Engine) -> bool:
    """Whether the version that was asked for comes with locks; the default one does."""
    return not engine.version or engine.version in offered_versions(engine)


def requirements_lock(engine: Engine) -> Path:
    """The lock of the engine's packages, in the version that was asked for."""
    own = _own_lock(engine)
    return own if _is_default(engine) else _folder_of_version(engine) / REQUIREMENTS_LOCK


def jars_lock(engine: Engine) -> Path | None:
    """The lock of its JVM artifacts, in the version that was asked for; None if it has none."""
    if not engine.jars:
        return None
    return engine.directory / engine.jars if _is_default(engine) else _folder_of_version(engine) / JARS_LOCK


def version_facts(engine: Engine) -> dict[str, Any]:
    """What the result says of the version: whether it was tested, and if not, the hashes that it was locked to."""
    return {"version_tested": is_tested(engine), "locked": {} if is_tested(engine) else _locked(engine)}


def _locked(engine: Engine) -> dict[str, list[str]]:
    lines = requirements_lock(engine).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    pinned = [line.split(" --hash=sha256:") for line in lines if "--hash=" in line]
    found = {name.strip(): [each.strip() for each in hashes] for name, *hashes in pinned}
    jvm = jars_lock(engine)
    return found | ({str(artifact): [sha256] for artifact, sha256 in read_lock(jvm).items()} if jvm else {})


def environment_name(lock: Path) -> str:
    """What the environment made from `lock` is called, after the lock's folder: engines with one lock share it."""
    folder = lock.parent
    return f"{lock.parents[2].name}-{folder.name}" if folder.parent.name == VERSIONS else folder.name


def is_jvm_artifact(version_of: str) -> bool:
    """Whether this names a JVM artifact, and not a Python package."""
    return ":" in version_of


def _own_lock(engine: Engine) -> Path:
    return (engine.directory / engine.requirements).resolve()


def _is_default(engine: Engine) -> bool:
    return not engine.version or engine.version == default_version(engine)


def version_folder(engine: Engine) -> Path:
    """Where the engine offers the locks of the version that was asked for, if it offers it."""
    return engine.directory / VERSIONS / engine.version


def _folder_of_version(engine: Engine) -> Path:
    """Where the locks are of a version other than the default: in the engine's folder, or else in the cache.

    There, the name holds a hash of what the locks are made from.
    """
    if ((offered := version_folder(engine)) / REQUIREMENTS_LOCK).is_file():
        return offered
    digest = hashlib.sha256(engine.version_of.encode())
    own = _own_lock(engine)
    for path in (own, own.with_name(REQUIREMENTS), own.with_name(OVERRIDES), engine.directory / (engine.jars or "")):
        digest.update(path.read_bytes() if path.is_file() else b"\0")
    return cache_dir() / "locks" / f"{engine.name}-{engine.version}-{digest.hexdigest()[:12]}"
