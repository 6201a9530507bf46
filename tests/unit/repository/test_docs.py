"""The documents agree with the code: links, files, the commands that they show, and the record."""

import functools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from engines.contract.record import CALIFORNIA, LOCATIONS, PATTERNS, parse
from harness.cli import app
from harness.scenarios.loading import built_in_scenarios

ROOT = Path(__file__).parents[3]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
COMMANDS = ROOT / "docs" / "commands.md"
LINK = re.compile(r"\]\(([^)\s]+)\)")
#: A file of the project, named in backticks.
FILE = re.compile(r"`((?:engines|harness|reports|tests|workloads)/[\w/]+\.\w+)`")
COMMAND = re.compile(r"(?<![-/\w.])ringbench (?:[a-z-][^`\n#]*)")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _anchors(path: Path) -> set[str]:
    """What headings are called in links."""
    headings = re.findall(r"^#+ (.+)$", _text(path), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@functools.cache
def _command_line() -> Any:
    return typer.main.get_command(app)


def _commands(text: str) -> list[str]:
    return [command.strip() for command in COMMAND.findall(text)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(_text(path)):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_are_named_exist(path: Path) -> None:
    assert [name for name in FILE.findall(_text(path)) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_exist(path: Path) -> None:
    for command in _commands(_text(path)):
        _, *words = shlex.split(command)
        known = _command_line()
        while (commands := getattr(known, "commands", None)) and words and not words[0].startswith("-"):
            assert words[0] in commands, command
            known = commands[words.pop(0)]
        options = {each for parameter in known.params for each in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= options | {"--help"}, command


def test_every_built_in_scenario_is_named() -> None:
    intro = _text(ROOT / "docs" / "scenarios.md").split("\n## ")[0]
    help_of_run = _command_line().commands["run"].params[0].help
    for name in built_in_scenarios():
        assert f"`{name}`" in intro
        assert re.search(rf"\b{name}\b", help_of_run)


def test_the_page_of_commands_shows_every_command() -> None:
    named = {command.split()[1] for command in _commands(_text(COMMANDS))}
    assert set(_command_line().commands) <= named


def test_the_record_is_described_as_it_is() -> None:
    text = _text(ROOT / "docs" / "architecture.md")
    assert f"\n{PATTERNS[CALIFORNIA]}\n" in text
    rows = dict(re.findall(r"^\| `([a-z]+)` \|[^|]*\| `(.*)` \|$", text, re.MULTILINE))
    assert {name: rows[name].replace("\\|", "|") for name in LOCATIONS} == LOCATIONS
    (example,) = re.findall(r"^\+1.*$", text, re.MULTILINE)
    assert parse(example.encode("ascii")) is not None
