"""What is done for each fault of the catalogue: how it is caused, and how its cause is taken away again."""

import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from harness.faults.catalogue import GENERATOR, KAFKA_PROXY, OPERATIONS, REDIS_PROXY
from harness.services.cluster import Node
from harness.trial.operations import ask_to_stop, has_stopped, start_again
from harness.trial.stage import Stage, program_below, send
from harness.workers.orders import ClockOrders
from harness.workers.proxy import ProxyOrders

#: Far beyond any lateness that is allowed, and far below what brokers refuse (an hour).
CLOCK_STEP_MS = 300_000


def _nothing(_stage: Stage) -> None:
    """What was harmed helps itself."""


@dataclass(frozen=True)
class Action:
    """`start` causes a fault, `heal` takes the cause away; it is called once in any case, and may raise nothing.

    What `is_over` is healed before its time.
    """

    start: Callable[[Stage], None]
    heal: Callable[[Stage], None] = _nothing
    is_over: Callable[[Stage], bool] = lambda _stage: False


def _stop(group: str) -> Action:
    return Action(
        lambda stage: stage.signal(group, signal.SIGSTOP),
        lambda stage: stage.signal(group, signal.SIGCONT),
    )


def _kill(group: str) -> Action:
    """The process group dies, and its supervisor starts it again when the fault ends."""

    def start(stage: Stage) -> None:
        stage.supervisor.hold(group)
        stage.signal(group, signal.SIGKILL)

    return Action(start, lambda stage: stage.supervisor.release(group))


def _network(proxy: str, orders: ProxyOrders) -> Action:
    return Action(
        lambda stage: orders.give(stage.orders(proxy)),
        lambda stage: ProxyOrders(resets=orders.resets).give(stage.orders(proxy)),
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


def _kill_worker() -> Action:
    """One of the two workers of the engine's cluster dies, with all it does, and is started again at the end."""
    return Action(
        lambda stage: stage.signal(_worker(stage).name, signal.SIGKILL),
        lambda stage: _worker(stage).start_again(),
    )


def _kill_leader(stage: Stage) -> None:
    # It is gone when this returns: whoever heals at once has to see which one it was.
    stage.backing.brokers[stage.backing.leader(stage.input_topic)].process.kill()


def _start_brokers(stage: Stage) -> None:
    for broker in stage.backing.brokers.values():
        if broker.process.poll() is not None:
            broker.start_again()


#: Every operation is a stop and a start; they differ in what is started.
_OPERATION = Action(ask_to_stop, start_again, has_stopped)
#: By the name in `harness.faults.catalogue.BY_NAME`.
ACTIONS: dict[str, Action] = {
    "engine-kill": _kill("engine"),
    "engine-jvm-kill": Action(_kill_jvm),
    "task-kill": Action(_kill_task),
    "engine-stop": _stop("engine"),
    "disk-full": Action(_fill_disk, _empty_disk),
    "kafka-kill": Action(
        lambda stage: stage.signal("kafka", signal.SIGKILL), lambda stage: stage.backing.kafka.start_again()
    ),
    "kafka-stop": _stop("kafka"),
    "redis-lost": Action(
        lambda stage: stage.signal("redis", signal.SIGKILL), lambda stage: stage.backing.redis.start_again(keep=False)
    ),
    "redis-restart": Action(
        lambda stage: stage.backing.redis.save_and_end(), lambda stage: stage.backing.redis.start_again(keep=True)
    ),
    "redis-stop": _stop("redis"),
    "writer-kill": _kill("redis_writer"),
    "writer-stop": _stop("redis_writer"),
    "network-delay": _network(REDIS_PROXY, ProxyOrders(delay_ms=200.0)),
    "network-cut": _network(REDIS_PROXY, ProxyOrders(cut=True)),
    "network-slow": _network(REDIS_PROXY, ProxyOrders(bytes_per_s=16_384)),
    "network-reset": _network(REDIS_PROXY, ProxyOrders(resets=1)),
    "kafka-delay": _network(KAFKA_PROXY, ProxyOrders(delay_ms=200.0)),
    "kafka-cut": _network(KAFKA_PROXY, ProxyOrders(cut=True)),
    "kafka-reset": _network(KAFKA_PROXY, ProxyOrders(resets=1)),
    "s3-kill": Action(lambda stage: stage.signal("s3", signal.SIGKILL), lambda stage: stage.backing.s3.start_again()),
    "clock-step": Action(
        lambda stage: ClockOrders(offset_ms=CLOCK_STEP_MS).give(stage.orders(GENERATOR)),
        lambda stage: ClockOrders().give(stage.orders(GENERATOR)),
    ),
    "worker-kill": _kill_worker(),
    "taskmanager-kill": _kill_worker(),
    "broker-leader-kill": Action(_kill_leader, _start_brokers),
    **{each.name: _OPERATION for each in OPERATIONS},
}
