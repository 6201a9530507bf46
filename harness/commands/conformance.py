"""The command `ringbench conformance`."""

from pathlib import Path
from typing import Annotated

import typer

from engines.contract.job import AT_LEAST_ONCE
from harness.commands.common import EnginePath, Json, RunsDir, console, end, show_paths, this_command
from harness.errors import UsageError

EPILOG = (
    "Examples: `ringbench conformance baseline` | `ringbench conformance mine --engine-path my-engines` | "
    "`ringbench conformance flink --delivery exactly-once` | "
    "`ringbench conformance ./my-engines/mine --quick --json` | `ringbench conformance --list --json`"
)


def conformance(
    engine: Annotated[
        str, typer.Argument(help="An engine's name, NAME@VERSION, or its folder (with a slash in it).")
    ] = "",
    engine_path: EnginePath = None,
    delivery: Annotated[
        str,
        typer.Option(help="What the engine's jobs have to keep to: at-least-once, or exactly-once, if it has that."),
    ] = AT_LEAST_ONCE,
    quick: Annotated[
        bool, typer.Option("--quick", help="Send less, and wait less long: for engines that start in a second.")
    ] = False,
    runs_dir: RunsDir = Path("runs"),
    list_checks: Annotated[bool, typer.Option("--list", help="Print the list of checks, and start nothing.")] = False,
    json: Json = False,
) -> None:
    """Tell the author of an engine whether it keeps to the contract, check by check, against real Kafka and Redis."""
    if list_checks:
        _print_list(json)
        return
    if not engine:
        raise UsageError("no engine is given", fix="give its name, or its folder; or --list")

    from harness.conformance.run import conform, engine_of, open_servers
    from harness.console.progress import ConsoleWatcher
    from harness.engines.catalogue import check_delivery
    from harness.session.preflight.look import look_before_leaping
    from harness.session.preflight.need import Need
    from reports.documents.conformance import conformance_report

    found_engine = engine_of(engine, engine_path or [])
    check_delivery([found_engine], delivery, engine_path or [])
    with ConsoleWatcher(console) as watcher:
        look_before_leaping(Need(runs_dir=runs_dir), watcher.note)
        with open_servers(watcher) as servers:
            found, directory = conform(
                found_engine, servers, runs_dir, this_command(), watcher, quick=quick, delivery=delivery
            )
    console.print(conformance_report(found))
    show_paths([directory / "conformance.json", directory / "logs"])
    if json:
        print(found.model_dump_json(indent=2))
    end(found.missing, 0 if found.passed else 1)


def _print_list(as_json: bool) -> None:
    from dataclasses import asdict
    from json import dumps

    from rich.console import Console

    from harness.conformance.checks import CHECKS
    from reports.documents.conformance import list_table

    if as_json:
        print(dumps([asdict(check) | {"docs": f"docs/{check.docs}"} for check in CHECKS], indent=2))
    else:
        Console().print(list_table([(check.id, check.title, check.required, check.docs) for check in CHECKS]))
