"""The codes that a command's own code ends with are those that the page has a reason for, and no other."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import pytest

from harness.errors import InvalidRun
from tests.builders.command_line import commands
from tests.builders.documents import names, rows, section

#: What only some commands end with, and so has a column of its own: all others mean the same everywhere.
OWN = {1, InvalidRun.exit_code}
#: Commands that end so by an error that is raised elsewhere, and where.
RAISED = {"compare": "harness.conclusions.gate", "bench producer": "harness.experiments.benches.broker"}
#: Objects that say themselves what a command ends with, by the command.
OF_OBJECTS = {"clean": ("harness.session.cleaning.clean", "Cleaning", {0, 1})}
COMMANDS = {name: command for name, command in commands().items() if name != "ringbench"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_codes_of_a_command_are_told_and_no_other(name: str) -> None:
    callback = inspect.unwrap(COMMANDS[name].callback)
    found = set(_ends(_Code(importlib.import_module(callback.__module__)), callback.__name__))
    if name in RAISED:
        assert "raise InvalidRun(" in inspect.getsource(importlib.import_module(RAISED[name]))
        found.add(InvalidRun.exit_code)
    if name in OF_OBJECTS:
        found |= OF_OBJECTS[name][2]
    assert found & OWN == _told()[name]


@pytest.mark.parametrize("name", OF_OBJECTS)
def test_an_object_that_says_a_code_says_one_of_those(name: str) -> None:
    module, kind, codes = OF_OBJECTS[name]
    source = inspect.getsource(getattr(importlib.import_module(module), kind).exit_code.fget)
    assert codes == {0, 1} and "return int(bool(" in source


@cache
def _told() -> dict[str, set[int]]:
    """The codes of `OWN` that the page has a reason for, by command."""
    table = rows(section("commands.md", "### Codes of each command"), "command")
    return {
        name: {code for code, why in zip(sorted(OWN), cells[2:], strict=True) if why}
        for cells in table
        for name in names(cells[0])
    }


class _Code:
    """A module: its functions, and what its imports stand for, those within functions included."""

    def __init__(self, module: ModuleType) -> None:
        tree = ast.parse(inspect.getsource(module))
        self.functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
        self.imports = {
            name.asname or name.name: (each.module or "", name.name)
            for each in ast.walk(tree)
            if isinstance(each, ast.ImportFrom)
            for name in each.names
        }

    def imported(self, name: str) -> Any:
        module, attribute = self.imports[name]
        return getattr(importlib.import_module(module), attribute)


def _ends(code: _Code, function: str) -> Iterator[int]:
    """What `function` gives to `typer.Exit`, or to `end`, itself or by what commands share."""
    for each in ast.walk(code.functions[function]):
        if isinstance(each, ast.Call):
            called = ast.unparse(each.func)
            if called in ("typer.Exit", "end"):
                yield from _values(each.args[-1], code, function)
            elif called in code.functions:
                yield from _ends(code, called)
            elif called in code.imports and (module := code.imports[called][0]).startswith("harness.commands."):
                yield from _ends(_Code(importlib.import_module(module)), called)


def _values(expression: ast.expr, code: _Code, function: str) -> Iterator[int]:
    """The numbers that an expression may be, as far as they stand in the code."""
    match expression:
        case ast.Constant(value=int(value)):
            yield value
        case ast.IfExp(body=body, orelse=orelse):
            yield from _values(body, code, function)
            yield from _values(orelse, code, function)
        case ast.Attribute(value=ast.Name(id=name), attr="exit_code") if name in code.imports:
            yield code.imported(name).exit_code
        case ast.Name(id=name) if name in code.imports:
            yield code.imported(name)
        case ast.Name(id=name):
            for each in ast.walk(code.functions[function]):
                if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == name:
                    yield from _values(each.value, code, function)
        case ast.Call(func=ast.Name(id=name)) if name in code.functions:
            yield from _returned(code, name)
        case ast.Call(func=ast.Name(id=name)) if name in code.imports:
            module, attribute = code.imports[name]
            yield from _returned(_Code(importlib.import_module(module)), attribute)


def _returned(code: _Code, function: str) -> Iterator[int]:
    for each in ast.walk(code.functions[function]):
        if isinstance(each, ast.Return) and each.value is not None:
            yield from _values(each.value, code, function)
