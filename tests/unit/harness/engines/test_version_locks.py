"""Locks of a version: what changes in them, and what stays; what is no version is told before anything starts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.engines import prepare, version_locks
from harness.engines.engine import Engine
from harness.engines.version_locks import ensure_locks
from harness.engines.versions import jars_lock, requirements_lock
from harness.errors import ConfigurationError, ProvisionError
from harness.provision.jars import Artifact

OLD, NEW = "0" * 64, "1" * 64
NO_SUCH = """uv pip compile failed (exit code 1):
  No solution found when resolving dependencies:
  ╰─▶ Because there is no version of the-engine==9.9 and you require
      the-engine==9.9, we can conclude that your requirements are unsatisfiable."""


class Outside:
    """uv, and a Maven repository with `versions` by artifact; `compiled` are the requirements that uv was given."""

    def __init__(self) -> None:
        self.versions: dict[str, list[str]] = {}
        self.compiled: list[str] = []
        self.fails = ""

    def run_uv(self, _uv: Path, arguments: list[str], _progress: Callable[[str], None]) -> None:
        """Write the requirements behind what the lock holds already."""
        if self.fails:
            raise ProvisionError(self.fails)
        lock = Path(arguments[-1])
        (wanted,) = (Path(each) for each in arguments if each.endswith("requirements.in"))
        self.compiled.append(wanted.read_text())
        lock.write_text(lock.read_text() + self.compiled[-1])

    def maven(self, _repository: Path) -> Any:
        """What knows the versions."""
        return SimpleNamespace(project=self._project)

    def _project(self, group: str, name: str) -> Any:
        class Project(SimpleNamespace):
            def __str__(self) -> str:
                return f"{group}:{name}"

        known = [SimpleNamespace(version=each) for each in self.versions.get(name, [])]
        return Project(update=lambda: None, versions=lambda: known)

    def lock_text(self, artifacts: list[Artifact], _repository: Path) -> str:
        """Lines of a lock."""
        return "".join(f"{each} {NEW}\n" for each in artifacts)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    found = Outside()
    for name in ("run_uv", "maven", "lock_text"):
        monkeypatch.setattr(version_locks, name, getattr(found, name))
    monkeypatch.setattr(version_locks, "find_uv", lambda _progress: Path("uv"))
    return found


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine in version 1.0.2, asked for in 3.1.0."""
    monkeypatch.setenv("RINGBENCH_CACHE_DIR", str(tmp_path / "cache"))
    (folder := tmp_path / "mine").mkdir()
    (folder / "requirements.in").write_text("# how\nthe-engine==1.0.2\nother\n")
    (folder / "requirements.lock").write_text("the-engine==1.0.2\nother==5\n")
    (folder / "jars.lock").write_text(
        f"# jars\na.b:own:1.0.2 {OLD}\na.b:connector:7-1.0 {OLD}\n# a client\na.b:client:4.5.6 {OLD}\n"
    )
    keys: dict[str, Any] = {"name": "mine", "description": "", "entry": "main.py", "requirements": "requirements.lock"}
    return Engine(directory=folder, version_of="the-engine", jars="jars.lock", version="3.1.0", **keys)


def test_only_the_engines_package_and_its_own_artifacts_are_of_another_version(
    engine: Engine, outside: Outside
) -> None:
    outside.versions = {"own": ["1.0.2", "3.1.0"], "connector": ["7-1.0", "9-3.1", "10-3.1", "11-3.2"]}
    told: list[str] = []
    ensure_locks(engine, told.append)
    assert outside.compiled == ["# how\nthe-engine==3.1.0\nother\n"]
    assert requirements_lock(engine).read_text().startswith("the-engine==1.0.2\nother==5\n"), "uv keeps what is there"
    assert (jvm := jars_lock(engine)) and jvm.read_text() == (
        f"# jars\na.b:own:3.1.0 {NEW}\na.b:connector:10-3.1 {NEW}\n# a client\na.b:client:4.5.6 {OLD}\n"
    )
    assert told == ["resolving mine 3.1.0, which is not among the tested versions (once)"]
    ensure_locks(engine, told.append)
    assert len(outside.compiled) == len(told) == 1


def test_artifacts_of_a_version_before_that_the_default_runs_with_are_of_the_other_version_too(
    engine: Engine, outside: Outside
) -> None:
    before = engine.directory / "versions" / "1.0.2"
    before.mkdir(parents=True)
    (engine.directory / "requirements.lock").rename(before / "requirements.lock")
    (engine.directory / "requirements.in").write_text("the-engine==2.0.1\n")
    (engine.directory / "requirements.lock").write_text("the-engine==2.0.1\n")
    outside.versions = {"own": ["1.0.2", "3.1.0"], "connector": ["7-1.0", "9-3.1"]}
    ensure_locks(engine, lambda _message: None)
    assert (jvm := jars_lock(engine)) and jvm.read_text() == (
        f"# jars\na.b:own:3.1.0 {NEW}\na.b:connector:9-3.1 {NEW}\n# a client\na.b:client:4.5.6 {OLD}\n"
    )


def test_an_artifact_that_is_not_to_be_had_for_the_version_stays(engine: Engine, outside: Outside) -> None:
    outside.versions = {"own": ["1.0.2"], "connector": ["7-1.0"]}
    ensure_locks(engine, lambda _message: None)
    assert (jvm := jars_lock(engine)) and jvm.read_text() == (engine.directory / "jars.lock").read_text()


def test_an_engine_that_is_a_jvm_artifact_keeps_its_packages(engine: Engine, outside: Outside) -> None:
    outside.versions = {"own": ["1.0.2", "3.1.0"], "connector": ["7-1.0"]}
    library = replace(engine, version_of="a.b:own")
    ensure_locks(library, lambda _message: None)
    assert outside.compiled == []
    with pytest.raises(ConfigurationError, match=r"mine cannot be had in version 3\.2: .* no such version of a\.b:own"):
        ensure_locks(replace(library, version="3.2"), lambda _message: None)


def test_a_version_that_does_not_exist_is_one_error_that_names_those_that_were_tested(
    engine: Engine, outside: Outside
) -> None:
    outside.fails = NO_SUCH
    with pytest.raises(ConfigurationError) as caught:
        ensure_locks(engine, lambda _message: None)
    assert caught.value.message == (
        "mine cannot be had in version 3.1.0: Because there is no version of the-engine==9.9 and you require "
        "the-engine==9.9, we can conclude that your requirements are unsatisfiable."
    )
    assert caught.value.fix == "give one of the versions of mine that were tested: 1.0.2"
    assert not requirements_lock(engine).exists()


def test_trouble_of_the_network_is_not_taken_for_a_version_that_does_not_exist(
    engine: Engine, outside: Outside
) -> None:
    with pytest.raises(ProvisionError, match=r"does not tell the versions of a\.b:own"):
        ensure_locks(engine, lambda _message: None)
    outside.fails = "uv pip compile failed (exit code 2): error sending request"
    with pytest.raises(ProvisionError, match="error sending request"):
        ensure_locks(engine, lambda _message: None)


def test_an_engine_without_its_requirements_offers_only_what_was_tested(engine: Engine, outside: Outside) -> None:
    (engine.directory / "requirements.in").unlink()
    with pytest.raises(ConfigurationError, match=r"has no line the-engine==1\.0\.2") as caught:
        ensure_locks(engine, lambda _message: None)
    assert "1.0.2" in caught.value.fix and not outside.compiled


def test_nothing_is_asked_for_versions_that_come_with_locks(engine: Engine, outside: Outside) -> None:
    for version in ("", "1.0.2"):
        ensure_locks(replace(engine, version=version), lambda _message: None)
    assert not outside.compiled


def test_what_does_not_go_with_this_machine_names_the_tested_versions_only_if_it_is_none_of_them(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> Path:
        raise ProvisionError("no wheel for this Python", fix="check the network")

    monkeypatch.setattr(prepare, "ensure_locks", lambda *_: None)
    monkeypatch.setattr(prepare, "ensure_environment", fails)
    with pytest.raises(ProvisionError) as caught:
        prepare.prepare(engine, lambda _message: None)
    why = "mine 3.1.0, which is not among the tested versions, does not run here: no wheel for this Python"
    assert (caught.value.message, caught.value.fix) == (why, "give one of the versions of mine that were tested: 1.0.2")
    with pytest.raises(ProvisionError, match=r"^no wheel for this Python\ncheck the network$"):
        prepare.prepare(replace(engine, version="1.0.2"), lambda _message: None)
