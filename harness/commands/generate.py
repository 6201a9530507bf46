"""The command `ringbench generate`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import Json, console, given, this_command
from harness.errors import UsageError

#: Seconds from being ready to the start of a single shard, unless the user says otherwise.
START_IN_S = 3.0

EPILOG = (
    "Examples: `ringbench generate smoke --kafka 127.0.0.1:9092 --topic cdr --create-topic` | "
    "`ringbench generate my.yaml --kafka kafka:9092 --topic cdr --shard 2/8 --start-at 2026-05-01T12:00:00Z --json`"
)


def generate(
    kafka: Annotated[str, typer.Option(help="The Kafka to send to, host:port[,host:port].")],
    topic: Annotated[str, typer.Option(help="The topic to send to; empty, and with the scenario's partitions.")],
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a YAML file.")] = "main",
    shard: Annotated[str, typer.Option(help="I/N: send part I, from 1, of the N that the stream is divided into.")] = (
        "1/1"
    ),
    start_at: Annotated[
        str | None, typer.Option(help="When all shards start: a date and time with its zone, or Unix seconds.")
    ] = None,
    start_in: Annotated[
        float | None, typer.Option(min=0, help="Of a single shard: so many seconds after it is ready; 3 by default.")
    ] = None,
    kafka_properties: Annotated[
        Path | None, typer.Option(help="A file of Kafka's client properties, for TLS and SASL.")
    ] = None,
    create_topic: Annotated[
        bool, typer.Option("--create-topic", help="Make the topic if it is not there; all shards may say so.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of the workload.")] = None,
    rate: Annotated[int | None, typer.Option(help="Records per second of all shards together.")] = None,
    duration: Annotated[int | None, typer.Option(help="Measured time in seconds.")] = None,
    warmup: Annotated[int | None, typer.Option(help="Warm-up in seconds, sent before the measured time.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for shard-I-of-N.json.")] = Path("shards"),
    json: Json = False,
) -> None:
    """Send a scenario's stream, or one of several machines' shards of it, to your own Kafka, on schedule.

    All shards together send exactly what one generator would. `ringbench merge-shards` puts their results together.
    """
    from harness.clients.credentials import read_kafka_properties
    from harness.console.progress import ConsoleWatcher
    from harness.experiments.sharding.sending import GenerateOptions, exit_code
    from harness.experiments.sharding.sending import generate as send
    from harness.experiments.sharding.shard import parse_shard, parse_start
    from harness.scenarios.loading import load_scenario
    from reports.documents.shards import shard_table

    plan = load_scenario(scenario, given(seed=seed, rate_records_per_s=rate, duration_s=duration, warmup_s=warmup))
    part = parse_shard(shard, plan.generators)
    if start_at and start_in is not None:
        raise UsageError("--start-at and --start-in exclude each other", fix="give one of them")
    if part.count > 1 and not start_at:
        raise UsageError(
            f"{part.count} shards have to start together, and each would start at a time of its own",
            fix="give the same --start-at to all of them, a minute or so from now",
        )
    options = GenerateOptions(
        bootstrap_servers=kafka,
        kafka_properties=read_kafka_properties(kafka_properties) if kafka_properties else {},
        topic=topic,
        create_topic=create_topic,
        shard=part,
        start_ns=parse_start(start_at) if start_at else None,
        start_in_s=START_IN_S if start_in is None else start_in,
        directory=out,
        command=this_command(),
    )
    with ConsoleWatcher(console) as watcher:
        result, path = send(plan, options, watcher)
    console.print(shard_table(result))
    console.print(f"  {path}", highlight=False, soft_wrap=True)
    if json:
        print(result.model_dump_json(indent=2))
    raise typer.Exit(exit_code(result))
