"""Which of the planned faults suit an engine, and what a trial needs for them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.engines.clusters import cluster_of
from harness.engines.engine import Engine
from harness.errors import UsageError
from harness.faults.catalogue import BY_NAME, GENERATOR, KAFKA, KAFKA_PROXY, REDIS_PROXY, Fault, needs
from harness.faults.plan import Change, DueFault
from harness.scenarios.scenario import Scenario
from harness.trial.options import TrialOptions


def why_not(fault: Fault, engine: Engine) -> str:
    """Why `fault` is not for `engine`; empty if it is."""
    if fault.jvm and not engine.java:
        return "the engine has no JVM"
    if fault.task and not engine.task_kill:
        return "the engine has no task that could fail by itself (`task_kill` in its engine.toml)"
    if reason := engine.operations.get(fault.name):
        return reason
    if fault.cluster not in ("", KAFKA, engine.name):
        return f"only a cluster of {fault.cluster} has such a process"
    return ""


def why_not_due(due: DueFault, contestant: str, engine: Engine) -> str:
    """Why a planned fault or operation is not for `contestant`, which runs `engine`; empty if it is."""
    return why_not(BY_NAME[due.fault], engine) or due.change.unable.get(contestant, "")


def check_change(place: str, change: Change, own: Mapping[str, Scenario]) -> None:
    """Make sure that what an operation starts is something else than before, and can be; errors begin with `place`.

    Args:
        own: the scenario as it is for each contestant, by their names.

    Raises:
        UsageError: it is the same, or has more tasks than the input topic has partitions.
    """
    wanted = change.parallelism
    if wanted is None:
        return
    for name, scenario in own.items():
        if wanted == scenario.parallelism:
            raise UsageError(
                f"{place} to {wanted}, which is the parallelism of {name} already", fix="give another number"
            )
        if wanted > scenario.partitions:
            raise UsageError(
                f"{place} to {wanted}, and the input topic has {scenario.partitions} partitions, each of which one "
                "task reads",
                fix=f"give {scenario.partitions} at the most, or raise `partitions` of the scenario",
            )


def check_started_here(own: Mapping[str, Scenario], engines: Mapping[str, Engine]) -> None:
    """Make sure that the contestants' engines are started here: operations stop them.

    Args:
        own: as of `check_change`.
        engines: by the same names.

    Raises:
        UsageError: one runs on a cluster of the user's own.
    """
    for name, engine in engines.items():
        if cluster_of(engine, own[name].engine_settings.get(engine.name, {})):
            raise UsageError(
                f"the scenario's setting `{engine.cluster}` has {name} run on a cluster of your own, which is not "
                "started here, and so neither stopped nor started again",
                fix=f"leave `{engine.cluster}` out of `engine_settings`",
            )


def check_operations(planned: Iterable[DueFault], own: Mapping[str, Scenario], engines: Mapping[str, Engine]) -> None:
    """Make sure that the operations among `planned` can be done on the `engines`, by contestants' names.

    Args:
        own: as of `check_change`.

    Raises:
        UsageError: one changes nothing, or a cluster of the user's own is not started here.
    """
    operations = [each for each in planned if BY_NAME[each.fault].operation]
    for each in operations:
        check_change(f"`operations`: to_parallelism: {each.fault}", each.change, own)
    if operations:
        check_started_here(own, engines)


def suited(planned: Iterable[DueFault], contestant: str, engine: Engine) -> list[DueFault]:
    """Those of the faults that `contestant`, which runs `engine`, can have."""
    return [each for each in planned if not why_not_due(each, contestant, engine)]


def needs_detour(planned: Iterable[DueFault]) -> bool:
    """Whether the faults need the broker to have a listener for the engine alone."""
    return needs(KAFKA_PROXY, [each.fault for each in planned])


def trial_options(label: str, everything: Iterable[DueFault], fit: Sequence[DueFault], **further: Any) -> TrialOptions:
    """The options of a trial that has the faults `fit`, in a run that has `everything`; and `further` ones.

    All trials of a run have the same proxies, so that they differ in the faults alone.
    """
    names, own = [each.fault for each in everything], [each.fault for each in fit]
    return TrialOptions(
        label=label,
        faults=fit,
        proxied=needs(REDIS_PROXY, names),
        kafka_proxied=needs(KAFKA_PROXY, names),
        producers_stamps=needs(GENERATOR, own),
        restarts_tasks=any(BY_NAME[name].fails_tasks for name in own),
        **further,
    )
