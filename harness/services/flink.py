"""A Flink session cluster: a job manager and two task managers, each of which can hold all tasks of a job."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from harness.provision.cache import Progress
from harness.services.cluster import JVM_OPTIONS, WORKERS, Cluster, Launcher, Node, get_json, java_command
from harness.services.ports import HOST, free_port

_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_JOB_MANAGER_HEAP = "-Xmx512m"
#: Heap of tasks and of Flink itself, network buffers, and managed memory (of which a state on the heap needs none).
_TASK_HEAP_MB, _FRAMEWORK_HEAP_MB, _NETWORK_MB, _MANAGED_MB = 640, 128, 64, 32
_DIRECT_MB, _METASPACE_MB, _OVERHEAD_MB = 128, 256, 192
_TASK_MANAGER_MEMORY = (
    f"-Xmx{_TASK_HEAP_MB + _FRAMEWORK_HEAP_MB}m",
    f"-XX:MaxDirectMemorySize={_DIRECT_MB + _NETWORK_MB}m",
    f"-XX:MaxMetaspaceSize={_METASPACE_MB}m",
)
_LOG4J = """\
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %c - %m%n
"""


@contextmanager
def flink_cluster(
    directory: Path, home: Path, slots: int, environment: Mapping[str, str], progress: Progress
) -> Iterator[Cluster]:
    """A running job manager with its task managers.

    Args:
        directory: where their files and logs go.
        home: the folder of the package ``pyflink``.
        slots: of each task manager: so many tasks of each operator run there side by side.
        environment: further variables; ``JAVA_HOME`` says what they run on.
        progress: told what happens.

    Raises:
        ServiceError: one does not serve; with its log's end.
    """
    progress(f"starting Flink's job manager and {WORKERS} task managers")
    rest_port = free_port()
    settings = directory / "flink-conf"
    settings.mkdir(mode=0o700, parents=True)
    (settings / "log4j.properties").write_text(_LOG4J, encoding="ascii")
    configuration = _configuration(directory, rest_port, slots)
    (settings / "config.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    launcher = Launcher(
        directory,
        next(home.glob("lib/flink-dist-*.jar")).stem.rpartition("-")[2],
        [
            *(java_command(environment), *JVM_OPTIONS, *_exports(home)),
            f"-Dlog4j.configurationFile={(settings / 'log4j.properties').as_uri()}",
            *("-cp", str(home / "lib" / "*")),
        ],
        {**environment, "FLINK_CONF_DIR": str(settings)},
    )
    web = f"http://{HOST}:{rest_port}"
    with launcher.cluster():
        arguments = [_JOB_MANAGER_HEAP, _JOB_MANAGER, "--configDir", str(settings)]
        arguments += ["--executionMode", "cluster"]
        manager = launcher.start(
            "flink job manager", arguments, lambda: bool(get_json(f"{web}/overview")), port=rest_port
        )
        manager.wait_until_ready()
        workers = [_task_manager(launcher, number, web, settings) for number in range(1, WORKERS + 1)]
        for worker in workers:
            worker.wait_until_ready()
        yield Cluster(f"{HOST}:{rest_port}", {node.name: node for node in (manager, *workers)}, web)


def _task_manager(launcher: Launcher, number: int, web: str, settings: Path) -> Node:
    identity = f"ringbench-{number}"

    def is_registered() -> bool:
        found = get_json(f"{web}/taskmanagers") or {"taskmanagers": []}
        return any(each["id"] == identity for each in found["taskmanagers"])

    arguments = [_TASK_MANAGER, "--configDir", str(settings), f"-Dtaskmanager.resource-id={identity}"]
    return launcher.start(f"flink task manager {number}", [*_TASK_MANAGER_MEMORY, *arguments], is_registered)


def _configuration(directory: Path, rest_port: int, slots: int) -> dict[str, object]:
    """What job manager and task managers have in common; all on loopback."""
    memory = "taskmanager.memory."
    return {
        "jobmanager.rpc.address": HOST,
        "jobmanager.bind-host": HOST,
        "jobmanager.rpc.port": free_port(),
        "rest.address": HOST,
        "rest.bind-address": HOST,
        "rest.port": rest_port,
        "rest.bind-port": str(rest_port),
        # Jobs come by PyFlink; nobody is to upload one by the web page.
        "web.submit.enable": False,
        "taskmanager.host": HOST,
        "taskmanager.bind-host": HOST,
        "taskmanager.numberOfTaskSlots": slots,
        # Spread out, so that each task manager has a part of the job.
        "taskmanager.load-balance.mode": "SLOTS",
        "taskmanager.cpu.cores": float(slots),
        f"{memory}framework.heap.size": f"{_FRAMEWORK_HEAP_MB}m",
        f"{memory}task.heap.size": f"{_TASK_HEAP_MB}m",
        f"{memory}task.off-heap.size": "0m",
        f"{memory}network.min": f"{_NETWORK_MB}m",
        f"{memory}network.max": f"{_NETWORK_MB}m",
        f"{memory}managed.size": f"{_MANAGED_MB}m",
        f"{memory}framework.off-heap.size": f"{_DIRECT_MB}m",
        f"{memory}jvm-metaspace.size": f"{_METASPACE_MB}m",
        f"{memory}jvm-overhead.min": f"{_OVERHEAD_MB}m",
        f"{memory}jvm-overhead.max": f"{_OVERHEAD_MB}m",
        # A task manager that is killed is missed within seconds, and not after a minute.
        "heartbeat.interval": "1 s",
        "heartbeat.timeout": "10 s",
        "metrics.fetcher.update-interval": "500 ms",
        # In milliseconds. All metrics stand still until one that a dead task manager was asked for is given up.
        "web.timeout": 10_000,
        "io.tmp.dirs": str(directory / "flink-tmp"),
    }


def _exports(home: Path) -> list[str]:
    """The JVM's options that Flink itself sets for its scripts."""
    configuration = yaml.safe_load((home / "conf" / "config.yaml").read_text(encoding="utf-8"))
    options: str = configuration["env"]["java"]["opts"]["all"]
    return options.split()
