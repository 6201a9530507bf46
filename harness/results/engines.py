"""What engines have to choose from, for people and programs that list them."""

from typing import Any

from harness.results.part import ResultPart


class ListedEngine(ResultPart):
    """An engine, as its descriptor and its locks have it.

    Attributes:
        name: what users call it.
        description: one sentence.
        default_version: the one that runs if no other is asked for; None if its descriptor does not say what it is of.
        tested_versions: those that come with locks, the default one first.
        routes: the ways by which it can send counts to Redis.
        queries: what it can be asked.
        tunings: its own settings by the name of what they are best for.
        settings: its own settings with their defaults, None for one that is not told.
        deliveries: how often what it writes can be there.
        licence: of the program that it runs, by its SPDX name; None if it does not say so.
        python: the Python versions it runs on, as a PEP 440 specifier; None for the harness's own.
        java: whether it needs a Java runtime.
        cluster: its setting that names a cluster to run on; None if it has none.
        directory: the folder it stands in.
    """

    name: str
    description: str
    default_version: str | None
    tested_versions: list[str]
    routes: list[str]
    queries: list[str]
    tunings: dict[str, dict[str, Any]]
    settings: dict[str, Any]
    deliveries: list[str]
    licence: str | None
    python: str | None
    java: bool
    cluster: str | None
    directory: str
