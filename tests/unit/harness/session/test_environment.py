"""Which commit a run says it is of."""

import subprocess
from pathlib import Path

import pytest

from harness.session import fingerprint


def _git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=someone", "-c", "user.email=someone@example.org"]
    return subprocess.check_output(["git", *identity, *arguments], cwd=directory, text=True)


def test_a_checkout_has_a_commit_and_an_installation_in_anothers_checkout_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "commit", "-q", "--allow-empty", "-m", "of another project")
    (tmp_path / "lib").mkdir()
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path / "lib")
    assert fingerprint.commit() is None
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path)
    assert fingerprint.commit() == _git(tmp_path, "rev-parse", "HEAD").strip()
