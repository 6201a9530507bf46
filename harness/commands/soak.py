"""The command `ringbench soak`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import (
    METRICS_HOST,
    Contestants,
    EnginePath,
    Json,
    KeepLogs,
    MetricsHost,
    MetricsPort,
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

EPILOG = (
    "Examples: `ringbench soak --engine flink --hours 8` | `ringbench soak --minutes 30 --faults-per-hour 30` | "
    "`ringbench soak my.yaml --hours 24 --no-faults`"
)


def soak(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a YAML file.")] = "soak",
    hours: Annotated[
        float | None, typer.Option(min=0, max=24, help="How long each engine's trial is; by default, as the scenario.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, max=1440, help="The same in minutes.")] = None,
    engine: Annotated[list[str] | None, typer.Option(help="Soak only this engine; can be repeated.")] = None,
    contestant: Contestants = None,
    faults_per_hour: Annotated[
        float, typer.Option(min=0, max=60, help="Random faults in an hour, drawn by the seed.")
    ] = 12.0,
    faults: Annotated[bool, typer.Option("--faults/--no-faults", help="Whether to inject faults.")] = True,
    max_growth: Annotated[
        float, typer.Option(min=1, help="Growth in per cent of its level in an hour from which a resource leaks.")
    ] = 10.0,
    seed: Annotated[int | None, typer.Option(help="Seed of the workload and of the faults.")] = None,
    rate: Rate = None,
    engine_path: EnginePath = None,
    runs_dir: RunsDir = Path("runs"),
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = METRICS_HOST,
    keep_logs: KeepLogs = False,
    json: Json = False,
) -> None:
    """Run engines for hours under random faults, watch all processes for leaks, and verify every count meanwhile."""
    from harness.experiments.soak.run import SoakOptions, exit_code
    from harness.experiments.soak.run import soak as run_soak
    from harness.scenarios.contestants import given_contestants

    duration_s = _soak_duration_s(hours, minutes)
    engines = given_contestants(engine, contestant)
    overrides = given(duration_s=duration_s, seed=seed, rate_records_per_s=number(rate), engines=engines)
    chosen = SoakOptions(faults_per_hour=faults_per_hour if faults else 0.0, percent_per_hour=max_growth)
    options = session_options(runs_dir, engine_path, keep_logs=keep_logs)
    load = tuned_scenario(scenario, overrides, options.engine_paths)
    with watching(metrics_port, metrics_host) as watcher:
        result, directory = run_soak(load, chosen, options, watcher)
        reports = report(result, directory, watcher)
    show_result(result, reports, json=json)
    raise typer.Exit(exit_code(result))


def _soak_duration_s(hours: float | None, minutes: float | None) -> int | None:
    """What --hours or --minutes come to; None if neither is given."""
    if hours is not None and minutes is not None:
        raise UsageError("--hours and --minutes exclude each other", fix="give one of them")
    if hours is None and minutes is None:
        return None
    return round((hours or 0) * 3600 + (minutes or 0) * 60)
