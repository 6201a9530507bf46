"""The command `ringbench engines`."""

from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.common import EnginePath, Json

if TYPE_CHECKING:
    from harness.engines.engine import Engine
    from harness.results.engines import ListedEngine

EPILOG = "Examples: `ringbench engines` | `ringbench engines flink` | `ringbench engines flink --json`"


def engines(
    engine: Annotated[str, typer.Argument(help="An engine's name, for all that it has.")] = "",
    engine_path: EnginePath = None,
    json: Json = False,
) -> None:
    """List the engines, or all that one has: versions, settings with defaults, tunings, queries, routes, licence."""
    from json import dumps

    from rich.console import Console

    from harness.engines.catalogue import all_engines, find_engines
    from reports.documents.engines import engine_details, engine_table

    extra = engine_path or []
    found = [listed(each) for each in (find_engines([engine], extra) if engine else all_engines(extra))]
    if json:
        print(dumps([each.model_dump(mode="json") for each in found], indent=2))
    elif engine:
        Console().print(engine_details(found[0]))
    else:
        Console().print(engine_table(found))


def listed(engine: "Engine") -> "ListedEngine":
    """What `engine` has to choose from.

    Raises:
        ConfigurationError: a lock cannot be read, or does not have the engine.
    """
    from harness.engines.versions import default_version, offered_versions
    from harness.results.engines import ListedEngine

    return ListedEngine(
        name=engine.name,
        description=engine.description,
        default_version=default_version(engine) or None,
        tested_versions=offered_versions(engine),
        routes=engine.routes,
        queries=engine.queries,
        tunings=engine.tunings,
        settings=engine.settings,
        deliveries=engine.deliveries,
        licence=engine.licence or None,
        python=engine.python or None,
        java=engine.java,
        cluster=engine.cluster or None,
        directory=str(engine.directory),
    )
