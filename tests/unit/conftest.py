"""What all unit tests do without: forty parsers, made in seconds by each process that imports `jsonschema`."""

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
