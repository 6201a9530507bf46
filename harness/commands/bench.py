"""The commands `ringbench bench`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import Json, RunsDir, console, end, show_paths, this_command

app = typer.Typer(no_args_is_help=True, help="Measure parts of Ringbench by themselves.")


@app.command(
    "producer", epilog="Examples: `ringbench bench producer` | `ringbench bench producer --json --at-least 1.0`"
)
def bench_producer(
    pairs: Annotated[int, typer.Option(min=1, help="Measurements of each side, in turns.")] = 3,
    records: Annotated[int, typer.Option(min=100_000, help="Records in each measurement.")] = 8_000_000,
    paces: Annotated[bool, typer.Option(help="Try how fast the generator keeps a schedule, too.")] = True,
    at_least: Annotated[float, typer.Option(min=0, help="End with exit code 1 if the ratio is smaller.")] = 0.0,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Measure the generator against Kafka's own kafka-producer-perf-test, and find how fast it keeps a schedule."""
    from harness.console.progress import ConsoleWatcher
    from harness.experiments.benches.producer import BenchOptions
    from harness.experiments.benches.producer import bench_producer as measure
    from reports.documents.producer import producer_tables

    with ConsoleWatcher(console) as watcher:
        found, directory = measure(BenchOptions(pairs, records, paces), runs_dir, this_command(), watcher)
    console.print(producer_tables(found))
    show_paths([directory / "producer.json"])
    if json:
        print(found.model_dump_json(indent=2))
    end(found.missing, 0 if found.ratio >= at_least else 1)


@app.command(
    "path", epilog="Examples: `ringbench bench path` | `ringbench bench path --rate 100000 --at-least 100000 --json`"
)
def bench_path(
    rate: Annotated[
        list[int] | None,
        typer.Option(min=100, help="Updates per second; can be repeated. By default, ever more until it fails."),
    ] = None,
    duration: Annotated[int, typer.Option(min=1, max=60, help="Measured time of each rate in seconds.")] = 8,
    capacity: Annotated[bool, typer.Option(help="Measure writer and probe as fast as they can, too.")] = True,
    at_least: Annotated[int, typer.Option(min=0, help="End with exit code 1 if no such rate was kept.")] = 0,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Measure the path behind the engine: how many aggregate updates Redis writer, Redis and probe keep up with."""
    from harness.console.progress import ConsoleWatcher
    from harness.experiments.benches.delivery import bench_path as measure
    from harness.experiments.benches.delivery import exit_code
    from harness.experiments.benches.delivery_rig import PathOptions
    from reports.documents.path import path_tables

    options = PathOptions(tuple(rate or ()), duration, capacity)
    with ConsoleWatcher(console) as watcher:
        found, directory = measure(options, runs_dir, this_command(), watcher)
    console.print(path_tables(found))
    show_paths([directory / "path.json"])
    if json:
        print(found.model_dump_json(indent=2))
    end(found.missing, exit_code(found, at_least))
