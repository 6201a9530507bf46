"""What is checked of a scenario before anything starts, for every command that runs trials."""

from harness.engines.contestants import check_contestants, find_contestants
from harness.engines.placement import check_clusters, check_truth
from harness.engines.upgrades import changes_of
from harness.engines.version_locks import ensure_locks
from harness.errors import UsageError
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
from harness.trial.fault_options import check_operations


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
        ConfigurationError: there are too few cores, no such engine, or one that lacks the route, delivery or query.
        ServiceError: a cluster or service of the user's own does not serve, or this machine will not do.
    """
    by_name = find_contestants(scenario, options.engine_paths)
    engines = list(by_name.values())
    for engine in engines:
        ensure_locks(engine, tell)
    check_contestants(by_name, scenario, options.engine_paths)
    changes_of(scenario, options.engine_paths)
    # As it is for each contestant, with what an error begins with that is of what is set for it alone.
    alike = {each.name: (scenario.for_contestant(each.name), each.whose) for each in scenario.engines}
    faults = scenario.fault_plan()
    check_place([each.fault for each in faults], cluster=scenario.cluster)
    check_operations(faults, {name: each for name, (each, _) in alike.items()}, by_name)
    for own, whose in alike.values():
        try:
            cores_for(own.engine_cpus)
            check_together(own, command, *options.asked)
        except UsageError as error:
            raise type(error)(f"{whose}{error.message}", fix=error.fix) from error
    check_secrets(scenario)
    look_before_leaping(need_of(scenario, command, options.runs_dir, engines, users), tell)
    for name, engine in by_name.items():
        check_clusters([engine], alike[name][0], options.external)
    check_truth(scenario.truth, options.external)
    try_services(options.external, tell, transactions=any(own.is_exactly_once for own, _ in alike.values()))
