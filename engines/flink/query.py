"""Flink's query: counts per second, county, operator and type; malformed lines apart. SQL only: it stays in the JVM.

A plain GROUP BY on the computed cell, not a window function: window aggregates emit when the window closes, this one
whenever counts change. Since it knows no lateness, a filter on the watermark drops late records as Spark does.
"""

from typing import Any

from engines.contract.job import JobSpecification
from engines.contract.record import COLUMNS, JAVA_PATTERN

#: Names of tables, and so of the operators whose metrics hold the totals.
SOURCE, UPSERTS, DEAD_LETTERS = "cdr", "upserts", "dead_letters"


def table_statements(job: JobSpecification, settings: dict[str, Any]) -> list[str]:
    """The tables over Kafka's topics."""
    return [_source(job, settings), _upserts(job), _dead_letters(job)]


def insert_statements() -> list[str]:
    """What runs, as one job: both read the one scan of the source."""
    return [
        # Grouping by the very string that is the sink's key spares a table that tracks how one becomes the other.
        f"""
        INSERT INTO {UPSERTS}
        SELECT cell, CAST(COUNT(*) AS STRING) FROM (
            SELECT CONCAT_WS('|', CAST(event_time_ms / 1000 AS STRING),
                             {_substring("Location")}, {_substring("Company")}, {_substring("Type")}) AS cell
            FROM {SOURCE}
            WHERE well_formed AND (
                CURRENT_WATERMARK(event_time) IS NULL
                OR TO_TIMESTAMP_LTZ((event_time_ms / 1000 + 1) * 1000, 3) > CURRENT_WATERMARK(event_time)
            )
        ) GROUP BY cell
        """,
        f"INSERT INTO {DEAD_LETTERS} SELECT line FROM {SOURCE} WHERE NOT well_formed",
    ]


def _source(job: JobSpecification, settings: dict[str, Any]) -> str:
    # A malformed line has event time 0, which moves no watermark. Thirteen digits each: comparing the strings compares
    # the numbers. Latin-1 gives every byte a character, and those beyond ASCII match nothing.
    return f"""
        CREATE TABLE {SOURCE} (
            message BYTES,
            line AS COALESCE(message, X''),
            text AS DECODE(COALESCE(message, X''), 'ISO-8859-1'),
            well_formed AS {_well_formed("DECODE(COALESCE(message, X''), 'ISO-8859-1')")},
        )
    """


def _substring(field: str) -> str:
    start, length = COLUMNS[field]
    return f"SUBSTRING(text, {start}, {length})"
