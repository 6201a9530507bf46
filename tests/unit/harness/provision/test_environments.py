"""Environments from a lock, installed from a folder of wheels: real uv, no network."""

import base64
import functools
import hashlib
import subprocess
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import ProvisionError
from harness.provision import environments
from harness.provision.environments import (
    UV_LOCK,
    UV_VERSION,
    ensure_environment,
    environment_path,
    find_environment,
    uv_environment,
)

ROOT = Path(__file__).parents[4]
STAMP = "ringbench-complete"


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches of the test's own, and a pip that is told to use the folder ``wheels`` only."""
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("RINGBENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock of one package, whose wheel is in the folder."""
    wheel = tmp_path / "wheels" / "greeting-1.0-py3-none-any.whl"
    files = {
        "greeting.py": "WORD = 'hello'\n",
        "greeting-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
        "greeting-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items())
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, "greeting-1.0.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    path = tmp_path / "x.lock"
    path.write_text(f"greeting==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def ignore(_message: str) -> None:
    """Progress that nobody reads."""


def test_environment_is_made_once(lock: Path) -> None:
    assert find_environment(lock, "x") is None
    told: list[str] = []
    python = ensure_environment(lock, "x", progress=told.append)
    said = subprocess.check_output([python, "-c", "import greeting; print(greeting.WORD)"], text=True)
    assert said == "hello\n"
    assert told[0].startswith("making the Python environment 'x'")

    told.clear()
    assert ensure_environment(lock, "x", progress=told.append) == python == find_environment(lock, "x")
    assert told == []


def test_another_lock_or_python_means_another_environment(lock: Path) -> None:
    first = environment_path(lock, "x")
    assert environment_path(lock, "x", python="3.12") != first
    lock.write_text(lock.read_text() + "# changed\n")
    assert environment_path(lock, "x") != first


def test_interrupted_set_up_is_begun_again(lock: Path) -> None:
    python = ensure_environment(lock, "x", progress=ignore)
    home = python.parent.parent
    (home / STAMP).unlink()
    (home / "half-done").touch()
    assert find_environment(lock, "x") is None
    assert ensure_environment(lock, "x", progress=ignore) == python
    assert not (home / "half-done").exists()


def test_removed_interpreter_means_a_new_environment(lock: Path) -> None:
    python = ensure_environment(lock, "x", progress=ignore)
    python.unlink()
    python.symlink_to("/nowhere/python")
    ensure_environment(lock, "x", progress=ignore)
    subprocess.check_call([python, "-c", "import greeting"])


def test_two_at_once_make_one_environment(lock: Path) -> None:
    told: list[str] = []
    make: Callable[[], Path] = functools.partial(ensure_environment, lock, "x", progress=told.append)
    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(line.startswith("making") for line in told) == 1
    assert find_environment(lock, "x") is not None


def test_package_that_differs_from_the_lock_is_refused(lock: Path) -> None:
    lock.write_text(f"greeting==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(ProvisionError, match="uv pip install failed") as caught:
        ensure_environment(lock, "x", progress=ignore)
    assert "greeting" in caught.value.message
    assert find_environment(lock, "x") is None


def test_unpinned_package_is_refused(lock: Path) -> None:
    lock.write_text("greeting\n")
    with pytest.raises(ProvisionError, match="require-hashes"):
        ensure_environment(lock, "x", progress=ignore)


def test_missing_lock_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match=r"cannot read .*absent\.lock"):
        ensure_environment(tmp_path / "absent.lock", "x", progress=ignore)


def test_pip_s_settings_are_translated(tmp_path: Path) -> None:
    pip = {
        "index-url": "https://a.example/simple",
        "extra-index-url": "\nhttps://b.example/simple\nhttps://c.example/simple",
        "find-links": f"{tmp_path} /no/such/folder https://d.example/",
        "trusted-host": "a.example",
        "cert": "/certs.pem",
        "default-timeout": "60",
    }
    assert uv_environment({"VIRTUAL_ENV": "/v", "HOME": "/h"}, pip) == {
        "HOME": "/h",
        "UV_DEFAULT_INDEX": "https://a.example/simple",
        "UV_INDEX": "https://b.example/simple https://c.example/simple",
        "UV_FIND_LINKS": f"{tmp_path},https://d.example/",
        "UV_INSECURE_HOST": "a.example",
        "UV_HTTP_TIMEOUT": "60",
        "SSL_CERT_FILE": "/certs.pem",
    }


@pytest.mark.parametrize("variable", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "SSL_CERT_FILE"])
def test_uv_s_own_variables_win(variable: str) -> None:
    pip = {"SSL_CERT_FILE": {"cert": "/certs.pem"}}.get(variable, {"index-url": "https://a.example/simple"})
    assert uv_environment({variable: "mine"}, pip) == {variable: "mine"}


def test_uv_itself_is_installed_by_the_hashes_that_the_harness_has(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (ROOT / "requirements" / "harness.lock").read_text(encoding="ascii")
    own = UV_LOCK.read_text(encoding="ascii").partition("\n")[2]
    assert own.startswith(f"uv=={UV_VERSION} ") and own.count("--hash=sha256:") > 10
    assert f"\n{own}" in whole
    commands: list[list[str]] = []

    def capture(argv: list[str]) -> subprocess.CompletedProcess[str]:
        commands.append(argv)
        Path(argv[argv.index("--target") + 1]).mkdir()
        return subprocess.CompletedProcess(argv, 0)

    monkeypatch.setattr(environments, "_capture", capture)
    monkeypatch.setattr(environments, "installed_uv", lambda: None)
    environments.find_uv(ignore)
    (command,) = commands
    assert {"--require-hashes", str(UV_LOCK)} <= set(command)
    assert not [each for each in command if each.startswith("uv==")]
