"""The command line, `ringbench`."""

import os
import re
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console

from harness.errors import RingbenchError, UsageError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Benchmark stream processors over call-detail records, and prove their counts right.",
    epilog="Exit codes: 0 pass, 1 a verdict failed, 2 bad usage or configuration, 3 the run is invalid, "
    "4 a service could not start, 130 Ctrl-C.",
)
services_app = typer.Typer(no_args_is_help=True, help="Kafka, Redis and S3 for interactive use.")
app.add_typer(services_app, name="services")
#: What people read goes to standard error, so that standard output can be piped.
console = Console(stderr=True)

RunsDir = Annotated[Path, typer.Option("--runs-dir", help="Where runs are kept.", envvar="RINGBENCH_RUNS_DIR")]


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    cache_dir: Annotated[
        Path | None, typer.Option("--cache-dir", help="Where environments and downloads are kept.")
    ] = None,
) -> None:
    _Settings.debug = debug
    if cache_dir:
        os.environ["RINGBENCH_CACHE_DIR"] = str(cache_dir)


class _Settings:
    debug = False


@app.command(
    epilog="Examples: `ringbench run` | `ringbench run smoke --engine flink` | "
    "`ringbench run my.yaml --seed 7 --rate 20000 --json`"
)
def run(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario (main, smoke) or a YAML file.")] = "main",
    engine: Annotated[list[str] | None, typer.Option(help="Run only this engine; can be repeated.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the workload.")] = None,
    rate: Annotated[str | None, typer.Option(help="Records per second.")] = None,
    duration: Annotated[int | None, typer.Option(help="Measured time in seconds.")] = None,
    warmup: Annotated[int | None, typer.Option(help="Warm-up in seconds, sent before the measured time.")] = None,
    engine_path: Annotated[list[Path] | None, typer.Option(help="A further folder of engines.")] = None,
    kafka: Annotated[str | None, typer.Option(help="Your own Kafka, host:port[,host:port].")] = None,
    redis: Annotated[
        str | None, typer.Option(help="Your own Redis, redis://host:port/0.", envvar="RINGBENCH_REDIS")
    ] = None,
    s3: Annotated[str | None, typer.Option(help="Your own S3 bucket, s3://BUCKET or http://host:port/BUCKET.")] = None,
    kafka_port: Annotated[int | None, typer.Option(help="Port for the Kafka that is started here.")] = None,
    redis_port: Annotated[int | None, typer.Option(help="Port for the Redis that is started here.")] = None,
    s3_port: Annotated[int | None, typer.Option(help="Port for the S3 server that is started here.")] = None,
    runs_dir: RunsDir = Path("runs"),
    keep_logs: Annotated[bool, typer.Option(help="Keep the logs of all processes beside the result.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
) -> None:
    """Benchmark the engines of a scenario, verify each, and leave a result and a report in runs/RUN_ID."""
    from harness.backing import External
    from harness.run import RunOptions, exit_code
    from harness.run import run as run_scenario
    from harness.scenario import load_scenario
    from harness.watch import ConsoleWatcher
    from reports.render import write_reports
    from reports.terminal import final_table

    overrides = {"seed": seed, "rate_records_per_s": _number(rate), "duration_s": duration, "warmup_s": warmup}
    chosen: dict[str, Any] = {key: value for key, value in overrides.items() if value is not None}
    if engine:
        chosen["engines"] = engine
    external = External(
        kafka=kafka, redis=redis, s3=s3, ports={"kafka": kafka_port, "redis": redis_port, "s3": s3_port}
    )
    options = RunOptions(
        runs_dir=runs_dir,
        engine_paths=engine_path or [],
        external=external,
        command=["ringbench", *map(_without_password, sys.argv[1:])],
        keep_logs=keep_logs,
    )
    with ConsoleWatcher(console) as watcher:
        result, directory = run_scenario(load_scenario(scenario, chosen), options, watcher)
        watcher.phase("writing the report")
        reports = write_reports(result, directory)
    console.print(final_table(result))
    for path in (directory / "result.json", *(each for each in reports if each.parent == directory)):
        console.print(f"  {path}", highlight=False, soft_wrap=True)
    if json:
        print(result.model_dump_json(indent=2))
    raise typer.Exit(exit_code(result))


def _without_password(argument: str) -> str:
    """`argument` fit to be kept: what stands between ``://`` and ``@`` in a URL is left out."""
    return re.sub(r"://[^/@]*@", "://***@", argument)


def _number(text: str | None) -> int | str | None:
    """A whole number, or the text itself, so that the scenario's own check can name the key and what it expects."""
    return int(text) if text is not None and text.isdigit() else text


@app.command(epilog="Example: `ringbench report runs/20260101T000000-abc123`")
def report(
    run: Annotated[Path, typer.Argument(help="A run's directory.")],
) -> None:
    """Write a run's report.md and report.html anew from its result.json."""
    from pydantic import ValidationError

    from harness.result import load_result
    from reports.render import write_reports

    try:
        result = load_result(run)
    except (OSError, ValidationError) as error:
        raise UsageError(f"{run}: no result of this version: {error}", fix="give the directory of a run") from error
    for path in write_reports(result, run if run.is_dir() else run.parent):
        console.print(f"  {path}", highlight=False, soft_wrap=True)


@app.command(epilog="Example: `ringbench doctor`")
def doctor() -> None:
    """Print what was found, what is missing, and the fix. Downloads nothing."""
    from harness.doctor import diagnose, print_doctor

    checks = diagnose()
    print_doctor(Console(), checks)
    raise typer.Exit(0 if all(check.ok for check in checks) else 4)


@services_app.command("up", epilog="Example: `ringbench services up`, and Ctrl-C or `ringbench services down` to end")
def services_up() -> None:
    """Start Kafka, Redis and S3, print how to reach them, and keep them until Ctrl-C or `services down`."""
    from harness.interactive import keep_up

    keep_up(console)


@services_app.command("down")
def services_down() -> None:
    """End the services that `ringbench services up` keeps."""
    from harness.interactive import take_down

    take_down(console)


def main() -> None:
    """Run the command line; every known error ends in one message and its exit code."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        app()
    except RingbenchError as error:
        if _Settings.debug:
            raise
        console.print(f"[bold red]error:[/bold red] {_escape(error.message)}", highlight=False, soft_wrap=True)
        if error.fix:
            console.print(f"[bold]fix:[/bold] {_escape(error.fix)}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _on_sigterm(_number: int, _frame: FrameType | None) -> None:
    """End as by Ctrl-C, so that everything that was started is ended; 143 tells that it was SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


if __name__ == "__main__":
    main()
