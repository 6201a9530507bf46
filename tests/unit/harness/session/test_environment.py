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


def test_the_digest_of_code_changes_with_a_line_a_new_file_and_a_name_and_with_nothing_else(tmp_path: Path) -> None:
    engine, main = tmp_path / "engine", tmp_path / "engine" / "main.py"
    (engine / "__pycache__").mkdir(parents=True)
    main.write_text("A = 1\n", encoding="utf-8")
    digests = [fingerprint.code_digest([engine])]
    main.write_text("A = 2\n", encoding="utf-8")
    digests.append(fingerprint.code_digest([engine]))
    (engine / "Sink.java").write_text("", encoding="utf-8")
    digests.append(fingerprint.code_digest([engine]))
    (engine / "Sink.java").rename(engine / "Source.java")
    digests.append(fingerprint.code_digest([engine]))
    (engine / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"1")
    (engine / "notes.md").write_text("1", encoding="utf-8")
    main.touch()
    assert fingerprint.code_digest([engine]) == digests[-1]
    assert len(set(digests)) == len(digests)
