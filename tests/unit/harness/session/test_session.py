"""What a session has in place is taken away at its end, or named if there is no time for that. All of it is fakes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from harness.console import interrupt
from harness.console.interrupt import CleanUp, Signals, Stopped
from harness.console.progress import ConsoleWatcher
from harness.session import session as module
from harness.session.options import SessionOptions


@pytest.mark.parametrize("users_own", [set(), {"kafka"}])
def test_a_command_that_is_ended_at_once_names_what_it_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, users_own: set[str]
) -> None:
    said: list[str] = []
    codes: list[int] = []
    times = iter(range(100))
    signals = Signals(codes.append, lambda: next(times))

    @contextmanager
    def start(*_: object, **__: object) -> Iterator[Any]:
        yield SimpleNamespace(users_own=users_own)

    monkeypatch.setattr(interrupt, "_say", said.append)
    monkeypatch.setattr(interrupt, "SIGNALS", signals)
    monkeypatch.setattr(module, "SIGNALS", signals)
    monkeypatch.setattr("harness.processes.temporary.SIGNALS", signals)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("find_engines", "code_digest", "ensure_java", "engine_environment"):
        monkeypatch.setattr(module, name, lambda *_: [])
    monkeypatch.setattr(module, "start_backing", start)
    options = SessionOptions(runs_dir=tmp_path / "runs", command=[])
    watcher = ConsoleWatcher(Console(quiet=True))
    with pytest.raises(Stopped), module.open_session("run-1", [], options, watcher) as session:
        work = session.work
        with CleanUp("deleting what the trial made") as trial:
            for _ in range(2):
                trial.callback(signals.receive, 2)
            signals.receive(2)
    (_, last) = said
    assert codes == [130]
    assert last.startswith(f"Ctrl-C: ended at once; what is left: the folder {work}")
    assert ("in your own services, what `ringbench clean run-1` deletes" in last) is bool(users_own)
    assert not work.exists() and not (tmp_path / "runs" / "run-1").exists(), "but this process was not ended"
