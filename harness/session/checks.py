"""What is checked of a scenario before anything starts, for every command that runs trials."""

from harness.engines.catalogue import check_query, check_route, find_engines
from harness.engines.placement import check_clusters
from harness.faults.plan import check_place
from harness.processes.cores import cores_for
from harness.provision.cache import Progress
from harness.scenarios.refusals import check_together
from harness.scenarios.scenario import Scenario
from harness.scenarios.secrets import check_secrets
from harness.services.rights import try_services
from harness.session.options import SessionOptions
from harness.session.preflight.look import look_before_leaping
from harness.session.preflight.need import need_of


def check_scenario(
    scenario: Scenario, command: str, options: SessionOptions, tell: Progress, *, users: int = 0
) -> None:
    """Make sure that all parts of `scenario` go with each other, with `command`, its `options` and the engines.

    What the engines cannot do is told first; then what the scenario contradicts; then what this machine lacks. A
    cluster and services of the user's own are asked last, since that may take seconds.

    Args:
        command: as `harness.scenarios.refusals` calls it.
        tell: told what could be better.
        users: how many watch the live map.

    Raises:
        UsageError: two things do not go together.
        ConfigurationError: there are too few cores, no such engine, or one that does not have the route or the query.
        ServiceError: a cluster or service of the user's own does not serve, or this machine will not do.
    """
    engines = find_engines(scenario.engines, options.engine_paths)
    check_route(engines, scenario.route)
    check_query(engines, scenario.query, options.engine_paths)
    faults = scenario.fault_plan()
    check_place([each.fault for each in faults], cluster=scenario.cluster)
    cores_for(scenario.engine_cpus)
    check_together(scenario, command, *options.asked)
    check_secrets(scenario)
    look_before_leaping(need_of(scenario, command, options.runs_dir, engines, users), tell)
    check_clusters(engines, scenario, options.external)
    try_services(options.external, tell)
