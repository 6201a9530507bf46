"""Queries other than counts, as engines are asked them, and what a right answer is."""

from typing import Any

from tests.integration.ringbench import Outcome

#: By query: its parameters, and how many subscribers make its answers worth the while.
ASKED: dict[str, tuple[dict[str, int], int]] = {
    "distinct-callers": ({"window_s": 2}, 20),
    "distinct-callers-hll": ({"window_s": 2}, 8_000_000),
    "top-counties": ({"window_s": 2, "k": 5}, 20),
    "sessions": ({"gap_s": 1}, 100),
    "pairs": ({"window_s": 2, "within_s": 1}, 20),
}
#: Its lateness has to be short against the load, for windows to close within it.
_LOAD: dict[str, Any] = {
    "rate_records_per_s": 1500,
    "warmup_s": 1,
    "duration_s": 9,
    "allowed_lateness_ms": 3000,
    # A busy machine may take long for the first answer; waiting ends with the last one.
    "limits": {"settle_s": 0.5, "quiet_s": 60.0},
}


def asking(query: str) -> dict[str, Any]:
    """The keys of a scenario that asks `query`."""
    parameters, subscribers = ASKED[query]
    return _LOAD | {"query": query, "query_parameters": parameters, "subscribers": subscribers}


def assert_answered_right(found: Outcome, name: str, query: str) -> None:
    """Engine `name` has answered `query`, with late windows and dead letters as they must be."""
    engine = found.engine(name)
    assert (engine["verdict"], engine["reasons"]) == ("pass", [])
    answers = engine["answers"]
    assert (answers["query"], answers["parameters"]) == (query, ASKED[query][0])
    assert answers["observed"] >= answers["expected"] > 3
    assert answers["dead_letters"]["expected"] == answers["dead_letters"]["observed"] > 0
    assert engine["emission"]["delay_ms"]["count"] > 0 and engine["emission"]["revised"] == 0
    assert engine["correctness"] is engine["latency_ms"] is engine["throughput_records_per_s"] is None
