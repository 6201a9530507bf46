"""JVM artifacts from Maven repositories, each held to the SHA-256 in a lock, and kept in the cache.

A lock has one artifact a line, ``GROUP:ARTIFACT:VERSION[:CLASSIFIER] SHA256``; ``#`` begins a comment. To make one::

    python -m harness.provision.jars lock GROUP:ARTIFACT:VERSION... [--pin GROUP:ARTIFACT:VERSION]... > jars.lock

The command resolves what the artifacts depend on at run time; a ``--pin`` decides a version that the resolver gets
wrong, ``--exclude GROUP:ARTIFACT`` leaves an artifact out, and ``--alone`` leaves out all that they depend on.
"""

import argparse
import hashlib
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from jgo.maven import MavenContext

from harness.errors import ConfigurationError, ProvisionError, RingbenchError
from harness.processes.private import private_directory
from harness.provision.cache import Progress, cache_dir

_PARALLEL_DOWNLOADS = 8
_HTTP_TIMEOUT_S = 60


class Artifact(NamedTuple):
    """A jar's Maven coordinates."""

    group: str
    name: str
    version: str
    classifier: str = ""

    @classmethod
    def parse(cls, text: str) -> "Artifact":
        """The artifact that ``GROUP:ARTIFACT:VERSION[:CLASSIFIER]`` names.

        Raises:
            ConfigurationError: `text` is not of that form.
        """
        if not re.fullmatch(r"[\w.-]+(:[\w.-]+){2,3}", text):
            raise ConfigurationError(f"{text!r} is not GROUP:ARTIFACT:VERSION[:CLASSIFIER]")
        return cls(*text.split(":"))

    def __str__(self) -> str:
        return ":".join(filter(None, self))

    @property
    def path(self) -> Path:
        """Where the jar is in a Maven repository."""
        file = "-".join(filter(None, self[1:])) + ".jar"
        return Path(*self.group.split("."), self.name, self.version, file)


def read_lock(lock: Path) -> dict[Artifact, str]:
    """The artifacts in `lock`, in its order, and their SHA-256.

    Raises:
        ConfigurationError: the lock cannot be read, or is not in the form of a lock.
    """
    try:
        lines = lock.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigurationError(f"cannot read the lock {lock}: {error.strerror}") from error
    found: dict[Artifact, str] = {}
    for number, line in enumerate(lines, start=1):
        match line.partition("#")[0].split():
            case []:
                pass
            case [coordinates, sha256] if re.fullmatch("[0-9a-f]{64}", sha256):
                found[Artifact.parse(coordinates)] = sha256
            case _:
                raise ConfigurationError(f"{lock}:{number}: {line!r} is not GROUP:ARTIFACT:VERSION[:CLASSIFIER] SHA256")
    return found


def find_jars(lock: Path) -> list[Path] | None:
    """What `ensure_jars` would return, or None if it would have to download something. No checksum is computed.

    Raises:
        ConfigurationError: as `read_lock`.
    """
    paths = [_cached(artifact) for artifact in read_lock(lock)]
    return paths if all(path.exists() for path in paths) else None


def ensure_jars(lock: Path, *, progress: Progress) -> list[Path]:
    """The jars in `lock`, in its order, downloaded first if need be. Once they are cached, no network is needed.

    Raises:
        ConfigurationError: as `read_lock`.
        ProvisionError: a jar cannot be downloaded, or is not the one that the lock describes (it is deleted then).
    """
    wanted = read_lock(lock)
    missing = [artifact for artifact in wanted if not _cached(artifact).exists()]
    if missing:
        _download_all(missing, wanted, progress)
    for artifact in wanted.keys() - set(missing):
        _verify(artifact, _cached(artifact), wanted[artifact])
    return [_cached(artifact) for artifact in wanted]


def _cached(artifact: Artifact) -> Path:
    return cache_dir() / "jars" / artifact.path


def _download_all(missing: list[Artifact], wanted: dict[Artifact, str], progress: Progress) -> None:
    progress(f"downloading {len(missing)} JVM artifacts (once)")
    pool = ThreadPoolExecutor(_PARALLEL_DOWNLOADS)
    try:
        downloads = {pool.submit(_download, artifact, wanted[artifact]): artifact for artifact in missing}
        for count, download in enumerate(as_completed(downloads), start=1):
            megabytes = download.result() / 1e6
            progress(f"downloaded {count} of {len(missing)}: {downloads[download]} ({megabytes:.1f} MB)")
    finally:
        # On an error or Ctrl-C, what has not begun is dropped; what has been downloaded stays.
        pool.shutdown(cancel_futures=True)


def _download(artifact: Artifact, sha256: str) -> int:
    """Download `artifact` into the cache, where it appears whole and verified or not at all. Returns its bytes."""
    target = _cached(artifact)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with private_directory("download-", where=cache_dir()) as part:
        try:
            downloaded = maven(part).create_dependency(_jgo_coordinates(artifact)).artifact.resolve()
        # jgo raises whatever its HTTP library does, and RuntimeError for an artifact that no repository has.
        except Exception as error:
            raise ProvisionError(
                f"cannot download {artifact}: {error}",
                fix="check the network (a mirror of Maven Central in ~/.m2/settings.xml is honoured), and try again",
            ) from error
        _verify(artifact, downloaded, sha256)
        downloaded.replace(target)
    return target.stat().st_size


def _verify(artifact: Artifact, path: Path, sha256: str) -> None:
    """Delete `path` and raise ProvisionError unless its contents have this SHA-256."""
    if (found := _sha256(path)) != sha256:
        path.unlink()
        raise ProvisionError(
            f"{artifact} has SHA-256 {found}, but the lock says {sha256}; deleted it",
            fix="run again to download it anew; if it differs again, the repository or the lock has been tampered with",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _jgo_coordinates(artifact: Artifact) -> str:
    group, name, version, classifier = artifact
    return f"{group}:{name}:jar:{classifier}:{version}" if classifier else f"{group}:{name}:{version}"


def maven(repository: Path) -> MavenContext:
    """jgo, set up to keep its downloads in `repository`."""
    mirror = central_mirror(Path.home() / ".m2" / "settings.xml")
    remotes = {"central": mirror} if mirror else None
    return MavenContext(repo_cache=repository, remote_repos=remotes, timeout=_HTTP_TIMEOUT_S)


def central_mirror(settings: Path) -> str | None:
    """The URL of the mirror of Maven Central that Maven's `settings` file names, if any. jgo does not read that file.

    Raises:
        ConfigurationError: the file is not XML.
    """
    if not settings.exists():
        return None
    try:
        # The user's own file, as trusted as the user.
        root = ElementTree.parse(settings).getroot()  # noqa: S314
    except ElementTree.ParseError as error:
        raise ConfigurationError(f"cannot understand {settings}: {error}") from error
    for mirror in root.iterfind("{*}mirrors/{*}mirror"):
        mirrored = {each.strip() for each in (mirror.findtext("{*}mirrorOf") or "").split(",")}
        url = (mirror.findtext("{*}url") or "").strip()
        if url and mirrored & {"central", "*", "external:*"} and "!central" not in mirrored:
            return url.rstrip("/")
    return None


def resolve(
    roots: Iterable[Artifact], pins: Iterable[Artifact], excluded: set[str], repository: Path
) -> list[Artifact]:
    """`roots` and what they depend on at run time, sorted; `pins`, then the first root, have the last word on versions.

    Args:
        roots: the artifacts wanted.
        pins: artifacts whose versions are decided; one that nothing depends on is left out.
        excluded: ``GROUP:ARTIFACT`` of what is to be left out.
        repository: a directory for POMs.
    """
    context = maven(repository)
    decided = {(pin.group, pin.name): pin.version for pin in pins}
    found: set[Artifact] = set()
    for root in roots:
        # One at a time: jgo lets the versions that one root manages leak into what another depends on.
        inputs, transitive = context.resolver.resolve([context.create_dependency(_jgo_coordinates(root))])
        for each in (*inputs, *transitive):
            if each.type == "jar" and not each.optional and f"{each.groupId}:{each.artifactId}" not in excluded:
                version = decided.setdefault((each.groupId, each.artifactId), each.version)
                found.add(Artifact(each.groupId, each.artifactId, version, each.classifier or ""))
    return sorted(found)


def lock_text(artifacts: list[Artifact], repository: Path) -> str:
    """The text of a lock of `artifacts`, which are downloaded to `repository`, a directory, for their checksums."""
    context = maven(repository)
    with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
        jars = pool.map(lambda each: context.create_dependency(_jgo_coordinates(each)).artifact.resolve(), artifacts)
    return "".join(f"{artifact} {_sha256(jar)}\n" for artifact, jar in zip(artifacts, jars, strict=True))


def main(arguments: list[str]) -> None:
    """The command in the module's documentation."""
    parser = argparse.ArgumentParser(prog="python -m harness.provision.jars")
    lock = parser.add_subparsers(required=True).add_parser("lock", help="print a lock of artifacts")
    lock.add_argument("artifacts", nargs="+", type=Artifact.parse, metavar="GROUP:ARTIFACT:VERSION")
    lock.add_argument("--pin", action="append", default=[], type=Artifact.parse, metavar="GROUP:ARTIFACT:VERSION")
    lock.add_argument("--exclude", action="append", default=[], metavar="GROUP:ARTIFACT")
    lock.add_argument("--alone", action="store_true", help="leave out what they depend on")
    chosen = parser.parse_args(arguments)
    with private_directory("lock-", where=cache_dir()) as repository:
        found = chosen.artifacts
        if not chosen.alone:
            found = resolve(chosen.artifacts, chosen.pin, set(chosen.exclude), repository)
        text = lock_text(found, repository)
    print(f"# python -m harness.provision.jars {' '.join(arguments)}\n{text}", end="")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RingbenchError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
