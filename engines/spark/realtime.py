"""The engine `spark-rtm`: Spark in Real-Time Mode, in local mode.

Tasks run for the whole of a trigger, and hand each record on at once: from the source through a shuffle to the count,
and from there to Kafka. The end of a trigger is what a micro-batch's end is otherwise: state and offsets are saved, and
the watermark moves.
"""

import sys
import threading
import time
from typing import Any

from cluster import options_of
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import StreamingQuery
from query import call, counts, functions_catalog, letters, upserts
from session import LOCAL_FILES, kafka_options, producer_options, raise_if_dead, start_session

from engines.contract.compilers import jvm_in_use
from engines.contract.events import EventWriter
from engines.contract.job import JobSpecification
from engines.contract.process import run_engine
from engines.contract.promises import Promises

DEFAULT_SETTINGS: dict[str, Any] = {
    # How long a trigger lasts, which is Spark's own default: each end of one is a checkpoint, and a pause.
    "trigger_ms": 300_000,
    # Tasks that count, and parts of the state.
    "tasks": 1,
    # How long a task that reads holds records back, to send more of them at once to one that counts.
    "shuffle_wait_ms": 5,
    # How long Kafka's producer waits for more to send together: each upsert in a request of its own is more than a
    # broker can do that shares two cores with the engine.
    "linger_ms": 10,
    # How long a fetch waits at the end of a partition.
    "fetch_wait_ms": 500,
    # The JVM's heap.
    "driver_memory": "2g",
    # The JVM's compilers: "both", or "quick" for the quick one alone.
    "compilers": "both",
    # Further options of the JVM.
    "jvm_options": "",
    # Further options of Spark, which go before all others.
    "conf": {},
}

#: Tasks that may run at once: two for each partition of the input, and those that count. They are threads, which cost
#: nothing until a task is there.
SLOTS = 4096
#: Spark would have a thread for each slot here.
DISPATCHER_THREADS = 2
#: Of the queries: two stages count, and one takes malformed lines.
STAGES = 3
#: How malformed lines are read, which nobody waits for: a fetch for each batch of the producer's would take the broker
#: half a core at 6,000 records/s.
UNHURRIED = {"fetch.min.bytes": 1 << 20, "fetch.max.wait.ms": 500}
STATE_STORE = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"

PROGRESS_INTERVAL_S = 1.0
READY_POLL_S = 0.05
#: At the end, nothing more has come of what was read for so long, and it is not waited for any longer than that.
SETTLED_S = 0.5
SETTLE_DEADLINE_S = 5.0

#: Read back from the session for `ready`.
REPORTED_CONFIGURATION = (
    "spark.master",
    "spark.driver.memory",
    "spark.sql.shuffle.partitions",
    "spark.sql.streaming.stateStore.providerClass",
    "spark.shuffle.streaming.networkBufferMaxWaitTimeMs",
)


class Totals:
    """Totals since the start, which the query's own functions keep in the JVM."""

    def __init__(self, spark: SparkSession) -> None:
        self._tally = spark.sparkContext._jvm.ringbench.spark.Tally

    def read(self) -> dict[str, int | None]:
        """What was read; how much of it was late is not known while some is on its way."""
        lines, malformed, _upserts, _letters = self._tally.read()
        return {"records_in": lines, "malformed": malformed, "late": None}

    def settle(self) -> dict[str, int | None]:
        """The totals once all that was read has left: of records, those that were not late make an upsert each."""
        deadline_s = time.monotonic() + SETTLE_DEADLINE_S
        before, now = None, list(self._tally.read())
        while now != before and time.monotonic() < deadline_s:
            time.sleep(SETTLED_S)
            before, now = now, list(self._tally.read())
        lines, malformed, written, _letters = now
        return {
            "records_in": lines,
            "malformed": malformed,
            "late": lines - malformed - written if now == before else None,
        }


def work(
    job: JobSpecification, settings: dict[str, Any], events: EventWriter, stop: threading.Event
) -> dict[str, int | None]:
    """Run `job` until `stop` is set; return the totals.

    Raises:
        StreamingQueryException: a query died.
    """
    spark = start_session(job, settings, f"local[{SLOTS}]", session_options(job, settings))
    totals = Totals(spark)
    queries = start_queries(spark, job, settings)
    wait_until_ready(spark, queries, stop)
    events.send("ready", version=spark.version, config=effective_configuration(spark, job, settings))
    while not stop.wait(PROGRESS_INTERVAL_S):
        for query in queries:
            raise_if_dead(query)
        events.send("progress", **totals.read())
    final = totals.settle()
    for query in queries:
        query.stop()
    spark.stop()
    return final


def session_options(job: JobSpecification, settings: dict[str, Any]) -> dict[str, Any]:
    """What is set for Real-Time Mode alone."""
    return {
        "spark.sql.shuffle.partitions": settings["tasks"],
        "spark.rpc.netty.dispatcher.numThreads": DISPATCHER_THREADS,
        "spark.shuffle.streaming.networkBufferMaxWaitTimeMs": settings["shuffle_wait_ms"],
        "spark.sql.streaming.stateStore.providerClass": STATE_STORE,
        **LOCAL_FILES,
        **functions_catalog(job),
        **options_of(job, {"master": ""}),
    }


def start_queries(spark: SparkSession, job: JobSpecification, settings: dict[str, Any]) -> list[StreamingQuery]:
    """The running queries. Malformed lines have one of their own: Spark wants no union after a count in this mode."""
    lines = read_topic(spark, job, {"fetch.max.wait.ms": settings["fetch_wait_ms"]})
    counted = upserts(counts(lines.where(call("tally_line")), job), job)
    malformed = letters(read_topic(spark, job, UNHURRIED).where(~call("is_record")), job)
    return [
        _start(counted.withColumn("value", call("tally_upsert")), "counts", job, settings),
        _start(malformed.withColumn("value", call("tally_dead_letter")), "dead-letters", job, settings),
    ]


def read_topic(spark: SparkSession, job: JobSpecification, consumer: dict[str, Any]) -> DataFrame:
    """The input topic's messages, from its beginning, by a consumer with the settings `consumer`."""
    return (
        spark.readStream.format("kafka")
        .options(**kafka_options(job))
        .options(**{f"kafka.{name}": value for name, value in consumer.items()})
        .option("subscribe", job.input_topic)
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .load()
    )


def _start(rows: DataFrame, name: str, job: JobSpecification, settings: dict[str, Any]) -> StreamingQuery:
    return (
        rows.writeStream.format("kafka")
        .options(**producer_options(job))
        .option("kafka.linger.ms", settings["linger_ms"])
        .queryName(name)
        .outputMode("update")
        .option("checkpointLocation", f"{job.checkpoint_dir}/{name}")
        .trigger(realTime=f"{settings['trigger_ms']} milliseconds")
        .start()
    )


def wait_until_ready(spark: SparkSession, queries: list[StreamingQuery], stop: threading.Event) -> None:
    """Wait until all tasks of all stages run: from then on, a record that is sent goes through at once."""
    tracker = spark.sparkContext.statusTracker()
    while not stop.wait(READY_POLL_S):
        for query in queries:
            raise_if_dead(query)
        stages = [tracker.getStageInfo(each) for each in tracker.getActiveStageIds()]
        if len(stages) == STAGES and all(each and each.numActiveTasks == each.numTasks for each in stages):
            return


def effective_configuration(spark: SparkSession, job: JobSpecification, settings: dict[str, Any]) -> dict[str, Any]:
    """What is in effect, as the session and the JVM tell it."""
    return {name: spark.conf.get(name) for name in REPORTED_CONFIGURATION} | {
        "trigger_ms": settings["trigger_ms"],
        "linger_ms": settings["linger_ms"],
        "fetch_wait_ms": settings["fetch_wait_ms"],
        "allowed_lateness_ms": job.allowed_lateness_ms,
        **jvm_in_use(spark.sparkContext._jvm),
        **promises(job, settings).as_config(),
    }


def promises(job: JobSpecification, settings: dict[str, Any]) -> Promises:
    """What this engine promises."""
    return Promises(
        delivery="records exactly once, upserts at least once",
        checkpoints=f"every {settings['trigger_ms']} ms, to files",
        state_kept=f"{job.allowed_lateness_ms} ms of event time, and up to two triggers of {settings['trigger_ms']} ms",
        upserts_joined="none: an upsert for each record",
        heap=settings["driver_memory"],
    )


if __name__ == "__main__":
    sys.exit(run_engine(DEFAULT_SETTINGS, work))
