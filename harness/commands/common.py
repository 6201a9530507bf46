"""What commands have in common: options, the console, and how they tell of files."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.result import Result
    from harness.scenario import Scenario

#: What people read goes to standard error, so that standard output can be piped.
console = Console(stderr=True)
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
RunsDir = Annotated[Path, typer.Option("--runs-dir", help="Where runs are kept.", envvar="RINGBENCH_RUNS_DIR")]


def show_paths(paths: list[Path]) -> None:
    """Tell where files are."""
    for path in paths:
        console.print(f"  {path}", highlight=False, soft_wrap=True)


def this_command() -> list[str]:
    """The arguments that repeat this command."""
    return ["ringbench", *map(_without_password, sys.argv[1:])]


def _without_password(argument: str) -> str:
    """`argument` fit to be kept: in a URL, what stands between ``://`` and ``@``, and a token, are left out."""
    return re.sub(r"([?&]token=)[^&#]*", r"\1***", re.sub(r"://[^/@]*@", "://***@", argument))


def number(text: str | None) -> int | str | None:
    """A whole number, or the text itself, so that the scenario's own check can name the key and what it expects."""
    return int(text) if text is not None and text.isdigit() else text


def tuned_scenario(scenario: "Scenario", engine_paths: list[Path]) -> "Scenario":
    """See `harness.tuning.tuned`."""
    from harness.tuning import tuned

    return tuned(scenario, engine_paths)


def load_run(run: Path) -> "Result":
    """The result of a run, given its directory or the file.

    Raises:
        UsageError: there is none, or it is of another version; the message says which, and what was wrong.
    """
    from pydantic import ValidationError

    from harness.result import load_result

    fix = "give the directory of a run, runs/RUN_ID, made by this version"
    try:
        return load_result(run)
    except OSError as error:
        raise UsageError(f"{run}: no result: {error.strerror}", fix=fix) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(f"{run}: no result of this version: {where}: {first['msg']}", fix=fix) from error


def redis_address_of(redis: str | None, path: Path | None) -> str | None:
    """The Redis that `--redis` names, with what is needed to get into it."""
    from harness.access import redis_address

    if redis is None:
        if path is not None:
            raise UsageError(
                "--redis-properties is for a Redis of your own", fix="give --redis redis://host:port/0, too"
            )
        return None
    return redis_address(redis, path, in_arguments=any(redis in argument for argument in sys.argv))
