"""The reference pages have all that the code has, and no more: options, exit codes, fields, variables, faults."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

from harness.cli import app
from harness.console.interrupt import NAMES
from harness.engines.catalogue import Engine
from harness.errors import INTERNAL, InvalidRun, RingbenchError
from harness.experiments.chaos import USUAL
from harness.faults.catalogue import FAULTS
from harness.results.part import ResultPart
from harness.results.result import EngineResult, Result, TrialResult

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
#: Where variables of the environment are asked for; `tests/integration` asks for those of the project's own tests.
SOURCES = ("bootstrap", "engines", "harness", "loadtest", "reports", "tests/integration", "viewer", "workloads")
VARIABLE = re.compile(r"(?<!startswith\(\")\bRINGBENCH_[A-Z_]+\b")
FIRST_CELL = re.compile(r"^\| (.+?) \|", re.MULTILINE)
NAME = re.compile(r"`([^`]+)`")


def _section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    return re.split(r"\n#+ ", (DOCS / page).read_text(encoding="utf-8").split(f"\n{heading}\n")[1])[0]


def _names(text: str) -> list[str]:
    """What stands in backticks in the first column of the tables of a text."""
    return [name for cell in FIRST_CELL.findall(text) for name in NAME.findall(cell)]


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command by its name, that of the whole command line as `ringbench`; without groups."""
    inner = getattr(command, "commands", None) or {}
    if not inner or not path:
        yield " ".join(path) or "ringbench", command
    for name, each in inner.items():
        yield from _commands(each, (*path, name))


def _option(parameter: Any) -> str:
    """An option as the page lists it: of a pair, the one that changes the default; then the default."""
    default = parameter.default
    if isinstance(default, bool):
        return f"`{(parameter.secondary_opts if default else parameter.opts)[0]}`"
    if isinstance(default, int | float):
        return f"`{parameter.opts[0]}` ({default if default % 1 else int(default):,})"
    return f"`{parameter.opts[0]}` ({default})" if default else f"`{parameter.opts[0]}`"


COMMANDS = dict(_commands(typer.main.get_command(app)))


def test_every_option_is_listed_with_its_default_and_no_other() -> None:
    listed = dict(re.findall(r"^\| `([a-z -]+)` \| (.*) \|$", _section("commands.md", "## Options"), re.MULTILINE))
    assert listed == {
        name: ", ".join(_option(each) for each in command.params if each.param_type_name == "option")
        for name, command in COMMANDS.items()
    }


def test_every_option_is_explained_somewhere() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *DOCS.rglob("*.md")))
    explained = text.replace(_section("commands.md", "## Options"), "")
    for name, command in COMMANDS.items():
        for option in (each for each in command.params if each.param_type_name == "option"):
            ways = "|".join(map(re.escape, (*option.opts, *option.secondary_opts)))
            assert re.search(rf"(?:{ways})(?![\w-])", explained), (name, option.opts)


def test_the_exit_codes_of_every_command_are_told() -> None:
    assert set(_names(_section("commands.md", "### Codes of each command"))) == set(COMMANDS) - {"ringbench"}


def test_exit_codes_are_those_of_the_code() -> None:
    def kinds(kind: type[RingbenchError]) -> Iterator[type[RingbenchError]]:
        for each in kind.__subclasses__():
            yield from (each, *kinds(each))

    errors = {kind.exit_code for kind in kinds(RingbenchError)}
    signals = {128 + number for number in NAMES}
    told = {int(code) for cell in FIRST_CELL.findall(_section("commands.md", "## Exit codes")) for code in _codes(cell)}
    assert told == {0} | (errors - {InvalidRun.exit_code}) | {INTERNAL} | signals
    assert f"| command | 0 | 1 | {InvalidRun.exit_code} |" in _section("commands.md", "### Codes of each command")


def _codes(cell: str) -> list[str]:
    return re.findall(r"\d+", cell)


@pytest.mark.parametrize(
    ("heading", "model"),
    [("## The result", Result), ("## Each engine", EngineResult), ("## Each trial", TrialResult)],
)
def test_every_field_of_the_result_is_told_and_no_other(heading: str, model: type[ResultPart]) -> None:
    fields = set(model.model_fields)
    if model is TrialResult:
        fields -= set(EngineResult.model_fields)
    told = _names(_section("result.md", heading))
    assert set(told) == fields
    assert len(told) == len(fields)


def test_every_variable_is_told_and_no_other() -> None:
    paths = [path for each in SOURCES for path in ([ROOT / each] if (ROOT / each).is_file() else _code(ROOT / each))]
    asked = {name for path in paths for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}
    assert set(_names(_section("commands.md", "## Environment variables"))) == asked
    mentioned = {name for path in DOCS.rglob("*.md") for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}
    assert mentioned <= asked


def _code(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in (".py", ".java", ".js")]


def test_every_fault_is_told_with_how_long_it_lasts() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|.*\| ([\d.]+) \|$", _section("chaos.md", "## Faults"), re.MULTILINE)
    assert rows == [(fault.name, f"{fault.duration_s:g}") for fault in FAULTS]


def test_the_usual_faults_are_told() -> None:
    (told,) = re.findall(r"without `--fault` and `--all`:\s([^)]*)\)", (DOCS / "chaos.md").read_text(encoding="utf-8"))
    assert tuple(NAME.findall(told)) == USUAL


def test_every_key_of_an_engine_is_told_and_no_other() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8").split("\n| key | required | what it is |\n")
    (table,) = (part.split("\n\n")[0] for part in text[1:] if "`requirements`" in part.split("\n\n")[0])
    assert set(_names(table)) == {each.name for each in fields(Engine)} - {"directory", "version"}
