"""Spark's queries: by default, counts per second, county, operator and type; malformed lines apart. All in the JVM.

Lines are taken apart by functions of their own (``java/ringbench/spark``), which become part of the code that Spark
generates. In Spark's own, the pattern and each field's substring took more time than all else.
"""

from answers import answers
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engines.contract.job import JobSpecification
from engines.contract.queries import COUNTS
from engines.contract.record import LOCATIONS

#: The catalog of functions over messages.
CATALOG = "cdr"
#: The name of the totals that `dead_letters` keeps.
TOTALS = "totals"


def functions_catalog(job: JobSpecification) -> dict[str, str]:
    """The options of a session that has the functions."""
    name = f"spark.sql.catalog.{CATALOG}"
    return {name: "ringbench.spark.RecordFunctions", f"{name}.locations": LOCATIONS[job.locations]}


def output_rows(source: DataFrame, job: JobSpecification, tasks: int) -> DataFrame:
    """Everything to write, as Kafka's sink wants it: `topic`, `key`, `value`.

    Both parts leave by one sink of one streaming query, so that they share micro-batches and a checkpoint. Spark has
    no side outputs, so either way (two queries are the other) each part reads the batch's messages for itself.
    """
    # One wave of tasks a batch, however many partitions the topic has: tasks cost more than records at low rates.
    records = source.coalesce(tasks).where(call("is_record"))
    found = counts(records, job) if job.query == COUNTS else answers(fields(records), job)
    return upserts(found, job).unionByName(dead_letters(source, job, tasks))


def output_mode(job: JobSpecification) -> str:
    """The sink's mode: counts leave whenever they change, other answers once, when they are final."""
    return "update" if job.query == COUNTS else "append"


def counts(records: DataFrame, job: JobSpecification) -> DataFrame:
    """The counts as `key` and `value`."""
    counted = (
        records.select(call("name").alias("name"), call("event_time").alias("event_time"))
        .withWatermark("event_time", f"{job.allowed_lateness_ms} milliseconds")
        .groupBy(F.window("event_time", "1 second"), "name")
        .count()
    )
    key = F.concat_ws("|", F.expr("unix_seconds(window.start)"), "name")
    return counted.select(key.alias("key"), F.col("count").alias("value"))


def fields(records: DataFrame) -> DataFrame:
    """The fields of records that the other queries ask for."""
    names = ("caller", "callee", "location", "type", "event_time")
    return records.select(*(call(name).alias(name) for name in names))


def upserts(found: DataFrame, job: JobSpecification) -> DataFrame:
    """`key` and `value` as messages for the aggregates topic."""
    return found.select(
        F.lit(job.output_topic).alias("topic"),
        F.col("key").cast("binary").alias("key"),
        F.col("value").cast("string").cast("binary").alias("value"),
    )


def dead_letters(source: DataFrame, job: JobSpecification, tasks: int) -> DataFrame:
    """The malformed lines; on the way, the totals of all lines and of malformed ones."""
    lines = source.coalesce(tasks).select("value", call("is_record").alias("is_record"))
    counted = lines.observe(
        TOTALS, F.count("*").alias("records_in"), F.count_if(~F.col("is_record")).alias("malformed")
    )
    return letters(counted.where("not is_record"), job)


def letters(malformed: DataFrame, job: JobSpecification) -> DataFrame:
    """Malformed lines, in `value`, as messages for the dead-letter topic, byte for byte."""
    return malformed.select(
        F.lit(job.dead_letter_topic).alias("topic"),
        F.lit(None).cast("binary").alias("key"),
        # A tombstone is an empty line.
        F.coalesce("value", F.lit(b"")).alias("value"),
    )


def call(function: str) -> Column:
    """What the `function` of the catalog says of the bytes in `value`."""
    return F.call_function(f"{CATALOG}.{function}", F.col("value"))
