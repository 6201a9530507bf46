"""The processes of a trial: started, asked whether they live, started again after a fault, and stopped."""

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from engines.contract.events import Event
from harness.clients.kafka_topics import committed_ends, end_offset, partition_bounds
from harness.engines.clusters import ELSEWHERE, cluster_of, has_cluster, start_cluster
from harness.engines.prepare import ENGINE_STOP_S
from harness.errors import ServiceError
from harness.faults.plan import Change
from harness.processes.child import Child
from harness.processes.supervisor import Supervisor
from harness.scenarios.sharing import processes_of
from harness.services.cluster import Cluster, Node
from harness.trial import job_files
from harness.trial.outcome import Trial
from harness.trial.setting import TICK_S, Setting
from harness.workers.start import start_worker

WORKER_READY_S = 60.0
WRITER_DEADLINE_S = 60.0
ARCHIVE_DEADLINE_S = 60.0
LAST_WORDS_S = 5.0


class Processes:
    """The processes of one trial: the engine with its cluster, and the workers.

    Attributes:
        children: by name; one that was started again takes the place of the dead one.
        supervisor: starts again what dies of a fault.
        cluster: the engine's own; None if it has none.
    """

    def __init__(self, setting: Setting, trial: Trial) -> None:
        self._setting, self._trial = setting, trial
        self.children: dict[str, Child] = {}
        self.supervisor = Supervisor(self.children, {}, trial.restarts)
        self.cluster: Cluster | None = None
        #: What is started as the engine: an operation may change it.
        self._engine_as = setting

    # Starting

    def start_engine(self, stack: ExitStack) -> None:
        """Start the engine, and what is to be there before it."""
        setting = self._setting
        if setting.scenario.cluster and has_cluster(setting.prepared.engine):
            self._start_cluster(stack)
        for name, job in job_files.proxy_jobs(setting).items():
            self.children[name] = stack.enter_context(start_worker("proxy", job, setting.directory, name=name))
            self.children[name].wait_for("ready", WORKER_READY_S)
        if not setting.scenario.is_direct:
            self._start_worker(stack, "redis_writer", job_files.writer_job(setting, self._proxy_ports()))
        self._write_engine_job()
        self.children["engine"] = self._engine(stack)
        if writer := self.children.get("redis_writer"):
            writer.wait_for("ready", WORKER_READY_S)

    def await_engine(self) -> bool:
        """Wait until the engine is ready. Returns whether it is: if not, the next engine gets its turn."""
        child = self.children["engine"]
        try:
            ready = child.wait_for("ready", self._setting.scenario.limits.engine_ready_s)
        except ServiceError as error:
            self._trial.trouble(str(error))
            return False
        self._trial.version, self._trial.config = ready.fields.get("version"), ready.fields.get("config", {})
        self._trial.startup_s = (ready.at_ms - child.started_ms) / 1000
        return True

    def start_workers(self, stack: ExitStack) -> None:
        """Start what sends and measures, while the engine is starting: most of that is waiting."""
        setting = self._setting
        recording = str(self._trial.recording) if setting.options.record else ""
        jobs = {"probe": job_files.probe_job(setting, recording), "generator": job_files.generator_job(setting)}
        for name, job in jobs.items():
            self._start_worker(stack, name, job)
        if setting.options.archive:
            environment = setting.backing.bucket.environment()
            self._start_worker(stack, "archiver", job_files.archiver_job(setting), environment)
        for name in ("probe", "generator", *(["archiver"] if setting.options.archive else [])):
            self.children[name].wait_for("ready", WORKER_READY_S)

    def watch_over(self, stack: ExitStack) -> None:
        """Have the engine and the Redis writer started again whenever they die: there are to be faults."""
        setting = self._setting
        self.supervisor.starters["engine"] = lambda: self._engine(stack)
        if "redis_writer" in self.children:
            self.supervisor.starters["redis_writer"] = lambda: self._worker(
                stack, "redis_writer", job_files.writer_job(setting, self._proxy_ports())
            )

    def change_engine(self, change: Change) -> None:
        """Have the engine be started by another job from now on."""
        setting = self._engine_as
        scenario, prepared, changed = setting.scenario, setting.prepared, dict[str, Any]()
        if change.parallelism is not None:
            changed["parallelism"] = change.parallelism
        if upgrade := change.upgrades.get(setting.name):
            prepared = setting.engines[upgrade.engine]
            changed["engine_settings"] = scenario.engine_settings | {setting.engine: dict(upgrade.settings)}
        self._engine_as = replace(setting, scenario=scenario.model_copy(update=changed), prepared=prepared)
        self._write_engine_job()

    def _write_engine_job(self) -> None:
        job = job_files.engine_job(self._engine_as, self._engine_settings(), self._proxy_ports())
        job.save(self._setting.engine_job)

    def _start_cluster(self, stack: ExitStack) -> None:
        """Start a cluster for the engine; each of its workers can do all of the work, if the other one is lost."""
        setting = self._setting
        slots = setting.scenario.parallelism
        self.cluster = stack.enter_context(
            start_cluster(setting.prepared, setting.directory, slots, self._environment(), setting.watcher.note)
        )
        self._trial.cluster += self.cluster.nodes

    def _engine(self, stack: ExitStack) -> Child:
        setting = self._engine_as
        argv = setting.prepared.command(setting.engine_job)
        log = setting.directory / "engine.log"
        environment = self._environment() | (self.cluster.environment if self.cluster else {})
        return stack.enter_context(Child(f"engine {setting.name}", argv, log_path=log, env=environment))

    def _environment(self) -> dict[str, str]:
        setting = self._engine_as
        return setting.environment | job_files.jvm_options(setting) | setting.cores.environment

    def _engine_settings(self) -> dict[str, Any]:
        setting = self._engine_as
        own = setting.scenario.engine_settings.get(setting.engine, {}) | setting.options.engine_settings
        if self.cluster:
            return own | {setting.prepared.engine.cluster: self.cluster.address}
        if cluster_of(setting.prepared.engine, own):
            self._trial.cost_unknown = ELSEWHERE
        return own

    def _start_worker(self, stack: ExitStack, name: str, job: Any, env: dict[str, str] | None = None) -> None:
        self.children[name] = self._worker(stack, name, job, env)

    def _worker(self, stack: ExitStack, name: str, job: Any, env: dict[str, str] | None = None) -> Child:
        """The worker called `name`: one process, or one that stands for several."""
        module = f"{name}s" if processes_of(self._setting.scenario).get(name, 1) > 1 else name
        return stack.enter_context(start_worker(module, job, self._setting.directory, env, name=name))

    def _proxy_ports(self) -> dict[str, int]:
        return {name: self.children[name].latest("port") for name in job_files.proxy_jobs(self._setting)}

    # While they run

    @property
    def nodes(self) -> dict[str, Node]:
        """The nodes of the engine's own cluster, by name."""
        return self.cluster.nodes if self.cluster else {}

    def pids(self) -> dict[str, int]:
        """The guards of the trial's process groups and of the services, by name."""
        children = {name: child.process.pid for name, child in self.children.items()}
        nodes = {name: node.process.pid for name, node in self.nodes.items()}
        return children | nodes | self._setting.backing.pids

    def engine_pids(self) -> list[int]:
        """The guards of the engine and of its cluster."""
        pids = self.pids()
        return [pids[name] for name in ("engine", *self._trial.cluster)]

    def all_live(self) -> bool:
        """Whether all processes live; those that are started again if they die are not asked."""
        watched_over = self.supervisor.starters
        if "engine" not in watched_over and not self.children["engine"].is_running:
            self._trial.trouble(self.children["engine"].death())
        for name, child in self.children.items():
            if name not in ("engine", *watched_over) and not child.is_running and not child.last("stopped"):
                self._trial.spoil(child.death())
        return not self._trial.engine_troubles and not self._trial.invalid_reasons

    def any_is_down(self) -> bool:
        """Whether one of those that are watched over is dead, or not ready again."""
        return any(map(self.supervisor.is_down, self.supervisor.starters))

    def await_services(self) -> bool:
        """Wait until all services and nodes answer. Returns whether they do."""
        try:
            for service in (*self._setting.backing.services.values(), *self.nodes.values()):
                service.wait_until_ready()
        except ServiceError as error:
            self._trial.spoil(f"a service did not come back after a fault: {error.message}")
            return False
        return True

    # Stopping

    def stop_engine(self) -> None:
        """Stop the engine in good order; it has its class archive by then."""
        engine, archive = self.children["engine"], self._setting.prepared.class_archive
        # On a cluster, the engine's own JVM loads few of the classes.
        if archive and not self.cluster:
            archive.learn(engine.process.child_tree())
        engine.stop(ENGINE_STOP_S)
        if not engine.last("stopped"):
            self._trial.trouble(f"engine {self._setting.name} did not stop in good order on SIGTERM")

    def await_writer(self) -> None:
        """Wait until the writer, if there is one, has taken every upsert that the engine left in the topic."""
        writer = self.children.get("redis_writer")
        if not writer:
            return
        client, topic = self._setting.backing.kafka_client, self._setting.topics.aggregates
        # The markers of transactions take up offsets, and no consumer is shown them.
        is_plain = not self._setting.scenario.is_exactly_once
        wanted = end_offset(client, topic) if is_plain else sum(committed_ends(client, topic).values())
        deadline = time.monotonic() + WRITER_DEADLINE_S
        while (taken := writer.latest("upserts", 0)) < wanted:
            if not writer.is_running or time.monotonic() > deadline:
                self._trial.spoil(f"the redis writer took {taken:,} of {wanted:,} upserts")
                return
            time.sleep(TICK_S / 4)
        if refused := writer.latest("refused", 0):
            self._trial.trouble(f"{refused:,} messages in the aggregates topic break the contract")

    def stop_observers(self) -> None:
        """Stop what follows the counts."""
        for name in ("redis_writer", "probe"):
            if name in self.children:
                self.children[name].stop()

    def account(self, name: str) -> Event | None:
        """What the worker called `name` told when it ended in good order; None if it did not."""
        try:
            # What it said last may still be on its way when the process is gone.
            return self.children[name].wait_for("stopped", LAST_WORDS_S)
        except ServiceError:
            return None

    def await_archiver(self) -> None:
        """Wait until the archiver, if there is one, has archived all of the input."""
        archiver = self.children.get("archiver")
        if not archiver:
            return
        try:
            archived = archiver.wait_for("stopped", ARCHIVE_DEADLINE_S).fields["archived_offsets"]
        except ServiceError as error:
            self._trial.spoil(f"the archive is not complete: {error}")
            return
        if not self._trial.injected:  # after a fault, more may have arrived than what is archived
            self._check_archived(archived)

    def _check_archived(self, archived: list[int]) -> None:
        """Hold how far each partition was archived to what the topic holds."""
        found = partition_bounds(self._setting.backing.kafka_client, self._setting.topics.input)
        ends = [found[partition][1] for partition in sorted(found)]
        if archived != ends:
            wrong = [number for number, end in enumerate(ends) if archived[number : number + 1] != [end]]
            self._trial.spoil(
                f"the archive is not complete: {sum(archived):,} of {sum(ends):,} messages of the topic are in it, "
                f"partition {wrong[0] if wrong else len(ends)} is the first that differs"
            )
