"""The command `ringbench sweep`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import (
    METRICS_HOST,
    Contestants,
    Delivery,
    EngineCpus,
    EnginePath,
    Json,
    KeepLogs,
    MetricsHost,
    MetricsPort,
    Route,
    RunsDir,
    Tuning,
    console,
    end,
    given,
    session_options,
    show_paths,
    tuned_scenario,
    watching,
)

EPILOG = (
    "Examples: `ringbench sweep` | `ringbench sweep --engine flink --p99-bound-ms 1000` | "
    "run it again after a crash, and it goes on where it stopped"
)


def sweep(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a YAML file.")] = "sweep",
    engine: Annotated[list[str] | None, typer.Option(help="Search only this engine; can be repeated.")] = None,
    contestant: Contestants = None,
    start_rate: Annotated[int | None, typer.Option(min=1, help="The first rate to try, records per second.")] = None,
    lowest_rate: Annotated[int, typer.Option(min=1, help="Give up below this rate.")] = 1000,
    highest_rate: Annotated[int, typer.Option(min=1, help="Try no higher rate.")] = 2_000_000,
    p99_bound_ms: Annotated[float, typer.Option(min=1, help="A rate with a greater p99 is not sustained.")] = 5000.0,
    resolution: Annotated[
        float, typer.Option(min=1.01, max=2.0, help="Stop when the failed rate is at most this many times the other.")
    ] = 1.2,
    warmup: Annotated[int | None, typer.Option(help="Warm-up of each attempt in seconds.")] = None,
    duration: Annotated[int | None, typer.Option(help="Measured time of each attempt in seconds; 10 or more.")] = None,
    confirm_duration: Annotated[int, typer.Option(min=10, help="Measured time of the confirming run.")] = 40,
    fresh: Annotated[bool, typer.Option(help="Begin anew, even if an unfinished sweep could go on.")] = False,
    tuning: Tuning = None,
    engine_cpus: EngineCpus = None,
    route: Route = None,
    delivery: Delivery = None,
    engine_path: EnginePath = None,
    runs_dir: RunsDir = Path("runs"),
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = METRICS_HOST,
    keep_logs: KeepLogs = False,
    json: Json = False,
) -> None:
    """Find each engine's highest sustainable rate, and draw latency against load.

    A rate that fails is tried again: two of three decide. The answer is a bracket: the rate that held, and that failed.
    """
    from harness.experiments.sweep import SweepOptions
    from harness.experiments.sweep import sweep as run_sweep
    from harness.scenarios.contestants import given_contestants
    from reports.documents.sweep import sweep_table, write_sweep

    chosen = given(
        rate_records_per_s=start_rate,
        duration_s=duration,
        warmup_s=warmup,
        engines=given_contestants(engine, contestant),
        tuning=tuning,
        engine_cpus=engine_cpus,
        route=route,
        delivery=delivery,
    )
    search = SweepOptions(
        p99_bound_ms=p99_bound_ms,
        resolution=resolution,
        lowest=lowest_rate,
        highest=highest_rate,
        confirm_duration_s=confirm_duration,
        fresh=fresh,
    )
    options = session_options(runs_dir, engine_path, keep_logs=keep_logs)
    with watching(metrics_port, metrics_host) as watcher:
        plan = tuned_scenario(scenario, chosen, options.engine_paths)
        found, directory = run_sweep(plan, search, options, watcher)
    console.print(sweep_table(found))
    show_paths([directory / "sweep.json", *write_sweep(found, directory)])
    if json:
        print(found.model_dump_json(indent=2))
    confirmed = all(each.answer and each.answer.rate_records_per_s for each in found.engines)
    end(found.missing, 0 if confirmed else 1)
