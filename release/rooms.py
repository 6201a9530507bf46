"""The rooms of `harness/` and `reports/`, and who imports whom: the one list of them, and what the code says.

`tests/unit/repository/test_layering.py` holds the code to the list, and `release.rooms_picture` draws it.
"""

import ast
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from release.statements import imports_in

ROOT = Path(__file__).parents[1]
#: The rooms of `harness/` by floor, from the ground up: **a room imports only rooms that stand before it.** The two
#: modules at the root, what can go wrong and the entry point, stand at the ends.
FLOORS = {
    "ground": ("errors", "console", "monitoring", "numerics", "processes", "results"),
    "instruments and outside world": ("measurement", "provision", "clients", "services", "workers"),
    "what is run": ("faults", "scenarios", "input", "engines"),
    "one trial": ("conclusions", "trial", "evaluation", "live_map", "session"),
    "many trials": (
        "conformance",
        "experiments",
        "experiments/benches",
        "experiments/sharding",
        "experiments/scale",
        "experiments/soak",
        "experiments/calibration",
        "experiments/loadtest",
        "history",
    ),
    "the door": ("commands", "cli"),
}
ROOMS = tuple(room for rooms in FLOORS.values() for room in rooms)
#: The rooms of `reports/`, by the same rule.
REPORT_ROOMS = ("wording", "pictures", "sections", "documents", "schema")


@dataclass(frozen=True)
class Room:
    """A room of `harness/`.

    Attributes:
        name: its path below `harness/`.
        purpose: the first sentence of its docstring, without markup and full stop.
        imports: the rooms that it imports, in the order of `ROOMS`.
    """

    name: str
    purpose: str
    imports: tuple[str, ...]


@functools.cache
def imports(folder: str) -> frozenset[tuple[str, str]]:
    """(path below `folder`, imported module) for every import statement there, those inside functions too.

    Raises:
        ValueError: there is no Python below `folder`.
    """
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        name = path.relative_to(ROOT / folder).as_posix()
        for node in imports_in(path.read_text(encoding="utf-8")):
            if isinstance(node, ast.Import):
                found |= {(name, alias.name) for alias in node.names}
            elif node.module:
                found.add((name, node.module))
    if not found:
        raise ValueError(f"no Python below {folder}")
    return frozenset(found)


def room_of(path: str, rooms: Sequence[str]) -> str:
    """The room that a file or a module, written as a path, is in.

    Raises:
        ValueError: it is in none of `rooms`.
    """
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    found = next((each for n in (2, 1) if (each := "/".join(parts[:n])) in rooms), None)
    if found is None:
        raise ValueError(f"{path} is in no room: FLOORS and REPORT_ROOMS in {Path(__file__).name} have them all")
    return found


def room_imports(folder: str, rooms: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """(importing room, imported room, importing file, imported module) of all imports between rooms of `folder`."""
    found = []
    for file, module in sorted(imports(folder)):
        if module.startswith(f"{folder}.") and file != "__init__.py":
            importing, imported = (
                room_of(file, rooms),
                room_of(module.removeprefix(f"{folder}.").replace(".", "/"), rooms),
            )
            if importing != imported:
                found.append((importing, imported, file, module))
    return found


def rooms_of_the_harness() -> list[Room]:
    """All rooms of `harness/`, in the order of `ROOMS`, as the code has them."""
    pairs = {(importing, imported) for importing, imported, _, _ in room_imports("harness", ROOMS)}
    return [Room(name, _purpose(name), tuple(each for each in ROOMS if (name, each) in pairs)) for name in ROOMS]


def _purpose(room: str) -> str:
    place = ROOT / "harness" / room
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return words.split("\n")[0].split(". ")[0].removesuffix(".").replace("`", "")


def as_text(rooms: Sequence[Room]) -> str:
    """What a picture of `rooms` says, a line for each of them."""
    return "\n".join(f"{room.name}: {room.purpose}; imports {', '.join(room.imports) or 'no room'}" for room in rooms)
