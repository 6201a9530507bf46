"""The command `ringbench chaos`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.common import (
    METRICS_HOST,
    Cluster,
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
    report,
    session_options,
    show_result,
    tuned_scenario,
    watching,
)
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.experiments.chaos import ChaosOptions
    from harness.scenarios.scenario import Scenario
    from harness.session.options import SessionOptions

EPILOG = (
    "Examples: `ringbench chaos --engine flink` | `ringbench chaos --all` | "
    "`ringbench chaos --fault engine-kill --fault kafka-kill --seed 7` | `ringbench chaos --all --plan`"
)


def chaos(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a YAML file.")] = "chaos",
    engine: Annotated[list[str] | None, typer.Option(help="Harm only this engine; can be repeated.")] = None,
    contestant: Contestants = None,
    fault: Annotated[list[str] | None, typer.Option(help="Inject this fault; can be repeated.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Inject every fault.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the plan: which fault when, and for how long.")] = 1,
    per_trial: Annotated[int, typer.Option(min=1, help="Faults in a trial at the most, one after the other.")] = 4,
    recover_within: Annotated[
        int, typer.Option(min=1, help="Seconds for which the next fault waits for the recovery from the last, at most.")
    ] = 120,
    rate: Rate = None,
    plan: Plan = False,
    delivery: Delivery = None,
    cluster: Cluster = False,
    engine_path: EnginePath = None,
    runs_dir: RunsDir = Path("runs"),
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = METRICS_HOST,
    keep_logs: KeepLogs = False,
    json: Json = False,
) -> None:
    """Inject faults while engines work, measure how they recover, and prove that no record was lost or miscounted."""
    from harness.experiments.chaos import USUAL, ChaosOptions, check_names
    from harness.faults.catalogue import FAULTS
    from harness.faults.plan import possible
    from harness.scenarios.contestants import given_contestants

    if every and fault:
        raise UsageError("--all and --fault exclude each other", fix="give one of them")
    names = [each.name for each in FAULTS] if every else list(dict.fromkeys(fault or USUAL))
    check_names(names)
    engines = given_contestants(engine, contestant)
    overrides = given(rate_records_per_s=number(rate), engines=engines, delivery=delivery, cluster=cluster or None)
    options = session_options(runs_dir, engine_path, keep_logs=keep_logs)
    load = tuned_scenario(scenario, overrides, options.engine_paths)
    chosen = ChaosOptions(possible(names, cluster=load.cluster) if every else names, seed, per_trial, recover_within)
    carry_out(load, chosen, options, metrics_port, metrics_host, plan=plan, json=json)


def carry_out(
    load: "Scenario",
    chosen: "ChaosOptions",
    options: "SessionOptions",
    metrics_port: int | None,
    metrics_host: str,
    *,
    plan: bool,
    json: bool,
) -> None:
    """Do what is `chosen`, show what came of it, and exit; or, with `plan`, print the plan as JSON."""
    from harness.experiments.chaos import chaos as inject
    from harness.experiments.chaos import engines_of, exit_code, plan_of

    if plan:
        from pydantic import TypeAdapter

        from harness.results.resilience import PlannedFault

        found = plan_of(chosen, engines_of(load, options))
        print(TypeAdapter(list[PlannedFault]).dump_json(found, indent=2).decode())
        return
    with watching(metrics_port, metrics_host) as watcher:
        result, directory = inject(load, chosen, options, watcher)
        reports = report(result, directory, watcher)
    show_result(result, reports, json=json)
    raise typer.Exit(exit_code(result))
