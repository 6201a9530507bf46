"""The Spark engine: Structured Streaming in local mode or on a cluster, micro-batches back to back.

Real-time mode would suit better, but Spark 4.2 refuses an aggregate in it.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from cluster import (
    await_executors,
    checkpoint_location,
    executors_lost,
    has_local_files,
    is_cluster,
    log_in,
    master_of,
    options_of,
)
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import StreamingQuery
from query import TOTALS, functions_catalog, output_mode, output_rows
from sink import RedisSink
from tasks import TaskKiller

from engines.contract.events import EventWriter, act_on_sigusr1
from engines.contract.job import JobSpecification
from engines.contract.process import JVM_OPTIONS, run_engine
from engines.contract.promises import Promises
from engines.contract.queries import COUNTS

DEFAULT_SETTINGS: dict[str, Any] = {
    # The state is small (windows within the lateness), so that the heap serves it faster than RocksDB.
    "state_store": "hdfs",
    # Bounds a micro-batch when catching up: about a second's work. Partitions share it by what is left in each, so
    # that they advance together, and the watermark of one batch does not make the next one's records late.
    "max_records_per_batch": 300_000,
    # 0: the next micro-batch starts when the last one ends.
    "trigger_ms": 0,
    # Of no use to counts: they go out at once, and the next batch with data evicts state as well. On, Spark inserts an
    # empty micro-batch whenever the topic pauses. Other queries' last answers need that one, and always have it.
    "no_data_batches": False,
    # Guards checkpoint files against a storage that spoils them, at the price of a second file each.
    "file_checksums": False,
    # Tasks of each stage, and parts of the state; 0: as many as the scenario's parallelism. With 1, a micro-batch has
    # less to start, and is over sooner, but one core has to do.
    "tasks": 0,
    # How long a fetch waits at the end of a partition.
    "fetch_wait_ms": 10,
    # The JVM's heap.
    "driver_memory": "2g",
    # Further options of the JVM.
    "jvm_options": "",
    # Spark's master URL, such as spark://HOST:PORT, yarn or k8s://https://HOST:PORT; empty: local mode.
    "master": "",
    # On a cluster: the heap of each executor's JVM.
    "executor_memory": "1g",
    # On a cluster of several machines: a folder that all of them reach, such as hdfs://HOST/ringbench.
    "checkpoint_dir": "",
    # Further options of Spark, which go before all others.
    "conf": {},
}

STATE_STORES = {
    "hdfs": "org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider",
    "rocksdb": "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
}

#: Hadoop's own file system starts the program `chmod` for each file that it makes, which is ten times in a micro-batch.
#: This one asks the JVM; Hadoop's newer interface, of which Spark's own manager makes use, knows no such substitute.
LOCAL_FILES = {
    "spark.hadoop.fs.file.impl": "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem",
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
    ),
}

PROGRESS_INTERVAL_S = 1.0
READY_POLL_S = 0.05
WAITING_FOR_DATA = "Waiting for data to arrive"

#: Read back from the session for `ready`.
REPORTED_CONFIGURATION = (
    "spark.master",
    "spark.driver.memory",
    "spark.sql.shuffle.partitions",
    "spark.sql.streaming.stateStore.providerClass",
    "spark.sql.streaming.noDataMicroBatches.enabled",
    "spark.sql.streaming.checkpoint.fileChecksum.enabled",
)


class Totals:
    """Totals since the start, kept in the JVM.

    From the first late record on, the number of late ones is unknown.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._java = spark.sparkContext._jvm.ringbench.spark.Totals(TOTALS)
        spark._jsparkSession.streams().addListener(self._java)

    def read(self) -> dict[str, int | None]:
        """The totals of the micro-batches that have been told of."""
        late = None if self._java.hasDroppedLate() else 0
        return {"records_in": self._java.records(), "malformed": self._java.malformed(), "late": late}


def work(
    job: JobSpecification, settings: dict[str, Any], events: EventWriter, stop: threading.Event
) -> dict[str, int | None]:
    """Run `job` until `stop` is set; return the totals.

    Raises:
        StreamingQueryException: the query died.
    """
    spark = start_session(job, settings)
    on_cluster = is_cluster(settings["master"])
    if on_cluster:
        await_executors(spark, job.parallelism)
    totals = Totals(spark)
    query = start_query(spark, job, settings)
    wait_until_ready(query, stop)
    killer = TaskKiller(spark)
    act_on_sigusr1(killer.kill_one)
    events.send("ready", version=spark.version, config=effective_configuration(spark, job, settings))
    while not stop.wait(PROGRESS_INTERVAL_S):
        raise_if_dead(query)
        lost = {"executors_lost": executors_lost(spark)} if on_cluster else {}
        events.send("progress", **totals.read(), task_restarts=killer.restarts, **lost)
    query.stop()
    # What is told of the last micro-batch comes by a queue.
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    final = totals.read() | {"task_restarts": killer.restarts}
    spark.stop()
    return final


def start_session(job: JobSpecification, settings: dict[str, Any]) -> SparkSession:
    """A session without a web page, with its own scratch folder; on loopback, unless its cluster is elsewhere."""
    log_in(job, settings)
    scratch = Path(job.checkpoint_dir) / "scratch"
    options = {
        "spark.driver.memory": settings["driver_memory"],
        "spark.driver.defaultJavaOptions": os.environ.get(JVM_OPTIONS, ""),
        "spark.driver.extraJavaOptions": settings["jvm_options"],
        "spark.ui.enabled": False,
        "spark.ui.showConsoleProgress": False,
        "spark.local.dir": scratch,
        "spark.sql.warehouse.dir": scratch / "warehouse",
        "spark.sql.session.timeZone": "UTC",
        # Generated code that does not compile is an error, and not to be made up for by slow interpretation.
        "spark.sql.codegen.fallback": False,
        # Frozen by the first checkpoint, as is the state store.
        "spark.sql.shuffle.partitions": tasks_of(job, settings),
        "spark.sql.streaming.stateStore.providerClass": STATE_STORES[settings["state_store"]],
        "spark.sql.streaming.noDataMicroBatches.enabled": settings["no_data_batches"] or job.query != COUNTS,
        "spark.sql.streaming.checkpoint.fileChecksum.enabled": settings["file_checksums"],
        **(LOCAL_FILES if has_local_files(settings) else {}),
        **functions_catalog(job),
        **options_of(job, settings),
        **settings["conf"],
    }
    builder = SparkSession.builder.appName(f"ringbench-{job.run_id}").master(master_of(job, settings))
    for name, value in options.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        builder = builder.config(name, text)
    session = builder.getOrCreate()
    # PySpark takes SIGINT for itself, and would end the job at Ctrl-C before the harness does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return session


def tasks_of(job: JobSpecification, settings: dict[str, Any]) -> int:
    """How many tasks each stage has, and parts the state."""
    return int(settings["tasks"] or job.parallelism)


def start_query(spark: SparkSession, job: JobSpecification, settings: dict[str, Any]) -> StreamingQuery:
    """The running query."""
    kafka = {f"kafka.{name}": value for name, value in job.kafka_properties.items()}
    kafka["kafka.bootstrap.servers"] = job.bootstrap_servers
    writer = (
        output_rows(read_topic(spark, job, settings, kafka), job, tasks_of(job, settings))
        .writeStream.outputMode(output_mode(job))
        .option("checkpointLocation", checkpoint_location(job, settings))
        .trigger(processingTime=f"{settings['trigger_ms']} milliseconds")
    )
    producer = kafka | {"kafka.acks": "all", "kafka.enable.idempotence": "true"}
    if job.redis:
        return writer.foreachBatch(RedisSink(job.redis, producer).write).start()
    return writer.format("kafka").options(**producer).start()


def read_topic(
    spark: SparkSession, job: JobSpecification, settings: dict[str, Any], kafka: dict[str, str]
) -> DataFrame:
    """The input topic's messages, from its beginning."""
    return (
        spark.readStream.format("kafka")
        .options(**kafka)
        # The offsets to read are known to exist, so that waiting is of no use; but the read-ahead that follows them
        # holds the connection for as long as this when the topic is quiet (Kafka's default: half a second).
        .option("kafka.fetch.max.wait.ms", settings["fetch_wait_ms"])
        .option("subscribe", job.input_topic)
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("maxOffsetsPerTrigger", settings["max_records_per_batch"])
        .load()
    )


def wait_until_ready(query: StreamingQuery, stop: threading.Event) -> None:
    """Wait for the end of the first trigger: a record sent now is in the next micro-batch."""
    while not stop.wait(READY_POLL_S):
        raise_if_dead(query)
        if query.lastProgress is not None or query.status["message"] == WAITING_FOR_DATA:
            return


def raise_if_dead(query: StreamingQuery) -> None:
    """Raise the exception that ended `query`, if one did."""
    if (error := query.exception()) is not None:
        raise error
    if not query.isActive:
        raise RuntimeError("the streaming query ended by itself")


def effective_configuration(spark: SparkSession, job: JobSpecification, settings: dict[str, Any]) -> dict[str, Any]:
    """What is in effect, as the session and the JVM tell it."""
    context = spark.sparkContext
    java = context._jvm.java.lang.System
    return {name: spark.conf.get(name) for name in REPORTED_CONFIGURATION} | {
        "parallelism": context.defaultParallelism,
        "trigger_ms": settings["trigger_ms"],
        "max_records_per_batch": settings["max_records_per_batch"],
        "checkpoints": "every micro-batch",
        "allowed_lateness_ms": job.allowed_lateness_ms,
        "java.version": java.getProperty("java.version"),
        **promises(job, settings).as_config(),
    }


def promises(job: JobSpecification, settings: dict[str, Any]) -> Promises:
    """What this engine promises."""
    return Promises(
        delivery="records exactly once, upserts at least once",
        checkpoints="with every micro-batch, to files",
        state_kept=f"{job.allowed_lateness_ms} ms of event time",
        upserts_joined="a micro-batch",
        heap=settings["driver_memory"],
    )


if __name__ == "__main__":
    sys.exit(run_engine(DEFAULT_SETTINGS, work))
