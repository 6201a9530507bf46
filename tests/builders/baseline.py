"""The baseline's modules, which are in no package: they find each other on the path, as when the engine runs."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

DIRECTORY = Path(__file__).parents[2] / "engines" / "baseline"


def baseline_module(name: str) -> ModuleType:
    """The module with this `name`."""
    sys.path.insert(0, str(DIRECTORY))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(DIRECTORY))
