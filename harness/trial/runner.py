"""One trial: one engine driven with the whole workload, watched, stopped, and its counts collected."""

import json
import math
import os
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
from numpy.typing import NDArray

from engines.contract.job import JobSpecification, RedisTarget
from engines.contract.kafka import OAUTH_URL
from engines.contract.process import JVM_OPTIONS
from harness.clients.kafka_topics import Topics, create_topics, delete_topics, end_offset, read_topic
from harness.clients.redis_contents import clear, read_answers, read_counts
from harness.engines.clusters import ELSEWHERE, cluster_of, has_cluster, start_cluster
from harness.engines.prepare import ENGINE_STOP_S, PreparedEngine
from harness.errors import ServiceError
from harness.faults.catalogue import BY_NAME, GENERATOR, KAFKA_PROXY, REDIS_PROXY
from harness.faults.plan import CALM_BEFORE_S, put_off
from harness.measurement.accounting import Meter, OwnMeter, Readings
from harness.measurement.clock import ClockWatch
from harness.measurement.delivery import Delays
from harness.measurement.flame_graphs import Profiling
from harness.measurement.hops import counted_ahead, emitted_ms, moments, waterfall
from harness.measurement.jvm_pauses import logging_option, read_pauses
from harness.measurement.matching import quantile_bounds
from harness.measurement.pace import Pace
from harness.processes.child import Child
from harness.processes.cores import cores_for, cores_in_use
from harness.processes.supervisor import Supervisor
from harness.results.performance import QuantileBounds, TopicBytes
from harness.scenarios.scenario import Scenario
from harness.services.backing import Backing
from harness.services.cluster import Cluster
from harness.services.ports import HOST
from harness.trial.fault_actions import ACTIONS
from harness.trial.options import TrialOptions, View, Watcher
from harness.trial.outcome import Injected, Trial, still_watched
from harness.trial.stage import Stage
from harness.workers.jobs import ArchiverJob, GeneratorJob, ProbeJob, ProxyJob, RedisWriterJob, announce_anchor
from harness.workers.orders import EndOrders
from harness.workers.start import start_worker
from workloads.profiles import NANOSECONDS_PER_S
from workloads.replay import open_workload

#: From telling the workers when the load starts to its start.
START_DELAY_S = 0.5
WORKER_READY_S = 60.0
TICK_S = 0.25
#: Processes' usage is read at every tick, or, in a longer trial, so many times.
MAX_READINGS = 3600
CHECKPOINTS = "checkpoints"
ARCHIVE_DEADLINE_S = 60.0
WRITER_DEADLINE_S = 60.0
#: Where the Redis writer's journal is, in the trial's directory.
JOURNAL = "journal.txt"
#: The process groups of which flame graphs are drawn, if that is wanted.
PROFILED = ("engine", "kafka")
#: This process, among the process groups.
OWN = "ringbench"


class TrialRunner:
    """Runs one trial; `run` reads as its table of contents."""

    def __init__(
        self,
        run_id: str,
        scenario: Scenario,
        prepared: PreparedEngine,
        backing: Backing,
        directory: Path,
        engine_environment: dict[str, str],
        malformed_records: int,
        watcher: Watcher,
        options: TrialOptions,
    ) -> None:
        self._run_id, self._scenario, self._prepared = run_id, scenario, prepared
        self._backing, self._directory, self._watcher = backing, directory, watcher
        self._environment, self._options = engine_environment, options
        self._malformed_records = malformed_records
        self._workload = scenario.workload()
        self._name = prepared.engine.name
        self._topics = Topics.of(run_id, options.label, aggregates=not scenario.is_direct)
        self._trial = Trial(
            self._name, options.label, f"{run_id}/{options.label}/archive", directory, scenario.duration_s
        )
        self._cluster: Cluster | None = None
        self._children: dict[str, Child] = {}
        self._meters: dict[str, Meter | OwnMeter] = {}
        self._reading_due_s = 0.0
        self._clock = ClockWatch()
        self._cores = cores_for(scenario.engine_cpus)
        self._noted_ms: dict[str, int] = {}  # when the last event was sent that delays were taken from, by child
        self._supervisor = Supervisor(self._children, {}, self._trial.restarts)
        self._profiling = Profiling(options.profiler, directory, options.label, self._workload.duration_s)
        self._trial.injected += [Injected(planned) for planned in options.faults]

    def run(self) -> Trial:
        """Run the trial and tidy up after it, whatever happens. Raises ServiceError if something cannot be started."""
        (self._directory / CHECKPOINTS).mkdir(mode=0o700, parents=True)
        clear(self._backing.redis_url, self._backing.namespace)
        create_topics(
            self._backing.kafka_client,
            self._topics,
            self._scenario.partitions,
            retention_s=self._options.kept_s,
            producers_stamps=self._options.producers_stamps,
        )
        try:
            with ExitStack() as stack:
                stack.enter_context(self._cores.others_kept_off(self._everything_else()))
                stack.callback(self._profiling.stop)
                self._start_engine(stack)
                self._start_workers(stack)
                if self._await_engine():
                    self._watch_over(stack)
                    self._start_load()
                    if self._watch_load() and self._watch_drain():
                        self._collect()
                    elif self._trial.broken_off:
                        self._collect_what_there_is()
        finally:
            delete_topics(self._backing.kafka_client, self._topics)
        return self._trial

    # Starting

    def _start_engine(self, stack: ExitStack) -> None:
        """Start the engine, and what is to be there before it."""
        self._watcher.phase(f"{self._options.label}: starting the engine")
        if self._scenario.cluster and has_cluster(self._prepared.engine):
            self._start_cluster(stack)
        for name, job_of_proxy in self._proxy_jobs().items():
            self._children[name] = stack.enter_context(start_worker("proxy", job_of_proxy, self._directory, name=name))
            self._children[name].wait_for("ready", WORKER_READY_S)
        if not self._scenario.is_direct:
            self._start_worker(stack, "redis_writer", self._writer_job())
        job = self._directory / "engine.job.json"
        self._engine_job().save(job)
        self._children["engine"] = self._engine(stack, job)
        if writer := self._children.get("redis_writer"):
            writer.wait_for("ready", WORKER_READY_S)

    def _await_engine(self) -> bool:
        """Wait until the engine is ready. Returns whether it is: if not, the next engine gets its turn."""
        child = self._children["engine"]
        try:
            ready = child.wait_for("ready", self._scenario.limits.engine_ready_s)
        except ServiceError as error:
            self._trial.engine_troubles.append(str(error))
            return False
        self._trial.version, self._trial.config = ready.fields.get("version"), ready.fields.get("config", {})
        self._trial.startup_s = (ready.at_ms - child.started_ms) / 1000
        return True

    def _start_cluster(self, stack: ExitStack) -> None:
        """Start a cluster for the engine; each of its workers can do all of the work, if the other one is lost."""
        environment = self._environment | self._jvm_options() | self._cores.environment
        slots = self._scenario.parallelism
        self._cluster = stack.enter_context(
            start_cluster(self._prepared, self._directory, slots, environment, self._watcher.note)
        )
        self._trial.cluster += self._cluster.nodes

    def _engine(self, stack: ExitStack, job: Path) -> Child:
        argv = self._prepared.command(job)
        log = self._directory / "engine.log"
        environment = self._environment | self._jvm_options() | self._cores.environment
        return stack.enter_context(Child(f"engine {self._name}", argv, log_path=log, env=environment))

    def _everything_else(self) -> list[int]:
        """The guards of what runs already, and is not the engine's."""
        return [*self._backing.pids.values(), *(each.process.pid for each in self._options.companions.values())]

    def _watch_over(self, stack: ExitStack) -> None:
        """If there are to be faults: start again what dies of them, and heal them whatever happens."""
        if not self._options.faults:
            return
        job = self._directory / "engine.job.json"
        self._supervisor.starters["engine"] = lambda: self._engine(stack, job)
        if "redis_writer" in self._children:
            self._supervisor.starters["redis_writer"] = lambda: stack.enter_context(
                start_worker("redis_writer", self._writer_job(), self._directory)
            )
        # Before the children are stopped: a stopped process does not heed SIGTERM.
        stack.callback(self._heal_all)

    def _jvm_options(self) -> dict[str, str]:
        """Variables with options: for any JVM of the engine's, the user's own kept, and for the one that counts."""
        archive = self._prepared.class_archive
        if not archive:
            return {}
        own = os.environ.get("JDK_JAVA_OPTIONS", "")
        options = [logging_option(self._directory, "engine")]
        if url := self._backing.kafka_properties.get(OAUTH_URL):
            # Kafka's client asks no OAuth server that the JVM does not allow.
            options.append(f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={url}")
        # Quoted, for the sake of a folder's name with a blank in it.
        every = " ".join([own, *(f'"{each}"' for each in options)]).strip()
        return {"JDK_JAVA_OPTIONS": every, JVM_OPTIONS: " ".join(archive.options(self._directory))}

    def _start_workers(self, stack: ExitStack) -> None:
        """Start what sends and measures, while the engine is starting: most of that is waiting."""
        jobs = {"probe": self._probe_job(), "generator": self._generator_job()}
        if self._options.archive:
            jobs["archiver"] = self._archiver_job()
        for name, job in jobs.items():
            self._start_worker(stack, name, job, self._backing.bucket.environment() if name == "archiver" else None)
        for name in jobs:
            self._children[name].wait_for("ready", WORKER_READY_S)

    def _start_load(self) -> None:
        """Tell everything that is ready when the load starts."""
        self._meters = {OWN: OwnMeter()} | {name: Meter(pid) for name, pid in self._metered_pids().items()}
        self._trial.readings = {name: Readings() for name in self._meters}
        self._clock.look()
        self._look_at_programs(-float(self._workload.warmup_s))
        self._trial.anchor_ns = time.time_ns() + int(START_DELAY_S * NANOSECONDS_PER_S)
        announce_anchor(self._anchor(), self._trial.anchor_ns)

    def _start_worker(self, stack: ExitStack, name: str, job: Any, env: dict[str, str] | None = None) -> None:
        module = "generators" if name == GENERATOR and self._scenario.generators > 1 else name
        self._children[name] = stack.enter_context(start_worker(module, job, self._directory, env, name=name))

    def _pids(self) -> dict[str, int]:
        children = {name: child.process.pid for name, child in self._children.items()}
        nodes = {name: node.process.pid for name, node in (self._cluster.nodes if self._cluster else {}).items()}
        return children | nodes | self._backing.pids

    def _metered_pids(self) -> dict[str, int]:
        return self._pids() | {name: child.process.pid for name, child in self._options.companions.items()}

    def _anchor(self) -> str:
        return str(self._directory / "anchor")

    def _end_file(self) -> str:
        return self._output("end.orders.json") if self._options.pace else ""

    def _output(self, name: str) -> str:
        return str(self._directory / name)

    def _engine_job(self) -> JobSpecification:
        return JobSpecification(
            run_id=self._run_id,
            engine=self._name,
            bootstrap_servers=self._engines_bootstrap_servers(),
            kafka_properties=self._backing.kafka_properties,
            input_topic=self._topics.input,
            route=self._scenario.route,
            output_topic=self._topics.aggregates,
            redis=self._redis_target() if self._scenario.is_direct else None,
            dead_letter_topic=self._topics.dead_letter,
            query=self._scenario.query,
            query_parameters=self._scenario.parameters,
            locations=self._scenario.locations,
            allowed_lateness_ms=self._scenario.allowed_lateness_ms,
            parallelism=self._scenario.parallelism,
            checkpoint_dir=str(self._directory / CHECKPOINTS),
            checkpoint_interval_ms=self._scenario.checkpoint_interval_ms,
            restarts_tasks=self._options.restarts_tasks,
            jars=[str(jar) for jar in self._prepared.jars],
            settings=self._engine_settings(),
        )

    def _engine_settings(self) -> dict[str, Any]:
        engine = self._prepared.engine
        settings = self._scenario.engine_settings.get(self._name, {}) | self._options.engine_settings
        if self._cluster:
            return settings | {engine.cluster: self._cluster.address}
        if cluster_of(engine, settings):
            self._trial.cost_unknown = ELSEWHERE
        return settings

    def _redis_target(self) -> RedisTarget:
        return RedisTarget(url=self._backing.redis_url, namespace=self._backing.namespace, expire_s=self._expire_s())

    def _expire_s(self) -> int:
        return self._options.kept_s or 3600 + self._workload.warmup_s + self._workload.duration_s

    def _generator_job(self) -> GeneratorJob:
        return GeneratorJob(
            workload=self._workload,
            anchor=self._anchor(),
            bootstrap_servers=self._backing.bootstrap_servers,
            kafka_properties=self._backing.kafka_properties,
            topic=self._topics.input,
            output=self._output("generator.npz"),
            orders=str(self._orders(GENERATOR)) if self._options.producers_stamps else "",
            end=self._end_file(),
            shards=self._scenario.generators,
            processes=self._scenario.generators,
        )

    def _archiver_job(self) -> ArchiverJob:
        bucket = self._backing.bucket
        return ArchiverJob(
            workload=self._workload,
            bootstrap_servers=self._backing.bootstrap_servers,
            kafka_properties=self._backing.kafka_properties,
            topic=self._topics.input,
            endpoint=bucket.endpoint,
            bucket=bucket.name,
            prefix=self._trial.archive_prefix,
            output=self._output("archiver.npz"),
        )

    def _writer_job(self) -> RedisWriterJob:
        return RedisWriterJob(
            bootstrap_servers=self._backing.bootstrap_servers,
            kafka_properties=self._backing.kafka_properties,
            topic=self._topics.aggregates,
            redis_url=self._writers_redis_url(),
            namespace=self._backing.namespace,
            expire_s=self._expire_s(),
            journal=self._output(JOURNAL) if self._options.journal else "",
            query=self._scenario.query,
        )

    def _writers_redis_url(self) -> str:
        if not self._options.proxied:
            return self._backing.redis_url
        return f"redis://{HOST}:{self._children[REDIS_PROXY].latest('port')}/0"

    def _engines_bootstrap_servers(self) -> str:
        if not self._options.kafka_proxied:
            return self._backing.bootstrap_servers
        return f"{HOST}:{self._children[KAFKA_PROXY].latest('port')}"

    def _proxy_jobs(self) -> dict[str, ProxyJob]:
        jobs = {}
        if self._options.proxied:
            port = urlsplit(self._backing.redis_url).port
            assert port, "faults are for a Redis that was started here"
            jobs[REDIS_PROXY] = ProxyJob(target_port=port, orders=str(self._orders(REDIS_PROXY)))
        if self._options.kafka_proxied:
            detour = self._backing.kafka.detour
            assert detour, "the session was opened without a detour to Kafka"
            jobs[KAFKA_PROXY] = ProxyJob(
                target_port=detour.broker_port, orders=str(self._orders(KAFKA_PROXY)), port=detour.proxy_port
            )
        return jobs

    def _orders(self, name: str) -> Path:
        return self._directory / f"{name}.orders.json"

    def _probe_job(self) -> ProbeJob:
        return ProbeJob(
            workload=self._workload,
            anchor=self._anchor(),
            redis_url=self._backing.redis_url,
            namespace=self._backing.namespace,
            output=self._output("probe.json"),
            recording=str(self._trial.recording) if self._options.record else "",
            end=self._end_file(),
            query=self._scenario.query,
        )

    # Watching

    def _watch_load(self) -> bool:
        """Watch until everything is sent. Returns whether the trial can go on."""
        self._watcher.phase(f"{self._options.label}: load")
        generator = self._children["generator"]
        while generator.is_running:
            if not self._watch_once():
                return False
            if self._t_s() >= 0:
                self._profiling.start({name: pid for name, pid in self._pids().items() if name in PROFILED})
            if self._options.pace:
                self._keep_pace(self._options.pace)
            self._inject()
            if reason := self._options.meddle(self._view()):
                self._trial.broken_off, self._trial.broken_off_s = reason, self._t_s()
                return False
        self._trial.generator = dict(generator.wait_for("stopped", 0.5).fields)
        self._look_at_programs(self._t_s())
        self._look_at_cores()
        return self._is_healed()

    def _look_at_cores(self) -> None:
        """Note which cores the engine may run on, and hold that to what it was given."""
        pids = self._pids()
        self._trial.engine_cpus = cores_in_use([pids[name] for name in ("engine", *self._trial.cluster)])
        given = sorted(self._cores.engine)
        if given and self._trial.engine_cpus != given:
            self._trial.invalid_reasons.append(
                f"the engine was given the cores {given}, and ran on {self._trial.engine_cpus}"
            )

    def _keep_pace(self, pace: Pace) -> None:
        """Put off the faults to come until the last one is recovered from; end the load if none is to come."""
        number = sum(each.started_s is not None for each in self._trial.injected)
        if not number:
            return
        last, t_s = self._trial.injected[number - 1], self._t_s()
        self._look_at_recovery(pace, last)
        goes_on = last.healed_s is not None and pace.goes_on(t_s, last.healed_s)
        if number < len(self._trial.injected) and not goes_on:
            self._put_off(number)
        elif number == len(self._trial.injected) and goes_on and pace.ends_load:
            self._end_load(pace, math.ceil(t_s + CALM_BEFORE_S))

    def _look_at_recovery(self, pace: Pace, last: Injected) -> None:
        """Have `pace` look at how far the recovery from the `last` fault is."""
        assert last.started_s is not None
        if told := self._children["probe"].last("progress"):
            # What died of it was harmed.
            was_harmed = last.did_something or any(each.died_s >= last.started_s for each in self._trial.restarts)
            is_over = was_harmed and not any(map(self._supervisor.is_down, self._supervisor.starters))
            told_s = self._measured_s(told.fields["now_ms"] * 1_000_000)
            pace.look(self._t_s(), told_s, told.fields["visible_records"], is_over=is_over)

    def _put_off(self, number: int) -> None:
        """Have the fault of that number come no earlier than its calm from now on, and those after it as much later."""
        planned = self._options.faults
        calm_s = planned[number].at_s - planned[number - 1].healed_s
        found = put_off([each.planned for each in self._trial.injected], number, self._t_s() + calm_s)
        for each, later in zip(self._trial.injected, found, strict=True):
            each.planned = later

    def _end_load(self, pace: Pace, duration_s: int) -> None:
        """End the load after so many seconds of the measured time, which are to come; once for a trial."""
        if self._trial.duration_s < self._scenario.duration_s or duration_s >= self._scenario.duration_s:
            return
        total_s = self._workload.warmup_s + duration_s
        EndOrders(total_s).give(Path(self._end_file()))
        self._watcher.note(f"the load ends at {duration_s} s")
        self._trial.duration_s = duration_s
        self._malformed_records = pace.malformed_before(pace.workload.due_before(total_s * NANOSECONDS_PER_S))
        self._workload = replace(self._workload, duration_s=duration_s)

    def _inject(self) -> None:
        """Start and heal the faults whose time it is."""
        t_s = self._t_s()
        for each in self._trial.injected:
            if each.started_s is None and t_s >= each.planned.at_s:
                self._watcher.note(f"{t_s:.1f} s: {each.planned.fault} begins")
                each.started_s, each.before = self._t_s(), self._evidence(each)
                ACTIONS[each.planned.fault].start(self._stage())
            elif each.started_s is not None and each.healed_s is None and t_s >= each.planned.healed_s:
                self._heal(each)

    def _heal(self, injected: Injected) -> None:
        injected.healed_s = self._t_s()
        ACTIONS[injected.planned.fault].heal(self._stage())
        self._watcher.note(f"{injected.healed_s:.1f} s: {injected.planned.fault} is healed")

    def _heal_all(self) -> None:
        for each in self._trial.injected:
            if each.started_s is not None and each.healed_s is None:
                self._heal(each)

    def _is_healed(self) -> bool:
        """Heal what is left to heal, and wait until everything is there again. Returns whether it is."""
        if not self._options.faults:
            return True
        self._heal_all()
        try:
            for service in (*self._backing.services.values(), *(self._cluster.nodes if self._cluster else {}).values()):
                service.wait_until_ready()
        except ServiceError as error:
            self._trial.invalid_reasons.append(f"a service did not come back after a fault: {error.message}")
            return False
        deadline = time.monotonic() + self._scenario.limits.engine_ready_s
        while any(map(self._supervisor.is_down, self._supervisor.starters)):
            if not self._watch_once():
                return False
            if time.monotonic() > deadline:
                self._trial.broken_off = "a process that had died was not ready again in time"
                return False
        return True

    def _stage(self) -> Stage:
        return Stage(
            lambda name: self._pids()[name],
            self._supervisor,
            self._backing,
            self._orders,
            self._topics.input,
            self._cluster,
        )

    def _evidence(self, injected: Injected) -> int:
        """The total that rises if the fault does something."""
        where = BY_NAME[injected.planned.fault].evidence
        return int(self._children[where[0]].latest(where[1], 0)) if where else 0

    def _look_for_evidence(self) -> None:
        """Note whether faults have done something."""
        for each in still_watched(self._trial.injected):
            each.look(self._evidence(each))

    def _watch_drain(self) -> bool:
        """Watch until the engine has dealt with all records, or no more come. Returns whether the trial can go on."""
        self._watcher.phase(f"{self._options.label}: drain")
        limits, probe = self._scenario.limits, self._children["probe"]
        updates, changed_s = -1, time.monotonic()
        while True:
            if not self._watch_once():
                return False
            if updates != (now := probe.latest("updates", 0)):
                updates, changed_s = now, time.monotonic()
            quiet_s = time.monotonic() - changed_s
            if quiet_s > limits.quiet_s:
                return True
            if quiet_s > limits.settle_s and self._all_visible() and self._has_dead_letters():
                return True

    def _all_visible(self) -> bool:
        """Whether as much is visible as there is to be: which it is, the verifier sees."""
        probe = self._children["probe"]
        if not self._scenario.asks_for_counts:
            return bool(probe.latest("answers", 0) >= self._options.answers)
        expected = self._trial.generator["acked_records"] - self._malformed_records
        return bool(probe.latest("visible_records", 0) >= expected)

    def _has_dead_letters(self) -> bool:
        return end_offset(self._backing.kafka_client, self._topics.dead_letter) >= self._malformed_records

    def _watch_once(self) -> bool:
        """Look at everything once. Returns whether all processes live."""
        time.sleep(TICK_S)
        self._read_meters()
        self._note_progress()
        self._note_delays()
        self._clock.look()
        self._trial.clock_step_ms = self._clock.step_ms
        view = self._view()
        self._watcher.metrics(
            t_s=view.t_s,
            told_s=self._trial.generator_progress[-1][0] / 1000 if self._trial.generator_progress else 0.0,
            sent_records=view.sent_records,
            acked_records=view.acked_records,
            visible_records=view.visible_records if self._scenario.asks_for_counts else None,
            latency_ms_p99=self._children["probe"].latest("latency_ms_p99"),
        )
        self._trial.broken_off = self._supervisor.look(self._t_s())
        self._look_for_evidence()
        return not self._trial.broken_off and self._all_live()

    def _read_meters(self) -> None:
        if time.monotonic() < self._reading_due_s:
            return
        self._reading_due_s = time.monotonic() + (self._workload.warmup_s + self._workload.duration_s) / MAX_READINGS
        self._trial.host.look(self._t_s())
        pids = self._pids()
        for name, meter in self._meters.items():
            if isinstance(meter, Meter) and name in pids:
                meter.follow(pids[name])
            self._trial.readings[name].add(self._t_s(), meter.read())
        self._trial.compilers.look(self._t_s(), [pids[name] for name in ("engine", *self._trial.cluster)])

    def _look_at_programs(self, t_s: float) -> None:
        """Note what programs that are none of ours have used."""
        own = psutil.Process()
        # All that is started here is a child of this process, at some remove.
        ours = {own.pid, *(each.pid for each in own.children(recursive=True))}
        self._trial.host.look_at_programs(t_s, ours)

    def _note_progress(self) -> None:
        """Note how far the generator is, from the newest events that say so."""
        noted = self._trial.generator_progress
        for kind in ("progress", "stopped"):
            event = self._children["generator"].last(kind)
            if event and "sent_records" in event.fields:
                # By the schedule's clock: events are stamped by the other one, which may be stepped.
                found = event.fields["schedule_ms"], event.fields["sent_records"], event.fields["acked_records"]
                if not noted or found[0] > noted[-1][0]:
                    noted.append(found)

    def _note_delays(self) -> None:
        """Note all that writer and probe have told of their delays since the last look, however long ago that was."""
        for name, told in (("redis_writer", "delay_ms"), ("probe", "behind_ms")):
            if child := self._children.get(name):
                for event in child.since("progress", self._noted_ms.get(name, 0)):
                    self._noted_ms[name] = event.at_ms
                    at_s = self._measured_s(event.at_ms * 1_000_000)
                    self._trial.delays.setdefault(name, Delays()).add(at_s, event.fields[told])

    def _view(self) -> View:
        probe, generator = self._children["probe"], self._children["generator"]
        return View(
            t_s=self._t_s(),
            sent_records=generator.latest("sent_records", 0),
            acked_records=generator.latest("acked_records", 0),
            visible_records=probe.latest("visible_records", 0),
            pids=self._pids(),
            sink_delay_ms=self._sink_delay_ms(),
        )

    def _sink_delay_ms(self) -> float:
        writer = self._children.get("redis_writer")
        told = writer.last("progress") if writer else None
        if told is None:
            return 0.0
        # A writer that is stopped, or stuck in a transaction, tells nothing, and is late meanwhile.
        return max(float(told.fields["delay_ms"]), time.time_ns() / 1e6 - told.at_ms)

    def _all_live(self) -> bool:
        """Whether all processes live; those that are started again if they die are not asked."""
        watched_over = self._supervisor.starters
        if "engine" not in watched_over and not self._children["engine"].is_running:
            self._trial.engine_troubles.append(self._children["engine"].death())
        for name, child in self._children.items():
            if name not in ("engine", *watched_over) and not child.is_running and not child.last("stopped"):
                self._trial.invalid_reasons.append(child.death())
        return not self._trial.engine_troubles and not self._trial.invalid_reasons

    def _t_s(self) -> float:
        """Now, in seconds after the start of the measured time."""
        return self._measured_s(time.time_ns())

    def _measured_s(self, at_ns: int) -> float:
        """A moment of the wall clock, in seconds after the start of the measured time."""
        return (at_ns - self._trial.anchor_ns) / NANOSECONDS_PER_S - self._workload.warmup_s

    # Collecting

    def _collect(self) -> None:
        self._watcher.phase(f"{self._options.label}: collecting the counts")
        trial, children = self._trial, self._children
        trial.flame_graphs += self._profiling.finish()
        # On a cluster, the engine's own JVM loads few of the classes.
        if (archive := self._prepared.class_archive) and not self._cluster:
            archive.learn(children["engine"].process.child_tree())
        children["engine"].stop(ENGINE_STOP_S)
        if not children["engine"].last("stopped"):
            trial.engine_troubles.append(f"engine {self._name} did not stop in good order on SIGTERM")
        if "redis_writer" in children:
            self._await_writer()
        self._stop_observers()
        self._check_input()
        if self._options.archive:
            self._await_archiver()
        self._collect_measurements()
        counts = self._scenario.asks_for_counts
        if counts:
            trial.observed = read_counts(self._backing.redis_url, self._backing.namespace)
        else:
            trial.answers = read_answers(self._backing.redis_url, self._backing.namespace)
        letters = read_topic(self._backing.kafka_client, self._topics.dead_letter)
        trial.dead_letters = [message.value() or b"" for message in letters]
        trial.is_complete = not trial.invalid_reasons
        # When the broker took a message is known only if the broker stamped it.
        if counts and self._options.archive and trial.is_complete and not self._options.producers_stamps:
            self._take_apart()
        if counts and trial.is_complete and not self._workload.keeps_cells_together:
            trial.quantile_bounds_ms = self._quantile_bounds()

    def _collect_what_there_is(self) -> None:
        """Of a trial that was broken off: what was measured until then; its counts mean nothing."""
        self._heal_all()  # what is stopped or cut off would hold up the end of the others
        generator = self._children["generator"]
        generator.stop()
        self._trial.generator = dict(generator.wait_for("stopped", 0.5).fields)
        self._stop_observers()
        self._collect_measurements()

    def _stop_observers(self) -> None:
        for name in ("redis_writer", "probe"):
            if name in self._children:
                self._children[name].stop()

    def _collect_measurements(self) -> None:
        trial = self._trial
        trial.measured = json.loads((self._directory / "probe.json").read_text(encoding="utf-8"))
        last_due_s = self._last_due_s()
        trial.drain_s = trial.measured["last_visible_ms"] / 1000 - last_due_s if trial.measured["updates"] else None
        self._note_progress()
        trial.kafka_bytes = self._kafka_bytes()
        start_ms, end_ms = (self._end_s() - self._workload.duration_s) * 1000, self._end_s() * 1000
        logs = {"engine": self._directory, "kafka": self._backing.kafka_gc_logs}
        trial.pauses = [
            found for name, directory in logs.items() if (found := read_pauses(directory, name, start_ms, end_ms))
        ]

    def _take_apart(self) -> None:
        """Take latencies apart into hops, and see whether counts came before what they count."""
        workload, aggregates = open_workload(self._workload), self._topics.aggregates
        appended_ms, visible_ms = self._saved("archiver", "appended_ms"), self._saved("probe", "visible_ms")
        emitted = emitted_ms(workload, read_topic(self._backing.kafka_client, aggregates)) if aggregates else None
        found = moments(
            workload,
            self._trial.anchor_ns,
            errors_ns=self._saved("generator", "errors_ns"),
            appended_ms=appended_ms,
            emitted_ms=emitted,
            visible_ms=visible_ms,
        )
        self._trial.waterfall = waterfall(found)
        # Services of the user's own may be on several hosts, whose clocks differ.
        if self._workload.keeps_cells_together and {"kafka", "redis"} <= self._backing.pids.keys():
            shown_ms = visible_ms if emitted is None else emitted
            self._trial.counted_ahead = counted_ahead(workload, appended_ms, shown_ms)

    def _quantile_bounds(self) -> QuantileBounds | None:
        known = self._options.archive and not self._options.producers_stamps
        appended_ms = self._saved("archiver", "appended_ms") if known else None
        return quantile_bounds(
            open_workload(self._workload), self._trial.anchor_ns, appended_ms, self._saved("probe", "visible_ms")
        )

    def _saved(self, worker: str, name: str) -> NDArray[np.int64]:
        with np.load(self._output(f"{worker}.npz")) as arrays:
            found: NDArray[np.int64] = arrays[name]
        return found

    def _kafka_bytes(self) -> TopicBytes | None:
        data = self._backing.kafka_data
        if data is None:
            return None
        stored = {
            name: sum(segment.stat().st_size for segment in data.glob(f"{topic}-*/*.log"))
            for name, topic in vars(self._topics).items()
            if topic
        }
        return TopicBytes(**stored)

    def _last_due_s(self) -> float:
        """When the last record was due, on the wall clock."""
        workload = open_workload(self._workload)
        offset_ns = int(workload.offsets_ns(workload.total_records - 1, workload.total_records)[0])
        return (self._trial.anchor_ns + offset_ns) / NANOSECONDS_PER_S

    def _end_s(self) -> float:
        """When the measured time ends, on the wall clock."""
        return self._trial.anchor_ns / NANOSECONDS_PER_S + self._workload.warmup_s + self._workload.duration_s

    def _await_writer(self) -> None:
        """Wait until the writer has taken every upsert that the engine left in the topic."""
        writer = self._children["redis_writer"]
        wanted = end_offset(self._backing.kafka_client, self._topics.aggregates)
        deadline = time.monotonic() + WRITER_DEADLINE_S
        while writer.latest("upserts", 0) < wanted:
            if not writer.is_running or time.monotonic() > deadline:
                self._trial.invalid_reasons.append(
                    f"the redis writer took {writer.latest('upserts', 0):,} of {wanted:,} upserts"
                )
                return
            time.sleep(TICK_S / 4)
        if refused := writer.latest("refused", 0):
            self._trial.engine_troubles.append(f"{refused:,} messages in the aggregates topic break the contract")

    def _check_input(self) -> None:
        """Hold what the topic holds to what was acknowledged; after a fault, more may have arrived than that."""
        if not self._trial.injected:
            acked = self._trial.generator["acked_records"]
            arrived = end_offset(self._backing.kafka_client, self._topics.input)
            if arrived != acked:
                self._trial.invalid_reasons.append(
                    f"the input topic holds {arrived:,} messages, and {acked:,} were acknowledged"
                )

    def _await_archiver(self) -> None:
        archiver = self._children["archiver"]
        try:
            archiver.wait_for("stopped", ARCHIVE_DEADLINE_S)
        except Exception as error:
            self._trial.invalid_reasons.append(f"the archive is not complete: {error}")
