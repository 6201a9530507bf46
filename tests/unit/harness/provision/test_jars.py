"""JVM artifacts: locks, checksums, and downloads from a Maven repository on this machine."""

import functools
import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.errors import ConfigurationError, ProvisionError
from harness.provision.jars import Artifact, central_mirror, ensure_jars, find_jars, read_lock

TOOL = Artifact("org.example", "tool", "1.2")
TOOL_ALL = Artifact("org.example", "tool", "1.2", "all")
CONTENTS = {TOOL: b"the tool", TOOL_ALL: b"the tool and all it needs"}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep requests out of the tests' output."""


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven repository, served over HTTP and named as a mirror in the user's Maven settings; an empty cache."""
    root = tmp_path / "repository"
    for artifact, contents in CONTENTS.items():
        (root / artifact.path).parent.mkdir(parents=True, exist_ok=True)
        (root / artifact.path).write_bytes(contents)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    settings = tmp_path / "home" / ".m2" / "settings.xml"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        "<settings xmlns='http://maven.apache.org/SETTINGS/1.2.0'><mirrors><mirror><mirrorOf>*</mirrorOf>"
        f"<url>http://127.0.0.1:{server.server_port}/</url></mirror></mirrors></settings>"
    )
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RINGBENCH_CACHE_DIR", str(tmp_path / "cache"))
    yield root
    server.shutdown()
    server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock of the two artifacts in the repository."""
    path = tmp_path / "jars.lock"
    lines = [f"{artifact} {hashlib.sha256(contents).hexdigest()}" for artifact, contents in CONTENTS.items()]
    path.write_text("# a comment\n\n" + "\n".join(lines) + "\n")
    return path


def ignore(_message: str) -> None:
    """Progress that nobody reads."""


def test_jars_are_downloaded_once_in_the_lock_s_order(lock: Path, repository: Path) -> None:
    assert find_jars(lock) is None
    told: list[str] = []
    jars = ensure_jars(lock, progress=told.append)
    assert [jar.read_bytes() for jar in jars] == list(CONTENTS.values())
    assert [jar.name for jar in jars] == ["tool-1.2.jar", "tool-1.2-all.jar"]
    assert told[0] == "downloading 2 JVM artifacts (once)"

    for artifact in CONTENTS:
        (repository / artifact.path).unlink()
    told.clear()
    assert ensure_jars(lock, progress=told.append) == jars == find_jars(lock)
    assert told == []


def test_download_that_differs_from_the_lock_is_refused(lock: Path, repository: Path) -> None:
    (repository / TOOL_ALL.path).write_bytes(b"something else")
    with pytest.raises(ProvisionError, match=r"org\.example:tool:1\.2:all has SHA-256 .*, but the lock says"):
        ensure_jars(lock, progress=ignore)
    assert find_jars(lock) is None


def test_cached_jar_that_was_changed_is_deleted_and_then_downloaded_anew(lock: Path) -> None:
    jar = ensure_jars(lock, progress=ignore)[0]
    jar.write_bytes(b"damaged")
    with pytest.raises(ProvisionError, match=r"org\.example:tool:1\.2 has SHA-256 .*; deleted it"):
        ensure_jars(lock, progress=ignore)
    assert not jar.exists()
    assert ensure_jars(lock, progress=ignore)[0].read_bytes() == CONTENTS[TOOL]


def test_what_was_downloaded_before_a_failure_is_kept(lock: Path, repository: Path) -> None:
    (repository / TOOL_ALL.path).rename(repository / "hidden")
    with pytest.raises(ProvisionError, match=r"cannot download org\.example:tool:1\.2:all"):
        ensure_jars(lock, progress=ignore)
    (repository / "hidden").rename(repository / TOOL_ALL.path)
    told: list[str] = []
    ensure_jars(lock, progress=told.append)
    assert told[0] == "downloading 1 JVM artifacts (once)"


@pytest.mark.parametrize(
    "line", ["org.example:tool:1.2", "org.example:tool " + "0" * 64, "org.example:../tool:1 " + "0" * 64, "a:b:c 123"]
)
def test_malformed_lock_is_refused(line: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.lock"
    path.write_text(line)
    with pytest.raises(ConfigurationError, match="is not GROUP:ARTIFACT:VERSION"):
        read_lock(path)


def test_missing_lock_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot read the lock .*absent\.lock: No such file"):
        read_lock(tmp_path / "absent.lock")


@pytest.mark.parametrize(
    ("mirrored", "applies"),
    [("central", True), ("external:*", True), ("a,central", True), ("*,!central", False), ("other", False)],
)
def test_which_mirrors_apply(mirrored: str, applies: bool, tmp_path: Path) -> None:
    settings = tmp_path / "settings.xml"
    settings.write_text(
        f"<settings><mirrors><mirror><mirrorOf>{mirrored}</mirrorOf><url>http://127.0.0.1:1/m/</url></mirror></mirrors>"
        "</settings>"
    )
    assert central_mirror(settings) == ("http://127.0.0.1:1/m" if applies else None)
