"""What `--help` shows, in which order, and what the shell completes."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from harness.cli import app
from harness.commands.groups import COMMANDS, FEW, OPTIONS
from harness.errors import UsageError

USUAL = "Options"
ROOT = Path(__file__).parents[4]


def _commands() -> Iterator[tuple[str, Any]]:
    """Every command by its words, as the help has it."""
    root: Any = typer.main.get_command(app)
    context = root.make_context("ringbench", ["--help"], resilient_parsing=True)
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        yield name, command
        yield from ((f"{name} {inner}", each) for inner, each in getattr(command, "commands", {}).items())


def _options(command: Any) -> list[Any]:
    return [each for each in command.params if each.param_type_name == "option"]


def _help(*words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "120", "TERM": "dumb"}, prog_name="ringbench")
    assert done.exit_code == 0, done.output
    return done.output


def test_the_usual_options_of_a_run_come_first_and_the_others_in_groups() -> None:
    text = _help("run")
    places = [text.index(f"─ {heading} ─") for heading in (USUAL, "Records of your own", "The workload", "Clusters")]
    assert places == sorted(places)
    usual = text[places[0] : places[1]]
    assert all(f"{option} " in usual for option in ("--engine", "--rate", "--duration", "--trials", "--help"))
    assert "--kafka-port" not in usual and "--kafka-port" in text


@pytest.mark.parametrize("name", [name for name, _ in _commands()])
def test_no_command_shows_many_options_without_a_group_and_none_is_lost(name: str) -> None:
    command = dict(_commands())[name]
    usual = [each for each in _options(command) if each.rich_help_panel is None]
    assert usual or not _options(command)
    assert len(usual) <= 12, "a heading in harness/commands/groups.py is missing"
    if len(_options(command)) > FEW:
        shown = re.findall(r"^│ \*? *(--[a-z0-9-]+)", _help(*name.split()), re.MULTILINE)
        assert sorted(shown) == sorted([*(each.opts[0] for each in _options(command)), "--help"])


def test_headings_are_of_options_and_commands_that_there_are() -> None:
    commands = dict(_commands())
    there = {option.opts[0] for command in commands.values() for option in _options(command)}
    named = [name for names in OPTIONS.values() for name in names]
    assert set(named) <= there and len(named) == len(set(named))
    assert sorted(name for names in COMMANDS.values() for name in names) == sorted(
        name for name in commands if " " not in name
    )


def test_the_commands_stand_under_headings_in_the_order_of_the_page() -> None:
    text = _help()
    places = [text.index(f"─ {heading} ─") for heading in COMMANDS]
    assert places == sorted(places)
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8").split("## Options")[0]
    headings = re.findall(r"^### (.+)$", page, re.MULTILINE)
    assert [each.split(" and ")[0] for each in headings] == list(COMMANDS)


# Completion


def test_commands_and_options_are_completed_in_bash(tmp_path: Path) -> None:
    """The script is what `--show-completion` prints; what it asks the command is answered here, and read by Bash."""
    script = _asked(_RINGBENCH_COMPLETE="source_bash")
    assert "complete -o default -F _ringbench_completion ringbench" in script
    answers = {
        "ringbench so": _asked(_RINGBENCH_COMPLETE="complete_bash", COMP_WORDS="ringbench so", COMP_CWORD="1"),
        "ringbench soak --ho": _asked(
            _RINGBENCH_COMPLETE="complete_bash", COMP_WORDS="ringbench soak --ho", COMP_CWORD="2"
        ),
    }
    assert {line: text.split() for line, text in answers.items()} == {
        "ringbench so": ["soak"],
        "ringbench soak --ho": ["--hours"],
    }
    command = tmp_path / "ringbench"
    command.write_text(f"#!/bin/sh\necho '{answers['ringbench so'].strip()}'\n", encoding="utf-8")
    command.chmod(0o755)
    program = f"{script}\nCOMP_WORDS=(ringbench so) COMP_CWORD=1\n_ringbench_completion ringbench\n"
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", program + "printf '%s\\n' \"${COMPREPLY[@]}\""],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["soak"]


def _asked(**environment: str) -> str:
    return CliRunner().invoke(app, [], env=environment, prog_name="ringbench").output


# Errors


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("run --trials 0", "--trials"),
        ("run --trials x", "--trials"),
        ("run --rate x", "--rate"),
        ("run --duration -1", "--duration"),
        ("run --engine flnik", "--engine"),
        ("run --engine-path nowhere", "--engine-path"),
        ("run --input-map map.yaml", "--input-map"),
        ("run --contestant x", "--contestant"),
        ("run --metrics-port 70000", "--metrics-port"),
        ("run --metrics-host 127.0.0.2", "--metrics-host"),
        ("run --resume x", "--resume"),
        ("run --kafka-properties x", "--kafka-properties"),
        ("calibrate --case los", "--case"),
        ("chaos --fault los", "--fault"),
        ("soak --hours 1 --minutes 1", "--hours"),
        ("sweep --duration 1", "--duration"),
        ("sweep --start-rate 10", "--start-rate"),
        ("scale --rates x", "--rates"),
        ("loadtest --shape x", "--shape"),
        ("view --speed 5", "--speed"),
        ("plan --from x", "--rate"),
        ("clean", "--stale"),
        ("workload plot smoke --output x.svg", "--output"),
        ("generate smoke --kafka x --topic t --shard x", "--shard"),
    ],
)
def test_an_error_about_an_option_names_it(
    line: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, line.split(), prog_name="ringbench", env={"RINGBENCH_RUNS_DIR": str(tmp_path)})
    error = done.exception
    said = error.message if isinstance(error, UsageError) else done.output
    assert option in said, said
    assert isinstance(error, UsageError) or done.exit_code == 2
