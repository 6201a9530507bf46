"""The queries other than counts (docs/queries.md): each answer once, when the watermark says that it is final.

Spark chains several stateful operators in append mode only, in which a window's row leaves when the window closes.
"""

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engines.contract.job import JobSpecification
from engines.contract.queries import (
    DISTINCT_CALLERS,
    DISTINCT_CALLERS_HLL,
    PAIRS,
    SESSIONS,
    TOP_COUNTIES,
)

#: Of a HyperLogLog sketch: 1.04 / sqrt(2^14) is 0.8 %, within the error that the query allows.
HLL_REGISTERS_LOG2 = 14


def answers(records: DataFrame, job: JobSpecification) -> DataFrame:
    """The answers, `key` and `value`, to the job's query.

    Args:
        records: `caller`, `callee`, `location`, `type` and `event_time`, without a watermark.
    """
    return _QUERIES[job.query](records, f"{job.allowed_lateness_ms} milliseconds", job.query_parameters)


def _distinct_callers(records: DataFrame, lateness: str, parameters: dict[str, int]) -> DataFrame:
    # A set in a row of the state would be written anew in each micro-batch that adds to it.
    callers = _windowed(records, lateness, parameters).dropDuplicates(["window", "location", "caller"])
    counted = callers.groupBy("window", "location").agg(F.count("*").alias("callers"))
    return counted.select(_key(_start_s(), "location"), F.col("callers").alias("value"))


def _distinct_callers_hll(records: DataFrame, lateness: str, parameters: dict[str, int]) -> DataFrame:
    # One value of the state. `approx_count_distinct` has one column of it for each of its 1,639 words: Spark is half a
    # minute over the code for that.
    estimated = F.hll_sketch_estimate(F.hll_sketch_agg("caller", HLL_REGISTERS_LOG2))
    counted = _windowed(records, lateness, parameters).groupBy("window", "location").agg(estimated.alias("callers"))
    return counted.select(_key(_start_s(), "location"), F.col("callers").alias("value"))


def _top_counties(records: DataFrame, lateness: str, parameters: dict[str, int]) -> DataFrame:
    counted = _windowed(records, lateness, parameters).groupBy("window", "location").agg(F.count("*").alias("records"))
    # Ascending: most records first, and of equal ones the lowest code.
    ranking = F.sort_array(F.collect_list(F.struct((-F.col("records")).alias("less"), "location")))
    ranked = counted.groupBy("window").agg(F.slice(ranking, 1, parameters["k"]).alias("ranking"))
    places = ranked.select("window", F.posexplode("ranking").alias("place", "county"))
    return places.select(_key(_start_s(), F.col("place") + 1), F.col("county.location").cast("int").alias("value"))


def _sessions(records: DataFrame, lateness: str, parameters: dict[str, int]) -> DataFrame:
    session = F.session_window("event_time", f"{parameters['gap_s']} seconds")
    event_ms = F.unix_millis("event_time")
    found = (
        records.withWatermark("event_time", lateness)
        .groupBy(session, "caller")
        .agg(F.count("*").alias("value"), F.min(event_ms).alias("start_ms"), F.max(event_ms).alias("end_ms"))
    )
    return found.select(_key(F.expr("start_ms div 1000"), "caller", "start_ms", "end_ms"), "value")


def _pairs(records: DataFrame, lateness: str, parameters: dict[str, int]) -> DataFrame:
    calls, texts = (
        records.where(F.col("type") == kind)
        .select(
            F.least("caller", "callee").alias(f"{kind}_lower"),
            F.greatest("caller", "callee").alias(f"{kind}_higher"),
            F.col("event_time").alias(f"{kind}_time"),
        )
        .withWatermark(f"{kind}_time", lateness)
        for kind in ("call", "text")
    )
    within = f"interval {parameters['within_s']} seconds"
    same = "call_lower = text_lower and call_higher = text_higher"
    near = f"text_time between call_time - {within} and call_time + {within}"
    matches = calls.join(texts, F.expr(f"{same} and {near}"))
    window = F.window("call_time", f"{parameters['window_s']} seconds").alias("window")
    counted = matches.groupBy(window, "call_lower", "call_higher").agg(F.count("*").alias("value"))
    return counted.select(_key(_start_s(), "call_lower", "call_higher"), "value")


def _windowed(records: DataFrame, lateness: str, parameters: dict[str, int]) -> DataFrame:
    """`records` with the `window` that each is in."""
    window = F.window("event_time", f"{parameters['window_s']} seconds")
    return records.withWatermark("event_time", lateness).select(window.alias("window"), "location", "caller")


def _start_s() -> Column:
    return F.expr("unix_seconds(window.start)")


def _key(*parts: Column | str) -> Column:
    return F.concat_ws("|", *parts).alias("key")


_QUERIES: dict[str, Callable[[DataFrame, str, dict[str, int]], DataFrame]] = {
    DISTINCT_CALLERS: _distinct_callers,
    DISTINCT_CALLERS_HLL: _distinct_callers_hll,
    TOP_COUNTIES: _top_counties,
    SESSIONS: _sessions,
    PAIRS: _pairs,
}
