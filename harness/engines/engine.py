"""An engine, as its ``engine.toml`` describes it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.contract.job import AT_LEAST_ONCE, KAFKA
from engines.contract.queries import COUNTS
from harness.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What ``engine.toml`` says.

    Attributes:
        name: what users call the engine.
        directory: the folder it stands in.
        description: one sentence.
        version_of: the package in its requirements, or the ``GROUP:ARTIFACT`` in its jars, whose version is the
            engine's own; empty if it has no version to choose.
        versions: those that it runs in, as a PEP 440 specifier; empty for any.
        entry: the script to run, in the folder.
        requirements: its hash-locked requirements, in the folder.
        python: the Python versions it runs on, as a PEP 440 specifier; empty for any.
        java: whether it needs a Java runtime.
        jars: its lock of JVM artifacts, in the folder; None if it has none.
        java_sources: a folder of Java sources, in the folder; they are compiled together with the contract's. Empty for
            none.
        java_classpath: which jars that its Python packages bring the sources need besides `jars`, as a glob pattern
            below the environment's ``site-packages``; empty for none.
        task_kill: whether it lets one of its tasks fail at SIGUSR1, and tells how often tasks were restarted.
        cluster: its setting that names a cluster to run on, elsewhere than in its own process; empty if it has none.
        routes: the ways by which it can send counts to Redis, of `engines.contract.job.ROUTES`.
        deliveries: how often what it writes can be there, of `engines.contract.job.DELIVERIES`.
        licence: of the program that it runs, by its SPDX name; empty if it does not say so.
        queries: what it can be asked, of `engines.contract.queries.QUERIES`.
        late_settings: its own settings that decide when its watermark moves, each with the greatest number with which
            records that are too late are dropped in time (docs/methodology.md); empty if they are in any case.
        settings: its own settings with their defaults, None for a default that is not told; empty if it does not tell
            them, and refuses others when it starts.
        operations: planned operations that it cannot do with its state kept, each with the reason
            (`harness.faults.catalogue.OPERATIONS`).
        fixed_settings: its own settings that an upgrade cannot change, each with the reason.
        tunings: its own settings by the name of what they are best for, such as ``latency`` and ``throughput``.
        version: the one that was asked for, which no descriptor has; empty for the default one.
    """

    name: str
    directory: Path
    description: str
    entry: str
    requirements: str
    version_of: str = ""
    versions: str = ""
    python: str = ""
    java: bool = False
    jars: str | None = None
    java_sources: str = ""
    java_classpath: str = ""
    task_kill: bool = False
    cluster: str = ""
    licence: str = ""
    routes: list[str] = field(default_factory=lambda: [KAFKA])
    deliveries: list[str] = field(default_factory=lambda: [AT_LEAST_ONCE])
    queries: list[str] = field(default_factory=lambda: [COUNTS])
    late_settings: dict[str, int] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    operations: dict[str, str] = field(default_factory=dict)
    fixed_settings: dict[str, str] = field(default_factory=dict)
    tunings: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: str = ""

    @property
    def program(self) -> Path:
        """The folder that its code stands in: its own, unless it is a mode of another engine."""
        return (self.directory / self.entry).resolve().parent

    def tuned(self, tuning: str) -> dict[str, Any]:
        """The settings of a tuning; none, of an engine that has no tunings at all.

        Raises:
            ConfigurationError: the engine has others, but not this one.
        """
        if not self.tunings or not tuning:
            return {}
        if tuning not in self.tunings:
            raise ConfigurationError(
                f"the engine {self.name} has no tuning {tuning!r}",
                fix=f"give one of: {', '.join(sorted(self.tunings))}",
            )
        return self.tunings[tuning]
