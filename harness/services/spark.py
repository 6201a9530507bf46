"""Spark's own cluster manager: a master and two workers, each of which can hold all executors of a job."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.console.redaction import conceal
from harness.provision.cache import Progress
from harness.services.cluster import JVM_OPTIONS, WORKERS, Cluster, Launcher, Node, get_json, java_command
from harness.services.ports import HOST, free_port

_HEAP = "-Xmx256m"
_MASTER, _WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"
#: What a worker has to give away; only what executors ask for is used.
_MEMORY = "4g"
_PROPERTIES = (
    # Without it, a port that is taken is passed over, and nobody would know which one was taken instead.
    "-Dspark.port.maxRetries=0",
    # A second way to submit jobs, of which there is no use here.
    "-Dspark.master.rest.enabled=false",
    # Ports on loopback are open to every user of the machine: jobs of others are not taken, and ours not ended.
    "-Dspark.authenticate=true",
    "-Dspark.ui.killEnabled=false",
)
#: Spark's own name for what master, workers, executors and the driver of a job have to know.
_SECRET = "_SPARK_AUTH_SECRET"  # noqa: S105


@contextmanager
def spark_cluster(
    directory: Path, home: Path, cores: int, environment: Mapping[str, str], progress: Progress
) -> Iterator[Cluster]:
    """A running master with its workers.

    Args:
        directory: where their files and logs go.
        home: the folder of the package ``pyspark``.
        cores: of each worker: so many tasks run there side by side.
        environment: further variables; ``JAVA_HOME`` says what they run on.
        progress: told what happens.

    Raises:
        ServiceError: one does not serve; with its log's end.
    """
    progress(f"starting Spark's master and {WORKERS} workers")
    port, web_port = free_port(), free_port()
    scala, version = _versions(home)
    login = {_SECRET: secrets.token_urlsafe(32)}
    conceal(*login.values())
    launcher = Launcher(
        directory,
        version,
        [java_command(environment), _HEAP, *JVM_OPTIONS, *_PROPERTIES, "-cp", str(home / "jars" / "*")],
        {
            **environment,
            **login,
            "SPARK_HOME": str(home),
            # Otherwise, a worker looks for it in folders that only Spark's own sources have.
            "SPARK_SCALA_VERSION": scala,
            "SPARK_LOCAL_IP": HOST,
            "SPARK_PUBLIC_DNS": HOST,
        },
    )
    web, address = f"http://{HOST}:{web_port}", f"spark://{HOST}:{port}"
    with launcher.cluster():
        ports = ["--port", str(port), "--webui-port", str(web_port)]
        master = launcher.start(
            "spark master", [_MASTER, "--host", HOST, *ports], lambda: bool(get_json(f"{web}/json/")), port=web_port
        )
        master.wait_until_ready()
        workers = [_worker(launcher, number, address, web, cores) for number in range(1, WORKERS + 1)]
        for worker in workers:
            worker.wait_until_ready()
        yield Cluster(address, {node.name: node for node in (master, *workers)}, web, login)


def _worker(launcher: Launcher, number: int, master: str, web: str, cores: int) -> Node:
    name, port = f"spark worker {number}", free_port()
    work = launcher.directory / f"worker-{number}"
    work.mkdir(mode=0o700, parents=True)
    arguments = ["--host", HOST, "--port", str(port), "--webui-port", "0", "--work-dir", str(work)]
    arguments += ["--cores", str(cores), "--memory", _MEMORY, master]

    def is_registered() -> bool:
        found = get_json(f"{web}/json/") or {"workers": []}
        return any(each["port"] == port and each["state"] == "ALIVE" for each in found["workers"])

    return launcher.start(name, [_WORKER, *arguments], is_registered)


def _versions(home: Path) -> tuple[str, str]:
    """Scala's and Spark's, from a name such as ``spark-core_2.13-4.2.0.jar``."""
    core = next(home.glob("jars/spark-core_*.jar")).stem
    scala, _, spark = core.partition("_")[2].partition("-")
    return scala, spark
