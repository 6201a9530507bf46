"""The imports and functions of a Python source, those inside others too.

A source is parsed once in a process, however many ask: to parse the whole tree takes more than a second.
"""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass

Import = ast.Import | ast.ImportFrom


@dataclass(frozen=True)
class Function:
    """A function, and how many lines it has, its docstring aside."""

    name: str
    lines: int


def imports_in(source: str) -> tuple[Import, ...]:
    """The import statements of `source`, in no order."""
    return _found(source)[0]


def functions_in(source: str) -> tuple[Function, ...]:
    """The functions of `source`, in no order."""
    return _found(source)[1]


@functools.cache
def _found(source: str) -> tuple[tuple[Import, ...], tuple[Function, ...]]:
    # Not the statements themselves: they would keep all of the tree, which is large.
    imports: list[Import] = []
    functions = []
    for node in _statements(source):
        if isinstance(node, Import):
            imports.append(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.append(Function(node.name, _lines(node)))
    return tuple(imports), tuple(functions)


def _statements(source: str) -> Iterator[ast.stmt]:
    """Every statement. (`ast.walk` takes five times longer, over expressions.)"""
    left: list[ast.AST] = [ast.parse(source)]
    while left:
        node = left.pop()
        if isinstance(node, ast.stmt):
            yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            found = getattr(node, field, None)
            # A lambda and a conditional expression have such fields, too, but are no lists.
            left += found if isinstance(found, list) else []


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    docstring = ast.get_docstring(node, clean=False)
    return lines - (docstring.count("\n") + 1 if docstring else 0)
