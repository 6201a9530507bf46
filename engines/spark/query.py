"""Spark's query: counts per second, county, operator and type; malformed lines apart. All of it runs in the JVM."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engines.contract.job import JobSpecification
from engines.contract.record import COLUMNS, JAVA_PATTERNS

#: The name of the totals that `dead_letters` keeps.
TOTALS = "totals"


def output_rows(source: DataFrame, job: JobSpecification, tasks: int) -> DataFrame:
    """Everything to write, as Kafka's sink wants it: `topic`, `key`, `value`.

    Both parts leave by one sink of one streaming query, so that they share micro-batches and a checkpoint. Spark has
    no side outputs, so either way (two queries are the other) each part reads the batch's messages for itself.
    """
    return aggregates(source, job, tasks).unionByName(dead_letters(source, job, tasks))


def aggregates(source: DataFrame, job: JobSpecification, tasks: int) -> DataFrame:
    """The counts as upserts."""
    # One wave of tasks a batch, however many partitions the topic has: tasks cost more than records at low rates.
    records = _classify(source, job).coalesce(tasks).where("well_formed")
    counts = (
        records.select(_field("Location"), _field("Company"), _field("Type"), _event_time())
        .withWatermark("event_time", f"{job.allowed_lateness_ms} milliseconds")
        .groupBy(F.window("event_time", "1 second"), "Location", "Company", "Type")
        .count()
    )
    return counts.select(
        F.lit(job.output_topic).alias("topic"),
        F.concat_ws("|", F.expr("unix_seconds(window.start)"), "Location", "Company", "Type")
        .cast("binary")
        .alias("key"),
        F.col("count").cast("string").cast("binary").alias("value"),
    )


def dead_letters(source: DataFrame, job: JobSpecification, tasks: int) -> DataFrame:
    """The malformed lines, byte for byte; on the way, the totals of all lines and of malformed ones."""
    lines = _classify(source, job).coalesce(tasks)
    counted = lines.observe(
        TOTALS, F.count("*").alias("records_in"), F.count_if(~F.col("well_formed")).alias("malformed")
    )
    return counted.where("not well_formed").select(
        F.lit(job.dead_letter_topic).alias("topic"),
        F.lit(None).cast("binary").alias("key"),
        F.col("line").alias("value"),
    )


def _classify(source: DataFrame, job: JobSpecification) -> DataFrame:
    """Kafka's messages as `line` (a tombstone is an empty line), `text` and `well_formed`."""
    line = F.coalesce("value", F.lit(b"")).alias("line")
    # Latin-1 gives every byte a character, and those beyond ASCII match nothing.
    lines = source.select(line).withColumn("text", F.decode("line", "ISO-8859-1"))
    # Thirteen digits each: comparing the strings compares the numbers.
    in_order = _substring("EndT") >= _substring("StartT")
    return lines.withColumn("well_formed", F.col("text").rlike(JAVA_PATTERNS[job.locations]) & in_order)


def _event_time() -> Column:
    return F.timestamp_millis(_substring("EndT").cast("bigint")).alias("event_time")


def _field(name: str) -> Column:
    return _substring(name).alias(name)


def _substring(field: str) -> Column:
    return F.substring("text", *COLUMNS[field])
