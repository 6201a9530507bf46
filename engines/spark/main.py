"""The Spark engine: Structured Streaming in local mode or on a cluster, micro-batches back to back.

Real-Time Mode is an engine of its own: see `realtime`.
"""

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
from session import LOCAL_FILES, kafka_options, producer_options, raise_if_dead, start_session
from sink import RedisSink
from tasks import TaskKiller

from engines.contract.compilers import jvm_in_use
from engines.contract.events import EventWriter, act_on_sigusr1
from engines.contract.job import JobSpecification
from engines.contract.process import run_engine
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
    # The JVM's compilers: "both", or "quick" for the quick one alone. On a cluster, always both.
    "compilers": "both",
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
    log_in(settings["master"], Path(job.checkpoint_dir))
    spark = start_session(job, settings, master_of(job, settings), session_options(job, settings))
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


def session_options(job: JobSpecification, settings: dict[str, Any]) -> dict[str, Any]:
    """What is set for micro-batches alone."""
    return {
        # Frozen by the first checkpoint, as is the state store.
        "spark.sql.shuffle.partitions": tasks_of(job, settings),
        "spark.sql.streaming.stateStore.providerClass": STATE_STORES[settings["state_store"]],
        "spark.sql.streaming.noDataMicroBatches.enabled": settings["no_data_batches"] or job.query != COUNTS,
        "spark.sql.streaming.checkpoint.fileChecksum.enabled": settings["file_checksums"],
        **(LOCAL_FILES if has_local_files(settings) else {}),
        **functions_catalog(job),
        **options_of(job, settings),
    }


def tasks_of(job: JobSpecification, settings: dict[str, Any]) -> int:
    """How many tasks each stage has, and parts the state."""
    return int(settings["tasks"] or job.parallelism)


def start_query(spark: SparkSession, job: JobSpecification, settings: dict[str, Any]) -> StreamingQuery:
    """The running query."""
    kafka = kafka_options(job)
    writer = (
        output_rows(read_topic(spark, job, settings, kafka), job, tasks_of(job, settings))
        .writeStream.outputMode(output_mode(job))
        .option("checkpointLocation", checkpoint_location(job, settings))
        .trigger(processingTime=f"{settings['trigger_ms']} milliseconds")
    )
    producer = producer_options(job)
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


def effective_configuration(spark: SparkSession, job: JobSpecification, settings: dict[str, Any]) -> dict[str, Any]:
    """What is in effect, as the session and the JVM tell it."""
    return {name: spark.conf.get(name) for name in REPORTED_CONFIGURATION} | {
        "parallelism": spark.sparkContext.defaultParallelism,
        "trigger_ms": settings["trigger_ms"],
        "max_records_per_batch": settings["max_records_per_batch"],
        "checkpoints": "every micro-batch",
        "allowed_lateness_ms": job.allowed_lateness_ms,
        **jvm_in_use(spark.sparkContext._jvm),
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
