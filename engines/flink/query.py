"""Flink's queries: by default, counts per second, county, operator and type; malformed lines apart. SQL only.

A plain GROUP BY on the computed cell, not a window function: window aggregates emit when the window closes, this one
whenever a count changes. Since it knows no lateness, a filter on the watermark drops late records as Spark does.

Lines are taken apart by a format of their own (``java/ringbench/flink``), once for each. In SQL, each expression that
asks for a field would match the pattern and cut the line anew.

Mini-batch aggregation is of no use here: the operator that cuts the batches swallows the watermarks of event time and
sends the wall clock's instead, and Flink puts it before the filter, which would then take everything for late. The
sink joins upserts instead.
"""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from answers import preparations, select_answers

from engines.contract.job import JobSpecification, RedisTarget
from engines.contract.keys import STREAM_LENGTH, UPDATES_FIELD, updates_key, window_key
from engines.contract.queries import COUNTS
from engines.contract.record import LOCATIONS

#: Names of tables, and so of the operators whose metrics hold the totals.
SOURCE, UPSERTS, DEAD_LETTERS = "cdr", "upserts", "dead_letters"
#: Longer than a restart takes, since what a checkpoint holds can be committed for so long only; brokers allow 15 min.
TRANSACTION_TIMEOUT_MS = 600_000
#: Kafka's properties that begin with the name of a class, and where the connector has its classes.
NAMING_CLASSES = ("sasl.jaas.config", "sasl.login.callback.handler.class")
SHADED = "org.apache.flink.kafka.shaded"

#: The two kinds of rows of the format `cdr`.
CELL_COLUMNS = "line BYTES, event_time TIMESTAMP_LTZ(3), cell STRING, window_end TIMESTAMP_LTZ(3)"
FIELD_COLUMNS = (
    "line BYTES, event_time TIMESTAMP_LTZ(3), event_ms BIGINT, "
    "caller STRING, callee STRING, location STRING, kind STRING"
)


def table_statements(job: JobSpecification, settings: dict[str, Any]) -> list[str]:
    """The tables over Kafka's topics, in the direct route the one over Redis, and what else the query needs."""
    tables = [_source(job, settings), _upserts(job, settings), _dead_letters(job)]
    return tables if job.query == COUNTS else tables + preparations(job, SOURCE)


def insert_statements(job: JobSpecification) -> list[str]:
    """What runs, as one job: both read the one scan of the source."""
    return [
        _insert_counts() if job.query == COUNTS else _insert_answers(job),
        f"INSERT INTO {DEAD_LETTERS} SELECT line FROM {SOURCE} WHERE line IS NOT NULL",
    ]


def _insert_answers(job: JobSpecification) -> str:
    return f"INSERT INTO {UPSERTS} SELECT answer, CAST(number AS STRING) FROM ({select_answers(job)})"


def _insert_counts() -> str:
    return (
        # Grouping by the very string that is the sink's key spares a state that tracks how one becomes the other.
        f"INSERT INTO {UPSERTS} SELECT cell, CAST(COUNT(*) AS STRING) FROM {SOURCE} "
        "WHERE cell IS NOT NULL AND window_end > COALESCE(CURRENT_WATERMARK(event_time), TO_TIMESTAMP_LTZ(0, 3)) "
        "GROUP BY cell"
    )


def _source(job: JobSpecification, settings: dict[str, Any]) -> str:
    options = {
        "connector": "kafka",
        "topic": job.input_topic,
        "format": "cdr",
        "cdr.locations": LOCATIONS[job.locations],
        "cdr.rows": "cells" if job.query == COUNTS else "fields",
        "scan.startup.mode": "earliest-offset",
        "scan.watermark.idle-timeout": f"{settings['idle_partition_ms']} ms",
        "properties.group.id": f"ringbench-{job.run_id}-{job.engine}",
        "properties.fetch.min.bytes": str(settings["fetch_min_bytes"]),
        "properties.fetch.max.wait.ms": str(settings["fetch_wait_ms"]),
    }
    columns = CELL_COLUMNS if job.query == COUNTS else FIELD_COLUMNS
    return (
        f"CREATE TABLE {SOURCE} ({columns}, "
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
        **_delivery(job, UPSERTS),
        "sink.buffer-flush.interval": f"{settings['flush_interval_ms']} ms",
        "sink.buffer-flush.max-rows": str(settings["flush_rows"]),
    }


def _redis_options(target: RedisTarget, settings: dict[str, Any]) -> dict[str, str]:
    """The options of the sink in ``java/ringbench/flink/RedisSink.java``.

    The password has one of its own, because Flink shows options in errors, but none of that name.
    """
    url = urlsplit(target.url)
    user, password = unquote(url.username or ""), unquote(url.password or "")
    return {
        "connector": "redis",
        "url": f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}",
        "username": user,
        "password": password,
        "ca-file": dict(parse_qsl(url.query)).get("ssl_ca_certs", ""),
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
        **_delivery(job, DEAD_LETTERS),
    }
    return f"CREATE TABLE {DEAD_LETTERS} (line BYTES) WITH ({_text(_kafka_options(job) | options)})"


def _delivery(job: JobSpecification, table: str) -> dict[str, str]:
    """Exactly once, a transaction of Kafka's lasts from one checkpoint to the next."""
    options = {"properties.acks": "all", "sink.delivery-guarantee": job.delivery}
    if job.is_exactly_once:
        options["sink.transactional-id-prefix"] = f"{job.input_topic}.{table}"
        options["properties.transaction.timeout.ms"] = str(TRANSACTION_TIMEOUT_MS)
    return options


def _interval(milliseconds: int) -> str:
    """An interval literal, in days, hours, minutes and seconds, since Flink takes two digits of each."""
    seconds, rest_ms = divmod(milliseconds, 1000)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    return f"INTERVAL '{days} {hours % 24:02d}:{minutes % 60:02d}:{seconds % 60:02d}.{rest_ms:03d}' DAY TO SECOND(3)"


def _kafka_options(job: JobSpecification) -> dict[str, str]:
    properties = {
        # The connector has Kafka's client in a package of its own, and so the classes that properties name.
        f"properties.{name}": f"{SHADED}.{value.lstrip()}" if name in NAMING_CLASSES else value
        for name, value in job.kafka_properties.items()
    }
    return properties | {"properties.bootstrap.servers": job.bootstrap_servers}


def _text(options: dict[str, str]) -> str:
    return ", ".join(f"'{key}' = '{_escape(value)}'" for key, value in options.items())


def _escape(text: str) -> str:
    return text.replace("'", "''")
