"""What a trial is made of, and where its files are; read by all of its parts, and changed by none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.clients.kafka_topics import Topics
from harness.engines.prepare import PreparedEngine
from harness.processes.cores import Cores, cores_for
from harness.scenarios.scenario import Scenario
from harness.services.backing import Backing
from harness.trial.options import TrialOptions, Watcher

CHECKPOINTS = "checkpoints"
#: Where the Redis writer's journal is, in the trial's directory.
JOURNAL = "journal.txt"
#: How often a trial is looked at.
TICK_S = 0.25


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a trial is made of.

    Attributes:
        run_id: of the run that the trial is part of.
        scenario: what is sent, and what counts as valid.
        prepared: the engine, ready to be started.
        backing: the services that are up.
        directory: the trial's own, private to the user; made by the trial.
        environment: variables of the engine.
        malformed_records: how many of the workload's records are malformed, if the load does not end early.
        watcher: is told how the trial goes.
        options: what differs from trial to trial.
        contestant: the name under which the engine runs; empty for its own.
        engines: all engines of the session, by name, as ``NAME@VERSION`` if that is not the default: for upgrades.
    """

    run_id: str
    scenario: Scenario
    prepared: PreparedEngine
    backing: Backing
    directory: Path
    environment: dict[str, str]
    malformed_records: int
    watcher: Watcher
    options: TrialOptions
    contestant: str = ""
    engines: Mapping[str, PreparedEngine] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The contestant's name."""
        return self.contestant or self.engine

    @property
    def engine(self) -> str:
        """The engine's name."""
        return self.prepared.engine.name

    @cached_property
    def topics(self) -> Topics:
        """The trial's own topics."""
        return Topics.of(self.run_id, self.options.label, aggregates=not self.scenario.is_direct)

    @cached_property
    def cores(self) -> Cores:
        """Which cores are the engine's. Raises ConfigurationError if there are not as many."""
        return cores_for(self.scenario.engine_cpus)

    @property
    def archive_prefix(self) -> str:
        """Below which the input is archived, in the bucket."""
        return f"{self.run_id}/{self.options.label}/archive"

    @property
    def expire_s(self) -> int:
        """For how long Redis keeps a window that changes no more."""
        workload = self.scenario.workload()
        return self.options.kept_s or 3600 + workload.warmup_s + workload.duration_s

    @property
    def anchor(self) -> str:
        """The file that tells workers when the load starts."""
        return self.file("anchor")

    @property
    def end_orders(self) -> str:
        """The file that may end the load early; empty if nothing will."""
        return self.file("end.orders.json") if self.options.pace else ""

    @property
    def engine_job(self) -> Path:
        """The engine's job file."""
        return self.directory / "engine.job.json"

    def orders(self, worker: str) -> Path:
        """The file that tells `worker` what to do while it runs."""
        return self.directory / f"{worker}.orders.json"

    def file(self, name: str) -> str:
        """The path of the file called `name` in the trial's directory."""
        return str(self.directory / name)

    def phase(self, name: str) -> None:
        """Tell that the trial is in another phase."""
        self.watcher.phase(name, self.options.label)
