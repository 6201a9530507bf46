"""What is made once for all unit tests of a process, or not at all: it took seconds.

These are forty parsers that each process made that imports `jsonschema`, and the command line, put together anew for
each call of it by a test.
"""

import importlib
import sys
from functools import cache
from types import ModuleType

ADDRESSES = "rfc3987_syntax"


def pytest_configure() -> None:
    """Have the syntax of addresses imported by who asks for it first: a single test's schema does."""
    if ADDRESSES not in sys.modules:
        lazy = ModuleType(ADDRESSES)
        lazy.is_valid_syntax = lambda term, text: _addresses(lazy).is_valid_syntax(term, text)  # type: ignore[attr-defined]
        sys.modules[ADDRESSES] = lazy


@cache
def _addresses(lazy: ModuleType) -> ModuleType:
    if sys.modules[ADDRESSES] is lazy:
        del sys.modules[ADDRESSES]
    return importlib.import_module(ADDRESSES)


def pytest_collection_finish() -> None:
    """Keep the command line that `CliRunner` is given once it is put together: it is the same for each call."""
    testing = sys.modules.get("typer.testing")
    if testing:
        testing._get_command = cache(testing._get_command)  # type: ignore[attr-defined]
