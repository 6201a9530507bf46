"""The reference pages have all that the code has, and no more: options, exit codes, fields, variables, faults."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from harness.console.interrupt import NAMES
from harness.engines.engine import Engine
from harness.errors import INTERNAL, InvalidRun, RingbenchError
from harness.experiments.chaos import USUAL
from harness.faults.catalogue import FAULTS
from harness.results.correctness import Verdict
from harness.results.part import ResultPart
from harness.results.result import EngineResult, Result, TrialResult
from tests.builders.command_line import commands
from tests.builders.documents import DOCS, ROOT, names, rows, section

#: Where variables of the environment are asked for; `tests/integration` asks for those of the project's own tests.
SOURCES = ("bootstrap", "engines", "harness", "loadtest", "reports", "tests/integration", "viewer", "workloads")
VARIABLE = re.compile(r"(?<!startswith\(\")\bRINGBENCH_[A-Z_]+\b")
FIRST_CELL = re.compile(r"^\| (.+?) \|", re.MULTILINE)


def _names(text: str) -> list[str]:
    """What stands in backticks in the first column of the tables of a text."""
    return [name for cell in FIRST_CELL.findall(text) for name in names(cell)]


def _option(parameter: Any) -> str:
    """An option as the page lists it: of a pair, the one that changes the default; then the default."""
    default = parameter.default
    if isinstance(default, bool):
        return f"`{(parameter.secondary_opts if default else parameter.opts)[0]}`"
    if isinstance(default, int | float):
        return f"`{parameter.opts[0]}` ({default if default % 1 else int(default):,})"
    return f"`{parameter.opts[0]}` ({default})" if default else f"`{parameter.opts[0]}`"


COMMANDS = commands()
#: Options of every command, and those of other programs that pages mention.
OF_OTHERS = {"--help", "--command-config", "--store-ratios"}
#: What processes beside the engine are for, as the result has it.
ROLES = {"pipeline", "load", "measuring"}


def test_every_option_is_listed_with_its_default_and_no_other() -> None:
    listed = dict(re.findall(r"^\| `([a-z -]+)` \| (.*) \|$", section("commands.md", "## Options"), re.MULTILINE))
    assert listed == {
        name: ", ".join(_option(each) for each in command.params if each.param_type_name == "option")
        for name, command in COMMANDS.items()
    }


def test_every_option_is_explained_somewhere() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *DOCS.rglob("*.md")))
    explained = text.replace(section("commands.md", "## Options"), "")
    for name, command in COMMANDS.items():
        for option in (each for each in command.params if each.param_type_name == "option"):
            ways = "|".join(map(re.escape, (*option.opts, *option.secondary_opts)))
            assert re.search(rf"(?:{ways})(?![\w-])", explained), (name, option.opts)


def test_every_option_that_is_mentioned_exists() -> None:
    known = {
        way for command in COMMANDS.values() for each in command.params for way in (*each.opts, *each.secondary_opts)
    }
    for path in (ROOT / "README.md", *DOCS.rglob("*.md")):
        spans = re.findall(r"`(--[^`]+)`", path.read_text(encoding="utf-8"))
        mentioned = {option for span in spans for option in re.findall(r"(?<!\S)--[a-z0-9-]+", span)}
        assert mentioned - known - OF_OTHERS == set(), path


def test_the_exit_codes_of_every_command_are_told() -> None:
    assert set(_names(section("commands.md", "### Codes of each command"))) == set(COMMANDS) - {"ringbench"}


def test_exit_codes_are_those_of_the_code() -> None:
    def kinds(kind: type[RingbenchError]) -> Iterator[type[RingbenchError]]:
        for each in kind.__subclasses__():
            yield from (each, *kinds(each))

    errors = {kind.exit_code for kind in kinds(RingbenchError)}
    signals = {128 + number for number in NAMES}
    told = {int(code) for cell in FIRST_CELL.findall(section("commands.md", "## Exit codes")) for code in _codes(cell)}
    assert told == {0} | (errors - {InvalidRun.exit_code}) | {INTERNAL} | signals
    assert f"| command | 0 | 1 | {InvalidRun.exit_code} |" in section("commands.md", "### Codes of each command")


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
    told = _names(section("result.md", heading))
    assert set(told) == fields
    assert len(told) == len(fields)


def test_names_in_the_explanations_of_fields_are_fields_or_values() -> None:
    def parts(kind: type[ResultPart]) -> Iterator[type[ResultPart]]:
        for each in kind.__subclasses__():
            yield from (each, *parts(each))

    known = {name for part in parts(ResultPart) for name in part.model_fields}
    known |= {each.value for each in Verdict} | {*COMMANDS} | ROLES
    for heading in ("## The result", "## Each engine", "## Each trial"):
        for _field, says in rows(section("result.md", heading), "field"):
            found = [name for name in names(says) if re.fullmatch(r"[a-z0-9_.]+", name)]
            assert [name for name in found if not set(name.split(".")) <= known] == []


def test_every_variable_is_told_and_no_other() -> None:
    paths = [path for each in SOURCES for path in ([ROOT / each] if (ROOT / each).is_file() else _code(ROOT / each))]
    asked = {name for path in paths for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}
    assert set(_names(section("commands.md", "## Environment variables"))) == asked
    pages = [*ROOT.glob("*.md"), *ROOT.glob("*.yml"), *DOCS.rglob("*.md"), *(ROOT / "deploy").rglob("*.*")]
    mentioned = {
        name for path in pages if path.is_file() for name in VARIABLE.findall(path.read_text(encoding="utf-8"))
    }
    assert mentioned <= asked


def _code(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in (".py", ".java", ".js")]


def test_every_fault_is_told_with_how_long_it_lasts() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|.*\| ([\d.]+) \|$", section("chaos.md", "## Faults"), re.MULTILINE)
    assert rows == [(fault.name, f"{fault.duration_s:g}") for fault in FAULTS]


def test_the_usual_faults_are_told() -> None:
    (told,) = re.findall(r"without `--fault` and `--all`:\s([^)]*)\)", (DOCS / "chaos.md").read_text(encoding="utf-8"))
    assert tuple(names(told)) == USUAL


def test_every_key_of_an_engine_is_told_and_no_other() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8").split("\n| key | required | what it is |\n")
    (table,) = (part.split("\n\n")[0] for part in text[1:] if "`requirements`" in part.split("\n\n")[0])
    assert set(_names(table)) == {each.name for each in fields(Engine)} - {"directory", "version"}
