"""What all modes of Spark have in common: the session, the ways to Kafka, and a query that died."""

import os
import signal
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from engines.contract.compilers import compiler_options
from engines.contract.job import JobSpecification
from engines.contract.process import JVM_OPTIONS

#: Hadoop's own file system starts the program `chmod` for each file that it makes, which is ten times in a micro-batch.
#: This one asks the JVM; Hadoop's newer interface, of which Spark's own manager makes use, knows no such substitute.
LOCAL_FILES = {
    "spark.hadoop.fs.file.impl": "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem",
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
    ),
}


def start_session(
    job: JobSpecification, settings: dict[str, Any], master: str, of_the_mode: dict[str, Any]
) -> SparkSession:
    """A session without a web page, with its own scratch folder.

    Args:
        job: what is to be done.
        settings: the engine's; `conf` goes before all others.
        master: Spark's master URL.
        of_the_mode: further options of Spark.
    """
    scratch = Path(job.checkpoint_dir) / "scratch"
    options = {
        "spark.driver.memory": settings["driver_memory"],
        "spark.driver.defaultJavaOptions": " ".join(_jvm_options(settings, master)),
        "spark.driver.extraJavaOptions": settings["jvm_options"],
        "spark.ui.enabled": False,
        "spark.ui.showConsoleProgress": False,
        "spark.local.dir": scratch,
        "spark.sql.warehouse.dir": scratch / "warehouse",
        "spark.sql.session.timeZone": "UTC",
        # Generated code that does not compile is an error, and not to be made up for by slow interpretation.
        "spark.sql.codegen.fallback": False,
        **of_the_mode,
        **settings["conf"],
    }
    builder = SparkSession.builder.appName(f"ringbench-{job.run_id}").master(master)
    for name, value in options.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        builder = builder.config(name, text)
    session = builder.getOrCreate()
    # PySpark takes SIGINT for itself, and would end the job at Ctrl-C before the harness does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return session


def _jvm_options(settings: dict[str, Any], master: str) -> list[str]:
    """Those of the driver's JVM that its user has not named."""
    compilers = compiler_options(settings["compilers"]) if master.startswith("local") else []
    return [*os.environ.get(JVM_OPTIONS, "").split(), *compilers]


def kafka_options(job: JobSpecification) -> dict[str, str]:
    """How Spark's sources and sinks reach Kafka."""
    access = {f"kafka.{name}": value for name, value in job.kafka_properties.items()}
    return access | {"kafka.bootstrap.servers": job.bootstrap_servers}


def producer_options(job: JobSpecification) -> dict[str, str]:
    """The same, for a sink that loses nothing."""
    return kafka_options(job) | {"kafka.acks": "all", "kafka.enable.idempotence": "true"}


def raise_if_dead(query: StreamingQuery) -> None:
    """Raise the exception that ended `query`, if one did."""
    if (error := query.exception()) is not None:
        raise error
    if not query.isActive:
        raise RuntimeError("the streaming query ended by itself")
