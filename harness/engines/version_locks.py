"""Makes the locks of an engine's version: ``python -m harness.engines.version_locks NAME@VERSION``, in its folder.

The engine's package is resolved in that version, and everything else stays as it is in the engine's own lock, as far as
that can be, so that versions differ in nothing else. JVM artifacts of a version that the engine offers, or for its
series (as ``5.0.0-2.2`` is for 2.2.1), are taken for the other version, if the repository has them; all others stay,
too. Of any version that is offered, since the default one may run with a connector of the one before.
"""

import re
import shutil
import sys
from functools import cmp_to_key
from pathlib import Path

from jgo.maven import MavenContext, compare_versions

from harness.engines.catalogue import find_engines
from harness.engines.engine import Engine
from harness.engines.versions import (
    JARS_LOCK,
    OVERRIDES,
    REQUIREMENTS,
    REQUIREMENTS_LOCK,
    default_version,
    is_jvm_artifact,
    is_tested,
    jars_lock,
    offered_versions,
    requirements_lock,
    version_folder,
    versions_told,
)
from harness.errors import ConfigurationError, ProvisionError, RingbenchError
from harness.provision.cache import Progress, only_one
from harness.provision.environments import find_uv, run_uv
from harness.provision.jars import Artifact, lock_text, maven, read_lock

#: As the engines' own locks are made.
_COMPILE = ("--generate-hashes", "--no-emit-index-url", "--no-annotate", "--no-header", "--python-version", "3.11")
#: What locks are made in, beside where they belong.
_SCRATCH = "scratch"
#: How uv says that what is asked for does not exist, or does not go with this Python; all else is its own trouble.
_NO_SOLUTION = "No solution found"


def ensure_locks(engine: Engine, progress: Progress) -> None:
    """Make sure that the locks of the version that was asked for are there: of one that was not tested, in the cache.

    Raises:
        ConfigurationError: there is no such version, or not for the Python that Ringbench runs on.
        ProvisionError: it could not be found out.
    """
    lock = requirements_lock(engine)
    if is_tested(engine) or lock.is_file():
        return
    with only_one(lock.parent, progress):
        if not lock.is_file():
            progress(f"resolving {engine.name} {engine.version}, which is not among the tested versions (once)")
            lock.parent.mkdir(exist_ok=True)
            _make(engine, lock.parent, progress)


def _make(engine: Engine, folder: Path, progress: Progress) -> None:
    """Make both locks in `folder`, that of the packages last: where it is, both are."""
    scratch = folder / _SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        packages = _packages(engine, scratch, progress)
        if engine.jars:
            (scratch / JARS_LOCK).write_text(_jars(engine, scratch), encoding="utf-8")
            shutil.move(scratch / JARS_LOCK, folder / JARS_LOCK)
        shutil.move(packages, folder / REQUIREMENTS_LOCK)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _packages(engine: Engine, scratch: Path, progress: Progress) -> Path:
    """The lock of the packages, in `scratch`."""
    own = (engine.directory / engine.requirements).resolve()
    lock = scratch / REQUIREMENTS_LOCK
    # What is in it already, uv keeps.
    shutil.copy(own, lock)
    if is_jvm_artifact(engine.version_of):
        return lock
    wanted = own.with_name(REQUIREMENTS)
    package = re.compile(rf"^({re.escape(engine.version_of)})==\S+", re.MULTILINE)
    if not (wanted.is_file() and package.search(text := wanted.read_text(encoding="utf-8"))):
        raise ConfigurationError(
            f"{engine.name} cannot be had in version {engine.version}: {wanted} has no line "
            f"{engine.version_of}=={default_version(engine)} to put it into",
            fix=versions_told(engine),
        )
    (scratch / REQUIREMENTS).write_text(package.sub(rf"\g<1>=={engine.version}", text), encoding="utf-8")
    overrides = own.with_name(OVERRIDES)
    arguments = ["pip", "compile", *_COMPILE, str(scratch / REQUIREMENTS)]
    # What overrides leave out, by a marker that is true nowhere, would come back in a lock for every platform.
    arguments += ["--override", str(overrides)] if overrides.is_file() else ["--universal"]
    try:
        run_uv(find_uv(progress), [*arguments, "--output-file", str(lock)], progress)
    except ProvisionError as error:
        if _NO_SOLUTION not in error.message:
            raise
        why = " ".join(error.message.partition(_NO_SOLUTION)[2].partition(":")[2].replace("╰─▶", "").split())
        raise ConfigurationError(
            f"{engine.name} cannot be had in version {engine.version}: {why}", fix=versions_told(engine)
        ) from error
    return lock


def _jars(engine: Engine, repository: Path) -> str:
    """The lock of the JVM artifacts; `repository` is a directory for downloads."""
    context = maven(repository)
    own = engine.directory / str(engine.jars)
    text = own.read_text(encoding="utf-8")
    for artifact, sha256 in read_lock(own).items():
        other = artifact._replace(version=_version_for(engine, artifact, context))
        if other != artifact:
            text = text.replace(f"{artifact} {sha256}\n", lock_text([other], repository))
    return text


def _version_for(engine: Engine, artifact: Artifact, context: MavenContext) -> str:
    """The artifact's version for the engine's; that of the engine's own lock, if nothing better is to be had."""
    offered = offered_versions(engine)
    is_engines_own = artifact.version in offered
    if not is_engines_own and not artifact.version.endswith(tuple(f"-{_series(each)}" for each in offered)):
        return artifact.version
    project = context.project(artifact.group, artifact.name)
    project.update()
    known = [each.version for each in project.versions()]
    if not known:
        raise ProvisionError(
            f"{engine.name} {engine.version}: the Maven repository does not tell the versions of {project}",
            fix="check the network (a mirror of Maven Central in ~/.m2/settings.xml is honoured), and try again",
        )
    if is_engines_own and engine.version in known:
        return engine.version
    if engine.version_of == str(project):
        raise ConfigurationError(
            f"{engine.name} cannot be had in version {engine.version}: there is no such version of {project}",
            fix=versions_told(engine),
        )
    of_series = [each for each in known if not is_engines_own and each.endswith(f"-{_series(engine.version)}")]
    return max(of_series, key=cmp_to_key(compare_versions), default=artifact.version)


def _series(version: str) -> str:
    """The first two numbers of a version, by which connectors are called."""
    return ".".join(version.split(".")[:2])


def main(arguments: list[str]) -> None:
    """The command in the module's documentation."""
    if len(arguments) != 1:
        sys.exit("give an engine and a version: NAME@VERSION")
    (engine,) = find_engines(arguments)
    folder = version_folder(engine)
    folder.mkdir(parents=True, exist_ok=True)
    _make(engine, folder, lambda message: print(message, file=sys.stderr))
    print(f"made the locks in {folder}: {requirements_lock(engine).name}, {jars_lock(engine) and JARS_LOCK}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RingbenchError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
