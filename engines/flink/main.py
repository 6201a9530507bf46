"""The Flink engine: a SQL job in a mini cluster of its own, in one JVM, or on a session cluster that is there.

Python submits it and watches.
"""

import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from guard import guard_jvm
from libraries import library_folder
from pyflink.common import Configuration, JobClient
from pyflink.java_gateway import get_gateway
from pyflink.table import EnvironmentSettings, TableEnvironment
from query import DEAD_LETTERS, SHADED, insert_statements, table_statements
from rest import ENDED, LEASE_S, Rest
from states import end_with_savepoint, latest_state
from totals import Late

from engines.contract.compilers import compiler_options, jvm_in_use
from engines.contract.events import EventWriter, act_on_sigusr1
from engines.contract.job import JobSpecification
from engines.contract.kafka import OAUTH_URL
from engines.contract.process import JVM_OPTIONS, run_engine
from engines.contract.promises import Promises

DEFAULT_SETTINGS: dict[str, Any] = {
    # The sink joins a cell's upserts of so many milliseconds, or rows, into one.
    "flush_interval_ms": 20,
    "flush_rows": 5000,
    # How long a buffer on its way between tasks may wait to be filled.
    "buffer_timeout_ms": 5,
    # A fetch from Kafka waits for so many bytes, but no longer than so many milliseconds.
    "fetch_min_bytes": 1,
    "fetch_wait_ms": 500,
    # How often to checkpoint; 0: as often as the scenario says. Each stops the sink for some tens of milliseconds.
    "checkpoint_interval_ms": 0,
    "object_reuse": True,
    # How often watermarks leave the source.
    "watermark_interval_ms": 100,
    # A partition silent for longer no longer holds the watermark back: longer than a busy one ever is.
    "idle_partition_ms": 5000,
    # How long a cell may rest before it is forgotten, by the wall clock. A shorter time than the longest outage would
    # lose counts: a record in time by its event time could come later than this by the clock.
    "state_ttl_ms": 300_000,
    # "hashmap": on the heap. The state is small, and RocksDB would serialise at every access.
    "state_backend": "hashmap",
    # The JVM's heap: job manager and task manager together. With a cluster, it submits the job, and no more.
    "heap": "1536m",
    # That JVM's compilers: "both", or "quick" for the quick one alone. With a cluster, always both.
    "compilers": "both",
    # The REST address, HOST:PORT, of a session cluster; empty: a mini cluster of its own.
    "jobmanager": "",
    # On a cluster of several machines: a folder that all of them reach, such as hdfs://HOST/ringbench.
    "checkpoint_dir": "",
    # Further options of Flink for the job, which go before all others.
    "conf": {},
}

PROGRESS_INTERVAL_S = 1.0
READY_POLL_S = 0.05

#: Operator (the beginning of its name among the metrics) and metric that hold a total.
#: There is one source; what follows its kind hangs on Flink's version.
RECORDS_IN = ("Source__", "numRecordsIn")
MALFORMED = (f"{DEAD_LETTERS}", "numRecordsIn")
COUNTED = ("GroupAggregate", "numRecordsIn")
#: The group of the threads in which tasks run; each is called as its task.
TASK_THREADS = "Flink Task Threads"

#: Read back from the table environment for `ready`.
REPORTED_CONFIGURATION = (
    "table.exec.mini-batch.enabled",
    "execution.buffer-timeout.interval",
    "pipeline.auto-watermark-interval",
    "table.exec.state.ttl",
    "restart-strategy.type",
)


def work(
    job: JobSpecification, settings: dict[str, Any], events: EventWriter, stop: threading.Event
) -> dict[str, int | None]:
    """Run `job` until `stop` is set; return the totals.

    Raises:
        RuntimeError: the job ended by itself.
    """
    on_cluster = bool(settings["jobmanager"])
    guard_jvm(job.jars[0], on_cluster=on_cluster)
    address = settings["jobmanager"] or f"127.0.0.1:{free_port()}"
    checkpoint = take_over(address, job) if on_cluster else latest_state(Path(job.checkpoint_dir))
    environment = start_environment(job, settings, address, checkpoint)
    client = submit(environment, job, settings)
    rest = Rest(address, str(client.get_job_id()))
    totals = Totals(rest)
    wait_until_ready(client, rest, stop, on_cluster=on_cluster)
    act_on_sigusr1(kill_task)
    if not stop.is_set():
        configuration = effective_configuration(environment, rest) | promises(job, settings).as_config()
        events.send("ready", version=flink_version(), config=configuration)
    while not stop.wait(PROGRESS_INTERVAL_S):
        raise_if_dead(client)
        if on_cluster:
            # Of a cluster that is away, the job's state is told by the client above.
            with suppress(OSError):
                rest.renew_lease()
        events.send("progress", **totals.read())
    final = totals.read()
    if on_cluster:
        rest.cancel()
    else:
        end_with_savepoint(client, Path(job.checkpoint_dir))
    return final


def job_name(job: JobSpecification) -> str:
    """What a cluster calls the job: the same if it is started again, and for no other trial."""
    return f"ringbench {job.input_topic}"


def take_over(address: str, job: JobSpecification) -> str | None:
    """Cancel the job that an engine that has died left on the cluster. Returns its last checkpoint, None for none."""
    left = Rest.of_last_job(address, job_name(job))
    if left is None:
        return None
    left.cancel()
    return left.last_checkpoint()


class Totals:
    """Totals since the start, from the metrics of operators. Null until Flink has told them once.

    How many were late is known of counts only: windows tell of it nowhere.
    """

    def __init__(self, rest: Rest) -> None:
        self._rest, self._late = rest, Late()
        self._last: dict[str, int | None] = {"records_in": None, "malformed": None, "late": None, "task_restarts": 0}

    def read(self) -> dict[str, int | None]:
        """The totals now, or the last known ones while the cluster does not answer."""
        try:
            records_in = self._rest.sum_metric(*RECORDS_IN)
            malformed = self._rest.sum_metric(*MALFORMED)
            counted = self._rest.sum_metric(*COUNTED)
            restarts = self._restarts()
        except OSError:
            return self._last
        late = self._late.found(records_in, malformed, counted)
        self._last = {"records_in": records_in, "malformed": malformed, "late": late, "task_restarts": restarts}
        return self._last

    def _restarts(self) -> int:
        """How often failed tasks were restarted; one counts once all tasks run again, not when it is decided on."""
        before, now = self._last["task_restarts"] or 0, self._rest.restarts()
        if now == before or not self._rest.is_running():
            return before
        print(f"all tasks run again, after {now} restarts; state is that of checkpoint {self._rest.restored()}")
        return now


def start_environment(
    job: JobSpecification, settings: dict[str, Any], address: str, checkpoint: str | None
) -> TableEnvironment:
    """The table environment, in a new JVM; its mini cluster, if it has one, starts with the job.

    `address` is that of the REST interface, `checkpoint` what to go on from, if there is something.
    """
    scratch = Path(job.checkpoint_dir).resolve() / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    archive = os.environ.get(JVM_OPTIONS, "").split()
    compilers = [] if settings["jobmanager"] else compiler_options(settings["compilers"])
    options = [f"-Xmx{settings['heap']}", f"-Djava.io.tmpdir={scratch}", *archive, *compilers, *oauth_options(job)]
    os.environ["JVM_ARGS"] = " ".join(options)
    os.environ["LOG4J_PROPERTIES"] = str(Path(__file__).with_name("log4j.properties"))
    os.environ["FLINK_LOG_DIR"] = str(scratch)
    os.environ["FLINK_LIB_DIR"] = str(library_folder())
    # The default starts a server for Python functions, which needs Apache Beam. There are none.
    os.environ["_python_worker_execution_mode"] = "process"  # noqa: SIM112
    configuration = Configuration()
    resumed = {"execution.state-recovery.path": checkpoint} if checkpoint else {}
    for name, value in (flink_options(job, settings, scratch, address) | resumed).items():
        configuration.set_string(name, value)
    return TableEnvironment.create(
        EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(configuration).build()
    )


def oauth_options(job: JobSpecification) -> list[str]:
    """The JVM's option that lets Kafka's client ask an OAuth server, which goes by its package, as the client does."""
    url = job.kafka_properties.get(OAUTH_URL)
    return [f"-D{SHADED}.org.apache.kafka.sasl.oauthbearer.allowed.urls={url}"] if url else []


def flink_options(job: JobSpecification, settings: dict[str, Any], scratch: Path, address: str) -> dict[str, str]:
    """Flink's configuration."""
    place = cluster_options(address) if settings["jobmanager"] else mini_cluster_options(job, address, scratch)
    own = {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in settings["conf"].items()
    }
    return job_options(job, settings) | place | own


def job_options(job: JobSpecification, settings: dict[str, Any]) -> dict[str, str]:
    """What the job is to be like, wherever it runs."""
    return {
        "pipeline.name": job_name(job),
        "parallelism.default": str(job.parallelism),
        "pipeline.jars": ";".join(Path(jar).resolve().as_uri() for jar in job.jars),
        "pipeline.auto-watermark-interval": f"{settings['watermark_interval_ms']} ms",
        "execution.buffer-timeout.interval": f"{settings['buffer_timeout_ms']} ms",
        "table.local-time-zone": "UTC",
        # Operators hand rows on as they are, where they would each make a copy.
        "pipeline.object-reuse": str(settings["object_reuse"]).lower(),
        # Keys of a window's answers are made of strings, in which the planner finds no key of the query's: from Flink
        # 2.3 on, it refuses that, or keeps all rows to see whether two have one key. Each window has its own.
        "table.exec.sink.upsert-materialize": "NONE",
        "table.exec.state.ttl": f"{job.allowed_lateness_ms + settings['state_ttl_ms']} ms",
        "state.backend.type": settings["state_backend"],
        "execution.checkpointing.dir": checkpoint_location(job, settings),
        "execution.checkpointing.interval": f"{settings['checkpoint_interval_ms'] or job.checkpoint_interval_ms} ms",
        # Of the state; upserts may be written twice. At-least-once here would count twice after a restart.
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        # A job that fails is a finding for the harness, not something to hide by a restart, unless that is the finding.
        "restart-strategy.type": "exponential-delay" if job.restarts_tasks else "disable",
    }


def mini_cluster_options(job: JobSpecification, address: str, scratch: Path) -> dict[str, str]:
    """Job manager and task manager in this engine's own JVM, on loopback."""
    host, _, port = address.rpartition(":")
    return {
        "taskmanager.numberOfTaskSlots": str(job.parallelism),
        "rest.bind-address": host,
        "rest.address": host,
        "rest.bind-port": port,
        "rest.port": port,
        # What only people need, by a browser: no page of another site's may read answers, and nobody uploads a job.
        "web.access-control-allow-origin": f"http://{address}",
        "web.submit.enable": "false",
        "web.cancel.enable": "false",
        # Else, the server of jars and the tasks' exchange of data listen on all of the machine's addresses.
        "jobmanager.bind-host": host,
        "taskmanager.bind-host": host,
        "metrics.fetcher.update-interval": "500 ms",
        "io.tmp.dirs": str(scratch),
    }


def cluster_options(address: str) -> dict[str, str]:
    """A session cluster that is there. It cancels the job when this engine is not heard of any more."""
    host, _, port = address.rpartition(":")
    return {
        "execution.target": "remote",
        "rest.address": host,
        "rest.port": port,
        "execution.attached": "true",
        "execution.shutdown-on-attached-exit": "true",
        "client.heartbeat.timeout": f"{LEASE_S:g} s",
    }


def checkpoint_location(job: JobSpecification, settings: dict[str, Any]) -> str:
    """Where checkpoints go: below the setting, if there is one, in a folder of the trial's own."""
    if settings["checkpoint_dir"]:
        return f"{settings['checkpoint_dir'].rstrip('/')}/{job.input_topic}"
    return Path(job.checkpoint_dir).resolve().as_uri()


def submit(environment: TableEnvironment, job: JobSpecification, settings: dict[str, Any]) -> JobClient:
    """Submit the query as one job."""
    for statement in table_statements(job, settings):
        environment.execute_sql(statement)
    inserts = environment.create_statement_set()
    for statement in insert_statements(job):
        inserts.add_insert_sql(statement)
    client = inserts.execute().get_job_client()
    assert client is not None, "an INSERT always has a job"
    return client


def wait_until_ready(client: JobClient, rest: Rest, stop: threading.Event, *, on_cluster: bool) -> None:
    """Wait until every task runs."""
    while not stop.wait(READY_POLL_S):
        raise_if_dead(client)
        try:
            if on_cluster:
                rest.renew_lease()
            if rest.is_running():
                return
        except OSError:
            # The mini cluster's REST interface is not up yet.
            continue


def raise_if_dead(client: JobClient) -> None:
    """Raise what ended the job, if it ended."""
    status = client.get_job_status().result()
    if status.name in ENDED:
        client.get_job_execution_result().result()
        raise RuntimeError(f"the job ended by itself: {status.name}")


def kill_task() -> None:
    """Interrupt the thread of a task that counts, so that the task fails; the job goes on from its last checkpoint."""
    for thread in get_gateway().jvm.java.lang.Thread.getAllStackTraces().keySet():
        # Threads that a task has started for itself are in its group, too, under other names.
        if (
            thread.isAlive()
            and thread.getThreadGroup().getName() == TASK_THREADS
            and thread.getName().startswith(COUNTED[0])
        ):
            print(f"told to let a task fail: interrupting {thread.getName()}")
            thread.interrupt()
            return


def effective_configuration(environment: TableEnvironment, rest: Rest) -> dict[str, Any]:
    """What is in effect, as the table environment, the running job and the JVM tell it."""
    config = environment.get_config()
    checkpointing = rest.checkpointing()
    return {name: config.get(name, "") for name in REPORTED_CONFIGURATION} | {
        "parallelism": rest.parallelism(),
        "checkpoint_mode": checkpointing["mode"],
        "checkpoint_interval_ms": checkpointing["interval"],
        "state_backend": checkpointing["state_backend"],
        **jvm_in_use(get_gateway().jvm),
        "resumed_from": config.get("execution.state-recovery.path", "") or None,
    }


def promises(job: JobSpecification, settings: dict[str, Any]) -> Promises:
    """What this engine promises."""
    interval_ms = settings["checkpoint_interval_ms"] or job.checkpoint_interval_ms
    return Promises(
        delivery=f"records exactly once, upserts {job.delivery.replace('-', ' ')}",
        checkpoints=f"every {interval_ms} ms, to files",
        state_kept=f"{job.allowed_lateness_ms + settings['state_ttl_ms']} ms by the clock",
        upserts_joined=f"{settings['flush_interval_ms']} ms",
        heap=settings["heap"],
    )


def flink_version() -> str:
    """The version of the Flink in the JVM."""
    return str(get_gateway().jvm.org.apache.flink.runtime.util.EnvironmentInformation.getVersion())


def free_port() -> int:
    """A port of the loopback address that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    sys.exit(run_engine(DEFAULT_SETTINGS, work))
