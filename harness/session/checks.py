"""What is checked of a scenario before anything starts, for every command that runs trials."""

from harness.engines.catalogue import check_query, check_route
from harness.engines.placement import check_clusters, check_cores
from harness.scenarios.refusals import check_together
from harness.scenarios.scenario import Scenario
from harness.session.options import SessionOptions


def check_scenario(scenario: Scenario, command: str, options: SessionOptions) -> None:
    """Make sure that all parts of `scenario` go with each other, with `command`, its `options` and the engines.

    Args:
        command: as `harness.scenarios.refusals` calls it.

    Raises:
        UsageError: two things do not go together.
        ConfigurationError: an engine does not have the route or the query, or there are too few cores.
        ServiceError: a cluster of the user's own does not answer.
    """
    check_together(scenario, command, *options.asked)
    check_clusters(scenario, options.external, options.engine_paths)
    check_cores(scenario, options.engine_paths)
    check_route(scenario.engines, scenario.route, options.engine_paths)
    check_query(scenario.engines, scenario.query, options.engine_paths)
