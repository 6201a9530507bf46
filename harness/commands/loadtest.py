"""The command `ringbench loadtest`."""

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qsl, urlsplit

import typer

from harness.commands.common import (
    METRICS_HOST,
    VIEW_TOKEN_VARIABLE,
    Json,
    KeepLogs,
    MetricsHost,
    MetricsPort,
    RunsDir,
    console,
    given,
    load_run,
    number,
    report,
    session_options,
    show_paths,
    show_result,
    tuned_scenario,
    watching,
)
from harness.console.redaction import conceal, is_secret_name
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from harness.console.progress import ConsoleWatcher
    from harness.live_map.load_process import LoadOptions
    from harness.scenarios.scenario import Scenario
    from harness.session.options import SessionOptions

    #: Opens what tells how it goes.
    Watch = Callable[[], AbstractContextManager[ConsoleWatcher]]

#: What works unless told otherwise.
USUAL_ENGINE = "flink"
EPILOG = (
    "Examples: `ringbench loadtest --headless --users 500 --duration 60` | "
    "`ringbench run --view`, and beside it `ringbench loadtest --url http://127.0.0.1:PORT/` | "
    "`ringbench loadtest --url http://127.0.0.1:PORT/ --headless --shape spike --users 200 --json`"
)


def loadtest(
    scenario: Annotated[str, typer.Argument(help="Without --url: what the engine works on meanwhile.")] = "main",
    url: Annotated[
        str | None, typer.Option(help="The map to load, by its address in the browser. By default, one of its own.")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="No web UI: start at once, and end by itself.")] = False,
    users: Annotated[int, typer.Option(min=1, max=20_000, help="How many users watch at the most.")] = 500,
    duration: Annotated[
        int | None, typer.Option(min=5, max=86_400, help="Seconds: 60 unless told otherwise, with a web UI 600.")
    ] = None,
    spawn_rate: Annotated[float, typer.Option(min=0.1, max=100, help="Users that come per second.")] = 20.0,
    shape: Annotated[
        str, typer.Option(help="With --url and --headless: constant, ramp, step, spike, or search for the most users.")
    ] = "constant",
    max_push_ms: Annotated[float, typer.Option(min=1, help="A greater p99 of push latency is not held.")] = 250.0,
    max_lag_ms: Annotated[
        float, typer.Option(min=1, help="A load generator whose timer is later (p99) makes the load test invalid.")
    ] = 100.0,
    max_users: Annotated[int, typer.Option(min=1, max=20_000, help="The search tries no more.")] = 5000,
    ui_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of Locust's web UI; 0 for a free one.")] = 8089,
    engine: Annotated[
        str | None, typer.Option(help="Without --url: the engine that works meanwhile; flink by default.")
    ] = None,
    contestant: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=ENGINE:KEY=VALUE,...", help="The same, under a name, with settings or keys of its own."
        ),
    ] = None,
    rate: Annotated[str | None, typer.Option(help="Without --url: records per second.")] = None,
    warmup: Annotated[
        int | None, typer.Option(help="Without --url: warm-up in seconds; users come in it. Long enough by default.")
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, help="Without --url: interleaved trials with and without users, of each.")
    ] = 2,
    search: Annotated[bool, typer.Option(help="Without --url: search for the largest number of users held.")] = True,
    view_rate: Annotated[
        float, typer.Option(min=1, max=60, help="Without --url: the map's frames a second at the most.")
    ] = 8.0,
    join: Annotated[
        Path | None, typer.Option(help="With --url: add what was found to the result and report of this run.")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = METRICS_HOST,
    keep_logs: KeepLogs = False,
    json: Json = False,
) -> None:
    """Load-test the live map with users in Locust: as a person in its web UI, or --headless in a script."""
    from harness.live_map.load_process import SETTLE_S, LoadOptions
    from harness.live_map.user_experience import ExperienceBounds
    from harness.scenarios.contestants import given_contestants

    if shape not in ("constant", "ramp", "step", "spike", "search"):
        raise UsageError(f"--shape: {shape!r} is no shape", fix="give constant, ramp, step, spike or search")
    load = LoadOptions(
        users=users,
        spawn_rate_users_per_s=spawn_rate,
        duration_s=duration or (60 if headless else 600),
        shape=shape if headless else "",
        bounds=ExperienceBounds(push_ms_p99=max_push_ms, lag_ms_p99=max_lag_ms),
        max_users=max(max_users, users),
    )
    port = None if headless else ui_port
    watch = partial(watching, metrics_port, metrics_host)
    options = session_options(runs_dir, keep_logs=keep_logs, view=True, view_rate_hz=view_rate)
    if url:
        raise typer.Exit(_load_test_url(url, load, options, port, join, watch, as_json=json))
    if join:
        raise UsageError("--join is for --url: without it, what is found has a result of its own", fix="give --url")
    # By the end of the warm-up, all users have come, and the load of their coming is over.
    settled_s = warmup or round(users / spawn_rate) + SETTLE_S
    works = given_contestants([engine] if engine else None, [contestant] if contestant else None) or [USUAL_ENGINE]
    if len(works) > 1:
        raise UsageError("--engine and --contestant exclude each other here", fix="give the one that is to work")
    chosen = given(rate_records_per_s=number(rate), warmup_s=settled_s, duration_s=load.duration_s, engines=works)
    plan = tuned_scenario(scenario, chosen, options.engine_paths)
    [name] = plan.contestants
    raise typer.Exit(_load_test_own(plan, name, trials, load, options, port, watch, search=search, as_json=json))


def _load_test_url(
    url: str,
    load: "LoadOptions",
    options: "SessionOptions",
    port: int | None,
    join: Path | None,
    watch: "Watch",
    *,
    as_json: bool,
) -> int:
    """Load-test a viewer that is there. Returns the exit code."""
    from harness.console.interrupt import INTERRUPTED
    from harness.errors import InvalidRun
    from harness.experiments.loadtest.given_viewer import attack
    from harness.experiments.loadtest.outcome import passed
    from harness.results.result import save_result
    from reports.documents.dashboard import dashboard_table, write_loadtest
    from reports.documents.run import write_reports

    token, joined = _view_token(url), load_run(join) if join else None
    with watch() as watcher:
        found, directory = attack(url, load, options, watcher, token=token, ui_port=port)
    console.print(dashboard_table(found.dashboard))
    for reason in found.invalid_reasons:
        console.print(f"INVALID: {reason}", style="bold red", markup=False)
    show_paths([directory / "loadtest.json", *write_loadtest(found, directory)])
    if join and joined:
        run = join if join.is_dir() else join.parent
        updated = joined.model_copy(update={"dashboard": found.dashboard})
        show_paths([save_result(updated, run), *(each for each in write_reports(updated, run) if each.parent == run)])
    if as_json:
        print(found.model_dump_json(indent=2))
    if found.interrupted:
        return INTERRUPTED
    if not found.valid:
        return InvalidRun.exit_code
    return 0 if passed(found.dashboard) else 1


def _view_token(url: str) -> str:
    """What the viewer at `url` may ask for: the environment's, and never an argument's."""
    if any(is_secret_name(name) for name, _ in parse_qsl(urlsplit(url).query)):
        raise UsageError(
            "--url: there is a token in the address, where every user of this machine can see it",
            fix=f"leave it out, and set {VIEW_TOKEN_VARIABLE}",
        )
    token = os.environ.get(VIEW_TOKEN_VARIABLE, "")
    conceal(token)
    return token


def _load_test_own(
    scenario: "Scenario",
    engine: str,
    trials: int,
    load: "LoadOptions",
    options: "SessionOptions",
    port: int | None,
    watch: "Watch",
    *,
    search: bool,
    as_json: bool,
) -> int:
    """Load-test a viewer of our own, with an engine at work. Returns the exit code."""
    from harness.experiments.loadtest.outcome import passed
    from harness.experiments.loadtest.run import by_hand, load_test
    from harness.experiments.run import exit_code

    with watch() as watcher:
        if port is None:
            result, directory = load_test(scenario, engine, trials, load, options, watcher, search=search)
        else:
            result, directory = by_hand(scenario, engine, load, options, watcher, ui_port=port)
        reports = report(result, directory, watcher)
    show_result(result, reports, json=as_json)
    code = exit_code(result)
    return code if code or (result.dashboard and passed(result.dashboard)) else 1
