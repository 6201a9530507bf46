"""Engines as the harness sees them: a folder with an ``engine.toml``, its own locked environment, and an entry.

The harness never imports an engine; it starts its entry with a job file and listens to its events.

Folders are found in three ways: below Ringbench's own, below folders that the user names, and by entry points of
installed packages (`harness.engines.plugins`).
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeGuard

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from engines.contract.job import DELIVERIES, ROUTES
from engines.contract.queries import QUERIES
from harness.engines.engine import Engine
from harness.engines.plugins import plugin_directories
from harness.engines.versions import check_version, split_version
from harness.errors import ConfigurationError
from harness.faults.catalogue import OPERATIONS

ENGINES = Path(__file__).parents[2] / "engines"
DESCRIPTOR = "engine.toml"
MAX_DESCRIPTOR_BYTES = 64 << 10
MAX_DESCRIPTOR_DEPTH = 8
_KINDS = ((str, "a text"), (str | None, "a text"), (bool, "true or false"))
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: What of the contract is written in Java, for engines that are.
CONTRACT_JAVA = ENGINES / "contract" / "java"


def find_engines(names: list[str], extra: list[Path] | None = None) -> list[Engine]:
    """The engines called `names`, in that order, of all that `all_engines` finds.

    Args:
        names: each an engine's name, or ``NAME@VERSION``.
        extra: further folders of engines: see `all_engines`.

    Raises:
        ConfigurationError: there is no such engine, it has no versions, a name stands twice, or an engine that was
            found is wrong.
    """
    known = {engine.name: engine for engine in all_engines(extra or [])}
    asked = [split_version(name) for name in names]
    if unknown := [name for name, _ in asked if name not in known]:
        raise ConfigurationError(
            f"--engine, or `engines` of the scenario: unknown engine {unknown[0]!r}",
            fix=f"give one or more of: {', '.join(sorted(known))}; --engine-path adds folders to look in",
        )
    if len(set(names)) < len(names):
        raise ConfigurationError(f"an engine is named twice: {', '.join(names)}", fix="name each engine once")
    for name, version in asked:
        check_version(known[name], version)
    return [replace(known[name], version=version) if version else known[name] for name, version in asked]


def check_route(engines: Iterable[Engine], route: str, whose: str = "") -> None:
    """Make sure that all `engines` can send counts to Redis by `route`; errors begin with `whose`.

    Raises:
        ConfigurationError: one of them cannot; the message names it.
    """
    for engine in engines:
        if route not in engine.routes:
            raise ConfigurationError(
                f"{whose}the engine {engine.name} does not have the route {route!r}, only {', '.join(engine.routes)} "
                f"(`routes` in {engine.directory / DESCRIPTOR})",
                fix=f"leave {engine.name} out by naming others with --engine, or take --route {engine.routes[0]}",
            )


def check_delivery(engines: Iterable[Engine], delivery: str, extra: list[Path], whose: str = "") -> None:
    """Make sure that all `engines` have `delivery`; errors begin with `whose`.

    Args:
        extra: folders in which there may be other engines that have: see `all_engines`.

    Raises:
        ConfigurationError: one of them has not; the message names it.
    """
    _check_has(engines, "delivery", "deliveries", delivery, extra, whose)


def check_query(engines: Iterable[Engine], query: str, extra: list[Path]) -> None:
    """Make sure that all `engines` can be asked `query`.

    Args:
        extra: folders in which there may be other engines that can: see `all_engines`.

    Raises:
        ConfigurationError: one of them cannot; the message names it.
    """
    _check_has(engines, "query", "queries", query, extra)


def _check_has(engines: Iterable[Engine], what: str, key: str, wanted: str, extra: list[Path], whose: str = "") -> None:
    """Refuse an engine that does not have what is `wanted` under `key` of its descriptor, and name those that do."""
    for engine in engines:
        if wanted not in getattr(engine, key):
            able = [each.name for each in all_engines(extra) if wanted in getattr(each, key)]
            raise ConfigurationError(
                f"{whose}the engine {engine.name} does not have the {what} {wanted!r}, only "
                f"{', '.join(getattr(engine, key))} (`{key}` in {engine.directory / DESCRIPTOR})",
                fix=f"name those that have it: {' '.join(f'--engine {name}' for name in able) or 'there are none'}",
            )


def all_engines(extra: list[Path]) -> list[Engine]:
    """Every engine in Ringbench's own folder, in the folders `extra`, and in packages that bring one.

    Raises:
        ConfigurationError: there is no such folder, a descriptor or an entry point is wrong, or two engines have the
            same name.
    """
    if absent := [folder for folder in extra if not folder.is_dir()]:
        raise ConfigurationError(f"--engine-path {absent[0]}: no such folder", fix="give a folder that holds engines")
    paths = [path for folder in (ENGINES, *extra) for path in sorted(folder.glob(f"*/{DESCRIPTOR}"))]
    found = {path.parent.resolve(): load_engine(path.parent) for path in paths}
    found |= {directory.resolve(): _plugin(name, directory) for name, directory in plugin_directories().items()}
    _check_names(found.values())
    return list(found.values())


def _plugin(name: str, directory: Path) -> Engine:
    engine = load_engine(directory)
    if engine.name != name:
        raise ConfigurationError(
            f"{directory / DESCRIPTOR}: the engine is called {engine.name!r}, but its entry point {name!r}",
            fix="give both the same name",
        )
    return engine


def _check_names(engines: Iterable[Engine]) -> None:
    directories: dict[str, Path] = {}
    for engine in engines:
        if other := directories.get(engine.name):
            raise ConfigurationError(
                f"two engines are called {engine.name!r}: {other} and {engine.directory}",
                fix=f"rename one of them (`name` in its {DESCRIPTOR}), or leave out what brings it: "
                "an --engine-path, or an installed package",
            )
        directories[engine.name] = engine.directory


def load_engine(directory: Path) -> Engine:
    """The engine described in `directory`.

    Raises:
        ConfigurationError: the descriptor cannot be read or has unknown or missing keys.
    """
    path = directory / DESCRIPTOR
    found = _read(path)
    known = {each.name for each in fields(Engine)} - {"directory", "version"}
    if unknown := sorted(set(found) - known):
        raise ConfigurationError(f"{path}: unknown key {unknown[0]!r}; known keys: {', '.join(sorted(known))}")
    tunings = found.get("tunings", {})
    if not isinstance(tunings, dict) or not all(isinstance(each, dict) for each in tunings.values()):
        raise ConfigurationError(f"{path}: tunings: expected a table of settings for each, as [tunings.latency]")
    for key, known_values in (("routes", ROUTES), ("deliveries", DELIVERIES), ("queries", tuple(QUERIES))):
        _check_choices(path, key, found.get(key, [known_values[0]]), known_values)
    late = found.get("late_settings", {})
    if not isinstance(late, dict) or not all(type(each) is int for each in late.values()):
        raise ConfigurationError(f"{path}: late_settings: expected a table of whole numbers, found {str(late)[:60]!r}")
    _check_operations(path, found.get("operations", {}))
    _check_reasons(path, found.get("fixed_settings", {}))
    settings = found.get("settings", {})
    if not isinstance(settings, dict):
        found["settings"] = _without_defaults(path, settings)
    _check_values(path, found)
    _check_versions(path, found.get("versions", ""))
    try:
        # Absolute: it may be started in another folder.
        return Engine(directory=directory.absolute(), **found)
    except TypeError as error:
        raise ConfigurationError(f"{path}: {error}", fix="see engines/baseline/engine.toml for the keys") from error


def _without_defaults(path: Path, settings: object) -> dict[str, None]:
    """Settings of which only the names are told."""
    if not isinstance(settings, list) or not all(isinstance(each, str) for each in settings):
        raise ConfigurationError(
            f"{path}: settings: expected a table of defaults, as [settings], or a list of names, found "
            f"{str(settings)[:60]!r}"
        )
    return dict.fromkeys(settings)


def _check_choices(path: Path, key: str, given: object, known: Sequence[str]) -> None:
    """Refuse anything under `key` but a list of some of those that are `known`."""
    if not isinstance(given, list) or not given or not set(map(str, given)) <= set(known):
        raise ConfigurationError(f"{path}: {key}: expected a list of {' and '.join(known)}, found {given!r}")


def _check_operations(path: Path, given: object) -> None:
    """Refuse anything but known operations, each with a reason."""
    known = [each.name for each in OPERATIONS]
    if not _are_reasons(given) or not set(given) <= set(known):
        raise ConfigurationError(
            f"{path}: operations: expected a reason for each of {', '.join(known)} that the engine cannot do, found "
            f"{str(given)[:60]!r}",
            fix='give such as [operations] and rescale = "it has one thread"',
        )


def _check_reasons(path: Path, given: object) -> None:
    """Refuse anything but reasons, each by a setting's name."""
    if not _are_reasons(given):
        raise ConfigurationError(
            f"{path}: fixed_settings: expected a reason for each setting that an upgrade cannot change, found "
            f"{str(given)[:60]!r}",
            fix='give such as [fixed_settings] and state_store = "its checkpoint fixes it"',
        )


def _check_versions(path: Path, given: str) -> None:
    """Refuse what is no specifier of versions."""
    try:
        SpecifierSet(given)
    except InvalidSpecifier as error:
        raise ConfigurationError(
            f"{path}: versions: found {given[:60]!r}; expected a PEP 440 specifier", fix='give such as ">=4.3"'
        ) from error


def _are_reasons(found: object) -> TypeGuard[dict[str, str]]:
    return isinstance(found, dict) and all(isinstance(each, str) and each.strip() for each in found.values())


def _read(path: Path) -> dict[str, Any]:
    """What a descriptor holds; it may be somebody else's, so that its size and its depth are bounded."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_DESCRIPTOR_BYTES + 1)
        if len(text) > MAX_DESCRIPTOR_BYTES:
            raise ValueError(f"more than {MAX_DESCRIPTOR_BYTES:,} bytes")
        found = tomllib.loads(text.decode("utf-8"))
        if _is_deeper(found, MAX_DESCRIPTOR_DEPTH):
            raise RecursionError
    except RecursionError as error:
        raise ConfigurationError(f"{path}: nested deeper than {MAX_DESCRIPTOR_DEPTH}") from error
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    return found


def _is_deeper(found: Any, depth: int) -> bool:
    if not isinstance(found, dict | list):
        return False
    within = found.values() if isinstance(found, dict) else found
    return depth == 0 or any(_is_deeper(each, depth - 1) for each in within)


def _check_values(path: Path, found: dict[str, Any]) -> None:
    """Refuse values of another kind than their keys have, and names that could not stand in a file's or a topic's."""
    for each in fields(Engine):
        kind = next((words for kind, words in _KINDS if kind == each.type), "")
        if kind and each.name in found and not isinstance(found[each.name], each.type):  # type: ignore[arg-type]
            raise ConfigurationError(f"{path}: {each.name}: expected {kind}, found {str(found[each.name])[:60]!r}")
    if "name" in found and not _NAME.fullmatch(found["name"]):
        raise ConfigurationError(
            f"{path}: name: found {found['name'][:60]!r}; expected up to 64 letters, digits, dots, dashes and "
            "underscores, with a letter or a digit first: it becomes a part of names of files and topics",
            fix="give the engine another name",
        )
