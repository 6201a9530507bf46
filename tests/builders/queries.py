"""Queries other than counts, with parameters and a small workload to ask them of."""

from typing import Any

from engines.contract.queries import COUNTS, QUERIES
from harness.scenarios.loading import load_scenario
from harness.scenarios.scenario import Scenario
from workloads.workload import WorkloadSpecification

SPECIFICATION = WorkloadSpecification(
    seed=3,
    rate_records_per_s=2000,
    warmup_s=1,
    duration_s=8,
    partitions=4,
    subscribers=5,
    malformed_per_million=20_000,
    duplicates_per_million=20_000,
    allowed_lateness_ms=2500,
)
PARAMETERS: dict[str, dict[str, int]] = {
    "distinct-callers": {"window_s": 2},
    "distinct-callers-hll": {"window_s": 2},
    "top-counties": {"window_s": 2, "k": 4},
    "sessions": {"gap_s": 1},
    "pairs": {"window_s": 2, "within_s": 1},
}
OTHERS = sorted(set(QUERIES) - {COUNTS})


def scenario_of(query: str, **changes: Any) -> Scenario:
    return load_scenario("queries", {"query": query, **changes})
