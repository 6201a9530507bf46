"""Engines that installed packages bring, by entry points of the group `GROUP`.

An entry point names the engine, and says where its folder is, as a module's dotted name: the first part is an installed
package, and each further one a folder in it. The folder is looked up, and nothing of the package is imported.
"""

import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from importlib.util import find_spec
from pathlib import Path

from harness.errors import ConfigurationError

GROUP = "ringbench.engines"
_EXAMPLE = f'[project.entry-points."{GROUP}"] mine = "my_package.engine", with my_package/engine/engine.toml'


def plugin_directories() -> dict[str, Path]:
    """The folder of each engine that an installed package brings, by its name.

    Raises:
        ConfigurationError: an entry point leads to no folder, or two have the same name; the message says which.
    """
    found: dict[str, EntryPoint] = {}
    for entry in _entries(tuple(sys.path)):
        other = found.setdefault(entry.name, entry)
        if (other.value, _origin(other)) != (entry.value, _origin(entry)):
            raise ConfigurationError(
                f"two packages bring an engine called {entry.name!r}: {_origin(other)} and {_origin(entry)}",
                fix="uninstall one of them",
            )
    return {name: _directory(entry) for name, entry in found.items()}


@lru_cache(1)
def _entries(_path: tuple[str, ...]) -> EntryPoints:
    """The entry points of what is installed on `sys.path`: to find them, the files of all packages are read."""
    return entry_points(group=GROUP)


def _origin(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed package"


def _directory(entry: EntryPoint) -> Path:
    package, *further = entry.value.split(".")
    try:
        spec = find_spec(package)
    except ValueError:  # what is no module's name
        spec = None
    roots = list(spec.submodule_search_locations or []) if spec else []
    directories = [Path(root, *further) for root in roots]
    if found := next((each for each in directories if (each / "engine.toml").is_file()), None):
        return found
    seen = f"no engine.toml in {directories[0]}" if directories else f"no package {package!r} is installed"
    raise ConfigurationError(
        f"the entry point {entry.name} = {entry.value!r} of {_origin(entry)}, in the group {GROUP}: {seen}",
        fix=f"it has to name the engine's folder in an installed package, such as {_EXAMPLE}; or uninstall the package",
    )
