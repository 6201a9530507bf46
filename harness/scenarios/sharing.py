"""Which workers several processes share."""

from harness.scenarios.scenario import Scenario


def processes_of(scenario: Scenario) -> dict[str, int]:
    """How many processes share a worker's work, by the worker's name; of others, there is one."""
    return {
        "generator": scenario.generators,
        "archiver": scenario.archivers,
        "redis_writer": scenario.redis_writers,
        "probe": scenario.probes,
    }
