"""Every command that starts services or engines looks at the machine first."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness import cli
from harness.errors import ServiceError
from harness.processes import process
from harness.session.preflight import look
from harness.session.preflight.finding import Finding
from harness.session.preflight.need import Need


def _broken(need: Need) -> Iterator[Finding]:
    yield Finding("the machine", False, "will not do", f"needed for {need.runs_dir}", "take another one")


@pytest.mark.parametrize(
    "command",
    [
        "run smoke",
        "sweep smoke",
        "scale smoke",
        "chaos",
        "soak",
        "loadtest --headless",
        "loadtest",
        "loadtest --headless --url http://127.0.0.1:1/",
        "calibrate",
        "conformance baseline",
        "bench producer",
        "bench path",
        "services up",
    ],
)
def test_a_command_starts_nothing_on_a_machine_that_will_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(look, "LOOKS", (_broken,))
    monkeypatch.setattr(process, "guarded", lambda *_, **__: pytest.fail("something was started"))
    monkeypatch.setenv("RINGBENCH_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    found = CliRunner().invoke(cli.app, command.split())
    assert isinstance(found.exception, ServiceError), found.output
    where = None if command == "services up" else tmp_path / "runs"
    assert found.exception.message == f"the machine: will not do; needed for {where}"
    assert list(tmp_path.iterdir()) == []
