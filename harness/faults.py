"""The faults that can be injected, and plans of what is injected when: pure functions of the seed."""

import random
import resource
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from harness.backing import Backing
from harness.errors import UsageError
from harness.processes import guarded_tree
from harness.services.cluster import Cluster, Node
from harness.supervisor import Supervisor
from harness.workers.orders import ClockOrders
from harness.workers.proxy import ProxyOrders

#: From the start of the measured time, or the end of a fault and its recovery, to the next fault, at least.
CALM_BEFORE_S = 4.0
#: What a wait for a recovery may take longer than it is to, because a trial is looked at now and then only.
TICKS_S = 1.0
#: How much later a fault may begin, and how much longer or shorter it may be, as the seed says.
SPREAD_S = 1.0
SPREAD_SHARE = 0.2
#: The proxies, among a trial's children: between the writer and Redis, and between the engine and Kafka.
REDIS_PROXY, KAFKA_PROXY = "proxy", "kafka_proxy"
GENERATOR = "generator"
KAFKA = "kafka"
#: Far beyond any lateness that is allowed, and far below what brokers refuse (an hour).
CLOCK_STEP_MS = 300_000


@dataclass(frozen=True)
class Stage:
    """What faults act upon.

    Attributes:
        pid_of: the guard of a process group, by its name, now.
        supervisor: what starts dead children again.
        backing: the services, all of them started here.
        orders: the file that tells a worker, by its name, what to do.
        input_topic: the trial's.
        cluster: the engine's own, if it has one.
    """

    pid_of: Callable[[str], int]
    supervisor: Supervisor
    backing: Backing
    orders: Callable[[str], Path]
    input_topic: str
    cluster: Cluster | None = None

    def processes(self, group: str) -> list[psutil.Process]:
        """The processes below the guard of a group; the guard itself must go on to watch."""
        return guarded_tree(self.pid_of(group))

    def signal(self, group: str, number: signal.Signals) -> None:
        """Send a signal to every process of a group."""
        send(self.processes(group), number)


def program_below(guard: int) -> list[psutil.Process]:
    """The one process that a guard itself started; none if it has ended."""
    with suppress(psutil.NoSuchProcess):
        # The guard also adopts what others leave behind, later.
        return sorted(psutil.Process(guard).children(), key=psutil.Process.create_time)[:1]
    return []


def send(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each of `processes` that lives."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


@dataclass(frozen=True)
class Fault:
    """A kind of fault: `start` causes it, `heal` takes the cause away again.

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
        start, heal: what to do. `heal` is called once, whatever happens, and may raise nothing.
    """

    name: str
    description: str
    duration_s: float
    recovery_s: float
    start: Callable[[Stage], None]
    heal: Callable[[Stage], None]
    jvm: bool = False
    task: bool = False
    archive: bool = False
    cluster: str = ""
    single: bool = False
    evidence: tuple[str, str] | None = None

    @property
    def fails_tasks(self) -> bool:
        """Whether tasks fail of it that the engine is to run again by its own means."""
        return self.task or self.cluster not in ("", KAFKA)

    @property
    def harms_sink(self) -> bool:
        """Whether it harms Redis, the Redis writer, or the network between them."""
        return self.name.startswith(("redis-", "writer-", "network-"))


def _stop(group: str, description: str, *, archive: bool = False) -> Fault:
    return Fault(
        f"{group.replace('redis_writer', 'writer')}-stop",
        description,
        4.0,
        14.0,
        lambda stage: stage.signal(group, signal.SIGSTOP),
        lambda stage: stage.signal(group, signal.SIGCONT),
        archive=archive,
    )


def _kill(group: str, description: str, recovery_s: float) -> Fault:
    """The process group dies, and its supervisor starts it again when the fault ends."""

    def start(stage: Stage) -> None:
        stage.supervisor.hold(group)
        stage.signal(group, signal.SIGKILL)

    name = f"{group.replace('redis_writer', 'writer')}-kill"
    return Fault(name, description, 2.0, recovery_s, start, lambda stage: stage.supervisor.release(group))


def _network(name: str, description: str, orders: ProxyOrders, duration_s: float = 4.0) -> Fault:
    """A fault of the network between the writer and Redis, or, for a name with kafka, the engine and the broker."""
    proxy, recovery_s = (KAFKA_PROXY, 20.0) if name.startswith("kafka-") else (REDIS_PROXY, 14.0)
    return Fault(
        name,
        description,
        duration_s,
        recovery_s,
        lambda stage: orders.give(stage.orders(proxy)),
        lambda stage: ProxyOrders(resets=orders.resets).give(stage.orders(proxy)),
        single=proxy == KAFKA_PROXY,
        evidence=(proxy, "harmed"),
    )


def _kill_jvm(stage: Stage) -> None:
    send([each for each in stage.processes("engine") if _is_java(each)], signal.SIGKILL)


def _is_java(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("java")
    except psutil.NoSuchProcess:
        return False


def _kill_task(stage: Stage) -> None:
    # One that is just starting does not heed the order, and would die of it.
    if not stage.supervisor.is_down("engine"):
        send(program_below(stage.pid_of("engine")), signal.SIGUSR1)


def _limit_files(stage: Stage, *, full: bool) -> None:
    """Let every write of the engine to a file fail, or not any more; pipes and sockets go on."""
    for process in stage.processes("engine"):
        with suppress(psutil.NoSuchProcess):
            _soft, hard = process.rlimit(resource.RLIMIT_FSIZE)
            process.rlimit(resource.RLIMIT_FSIZE, (0 if full else hard, hard))


def _fill_disk(stage: Stage) -> None:
    # Its state could not be saved when it is started, either.
    stage.supervisor.hold("engine")
    _limit_files(stage, full=True)


def _empty_disk(stage: Stage) -> None:
    _limit_files(stage, full=False)
    stage.supervisor.release("engine")


def _worker(stage: Stage) -> Node:
    assert stage.cluster, "there is a cluster, or the fault was refused"
    return stage.cluster.workers[0]


def _worker_kill(name: str, description: str, engine: str, evidence: str) -> Fault:
    """One of the two workers of the engine's cluster dies, with all it does, and is started again at the end."""
    return Fault(
        name,
        description,
        4.0,
        24.0,
        lambda stage: stage.signal(_worker(stage).name, signal.SIGKILL),
        lambda stage: _worker(stage).start_again(),
        cluster=engine,
        evidence=("engine", evidence),
    )


def _kill_leader(stage: Stage) -> None:
    stage.signal(stage.backing.leader(stage.input_topic), signal.SIGKILL)


def _start_brokers(stage: Stage) -> None:
    for broker in stage.backing.brokers.values():
        if broker.process.poll() is not None:
            broker.start_again()


FAULTS = (
    _kill("engine", "the engine, with all its processes, is killed, and started again from its checkpoint", 26.0),
    Fault(
        "engine-jvm-kill",
        "the engine's JVM is killed, and its other process is not; it must notice, and is started again",
        2.0,
        26.0,
        _kill_jvm,
        lambda _stage: None,
        jvm=True,
    ),
    Fault(
        "task-kill",
        "one task within the engine fails, and the engine runs it again by itself",
        1.0,
        24.0,
        _kill_task,
        lambda _stage: None,
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
        _fill_disk,
        _empty_disk,
        single=True,
    ),
    Fault(
        "kafka-kill",
        "the broker is killed, and started again with the same files",
        2.0,
        24.0,
        lambda stage: stage.signal("kafka", signal.SIGKILL),
        lambda stage: stage.backing.kafka.start_again(),
    ),
    _stop("kafka", "the broker is stopped, and goes on"),
    Fault(
        "redis-lost",
        "Redis is killed, and started again empty: all counts must come back",
        2.0,
        14.0,
        lambda stage: stage.signal("redis", signal.SIGKILL),
        lambda stage: stage.backing.redis.start_again(keep=False),
    ),
    Fault(
        "redis-restart",
        "Redis saves what it holds and ends, and is started again with it",
        2.0,
        14.0,
        lambda stage: stage.backing.redis.save_and_end(),
        lambda stage: stage.backing.redis.start_again(keep=True),
    ),
    _stop("redis", "Redis is stopped, and goes on"),
    _kill("redis_writer", "the process that writes to Redis is killed, and started again", 14.0),
    _stop("redis_writer", "the process that writes to Redis is stopped, and goes on"),
    _network(
        "network-delay", "everything between the writer and Redis takes 200 ms, each way", ProxyOrders(delay_ms=200.0)
    ),
    _network(
        "network-cut", "nothing passes between the writer and Redis, and no connection breaks", ProxyOrders(cut=True)
    ),
    _network(
        "network-slow", "16 kB a second pass between the writer and Redis, each way", ProxyOrders(bytes_per_s=16_384)
    ),
    _network("network-reset", "the connections between the writer and Redis are reset", ProxyOrders(resets=1), 1.0),
    _network(
        "kafka-delay", "everything between the engine and Kafka takes 200 ms, each way", ProxyOrders(delay_ms=200.0)
    ),
    _network(
        "kafka-cut", "nothing passes between the engine and Kafka, and no connection breaks", ProxyOrders(cut=True)
    ),
    _network("kafka-reset", "the connections between the engine and Kafka are reset", ProxyOrders(resets=1), 1.0),
    Fault(
        "s3-kill",
        "the S3 store is killed while the input is being archived, and started again with the same files",
        3.0,
        14.0,
        lambda stage: stage.signal("s3", signal.SIGKILL),
        lambda stage: stage.backing.s3.start_again(),
        archive=True,
    ),
    Fault(
        "clock-step",
        "the generator's wall clock jumps 300 s ahead, and back at the heal, while its schedule goes on",
        4.0,
        8.0,
        lambda stage: ClockOrders(offset_ms=CLOCK_STEP_MS).give(stage.orders(GENERATOR)),
        lambda stage: ClockOrders().give(stage.orders(GENERATOR)),
        evidence=(GENERATOR, "clock_steps"),
    ),
    _worker_kill(
        "worker-kill",
        "a worker of Spark's cluster is killed with its executor; the other one takes over, and it is started again",
        "spark",
        "executors_lost",
    ),
    _worker_kill(
        "taskmanager-kill",
        "a task manager of Flink's cluster is killed; the other one takes over from the last checkpoint, and it is "
        "started again",
        "flink",
        "task_restarts",
    ),
    Fault(
        "broker-leader-kill",
        "the broker that leads a partition of the input is killed; another one takes over, and it is started again",
        # Longer than the others need to miss it.
        8.0,
        20.0,
        _kill_leader,
        _start_brokers,
        cluster=KAFKA,
    ),
)

BY_NAME = {fault.name: fault for fault in FAULTS}


def needs(worker: str, names: Iterable[str]) -> bool:
    """Whether one of the faults called `names` acts through the worker of that name."""
    return any((BY_NAME[name].evidence or ("",))[0] == worker for name in names)


@dataclass(frozen=True)
class Planned:
    """A fault to come: seconds after the start of the measured time, and how long it lasts."""

    fault: str
    at_s: float
    duration_s: float

    @property
    def healed_s(self) -> float:
        """When it is to be healed."""
        return self.at_s + self.duration_s


def make_plan(seed: int, names: Sequence[str], per_trial: int) -> list[list[Planned]]:
    """The faults called `names`, each once, in trials of up to `per_trial`: order and times as the seed says.

    The times are the earliest, as if each were recovered from at once: see `put_off`. One that needs the archive has a
    trial of its own.
    """
    dice = random.Random(f"faults {seed}")
    order = sorted(names)
    dice.shuffle(order)
    archived = [[name] for name in order if BY_NAME[name].archive]
    others = [name for name in order if not BY_NAME[name].archive]
    trials = [others[at : at + per_trial] for at in range(0, len(others), per_trial)] + archived
    return [_trial(dice, trial) for trial in trials]


def put_off(planned: Sequence[Planned], number: int, at_s: float) -> list[Planned]:
    """The plan of a trial, with the fault of that number no earlier than `at_s`, and all after it later by as much."""
    later_s = max(0.0, at_s - planned[number].at_s)
    return [*planned[:number], *(replace(each, at_s=round(each.at_s + later_s, 3)) for each in planned[number:])]


def _trial(dice: random.Random, names: Sequence[str]) -> list[Planned]:
    planned, t_s = [], 0.0
    for name in names:
        at_s = round(t_s + CALM_BEFORE_S + dice.uniform(0, SPREAD_S), 1)
        duration_s = round(BY_NAME[name].duration_s * dice.uniform(1 - SPREAD_SHARE, 1 + SPREAD_SHARE), 1)
        planned.append(Planned(name, at_s, duration_s))
        t_s = at_s + duration_s
    return planned


def possible(names: Iterable[str], *, cluster: bool) -> list[str]:
    """Those of the faults called `names` that go with clusters, or without."""
    return [name for name in names if not (BY_NAME[name].single if cluster else BY_NAME[name].cluster)]


def check_place(names: Iterable[str], *, cluster: bool) -> None:
    """Make sure that all the faults called `names` go with clusters, or without.

    Raises:
        UsageError: one does not.
    """
    names = list(names)
    for name in sorted(set(names) - set(possible(names, cluster=cluster))):
        if cluster:
            raise UsageError(
                f"the fault {name} takes the engine for one process, or Kafka for one broker, and there is a cluster",
                fix=f"leave {name} out, or --cluster; {', '.join(possible(BY_NAME, cluster=True))} go with clusters",
            )
        raise UsageError(f"the fault {name} harms a cluster, and there is none", fix="give --cluster, too")


def anywhere(*, archive: bool) -> list[str]:
    """Names of the faults that any engine can have, in a trial that does `archive` its input or does not.

    A clock that steps is left out: the way of records is not taken apart into hops then.
    """
    special = {
        fault.name
        for fault in FAULTS
        if fault.jvm or fault.fails_tasks or fault.cluster or needs(GENERATOR, [fault.name])
    }
    return [fault.name for fault in FAULTS if fault.name not in special and (archive or not fault.archive)]


def room_s(name: str) -> float:
    """How much time a fault that is drawn at random takes up, at the most: to begin, to last, and to recover."""
    return SPREAD_S + BY_NAME[name].duration_s * (1 + SPREAD_SHARE) + BY_NAME[name].recovery_s


def draw_plan(seed: int, names: Sequence[str], count: int, start_s: float, end_s: float) -> list[Planned]:
    """`count` faults, one in each of as many equal stretches of the time from `start_s` to `end_s`, with its recovery.

    Each of `names` comes once before any comes again. All else is as the seed says.

    Raises:
        ValueError: so many do not fit; it says how many do.
    """
    stretch_s, needed_s = (end_s - start_s) / count, max(map(room_s, names))
    if stretch_s < needed_s:
        raise ValueError(
            f"{count:,} random faults need {start_s + count * needed_s:,.0f} s, and there are {end_s:,.0f} s, "
            f"enough for {max(0, int((end_s - start_s) / needed_s)):,}"
        )
    dice = random.Random(f"random faults {seed}")
    left: list[str] = []
    planned = []
    for number in range(count):
        if not left:
            left = sorted(names)
            dice.shuffle(left)
        name = left.pop()
        spare_s = SPREAD_S + stretch_s - room_s(name)
        at_s = round(start_s + number * stretch_s + dice.uniform(0, spare_s), 1)
        duration_s = round(BY_NAME[name].duration_s * dice.uniform(1 - SPREAD_SHARE, 1 + SPREAD_SHARE), 1)
        planned.append(Planned(name, at_s, duration_s))
    return planned


def trial_s(planned: Sequence[Planned], recover_within_s: float) -> int:
    """The longest measured time of a trial with these faults, in whole seconds, if each may take so long to recover."""
    waits_s = len(planned) * (recover_within_s + TICKS_S)
    return int(max((each.healed_s for each in planned), default=0) + waits_s + CALM_BEFORE_S) + 1
