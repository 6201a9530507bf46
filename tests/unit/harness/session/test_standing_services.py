"""Services that are kept up are known by a lock, and not by a clock. What is started is a fake."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from harness.console.interrupt import Stopped
from harness.errors import UsageError
from harness.session import standing_services as module
from harness.session.standing_services import keep_up
from tests.builders.backing import fake_backing

QUIET = Console(quiet=True)


@pytest.fixture(autouse=True)
def _fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def start(*_: object, **__: object) -> Iterator[object]:
        yield fake_backing(tmp_path)

    monkeypatch.setattr(module, "start_backing", start)
    monkeypatch.setattr(module, "look_before_leaping", lambda *_: None)
    monkeypatch.setenv("RINGBENCH_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.parametrize("number", [2, 15])
def test_they_are_known_while_they_are_up_whatever_the_clocks_say(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(psutil.Process, "create_time", lambda _self: float(len(seen)))  # as after a step of the clock

    def pause() -> None:
        if not seen:  # Ctrl-Z, and on with it
            seen.append(module._running())
            with pytest.raises(UsageError, match=f"kept by process {os.getpid()}"):
                keep_up(QUIET)
        else:
            raise Stopped(number)

    monkeypatch.setattr("signal.pause", pause)
    if number == 15:
        with pytest.raises(Stopped):
            keep_up(QUIET)
    else:
        keep_up(QUIET)
    assert [each and each.pid for each in seen] == [os.getpid()]
    assert module._running() is None
    assert not (tmp_path / "cache" / "services.json").exists()


def test_what_a_killed_process_left_is_none(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "services.json").write_text(f'{{"pid": {os.getpid()}, "created": 1.0}}')
    assert module._running() is None
