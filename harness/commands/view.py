"""The command `ringbench view`."""

import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from harness.commands.common import (
    VIEW_TOKEN_VARIABLE,
    RedisProperties,
    RunsDir,
    console,
    load_run,
    redis_address_of,
)
from harness.console.redaction import conceal
from harness.errors import UsageError

EPILOG = (
    "Examples: `ringbench view --run 20260101T000000-abc123` | "
    "`ringbench view --run runs/20260101T000000-abc123 --engine flink --engine spark --speed 10` | "
    "`ringbench view --redis redis://127.0.0.1:6379/0` | `ringbench run --view` shows the map of a run as it goes on"
)


def view(
    context: typer.Context,
    run: Annotated[
        str | None, typer.Option(help="A finished run to replay: its ID in --runs-dir, or its directory.")
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(help="Replay this engine; two of them stand side by side. By default, two but the baseline."),
    ] = None,
    trial: Annotated[int, typer.Option(help="Replay this trial of each engine, from 1.")] = 1,
    speed: Annotated[float, typer.Option(help="Replay so many times as fast as it was, 1 to 20.")] = 5.0,
    runs_dir: RunsDir = Path("runs"),
    redis: Annotated[
        str | None,
        typer.Option(help="The Redis that holds the counts, redis://host:port/0.", envvar="RINGBENCH_REDIS"),
    ] = None,
    redis_properties: RedisProperties = None,
    namespace: Annotated[
        str, typer.Option(help="What the counts' keys begin with; cdr:RUN_ID in your own Redis.")
    ] = "cdr",
    host: Annotated[
        str, typer.Option(help="What to listen on; other than loopback needs a token in RINGBENCH_VIEW_TOKEN.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for a free one.")] = 0,
    max_rate: Annotated[float, typer.Option(min=1, max=60, help="Frames a second at the most.")] = 4.0,
) -> None:
    """Show California's counties in the browser until Ctrl-C: a Redis as a live map, or a finished run as a replay."""
    from harness.live_map.replay_choice import find_run
    from harness.live_map.viewer_process import keep_viewing

    def tell(url: str) -> None:
        what = "replay" if run else "live map"
        console.print(f"  the {what} is at {_address(url, token)}", highlight=False, soft_wrap=True)
        console.print("  Ctrl-C ends it.", highlight=False)

    _check_view({name for name in context.params if _is_given(context, name)}, redis)
    token = os.environ.get(VIEW_TOKEN_VARIABLE, "")
    conceal(token)
    if not token and host not in ("127.0.0.1", "::1", "localhost"):
        raise UsageError(
            f"--host {host}: others could see the map, and no token is set", fix="set RINGBENCH_VIEW_TOKEN to a secret"
        )
    if run is None:
        shown: dict[str, Any] = {"redis_url": redis_address_of(redis, redis_properties), "namespace": namespace}
    else:
        shown = _replay(find_run(run, runs_dir), engine or [], trial, speed)
    keep_viewing(tell, host=host, port=port, token=token, max_rate_hz=max_rate, **shown)


def _address(url: str, token: str) -> str:
    """What to open in a browser. A terminal is shown the token; a file or a pipe, which may be a log, is not."""
    if not token:
        return url
    return f"{url}?token={quote(token, safe='') if console.is_terminal else f'${VIEW_TOKEN_VARIABLE}'}"


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line. One from the environment is set for many commands, not for this."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _check_view(given: set[str], redis: str | None) -> None:
    """Refuse options of `view` that do not go together; `given` are those of the command line."""
    if "run" in given and (others := given & {"redis", "redis_properties", "namespace"}):
        raise UsageError(
            f"--run and --{max(others).replace('_', '-')} exclude each other",
            fix="give --run for a finished run, or --redis for a Redis",
        )
    if "run" not in given and (others := given & {"engine", "trial", "speed", "runs_dir"}):
        name = min(others).replace("_", "-")
        raise UsageError(f"--{name} is for a replay, and there is no --run", fix="give --run RUN, too")
    if "run" not in given and not redis:
        raise UsageError(
            "there is nothing to show", fix="give --run RUN for a finished run, or --redis URL for a Redis"
        )


def _replay(directory: Path, engines: list[str], trial: int, speed: float) -> dict[str, Any]:
    """What a viewer is told of a run to replay."""
    from harness.live_map.replay_choice import choose

    result = load_run(directory)
    chosen = choose(result, directory, engines, trial, speed)
    for note in chosen.notes:
        console.print(f"  note: {note}", markup=False, highlight=False, soft_wrap=True)
    return {"replay": chosen.settings(), "title": result.run_id}
