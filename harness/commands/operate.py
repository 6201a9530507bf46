"""The command `ringbench operate`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.chaos import carry_out
from harness.commands.common import (
    METRICS_HOST,
    Contestants,
    Delivery,
    EnginePath,
    Json,
    KeepLogs,
    MetricsHost,
    MetricsPort,
    Plan,
    Rate,
    RunsDir,
    given,
    number,
    session_options,
    tuned_scenario,
)
from harness.errors import UsageError

EPILOG = (
    "Examples: `ringbench operate --engine flink` | `ringbench operate --all` | "
    "`ringbench operate --operation rescale --to-parallelism 4 --engine flink` | "
    "`ringbench operate --operation upgrade --engine flink@2.2.1` | `ringbench operate --all --plan`"
)


def operate(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a YAML file.")] = "chaos",
    engine: Annotated[list[str] | None, typer.Option(help="Operate only this engine; can be repeated.")] = None,
    contestant: Contestants = None,
    operation: Annotated[list[str] | None, typer.Option(help="Do this operation; can be repeated.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Do every operation that each engine can.")] = False,
    to_parallelism: Annotated[
        int | None, typer.Option(min=1, max=1000, help="What to rescale to; twice the scenario's if not given.")
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]ENGINE[@VERSION][:KEY=VALUE,...]",
            help="What to upgrade to, as a contestant; can be repeated. The newest version offered if not given.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the plan: in which order, and when.")] = 1,
    recover_within: Annotated[
        int, typer.Option(min=1, help="Seconds for which a recovery is waited for, at most.")
    ] = 120,
    rate: Rate = None,
    plan: Plan = False,
    delivery: Delivery = None,
    engine_path: EnginePath = None,
    runs_dir: RunsDir = Path("runs"),
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = METRICS_HOST,
    keep_logs: KeepLogs = False,
    json: Json = False,
) -> None:
    """Restart, rescale and upgrade engines at work, measure the cost, and prove that no record was miscounted."""
    from harness.engines.upgrades import upgrades_of
    from harness.experiments.chaos import OPERATION_WORK, ChaosOptions
    from harness.faults.plan import Change
    from harness.scenarios.contestants import UPGRADE_OPTION, given_contestants, parse_upgrade
    from harness.scenarios.operations import RESCALE, UPGRADE

    names = _names(operation, every=every, of_kinds={RESCALE: to_parallelism, UPGRADE: to})
    goals = [parse_upgrade(each) for each in to or []]
    engines = given_contestants(engine, contestant)
    overrides = given(rate_records_per_s=number(rate), engines=engines, delivery=delivery)
    options = session_options(runs_dir, engine_path, keep_logs=keep_logs)
    load = tuned_scenario(scenario, overrides, options.engine_paths)
    changes = {RESCALE: Change(parallelism=to_parallelism or 2 * load.parallelism)}
    if UPGRADE in names:
        changes[UPGRADE] = upgrades_of(load, goals, options.engine_paths, UPGRADE_OPTION)
    # Each in a trial of its own: what one has changed must not be what the next one is measured on.
    chosen = ChaosOptions(names, seed, 1, recover_within, changes, OPERATION_WORK, only_able=every)
    carry_out(load, chosen, options, metrics_port, metrics_host, plan=plan, json=json)


def _names(operation: list[str] | None, *, every: bool, of_kinds: dict[str, object]) -> list[str]:
    """The operations to do; `of_kinds` has what is given for one of them alone."""
    from harness.experiments.chaos import OPERATION_WORK, check_names
    from harness.scenarios.operations import RESCALE

    if every and operation:
        raise UsageError("--all and --operation exclude each other", fix="give one of them")
    names = list(OPERATION_WORK.kinds) if every else list(dict.fromkeys(operation or ["restart"]))
    check_names(names, OPERATION_WORK)
    for kind, given_for_it in of_kinds.items():
        if given_for_it and kind not in names:
            option = "--to-parallelism" if kind == RESCALE else "--to"
            raise UsageError(
                f"{option} is for {kind}, and that is not asked for", fix=f"give --operation {kind}, too, or --all"
            )
    return names
