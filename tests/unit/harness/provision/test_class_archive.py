"""A cache that cannot be written to costs speed, and no trial."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.provision import class_archive as module
from harness.provision.class_archive import ClassArchive


@pytest.fixture
def process(tmp_path: Path) -> Any:
    """A JVM that lists its classes."""
    (tmp_path / "listing").write_text("java/lang/Object\n", encoding="utf-8")
    command = ["java", f"-XX:DumpLoadedClassList={tmp_path / 'listing'}", "-cp", "a.jar", "Main"]
    return SimpleNamespace(cmdline=lambda: command)


@pytest.mark.parametrize("error", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_classes_that_cannot_be_kept_after_a_measurement_are_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, process: Any, error: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    archive = ClassArchive(tmp_path / "cache" / "engine", Path("java"))
    monkeypatch.setattr(Path, "mkdir", fail)
    archive.learn([process])
    monkeypatch.undo()
    archive.learn([process])
    assert [each.name for each in (tmp_path / "cache").iterdir()] == ["engine.json"]


def test_an_archive_that_cannot_be_made_is_told_and_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, process: Any
) -> None:
    archive = ClassArchive(tmp_path / "cache" / "engine", Path("java"))
    archive.learn([process])
    told: list[str] = []

    def fail(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(module, "only_one", fail)
    archive.ensure(told.append)
    assert len(told) == 1 and "starts remain slow" in told[0] and "Read-only" in told[0]
