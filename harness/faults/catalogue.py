"""The faults that can be injected, and the planned operations beside them, as data.

What is done for each of them is in `harness.trial.fault_actions`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

#: What a wait for a recovery may take longer than it is to, because a trial is looked at now and then only.
TICKS_S = 1.0
#: The proxies, among a trial's children: between the writer and Redis, and between the engine and Kafka.
REDIS_PROXY, KAFKA_PROXY = "proxy", "kafka_proxy"
GENERATOR = "generator"
#: How long an engine may take to stop in good order.
STOP_S = 20.0
KAFKA = "kafka"


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes:
        name, description: for people.
        duration_s: how long it lasts, on average.
        recovery_s: how much time to recover it has among faults at fixed times, before the next one.
        jvm: whether it is for engines with a JVM only.
        task: whether it harms a task within the engine: for engines that say that they can do that only.
        archive: whether the trial must archive its input.
        cluster: whose cluster it harms: that of an engine, by its name, or ``kafka``; empty if it needs none.
        single: whether it takes the engine for one process, or Kafka for one broker: not for clusters.
        evidence: the child, and the total in its progress, that rises if the fault does something; None if a signal or
            a limit cannot but do it.
        operation: whether it is no accident, but a planned operation: the engine is stopped in good order, and started
            again as the operation says. `duration_s` is the longest that the stop may take then.
    """

    name: str
    description: str
    duration_s: float
    recovery_s: float
    jvm: bool = False
    task: bool = False
    archive: bool = False
    cluster: str = ""
    single: bool = False
    evidence: tuple[str, str] | None = None
    operation: bool = False

    @property
    def fails_tasks(self) -> bool:
        """Whether tasks fail of it that the engine is to run again by its own means."""
        return self.task or self.cluster not in ("", KAFKA)

    @property
    def harms_sink(self) -> bool:
        """Whether it harms Redis, the Redis writer, or the network between them."""
        return self.name.startswith(("redis-", "writer-", "network-"))


def _stop(group: str, description: str) -> Fault:
    return Fault(f"{group}-stop", description, 4.0, 14.0)


def _network(name: str, description: str, duration_s: float = 4.0) -> Fault:
    """A fault of the network between the writer and Redis, or, for a name with kafka, the engine and the broker."""
    proxy, recovery_s = (KAFKA_PROXY, 20.0) if name.startswith("kafka-") else (REDIS_PROXY, 14.0)
    return Fault(name, description, duration_s, recovery_s, single=proxy == KAFKA_PROXY, evidence=(proxy, "harmed"))


def _operation(name: str, description: str) -> Fault:
    return Fault(name, f"the engine is stopped in good order, {description}", STOP_S, 26.0, single=True, operation=True)


FAULTS = (
    Fault(
        "engine-kill",
        "the engine, with all its processes, is killed, and started again from its checkpoint",
        2.0,
        26.0,
    ),
    Fault(
        "engine-jvm-kill",
        "the engine's JVM is killed, and its other process is not; it must notice, and is started again",
        2.0,
        26.0,
        jvm=True,
    ),
    Fault(
        "task-kill",
        "one task within the engine fails, and the engine runs it again by itself",
        1.0,
        24.0,
        task=True,
        single=True,
        evidence=("engine", "task_restarts"),
    ),
    _stop("engine", "the engine is stopped, and goes on: a long pause of the JVM, or a frozen host"),
    Fault(
        "disk-full",
        "every write of the engine to a file fails: no checkpoint; if it dies of it, it is started again afterwards",
        4.0,
        26.0,
        single=True,
    ),
    Fault(
        "kafka-kill",
        "the broker is killed, and started again with the same files",
        2.0,
        24.0,
    ),
    _stop("kafka", "the broker is stopped, and goes on"),
    Fault(
        "redis-lost",
        "Redis is killed, and started again empty: all counts must come back",
        2.0,
        14.0,
    ),
    Fault(
        "redis-restart",
        "Redis saves what it holds and ends, and is started again with it",
        2.0,
        14.0,
    ),
    _stop("redis", "Redis is stopped, and goes on"),
    Fault("writer-kill", "the process that writes to Redis is killed, and started again", 2.0, 14.0),
    _stop("writer", "the process that writes to Redis is stopped, and goes on"),
    _network("network-delay", "everything between the writer and Redis takes 200 ms, each way"),
    _network("network-cut", "nothing passes between the writer and Redis, and no connection breaks"),
    _network("network-slow", "16 kB a second pass between the writer and Redis, each way"),
    _network("network-reset", "the connections between the writer and Redis are reset", 1.0),
    _network("kafka-delay", "everything between the engine and Kafka takes 200 ms, each way"),
    _network("kafka-cut", "nothing passes between the engine and Kafka, and no connection breaks"),
    _network("kafka-reset", "the connections between the engine and Kafka are reset", 1.0),
    Fault(
        "s3-kill",
        "the S3 store is killed while the input is being archived, and started again with the same files",
        3.0,
        14.0,
        archive=True,
    ),
    Fault(
        "clock-step",
        "the generator's wall clock jumps 300 s ahead, and back at the heal, while its schedule goes on",
        4.0,
        8.0,
        evidence=(GENERATOR, "clock_steps"),
    ),
    Fault(
        "worker-kill",
        "a worker of Spark's cluster is killed with its executor; the other one takes over, and it is started again",
        4.0,
        24.0,
        cluster="spark",
        evidence=("engine", "executors_lost"),
    ),
    Fault(
        "taskmanager-kill",
        "a task manager of Flink's cluster is killed; the other one takes over from the last checkpoint, and it is "
        "started again",
        4.0,
        24.0,
        cluster="flink",
        evidence=("engine", "task_restarts"),
    ),
    Fault(
        "broker-leader-kill",
        "the broker that leads a partition of the input is killed; another one takes over, and it is started again",
        # Longer than the others need to miss it.
        8.0,
        20.0,
        cluster=KAFKA,
    ),
)
OPERATIONS = (
    _operation("restart", "and started again"),
    _operation("rescale", "and started again with another parallelism"),
    _operation("upgrade", "and another version of it, or one with other settings, is started from its state"),
)
#: Faults and operations.
BY_NAME = {fault.name: fault for fault in (*FAULTS, *OPERATIONS)}


def needs(worker: str, names: Iterable[str]) -> bool:
    """Whether one of the faults called `names` acts through the worker of that name."""
    return any((BY_NAME[name].evidence or ("",))[0] == worker for name in names)
