"""What is saved appears whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from harness.results.part import write_whole


def fail(*_arguments: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("fails", ["os.fsync", "pathlib.Path.replace"])
def test_a_result_that_cannot_be_written_leaves_the_last_one_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    path = write_whole(tmp_path / "new" / "sweep.json", "first")
    monkeypatch.setattr(fails, fail)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "second")
    assert [each.read_text() for each in path.parent.iterdir()] == ["first"]


def test_two_that_save_the_same_file_at_once_write_parts_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[Path] = []
    monkeypatch.setattr(Path, "replace", lambda self, _target: parts.append(self))
    for text in ("one", "other"):
        write_whole(tmp_path / "sweep.json", text)
    assert [each.read_text() for each in parts] == ["one", "other"]
