"""The commands `ringbench workload`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import given, note, show_paths
from harness.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="See what a scenario sends, without running it.")
#: Lines are made, and printed, so many at once.
SHOWN_AT_ONCE = 10_000


@app.command("plot", epilog="Examples: `ringbench workload plot diurnal` | `ringbench workload plot my.yaml --json`")
def workload_plot(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a YAML file.")],
    output: Annotated[
        Path | None, typer.Option(help="The PNG file to write; workload-SCENARIO.png in the current folder by default.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the workload.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print totals as a line of JSON on standard output.")] = False,
) -> None:
    """Draw records per second, and shares of counties and partitions."""
    from json import dumps

    from harness.input.prepare import replayed
    from harness.scenarios.loading import load_scenario
    from reports.pictures.style import write_png
    from reports.pictures.workload import draw_workload, totals
    from workloads.replay import open_workload
    from workloads.tally import tally

    path = output or Path(f"workload-{Path(scenario).stem}.png")
    if path.suffix != ".png":
        raise UsageError(f"--output {path}: only PNG is written", fix="give a file that ends in .png")
    # Before all is counted and drawn, which takes seconds.
    if not path.parent.is_dir():
        raise UsageError(
            f"--output {path}: cannot be written: no such folder", fix="give a file in a folder that is there"
        )
    with replayed(load_scenario(scenario, given(seed=seed)), note) as (plan, _):
        specification = plan.workload()
        found = tally(open_workload(specification))
    try:
        write_png(draw_workload(plan.name, specification, found), path)
    except OSError as error:
        raise UsageError(
            f"--output {path}: cannot be written: {error.strerror}", fix="give a file that may be written"
        ) from error
    show_paths([path])
    if json:
        print(dumps(totals(plan.name, specification, found)))


@app.command("show", epilog="Example: `ringbench workload show smoke --records 20`")
def workload_show(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a YAML file.")],
    records: Annotated[int, typer.Option(min=1, help="How many lines.")] = 10,
) -> None:
    """Print the first lines that are sent, byte for byte, malformed ones too."""
    from harness.input.prepare import replayed
    from harness.scenarios.loading import load_scenario
    from workloads.replay import open_workload

    with replayed(load_scenario(scenario, {}), note) as (plan, _):
        workload = open_workload(plan.workload())
        last = min(records, workload.total_records)
        for first in range(0, last, SHOWN_AT_ONCE):
            lines = workload.lines(workload.columns(first, min(first + SHOWN_AT_ONCE, last)))
            sys.stdout.buffer.writelines(line + b"\n" for line in lines)
        sys.stdout.buffer.flush()
