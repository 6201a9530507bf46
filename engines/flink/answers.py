"""The queries other than counts (docs/queries.md): window functions, whose rows leave when a window closes.

They read the view `RECORDS`, which has the well-formed records only: a malformed line has no event time of its own.
"""

from collections.abc import Callable

from engines.contract.job import JobSpecification
from engines.contract.queries import DISTINCT_CALLERS, DISTINCT_CALLERS_HLL, PAIRS, SESSIONS, TOP_COUNTIES

RECORDS, CONTACTS = "records", "contacts"
#: ``java/ringbench/flink/EstimateDistinct.java``
ESTIMATE, _ESTIMATE_CLASS = "estimate_distinct", "ringbench.flink.EstimateDistinct"


def preparations(job: JobSpecification, source: str) -> list[str]:
    """What the job's query needs besides the table `source`."""
    statements = [f"CREATE TEMPORARY VIEW {RECORDS} AS SELECT * FROM {source} WHERE caller IS NOT NULL"]
    if job.query == DISTINCT_CALLERS_HLL:
        statements.append(f"CREATE TEMPORARY FUNCTION {ESTIMATE} AS '{_ESTIMATE_CLASS}'")
    if job.query == PAIRS:
        statements.append(f"CREATE TEMPORARY VIEW {CONTACTS} AS {_contacts(job.query_parameters['within_s'])}")
    return statements


def select_answers(job: JobSpecification) -> str:
    """The SELECT of the answers to the job's query: `answer`, the key, and `number`."""
    return QUERIES[job.query](job.query_parameters)


def distinct_callers(parameters: dict[str, int], count: str = "COUNT(DISTINCT caller)") -> str:
    """The callers of each window and county, counted by the expression `count`."""
    return (
        f"SELECT {_key(_start_s(), 'location')} AS answer, {count} AS number "
        f"FROM {_tumble(RECORDS, parameters)} GROUP BY window_start, window_end, location"
    )


def _distinct_callers_hll(parameters: dict[str, int]) -> str:
    return distinct_callers(parameters, f"{ESTIMATE}(caller)")


def _top_counties(parameters: dict[str, int]) -> str:
    counted = (
        "SELECT window_start, window_end, location, COUNT(*) AS number "
        f"FROM {_tumble(RECORDS, parameters)} GROUP BY window_start, window_end, location"
    )
    ranked = (
        "SELECT *, ROW_NUMBER() OVER "
        "(PARTITION BY window_start, window_end ORDER BY number DESC, location ASC) AS place "
        f"FROM ({counted})"
    )
    answer, number = _key(_start_s(), "place"), "CAST(location AS INT) AS number"
    return f"SELECT {answer} AS answer, {number} FROM ({ranked}) WHERE place <= {parameters['k']}"


def _sessions(parameters: dict[str, int]) -> str:
    gap = _seconds(parameters["gap_s"])
    return (
        f"SELECT {_key('MIN(event_ms) / 1000', 'caller', 'MIN(event_ms)', 'MAX(event_ms)')} AS answer, "
        "COUNT(*) AS number "
        f"FROM TABLE(SESSION(TABLE {RECORDS} PARTITION BY caller, DESCRIPTOR(event_time), {gap})) "
        "GROUP BY window_start, window_end, caller"
    )


def _pairs(parameters: dict[str, int]) -> str:
    return (
        f"SELECT {_key(_start_s(), 'lower_number', 'higher_number')} AS answer, COUNT(*) AS number "
        f"FROM {_tumble(CONTACTS, parameters)} GROUP BY window_start, window_end, lower_number, higher_number"
    )


def _contacts(within_s: int) -> str:
    """Each call with each text near it between the same two numbers, at the time of the call."""
    near = f"BETWEEN calls.event_time - {_seconds(within_s)} AND calls.event_time + {_seconds(within_s)}"
    return (
        "SELECT calls.event_time, calls.lower_number, calls.higher_number "
        f"FROM ({_of_kind('call')}) AS calls, ({_of_kind('text')}) AS texts "
        "WHERE calls.lower_number = texts.lower_number AND calls.higher_number = texts.higher_number "
        f"AND texts.event_time {near}"
    )


def _of_kind(kind: str) -> str:
    """The records of a kind with their two numbers in order."""
    lower, higher = (f"CASE WHEN caller {order} callee THEN caller ELSE callee END" for order in ("<=", ">"))
    columns = f"event_time, {lower} AS lower_number, {higher} AS higher_number"
    return f"SELECT {columns} FROM {RECORDS} WHERE kind = '{kind}'"


def _tumble(table: str, parameters: dict[str, int]) -> str:
    return f"TABLE(TUMBLE(TABLE {table}, DESCRIPTOR(event_time), {_seconds(parameters['window_s'])}))"


def _seconds(seconds: int) -> str:
    """An interval literal; Flink takes a number of two digits unless it is told of more."""
    return f"INTERVAL '{seconds}' SECOND({len(str(seconds))})"


def _start_s() -> str:
    """The start of the window in seconds since the Unix epoch; the session's time zone is UTC."""
    return "UNIX_TIMESTAMP(DATE_FORMAT(window_start, 'yyyy-MM-dd HH:mm:ss'))"


def _key(*parts: str) -> str:
    return " || '|' || ".join(f"CAST({part} AS STRING)" for part in parts)


#: By query, what makes the SELECT of its answers from its parameters.
QUERIES: dict[str, Callable[[dict[str, int]], str]] = {
    DISTINCT_CALLERS: distinct_callers,
    DISTINCT_CALLERS_HLL: _distinct_callers_hll,
    TOP_COUNTIES: _top_counties,
    SESSIONS: _sessions,
    PAIRS: _pairs,
}
