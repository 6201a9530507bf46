"""What commands have in common: options, what becomes of them, and how results are told."""

import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from typer.core import TyperCommand

from harness.console.redaction import conceal, redact
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.console.progress import ConsoleWatcher
    from harness.results.part import Missing
    from harness.results.result import Result
    from harness.scenarios.loading import InputOptions
    from harness.scenarios.scenario import Scenario
    from harness.session.options import SessionOptions

#: What people read goes to standard error, so that standard output can be piped.
console = Console(stderr=True)
#: What a viewer asks for, if it is set.
VIEW_TOKEN_VARIABLE = "RINGBENCH_VIEW_TOKEN"  # noqa: S105 - a name
#: What who reads the metrics has to tell, if it is set.
METRICS_TOKEN_VARIABLE = "RINGBENCH_METRICS_TOKEN"  # noqa: S105 - a name
#: Where metrics are served, unless told otherwise.
METRICS_HOST = "127.0.0.1"
Contestants = Annotated[
    list[str] | None,
    typer.Option(
        "--contestant",
        metavar="NAME=ENGINE:KEY=VALUE,...",
        help="An engine under a name, with a tuning, settings or keys of its own, beside those of --engine; can be "
        "repeated.",
    ),
]
Tuning = Annotated[
    str | None,
    typer.Option(
        help="Settings that each engine publishes: latency or throughput; the engines' defaults if not given."
    ),
]
Route = Annotated[
    str | None,
    typer.Option(
        help="How counts get to Redis: kafka (the aggregates topic and the Redis writer) or direct (each engine writes "
        "Redis by itself); the scenario's own if not given."
    ),
]
Delivery = Annotated[
    str | None,
    typer.Option(
        help="How often what engines write is there: at-least-once, or exactly-once (in transactions, proven by what a "
        "reader of committed messages sees); the scenario's own if not given."
    ),
]
RedisProperties = Annotated[
    Path | None,
    typer.Option(
        help="With --redis: a file with username, password and tls.ca.location; a password alone can stand in "
        "RINGBENCH_REDIS_PASSWORD."
    ),
]
Query = Annotated[
    str | None,
    typer.Option(
        help="What engines are asked: counts, distinct-callers, distinct-callers-hll, top-counties, sessions or pairs "
        "(see docs/queries.md); the scenario's own if not given."
    ),
]
Cluster = Annotated[
    bool,
    typer.Option(
        "--cluster",
        help="Start three brokers, and for Spark and Flink a cluster each, of two workers; see docs/cluster.md.",
    ),
]
EngineCpus = Annotated[
    int | None,
    typer.Option(
        help="Cores that each engine has for itself, apart from everything else; the scenario's own if not given, "
        "0 for sharing all."
    ),
]
EnginePath = Annotated[list[Path] | None, typer.Option(help="A further folder of engines.")]
SkipBadLines = Annotated[
    str | None,
    typer.Option(
        "--skip-bad-lines",
        metavar="[=all]",
        help="With an input: leave bad rows out, and tell which; up to 5 % of them, or all.",
    ),
]
ShowBadValues = Annotated[
    bool,
    typer.Option(
        "--show-bad-values",
        help="With an input: tell what stands in bad rows, in result and report, too, and not its shape alone.",
    ),
]
RunsDir = Annotated[Path, typer.Option("--runs-dir", help="Where runs are kept.", envvar="RINGBENCH_RUNS_DIR")]
Rate = Annotated[str | None, typer.Option(help="Records per second.")]
Plan = Annotated[bool, typer.Option("--plan", help="Print the plan as JSON, and start nothing.")]
KeepLogs = Annotated[bool, typer.Option(help="Keep the logs of all processes beside the result.")]
MetricsPort = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Serve Prometheus metrics on this port while it goes on; 0 for a free one."),
]
MetricsHost = Annotated[
    str,
    typer.Option(help="What to serve metrics on; other than loopback needs a token in RINGBENCH_METRICS_TOKEN."),
]
Json = Annotated[bool, typer.Option("--json", help="Print what was found as JSON on standard output.")]

_SKIP, _SOME, _ALL = "--skip-bad-lines", "some", "all"


class WithSkipBadLines(TyperCommand):
    """A command whose `--skip-bad-lines` may stand without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See `click.Command.parse_args`."""
        return super().parse_args(ctx, [f"{_SKIP}={_SOME}" if each == _SKIP else each for each in args])


def skip_bad_lines_of(text: str | None) -> "bool | Literal['all']":
    """What `--skip-bad-lines` says, as the key `input.skip_bad_lines` has it.

    Raises:
        UsageError: it says something else.
    """
    if text not in (None, _SOME, _ALL):
        raise UsageError(f"--skip-bad-lines={text} is not known", fix="give --skip-bad-lines, or --skip-bad-lines=all")
    return "all" if text == _ALL else text is not None


@contextmanager
def watching(metrics_port: int | None, metrics_host: str) -> "Iterator[ConsoleWatcher]":
    """What tells people how it goes until the end of the context, and monitoring, if there is a port for that.

    Raises:
        UsageError: metrics cannot be served there.
    """
    from harness.console.progress import ConsoleWatcher

    if metrics_port is None:
        if metrics_host != METRICS_HOST:
            raise UsageError(
                "--metrics-host says where metrics are served, and none are", fix="give --metrics-port, too"
            )
        with ConsoleWatcher(console) as watcher:
            yield watcher
        return

    from harness.monitoring.board import Board
    from harness.monitoring.server import metrics_served
    from harness.monitoring.watcher import MonitoredWatcher

    token = os.environ.get(METRICS_TOKEN_VARIABLE, "")
    conceal(token)
    board = Board()
    with metrics_served(board, metrics_host, metrics_port, token) as url, MonitoredWatcher(console, board) as watcher:
        watcher.note(f"metrics are at {url}")
        yield watcher


def show_paths(paths: list[Path]) -> None:
    """Tell where files are."""
    for path in paths:
        console.print(f"  {path}", highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """Tell how far something is, or what was found, as it stands: brackets are no markup."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def this_command() -> list[str]:
    """The arguments that repeat this command."""
    return ["ringbench", *map(_without_password, sys.argv[1:])]


def _without_password(argument: str) -> str:
    """`argument` fit to be kept: without secrets, and, in a URL, without all up to the last ``@``."""
    return re.sub(r"://\S*@", "://***@", redact(argument))


def number(text: str | None) -> int | str | None:
    """A whole number, or the text itself, so that the scenario's own check can name the key and what it expects."""
    return int(text) if text is not None and text.isdigit() else text


def given(**options: Any) -> dict[str, Any]:
    """Those of `options` that were given; where the others are, the scenario's own keys are in effect."""
    return {key: value for key, value in options.items() if value is not None}


def session_options(
    runs_dir: Path, engine_path: list[Path] | None = None, *, keep_logs: bool, **further: Any
) -> "SessionOptions":
    """What this command says of its trials; `further` are other attributes of `SessionOptions`."""
    from harness.session.options import SessionOptions

    return SessionOptions(
        runs_dir=runs_dir, engine_paths=engine_path or [], command=this_command(), keep_logs=keep_logs, **further
    )


def tuned_scenario(
    name: str, overrides: dict[str, Any], engine_paths: list[Path], *input_options: "InputOptions"
) -> "Scenario":
    """The scenario called so, with `overrides`, and with the settings that its engines publish for its tuning."""
    from harness.engines.tuning import tuned
    from harness.scenarios.loading import load_scenario

    return tuned(load_scenario(name, overrides, *input_options), engine_paths)


def report(result: "Result", directory: Path, watcher: "ConsoleWatcher") -> list[Path]:
    """Write the reports of a run. Returns the files in `directory` that people may want to open."""
    from harness.measurement.flame_graphs import SUFFIX as FLAME_GRAPH
    from reports.documents.run import write_reports

    watcher.phase("writing the report")
    reports = [each for each in write_reports(result, directory) if each.parent == directory]
    return [directory / "result.json", *reports, *sorted(directory.glob(f"*{FLAME_GRAPH}"))]


def show_result(result: "Result", paths: list[Path], *, json: bool) -> None:
    """Tell people what came of a run and where `paths` are, and programs the result."""
    from reports.documents.dashboard import dashboard_table
    from reports.documents.terminal import final_table
    from reports.sections.resilience import resilience_table
    from reports.sections.soak import soak_table

    console.print(final_table(result))
    if result.resilience:
        console.print(resilience_table(result.resilience))
    if result.soak:
        console.print(soak_table(result.soak))
    if result.dashboard:
        console.print(dashboard_table(result.dashboard))
    show_paths(paths)
    if json:
        print(result.model_dump_json(indent=2))


def end(missing: "Missing | None", code: int) -> NoReturn:
    """End with `code`, or, if something is `missing` of the result, say so, and end with what that stands for."""
    if missing:
        note(f"INCOMPLETE: {missing.text()}")
        note(f"fix: {missing.fix}")
    raise typer.Exit(missing.exit_code if missing else code)


def load_run(run: Path) -> "Result":
    """The result of a run, given its directory or the file.

    Raises:
        UsageError: there is none, or it is of another version; the message says which, and what was wrong.
    """
    from harness.results.part import explained
    from harness.results.result import load_result

    fix = "give the directory of a run, runs/RUN_ID, made by this version"
    try:
        return load_result(run)
    except OSError as error:
        raise unfinished(run) or UsageError(f"{run}: no result: {error.strerror}", fix=fix) from error
    except ValueError as error:
        raise UsageError(f"{run}: no result of this version: {explained(error)}", fix=fix) from error


def unfinished(run: Path) -> UsageError | None:
    """What to say of a directory that holds no result, but finished trials of a run that was killed; None of others."""
    from harness.experiments.journal import read_plan, told_finished

    try:
        plan = read_plan(run)
    except UsageError:
        return None
    return UsageError(
        f"{run}: the run is not finished: {told_finished(run, plan)}",
        fix=f"ringbench run --resume {plan.run_id}, if it is not still going on",
    )


def redis_address_of(redis: str | None, path: Path | None) -> str | None:
    """The Redis that `--redis` names, with what is needed to get into it."""
    from harness.clients.credentials import redis_address

    if redis is None:
        if path is not None:
            raise UsageError(
                "--redis-properties is for a Redis of your own", fix="give --redis redis://host:port/0, too"
            )
        return None
    return redis_address(redis, path, in_arguments=any(redis in argument for argument in sys.argv))


def kafka_properties_of(kafka: str | None, path: Path | None) -> dict[str, str]:
    """What `--kafka-properties` names, for the Kafka that `--kafka` names."""
    from harness.clients.credentials import read_kafka_properties

    if path is None:
        return {}
    if kafka is None:
        raise UsageError("--kafka-properties is for a Kafka of your own", fix="give --kafka host:port, too")
    return read_kafka_properties(path)
