"""What is wrong with contestants ends in one clear error before anything starts, whatever command they are for."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness import cli
from harness.errors import UsageError
from harness.processes import process
from harness.session.preflight import look

COMMANDS = ("run", "sweep", "scale", "chaos", "soak")
#: A scenario that has a contestant.
OWN = "name: own\nengines: [baseline, {name: fast, engine: baseline}]\n"


@pytest.fixture(autouse=True)
def nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any machine will do, and whatever is started fails the test."""
    monkeypatch.setattr(look, "LOOKS", ())
    monkeypatch.setattr(process, "guarded", lambda *_, **__: pytest.fail("something was started"))
    monkeypatch.setenv("RINGBENCH_RUNS_DIR", str(tmp_path / "runs"))
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def refused(command: str, *contestants: str) -> str:
    """What is said of a command with these contestants."""
    options = [part for each in contestants for part in ("--contestant", each)]
    found = CliRunner().invoke(cli.app, [*command.split(), *options])
    assert isinstance(found.exception, UsageError), found.output
    assert not Path("runs").exists()
    return found.exception.message


@pytest.mark.parametrize(
    ("command", "contestants", "words"),
    [
        ("run", ("a=flink", "a=spark"), "--engine or --contestant (engines): the name 'a' is there twice"),
        ("run", ("a.b=flink", "A_b=flink"), "there are 'a.b' and 'A_b', which are too much alike"),
        ("run --engine flink", ("flink=flink:parallelism=1",), "the name 'flink' is there twice"),
        ("run", ("a=flnik",), "unknown engine 'flnik'"),
        ("run", ("spark=flink",), "the contestant 'spark' (`engines`, or --contestant) runs flink"),
        ("run", ("a=flink:flush_ms=2",), "the contestant 'a': the engine flink has no setting 'flush_ms'"),
        ("run", ("a=flink:tuning=speed",), "the engine flink has no tuning 'speed'"),
        ("run", ("a=synthetic:route=direct",), "the contestant 'a': the engine synthetic does not have the route"),
        ("run --query pairs", ("a=baseline",), "the engine baseline does not have the query 'pairs'"),
        ("run", ("a=flink", "b=flink:engine_cpus=1000"), "the contestant 'b': --engine-cpus (engine_cpus): found 1000"),
        ("run", ("a=flink:parallelism=5000",), "--contestant a: parallelism: found 5000"),
        ("run", ("a=flink:parallelism=two",), "--contestant a: parallelism: found 'two'"),
        ("run", ("a/b=flink",), "the name 'a/b' cannot be had"),
        ("run", ("a:b=flink",), "is no NAME=ENGINE"),
        ("run", ("a b=flink",), "the name 'a b' cannot be had"),
        ("run", ("ä=flink",), "the name 'ä' cannot be had"),
        ("run", ("..=flink",), "the name '..' cannot be had"),
        ("run", ("logs=flink",), "the name 'logs' cannot be had"),
        ("run", ("a-faults=flink",), "the name 'a-faults' cannot be had"),
        ("run own.yaml", ("a=flink",), "--contestant stands in place of the scenario's `engines`, which have contest"),
        ("scale", ("a=flink:parallelism=2",), "the scenario has a contestant with a `parallelism` of its own"),
        ("chaos", ("a=flink:route=direct",), "the contestant 'a': the scenario has `route: direct`"),
        ("soak", ("a=flink:route=direct",), "the contestant 'a': the scenario has `route: direct`"),
        ("loadtest", ("a=flink:route=direct",), "the contestant 'a': the scenario has `route: direct`"),
        ("loadtest", ("a=flnik",), "unknown engine 'flnik'"),
        ("loadtest --engine spark", ("a=flink",), "--engine and --contestant exclude each other here"),
        *((command, ("a=flink", "a=spark"), "the name 'a' is there twice") for command in COMMANDS[1:]),
        *((command, ("a=flink:flush_ms=2",), "'a': the engine flink has no setting") for command in COMMANDS[1:]),
    ],
)
def test_it_is_named(command: str, contestants: tuple[str, ...], words: str) -> None:
    assert words in refused(command, *contestants)
