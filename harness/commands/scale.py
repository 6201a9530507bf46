"""The command `ringbench scale`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from harness.commands.common import (
    METRICS_HOST,
    Contestants,
    EnginePath,
    Json,
    KeepLogs,
    MetricsHost,
    MetricsPort,
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
from harness.errors import UsageError

EPILOG = (
    "Examples: `ringbench scale` | `ringbench scale --engine baseline --rates 1000,4000 --keys us,synthetic` | "
    "`ringbench scale --full --rates 2000,8000,32000 --partitions 4 --parallelism 1,2` | "
    "run it again after a crash, and it goes on where it stopped"
)


def scale(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a YAML file: the base point.")] = "scale",
    engine: Annotated[list[str] | None, typer.Option(help="Measure only this engine; can be repeated.")] = None,
    contestant: Contestants = None,
    rates: Annotated[str | None, typer.Option(help="Records per second; 1000,2000,4000,8000,16000 by default.")] = None,
    partitions: Annotated[str | None, typer.Option(help="Of the input topic; 1,2,4,8 by default.")] = None,
    keys: Annotated[
        str | None, typer.Option(help="Sets of locations; california,us,synthetic (464 to 100,000 cells) by default.")
    ] = None,
    parallelism: Annotated[str | None, typer.Option(help="Tasks side by side; 1,2,4 by default.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Every combination of levels, instead of one dimension at a time.")
    ] = False,
    warmup: Annotated[int | None, typer.Option(help="Warm-up of each trial in seconds.")] = None,
    duration: Annotated[int | None, typer.Option(help="Measured time of each trial in seconds.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the workload and of the order.")] = None,
    p99_bound_ms: Annotated[float, typer.Option(min=1, help="Break a trial off that cannot stay within it.")] = 5000.0,
    fresh: Annotated[bool, typer.Option(help="Begin anew, even if an unfinished one could go on.")] = False,
    tuning: Tuning = None,
    engine_path: EnginePath = None,
    runs_dir: RunsDir = Path("runs"),
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = METRICS_HOST,
    keep_logs: KeepLogs = False,
    json: Json = False,
) -> None:
    """Measure how cost grows with rate, partitions, cells and parallelism, and fit exponents."""
    from engines.contract.record import LOCATIONS
    from harness.experiments.scale.run import ScaleOptions, exit_code
    from harness.experiments.scale.run import scale as run_scale
    from harness.scenarios.contestants import given_contestants
    from reports.documents.scale import scale_table, write_scale

    engines = given_contestants(engine, contestant)
    chosen = given(duration_s=duration, warmup_s=warmup, seed=seed, engines=engines, tuning=tuning)
    levels: dict[str, Any] = {
        "rates": _numbers("--rates", rates, 10_000_000),
        "partitions": _numbers("--partitions", partitions, 1000),
        "keys": _words("--keys", keys, list(LOCATIONS)),
        "parallelism": _numbers("--parallelism", parallelism, 1000),
    }
    asked = ScaleOptions(
        **{name: values for name, values in levels.items() if values}, full=full, p99_bound_ms=p99_bound_ms, fresh=fresh
    )
    options = session_options(runs_dir, engine_path, keep_logs=keep_logs)
    with watching(metrics_port, metrics_host) as watcher:
        base = tuned_scenario(scenario, chosen, options.engine_paths)
        found, directory = run_scale(base, asked, options, watcher)
    console.print(scale_table(found))
    show_paths([directory / "scale.json", *write_scale(found, directory)])
    if json:
        print(found.model_dump_json(indent=2))
    end(found.missing, exit_code(found))


def _numbers(option: str, text: str | None, greatest: int) -> list[int]:
    """The whole numbers in `text`, with commas between them, ascending; none if there is no text."""
    if text is None:
        return []
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if not (part.isascii() and part.isdigit() and 1 <= int(part) <= greatest):
            raise UsageError(
                f"{option}: {part!r} is no whole number from 1 to {greatest:,}",
                fix=f"give one or more, with commas between them, such as {option} 1,2,4",
            )
    return sorted({int(part) for part in parts})


def _words(option: str, text: str | None, known: list[str]) -> list[str]:
    """The words in `text`, with commas between them, in the order of `known`; none if there is no text."""
    if text is None:
        return []
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in known]:
        raise UsageError(
            f"{option}: {unknown[0]!r} is not known", fix=f"give one or more of {', '.join(known)}, with commas between"
        )
    return [word for word in known if word in words]
