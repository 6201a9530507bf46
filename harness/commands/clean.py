"""The command `ringbench clean`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.common import (
    Json,
    RedisProperties,
    RunsDir,
    console,
    kafka_properties_of,
    note,
    redis_address_of,
)
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.session.cleaning.clean import Cleaning

EPILOG = (
    "Exit codes: 0 nothing is left that is to be deleted, 1 something is, 2 bad usage or the run is going on, "
    "4 a service does not answer. Examples: `ringbench clean --stale` | `ringbench clean --stale --yes --json` | "
    "`ringbench clean 20261128T182611-0a1b2c --kafka broker:9092 --redis redis://cache:6379/0 --s3 s3://bucket`"
)


def clean(
    run_id: Annotated[str | None, typer.Argument(help="The run whose leavings are to be deleted.")] = None,
    stale: Annotated[
        bool,
        typer.Option("--stale", help="In place of RUN_ID: what is left of all runs here that are proven to be over."),
    ] = False,
    kafka: Annotated[str | None, typer.Option(help="Look in your own Kafka, too: host:port[,host:port].")] = None,
    redis: Annotated[
        str | None,
        typer.Option(
            help="Look in your own Redis, too: redis://host:port/0; rediss:// for TLS.", envvar="RINGBENCH_REDIS"
        ),
    ] = None,
    s3: Annotated[
        str | None, typer.Option(help="Look in your own S3 bucket, too: s3://BUCKET, http://host:port/BUCKET or https.")
    ] = None,
    kafka_properties: Annotated[
        Path | None, typer.Option(help="With --kafka: a file of Kafka's client properties, for TLS and SASL.")
    ] = None,
    redis_properties: RedisProperties = None,
    runs_dir: RunsDir = Path("runs"),
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    json: Json = False,
) -> None:
    """Show and delete what a killed run has left: processes and files here, and its data in services of your own.

    Deleted is only what is proven to be Ringbench's and of no further use. Results and reports are never touched.
    """
    from engines.contract.kafka import librdkafka_properties
    from harness.services.backing import External
    from harness.session.cleaning.clean import look

    if bool(run_id) == stale:
        raise UsageError("of RUN_ID and --stale, one has to be given", fix="give the RUN_ID of a run, or --stale")
    external = External(
        kafka=kafka,
        kafka_properties=kafka_properties_of(kafka, kafka_properties),
        redis=redis_address_of(redis, redis_properties),
        s3=s3,
    )
    client = librdkafka_properties(kafka, external.kafka_properties) if kafka else {}
    found = look(run_id or "", external, client, runs_dir)
    _show(found)
    if found.due and (yes or (not json and _agrees(found))):
        found.delete()
        _show_rest(found)
    if json:
        import json as codec

        print(codec.dumps(found.as_json(), indent=2))
    raise typer.Exit(found.exit_code)


def _show(found: "Cleaning") -> None:
    from harness.session.cleaning.listing import lines

    if not found.finds:
        note("nothing is left")
    if found.due:
        note("to be deleted:")
    for line in lines(found.due):
        note(f"  {line}")
    if found.kept:
        note("kept:")
    for line in lines(found.kept):
        note(f"  {line}")


def _agrees(found: "Cleaning") -> bool:
    """Ask, where there is somebody to ask."""
    from harness.session.cleaning.listing import total

    if not _is_terminal():
        note("nothing was deleted: give --yes")
        return False
    return typer.confirm(f"Delete {total(found.due)}?", err=True)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _show_rest(found: "Cleaning") -> None:
    from harness.clients.left import told

    for line in told(found.left):
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
    note(f"deleted: {len(found.due) - len(found.left):,} of {len(found.due):,}")
