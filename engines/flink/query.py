"""Flink's query: counts per second, county, operator and type; malformed lines apart. SQL only: it stays in the JVM.

A plain GROUP BY on the computed cell, not a window function: window aggregates emit when the window closes, this one
whenever a count changes. Since it knows no lateness, a filter on the watermark drops late records as Spark does.

Mini-batch aggregation is of no use here: the operator that cuts the batches swallows the watermarks of event time and
sends the wall clock's instead, and Flink puts it before the filter, which would then take everything for late. The
sink joins upserts instead.
"""

from typing import Any

from engines.contract.job import JobSpecification, RedisTarget
from engines.contract.keys import STREAM_LENGTH, UPDATES_FIELD, updates_key, window_key
from engines.contract.record import COLUMNS, JAVA_PATTERN

#: Names of tables, and so of the operators whose metrics hold the totals.
SOURCE, UPSERTS, DEAD_LETTERS = "cdr", "upserts", "dead_letters"

#: The line as text. Bytes that are no UTF-8 become characters that match nothing. Not DECODE: what Flink 2.2 generates
#: for it does not compile in a watermark.
TEXT = "CAST(message AS STRING)"


def table_statements(job: JobSpecification, settings: dict[str, Any]) -> list[str]:
    """The tables over Kafka's topics, and in the direct route the one over Redis."""
    return [_source(job, settings), _upserts(job, settings), _dead_letters(job)]


def insert_statements() -> list[str]:
    """What runs, as one job: both read the one scan of the source."""
    window_s = f"{_event_time_ms()} / 1000"
    cell = f"CONCAT_WS('|', CAST({window_s} AS STRING), {_field('Location')}, {_field('Company')}, {_field('Type')})"
    in_time = f"TO_TIMESTAMP_LTZ(({window_s} + 1) * 1000, 3) > COALESCE(CURRENT_WATERMARK(event_time), {_time('0')})"
    return [
        # Grouping by the very string that is the sink's key spares a state that tracks how one becomes the other.
        f"INSERT INTO {UPSERTS} SELECT cell, CAST(COUNT(*) AS STRING) "
        f"FROM (SELECT {cell} AS cell FROM {SOURCE} WHERE {_well_formed()} AND {in_time}) GROUP BY cell",
        # A tombstone is an empty line.
        f"INSERT INTO {DEAD_LETTERS} SELECT COALESCE(message, X'') FROM {SOURCE} WHERE NOT {_well_formed()}",
    ]


def _source(job: JobSpecification, settings: dict[str, Any]) -> str:
    # A malformed line has event time 0, which moves no watermark.
    event_time_ms = f"CASE WHEN {_well_formed()} THEN {_event_time_ms()} ELSE 0 END"
    options = {
        "connector": "kafka",
        "topic": job.input_topic,
        "format": "raw",
        "scan.startup.mode": "earliest-offset",
        "scan.watermark.idle-timeout": f"{settings['idle_partition_ms']} ms",
        "properties.group.id": f"ringbench-{job.run_id}-{job.engine}",
        "properties.fetch.min.bytes": str(settings["fetch_min_bytes"]),
        "properties.fetch.max.wait.ms": str(settings["fetch_wait_ms"]),
    }
    return (
        f"CREATE TABLE {SOURCE} (message BYTES, event_time AS {_time(event_time_ms)}, "
        f"WATERMARK FOR event_time AS event_time - {_interval(job.allowed_lateness_ms)}) "
        f"WITH ({_text(_kafka_options(job) | options)})"
    )


def _upserts(job: JobSpecification, settings: dict[str, Any]) -> str:
    options = _redis_options(job.redis, settings) if job.redis else _upsert_options(job, settings)
    return (
        f"CREATE TABLE {UPSERTS} (cell STRING, records STRING, PRIMARY KEY (cell) NOT ENFORCED) WITH ({_text(options)})"
    )


def _upsert_options(job: JobSpecification, settings: dict[str, Any]) -> dict[str, str]:
    return _kafka_options(job) | {
        "connector": "upsert-kafka",
        "topic": job.output_topic,
        "key.format": "raw",
        "value.format": "raw",
        "value.fields-include": "EXCEPT_KEY",
        "properties.acks": "all",
        "sink.delivery-guarantee": "at-least-once",
        "sink.buffer-flush.interval": f"{settings['flush_interval_ms']} ms",
        "sink.buffer-flush.max-rows": str(settings["flush_rows"]),
    }


def _redis_options(target: RedisTarget, settings: dict[str, Any]) -> dict[str, str]:
    """The options of `RedisConnector.java`."""
    return {
        "connector": "ringbench-redis",
        "url": target.url,
        "window-prefix": window_key(target.namespace, ""),
        "updates-key": updates_key(target.namespace),
        "updates-field": UPDATES_FIELD.decode("ascii"),
        "stream-length": str(STREAM_LENGTH),
        "expire-s": str(target.expire_s),
        "flush-interval-ms": str(settings["flush_interval_ms"]),
        "flush-rows": str(settings["flush_rows"]),
    }


def _dead_letters(job: JobSpecification) -> str:
    options = {
        "connector": "kafka",
        "topic": job.dead_letter_topic,
        "format": "raw",
        "properties.acks": "all",
        "sink.delivery-guarantee": "at-least-once",
    }
    return f"CREATE TABLE {DEAD_LETTERS} (line BYTES) WITH ({_text(_kafka_options(job) | options)})"


def _well_formed() -> str:
    # Thirteen digits each: comparing the strings compares the numbers.
    pattern = JAVA_PATTERN.replace("'", "''")
    return f"COALESCE(REGEXP({TEXT}, '{pattern}') AND {_field('EndT')} >= {_field('StartT')}, FALSE)"


def _event_time_ms() -> str:
    return f"TRY_CAST({_field('EndT')} AS BIGINT)"


def _field(name: str) -> str:
    start, length = COLUMNS[name]
    return f"SUBSTRING({TEXT}, {start}, {length})"


def _time(milliseconds: str) -> str:
    return f"TO_TIMESTAMP_LTZ({milliseconds}, 3)"


def _interval(milliseconds: int) -> str:
    """An interval literal, in days, hours, minutes and seconds, since Flink takes two digits of each."""
    seconds, rest_ms = divmod(milliseconds, 1000)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    return f"INTERVAL '{days} {hours % 24:02d}:{minutes % 60:02d}:{seconds % 60:02d}.{rest_ms:03d}' DAY TO SECOND(3)"


def _kafka_options(job: JobSpecification) -> dict[str, str]:
    properties = {f"properties.{name}": value for name, value in job.kafka_properties.items()}
    return properties | {"properties.bootstrap.servers": job.bootstrap_servers}


def _text(options: dict[str, str]) -> str:
    return ", ".join(f"'{key}' = '{_escape(value)}'" for key, value in options.items())


def _escape(text: str) -> str:
    return text.replace("'", "''")
