"""Services for interactive use: kept up by one command, ended by Ctrl-C or by another."""

import fcntl
import json
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import psutil
from rich.console import Console

from harness.console.interrupt import NAMES, CleanUp, name_of
from harness.engines.catalogue import all_engines
from harness.engines.clusters import has_cluster, start_cluster
from harness.engines.prepare import prepare
from harness.errors import UsageError
from harness.processes.temporary import temporary_folder
from harness.provision.cache import Progress, cache_dir
from harness.provision.java import ensure_java
from harness.services.backing import Backing, External, start_backing
from harness.services.cluster import Cluster
from harness.session.preflight.look import look_before_leaping
from harness.session.preflight.need import Need

#: Tasks that each worker of a cluster can run side by side.
SLOTS = 2
DOWN_DEADLINE_S = 30


def _state_path() -> Path:
    return cache_dir() / "services.json"


def keep_up(console: Console, *, cluster: bool = False) -> None:
    """Start the services, print how to reach them, and keep them until Ctrl-C, which is the normal end, or a signal.

    With `cluster`, Kafka has several brokers and Redis a replica, and there is a cluster for each engine that has one.

    Raises:
        UsageError: they are up already.
        ServiceError: one could not be started.
    """

    def tell(text: str) -> None:
        console.print(text, highlight=False)

    try:
        with CleanUp("ending the services") as stack:
            state = stack.enter_context(_state_path().open("a+", encoding="utf-8"))
            if not _hold(state):
                raise UsageError(
                    f"services are up already, kept by process {_pid(state)}", fix="ringbench services down"
                )
            stack.callback(_state_path().unlink, missing_ok=True)
            look_before_leaping(Need(runs_dir=None), tell)
            work = stack.enter_context(temporary_folder("ringbench-services-"))
            backing = stack.enter_context(start_backing(External(), "services", work, tell, cluster=cluster))
            clusters = _start_clusters(stack, work, tell) if cluster else {}
            state.truncate(0)
            json.dump({"pid": os.getpid()}, state)
            state.flush()
            _show(console, backing, clusters)
            while True:
                signal.pause()  # which any signal ends, SIGCONT too
    except KeyboardInterrupt as end:
        console.print("stopped")
        if name_of(end) != NAMES[signal.SIGINT]:
            raise


def _start_clusters(stack: ExitStack, work: Path, progress: Progress) -> dict[str, Cluster]:
    """A cluster for each engine of Ringbench's own that has one, by the engine's name."""
    environment = {"JAVA_HOME": str(ensure_java(progress).home)}
    engines = [prepare(engine, progress) for engine in all_engines([]) if has_cluster(engine)]
    return {
        each.engine.name: stack.enter_context(
            start_cluster(each, work / each.engine.name, SLOTS, environment, progress)
        )
        for each in engines
    }


def take_down(console: Console) -> None:
    """End the process that keeps the services up, and wait for it.

    Raises:
        UsageError: none does, or it does not end.
    """
    running = _running()
    if not running:
        raise UsageError("no services are up", fix="ringbench services up")
    running.send_signal(signal.SIGTERM)
    try:
        running.wait(DOWN_DEADLINE_S)
    except psutil.TimeoutExpired as error:
        raise UsageError(f"process {running.pid} did not end within {DOWN_DEADLINE_S} s") from error
    console.print("services are down")


def _hold(state: IO[str]) -> bool:
    """Lock the file, for as long as this process has it open; whether that was possible. No clock is asked."""
    try:
        fcntl.flock(state, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid(state: IO[str]) -> int:
    """The process that keeps the services up; 0 while it is still starting them."""
    state.seek(0)
    try:
        return int(json.load(state)["pid"])
    except (ValueError, KeyError, TypeError):
        return 0


def _running() -> psutil.Process | None:
    """The process that keeps the services up; None if there is none, or if they are still being started."""
    try:
        with _state_path().open(encoding="utf-8") as state:
            if _hold(state):
                return None
            return psutil.Process(pid) if (pid := _pid(state)) else None
    except (OSError, psutil.NoSuchProcess):
        return None


def _show(console: Console, backing: Backing, clusters: dict[str, Cluster]) -> None:
    bucket, redis = backing.bucket, backing.redis
    lines = {
        "Kafka": backing.bootstrap_servers,
        "Redis": redis.address,
        **redis.environment(),
        "S3": f"{bucket.endpoint}/{bucket.name}",
        **bucket.environment(),
    }
    if backing.replica:
        lines["Redis, replica"] = backing.replica.address
    for name, cluster in clusters.items():
        lines |= {name.title(): cluster.address, f"{name.title()}, web": cluster.web, **cluster.environment}
    for name, value in lines.items():
        console.print(f"  {name:<22} {value}", highlight=False, soft_wrap=True)
    if clusters:
        console.print("To run jobs on them (their cost is not measured then), with the variables above set:")
        where = f"--kafka {backing.bootstrap_servers} --redis {redis.address} --s3 {bucket.endpoint}/{bucket.name}"
        for name, option in (("spark", "--spark-master"), ("flink", "--flink-jobmanager")):
            command = f"ringbench run smoke --engine {name} {option} {clusters[name].address} {where}"
            console.print(f"  {command}", highlight=False, soft_wrap=True)
    console.print("  Ctrl-C or `ringbench services down` ends them.", highlight=False)
