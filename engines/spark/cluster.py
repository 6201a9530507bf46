"""Where Spark's tasks run: in this process, or on a cluster that is there, with the driver in this process."""

import os
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pyspark.sql import SparkSession

from engines.contract.job import JobSpecification

LOOPBACK = "127.0.0.1"
#: Spark's own name for the secret of a cluster.
SECRET_VARIABLE = "_SPARK_AUTH_SECRET"  # noqa: S105
#: How long to wait for all executors that were asked for; a smaller cluster has not as many.
EXECUTORS_WAIT = "30s"


def is_cluster(master: str) -> bool:
    """Whether `master`, a setting, names a cluster: it does not if it is empty, or local mode."""
    return bool(master) and not master.startswith("local")


def master_of(job: JobSpecification, settings: dict[str, Any]) -> str:
    """Spark's master URL."""
    return str(settings["master"] or f"local[{job.parallelism}]")


def options_of(job: JobSpecification, settings: dict[str, Any]) -> dict[str, Any]:
    """What the session has to know of the place where tasks run."""
    # Not by `spark.jars` alone: what reads that needs them itself.
    driver = {"spark.driver.extraClassPath": ":".join(job.jars)}
    if not is_cluster(settings["master"]):
        # Spark makes a secret, and tells nobody: other users of the machine reach the port of the driver.
        return _on_loopback() | driver | {"spark.authenticate": True}
    options = driver | {
        # Executors fetch them from the driver.
        "spark.jars": ",".join(job.jars),
        "spark.executor.memory": settings["executor_memory"],
        "spark.cores.max": job.parallelism,
        "spark.scheduler.minRegisteredResourcesRatio": 1.0,
        "spark.scheduler.maxRegisteredResourcesWaitingTime": EXECUTORS_WAIT,
    }
    return options | driver_address(settings["master"])


def driver_address(master: str) -> dict[str, str]:
    """Where executors find the driver, for a cluster's `master`.

    Elsewhere, it is an address that Spark picks, or the user's own settings name.
    """
    return _on_loopback() if urlsplit(master).hostname in (LOOPBACK, "localhost") else {}


def _on_loopback() -> dict[str, str]:
    return {"spark.driver.host": LOOPBACK, "spark.driver.bindAddress": LOOPBACK}


def checkpoint_location(job: JobSpecification, settings: dict[str, Any]) -> str:
    """Where the query's checkpoints go: below the setting, if there is one, in a folder of the trial's own."""
    if settings["checkpoint_dir"]:
        return f"{settings['checkpoint_dir'].rstrip('/')}/{job.input_topic}"
    return str(Path(job.checkpoint_dir) / "query")


def log_in(master: str, directory: Path) -> None:
    """Have the session, which is yet to be made, know the secret of its cluster, if the environment has one.

    By a private file in `directory`: PySpark makes an argument of every other option.
    """
    secret = os.environ.get(SECRET_VARIABLE)
    if not secret or not is_cluster(master):
        return
    path = directory / "login.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(f"spark.authenticate true\nspark.authenticate.secret {secret}\n", encoding="ascii")
    others = os.environ.get("PYSPARK_SUBMIT_ARGS", "pyspark-shell")
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"--properties-file {shlex.quote(str(path))} --load-spark-defaults {others}"


def await_executors(spark: SparkSession, tasks: int) -> None:
    """Run a job that does nothing. Spark holds it back until the executors that were asked for are there."""
    spark.range(0, tasks, 1, tasks).count()


def has_local_files(settings: dict[str, Any]) -> bool:
    """Whether checkpoints are files of this machine, or of a volume that all machines have mounted."""
    return not settings["checkpoint_dir"] or urlsplit(settings["checkpoint_dir"]).scheme == "file"


def executors_lost(spark: SparkSession) -> int:
    """How many executors have been lost so far."""
    executors = spark.sparkContext._jsc.sc().statusStore().executorList(False)
    return sum(not executors.apply(number).isActive() for number in range(executors.size()))
