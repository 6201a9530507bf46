"""Modules of engines, which are in no package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ENGINES = Path(__file__).parents[2] / "engines"


def engine_module(engine: str, name: str) -> ModuleType:
    """The module with this `name` in an engine's folder, if it imports none of the others there."""
    specification = importlib.util.spec_from_file_location(f"{engine}_{name}", ENGINES / engine / f"{name}.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module
