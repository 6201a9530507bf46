"""The engines that there are, and all that one has, for a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.results.engines import ListedEngine

#: In place of what a descriptor does not tell.
NOT_TOLD = "not told"


def engine_table(engines: Iterable[ListedEngine]) -> Table:
    """A row for each engine, of as many lines as it has of something."""
    table = Table("engine", "versions", "routes", "queries", "tunings", "licence", show_edge=False, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for each in engines:
        table.add_row(
            Text(each.name, style="bold"),
            Text("\n".join(each.tested_versions) or NOT_TOLD),
            Text("\n".join(each.routes)),
            Text("\n".join(each.queries)),
            Text("\n".join(each.tunings) or "none"),
            Text(each.licence or NOT_TOLD),
        )
    return table


def engine_details(engine: ListedEngine) -> Group:
    """All that one engine has: what it is, then its settings with what each tuning has in place of the default."""
    facts = Table(show_edge=False, pad_edge=False, box=None, show_header=False)
    for name, value in _facts(engine).items():
        facts.add_row(Text(name, style="dim"), Text(value))
    parts: list[Text | Table] = [Text(f"{engine.name}: {engine.description}", style="bold"), facts]
    if engine.settings:
        parts += [Text(), _settings(engine)]
    return Group(*parts)


def _facts(engine: ListedEngine) -> Mapping[str, str]:
    return {
        "version": engine.default_version or NOT_TOLD,
        "also tested": ", ".join(engine.tested_versions[1:]) or "none",
        "routes": ", ".join(engine.routes),
        "queries": ", ".join(engine.queries),
        "deliveries": ", ".join(engine.deliveries),
        "cluster": f"by the setting {engine.cluster}" if engine.cluster else "none",
        "needs": ", ".join([f"Python {engine.python or 'of the harness'}", *(["Java"] if engine.java else [])]),
        "licence": engine.licence or NOT_TOLD,
        "folder": engine.directory,
    }


def _settings(engine: ListedEngine) -> Table:
    table = Table(
        "setting", "default", *(f"tuning {each}" for each in engine.tunings), show_edge=False, pad_edge=False, box=None
    )
    for name, default in engine.settings.items():
        tuned = (_shown(settings[name]) if name in settings else "" for settings in engine.tunings.values())
        table.add_row(Text(name), Text(NOT_TOLD if default is None else _shown(default)), *map(Text, tuned))
    return table


def _shown(value: Any) -> str:
    """A setting's value as YAML has it; nothing is shown as such."""
    if value in ("", {}):
        return "empty"
    return str(value).lower() if isinstance(value, bool) else str(value)
