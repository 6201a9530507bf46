"""The commands `ringbench services`."""

from typing import Annotated

import typer

from harness.commands.common import console

app = typer.Typer(no_args_is_help=True, help="Kafka, Redis and S3 for interactive use.")


@app.command(
    "up",
    epilog="Examples: `ringbench services up`, and Ctrl-C or `ringbench services down` to end | "
    "`ringbench services up --cluster`",
)
def services_up(
    cluster: Annotated[
        bool,
        typer.Option("--cluster", help="Three brokers, a replica of Redis, and clusters for Spark and Flink, too."),
    ] = False,
) -> None:
    """Start Kafka, Redis and S3, print how to reach them, and keep them until Ctrl-C or `services down`."""
    from harness.session.standing_services import keep_up

    keep_up(console, cluster=cluster)


@app.command("down")
def services_down() -> None:
    """End the services that `ringbench services up` keeps."""
    from harness.session.standing_services import take_down

    take_down(console)
