"""The command line, `ringbench`."""

import os
import re
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from harness.commands import conformance
from harness.commands.generate import generate
from harness.commands.merge_shards import merge_shards
from harness.commands.plan import plan
from harness.errors import RingbenchError, UsageError
from harness.redaction import redact

if TYPE_CHECKING:
    from harness.load import LoadOptions
    from harness.result import Result
    from harness.scenario import Scenario
    from harness.session import SessionOptions

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Benchmark stream processors over call-detail records, and prove their counts right.",
    epilog="Exit codes: 0 pass, 1 a verdict or gate failed, 2 bad usage or configuration, 3 the run is invalid, "
    "4 a service could not start, 130 Ctrl-C.",
)
services_app = typer.Typer(no_args_is_help=True, help="Kafka, Redis and S3 for interactive use.")
app.add_typer(services_app, name="services")
workload_app = typer.Typer(no_args_is_help=True, help="See what a scenario sends, without running it.")
app.add_typer(workload_app, name="workload")
bench_app = typer.Typer(no_args_is_help=True, help="Measure parts of Ringbench by themselves.")
app.add_typer(bench_app, name="bench")
#: Lines are made, and printed, so many at once.
SHOWN_AT_ONCE = 10_000
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


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ringbench {version('ringbench')}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    cache_dir: Annotated[
        Path | None, typer.Option("--cache-dir", help="Where environments and downloads are kept.")
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version, and exit.")
    ] = False,
) -> None:
    _Settings.debug = debug
    if cache_dir:
        os.environ["RINGBENCH_CACHE_DIR"] = str(cache_dir)


class _Settings:
    debug = False


@app.command(
    epilog="Examples: `ringbench run` | `ringbench run smoke --engine flink` | "
    "`ringbench run --trials 6` | `ringbench run my.yaml --seed 7 --rate 20000 --json` | "
    "`ringbench run --engine spark --route direct` | "
    "`ringbench run queries --query sessions` | "
    "`ringbench run cluster` | `ringbench run --flink-jobmanager 127.0.0.1:8081 --engine flink` | "
    "`ringbench run --input cdrs.csv.gz --input-map map.yaml --speed 60`"
)
def run(
    scenario: Annotated[
        str | None,
        typer.Argument(
            help="A built-in scenario (main, smoke, surge, diurnal, bursts, "
            "flash-crowd, dirty, queries, sweep, scale, chaos, soak, cluster) or a "
            "YAML file; main by default."
        ),
    ] = None,
    engine: Annotated[list[str] | None, typer.Option(help="Run only this engine; can be repeated.")] = None,
    input: Annotated[  # noqa: A002 - the option's name
        str | None,
        typer.Option(
            help="Replay your own records: a file, a folder, s3://BUCKET/PREFIX or http://host:port/BUCKET/PREFIX."
        ),
    ] = None,
    input_map: Annotated[
        Path | None, typer.Option(help="With --input: a YAML file that says what the columns mean.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="With --input: so many times as fast as it happened; 1 by default.")
    ] = None,
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="With --input: leave bad rows out, and tell how many.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of the workload.")] = None,
    rate: Annotated[str | None, typer.Option(help="Records per second; with --input, a fixed rate.")] = None,
    duration: Annotated[int | None, typer.Option(help="Measured time in seconds.")] = None,
    warmup: Annotated[int | None, typer.Option(help="Warm-up in seconds, sent before the measured time.")] = None,
    trials: Annotated[
        int, typer.Option(min=1, help="Trials of each engine, interleaved; from 6 on, winners can be named.")
    ] = 1,
    tuning: Tuning = None,
    route: Route = None,
    query: Query = None,
    cluster: Cluster = False,
    spark_master: Annotated[
        str | None, typer.Option(help="Your own Spark cluster: spark://HOST:PORT, yarn, k8s://https://HOST:PORT.")
    ] = None,
    spark_conf: Annotated[
        list[str] | None, typer.Option(help="An option of Spark, KEY=VALUE; can be repeated.")
    ] = None,
    flink_jobmanager: Annotated[
        str | None, typer.Option(help="Your own Flink session cluster, HOST:PORT of its REST interface.")
    ] = None,
    flink_conf: Annotated[
        list[str] | None, typer.Option(help="An option of Flink for its job, KEY=VALUE; can be repeated.")
    ] = None,
    engine_path: Annotated[list[Path] | None, typer.Option(help="A further folder of engines.")] = None,
    kafka: Annotated[str | None, typer.Option(help="Your own Kafka, host:port[,host:port].")] = None,
    redis: Annotated[
        str | None,
        typer.Option(help="Your own Redis, redis://host:port/0; rediss:// for TLS.", envvar="RINGBENCH_REDIS"),
    ] = None,
    s3: Annotated[
        str | None, typer.Option(help="Your own S3 bucket, s3://BUCKET, http://host:port/BUCKET or https.")
    ] = None,
    kafka_properties: Annotated[
        Path | None, typer.Option(help="With --kafka: a file of Kafka's client properties, for TLS and SASL.")
    ] = None,
    redis_properties: RedisProperties = None,
    kafka_port: Annotated[int | None, typer.Option(help="Port for the Kafka that is started here.")] = None,
    redis_port: Annotated[int | None, typer.Option(help="Port for the Redis that is started here.")] = None,
    s3_port: Annotated[int | None, typer.Option(help="Port for the S3 server that is started here.")] = None,
    runs_dir: RunsDir = Path("runs"),
    view: Annotated[
        bool, typer.Option("--view", help="Serve the live map while it runs, and print where it is.")
    ] = False,
    profile: Annotated[
        bool,
        typer.Option("--profile", help="Draw flame graphs of the engines' JVMs, and the broker's, beside the result."),
    ] = False,
    keep_logs: Annotated[bool, typer.Option(help="Keep the logs of all processes beside the result.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
) -> None:
    """Benchmark the engines of a scenario, verify each, and leave a result and a report in runs/RUN_ID."""
    from harness.backing import External
    from harness.placement import Placement, placed
    from harness.profiling import SUFFIX as FLAME_GRAPH
    from harness.run import exit_code
    from harness.run import run as run_scenario
    from harness.scenario import DEFAULT_SCENARIO, INPUT_SCENARIO, InputOptions, load_scenario
    from harness.session import SessionOptions
    from harness.watch import ConsoleWatcher
    from reports.render import write_reports
    from reports.resilience import resilience_table
    from reports.terminal import final_table

    overrides = {"seed": seed, "rate_records_per_s": _number(rate), "duration_s": duration, "warmup_s": warmup}
    overrides |= {"route": route, "query": query}
    chosen: dict[str, Any] = {key: value for key, value in overrides.items() if value is not None}
    if tuning:
        chosen["tuning"] = tuning
    if cluster:
        chosen["cluster"] = True
    if engine:
        chosen["engines"] = engine
    external = External(
        kafka=kafka,
        kafka_properties=_kafka_properties(kafka, kafka_properties),
        redis=_redis_address(redis, redis_properties),
        s3=s3,
        ports={"kafka": kafka_port, "redis": redis_port, "s3": s3_port},
    )
    options = SessionOptions(
        runs_dir=runs_dir,
        engine_paths=engine_path or [],
        external=external,
        command=_command(),
        keep_logs=keep_logs,
        view=view,
        profile=profile,
    )
    placement = Placement(
        spark_master=spark_master,
        spark_conf=spark_conf or (),
        flink_jobmanager=flink_jobmanager,
        flink_conf=flink_conf or (),
    )
    input_options = InputOptions(path=input, map_file=input_map, speed=speed, skip_bad_lines=skip_bad_lines)
    name = scenario or (str(INPUT_SCENARIO) if input else DEFAULT_SCENARIO)
    with ConsoleWatcher(console) as watcher:
        plan = placed(_tuned(load_scenario(name, chosen, input_options), options.engine_paths), placement)
        result, directory = run_scenario(plan, trials, options, watcher)
        watcher.phase("writing the report")
        reports = write_reports(result, directory)
    console.print(final_table(result))
    if result.resilience:
        console.print(resilience_table(result.resilience))
    graphs = sorted(directory.glob(f"*{FLAME_GRAPH}"))
    _show_paths([directory / "result.json", *(each for each in reports if each.parent == directory), *graphs])
    if json:
        print(result.model_dump_json(indent=2))
    raise typer.Exit(exit_code(result))


def _kafka_properties(kafka: str | None, path: Path | None) -> dict[str, str]:
    """What `--kafka-properties` names, for the Kafka that `--kafka` names."""
    from harness.access import read_kafka_properties

    if path is None:
        return {}
    if kafka is None:
        raise UsageError("--kafka-properties is for a Kafka of your own", fix="give --kafka host:port, too")
    return read_kafka_properties(path)


def _redis_address(redis: str | None, path: Path | None) -> str | None:
    """The Redis that `--redis` names, with what is needed to get into it."""
    from harness.access import redis_address

    if redis is None:
        if path is not None:
            raise UsageError(
                "--redis-properties is for a Redis of your own", fix="give --redis redis://host:port/0, too"
            )
        return None
    return redis_address(redis, path, in_arguments=any(redis in argument for argument in sys.argv))


def _show_paths(paths: list[Path]) -> None:
    for path in paths:
        console.print(f"  {path}", highlight=False, soft_wrap=True)


def _command() -> list[str]:
    """The arguments that repeat this command."""
    return ["ringbench", *map(_without_password, sys.argv[1:])]


def _without_password(argument: str) -> str:
    """`argument` fit to be kept: in a URL, what stands between ``://`` and ``@``, and a token, are left out."""
    return re.sub(r"([?&]token=)[^&#]*", r"\1***", re.sub(r"://[^/@]*@", "://***@", argument))


def _number(text: str | None) -> int | str | None:
    """A whole number, or the text itself, so that the scenario's own check can name the key and what it expects."""
    return int(text) if text is not None and text.isdigit() else text


@app.command(epilog="Examples: `ringbench calibrate` | `ringbench calibrate --case constant --case loss --json`")
def calibrate(
    case: Annotated[list[str] | None, typer.Option(help="Run only this case; can be repeated.")] = None,
    rate: Annotated[int, typer.Option(min=100, help="Records per second.")] = 6000,
    duration: Annotated[int, typer.Option(min=10, max=600, help="Measured time of each case in seconds.")] = 15,
    runs_dir: RunsDir = Path("runs"),
    keep_logs: Annotated[bool, typer.Option(help="Keep the logs of all processes beside the result.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON on standard output.")] = False,
) -> None:
    """Prove the probe: inject known delays, losses, miscounts and stalls, and compare what is reported."""
    from harness.calibrate import CASES
    from harness.calibrate import calibrate as run_calibration
    from harness.session import SessionOptions
    from harness.watch import ConsoleWatcher
    from reports.calibration import calibration_table, write_calibration

    names = [each.name for each in CASES]
    if unknown := [name for name in case or [] if name not in names]:
        raise UsageError(f"unknown case {unknown[0]!r}", fix=f"give one or more of: {', '.join(names)}")
    options = SessionOptions(runs_dir=runs_dir, command=_command(), keep_logs=keep_logs)
    with ConsoleWatcher(console) as watcher:
        found, directory = run_calibration(rate, duration, case or [], options, watcher)
    console.print(calibration_table(found))
    _show_paths([directory / "calibration.json", *write_calibration(found, directory)])
    if json:
        print(found.model_dump_json(indent=2))
    raise typer.Exit(0 if found.passed else 1)


@app.command(
    epilog="Examples: `ringbench sweep` | `ringbench sweep --engine flink --p99-bound-ms 1000` | "
    "run it again after a crash, and it goes on where it stopped"
)
def sweep(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a YAML file.")] = "sweep",
    engine: Annotated[list[str] | None, typer.Option(help="Search only this engine; can be repeated.")] = None,
    start_rate: Annotated[int | None, typer.Option(min=1, help="The first rate to try, records per second.")] = None,
    lowest_rate: Annotated[int, typer.Option(min=1, help="Give up below this rate.")] = 1000,
    highest_rate: Annotated[int, typer.Option(min=1, help="Try no higher rate.")] = 2_000_000,
    p99_bound_ms: Annotated[float, typer.Option(min=1, help="A rate with a greater p99 is not sustained.")] = 5000.0,
    resolution: Annotated[
        float, typer.Option(min=1.01, max=2.0, help="Stop when the failed rate is at most this many times the other.")
    ] = 1.2,
    warmup: Annotated[int | None, typer.Option(help="Warm-up of each attempt in seconds.")] = None,
    duration: Annotated[int | None, typer.Option(help="Measured time of each attempt in seconds.")] = None,
    confirm_duration: Annotated[int, typer.Option(min=10, help="Measured time of the confirming run.")] = 40,
    fresh: Annotated[bool, typer.Option(help="Begin anew, even if an unfinished sweep could go on.")] = False,
    tuning: Tuning = None,
    route: Route = None,
    engine_path: Annotated[list[Path] | None, typer.Option(help="A further folder of engines.")] = None,
    runs_dir: RunsDir = Path("runs"),
    keep_logs: Annotated[bool, typer.Option(help="Keep the logs of all processes beside the result.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the sweep as JSON on standard output.")] = False,
) -> None:
    """Find each engine's highest sustainable rate, and draw latency against load."""
    from harness.scenario import load_scenario
    from harness.session import SessionOptions
    from harness.sweep import SweepOptions
    from harness.sweep import sweep as run_sweep
    from harness.watch import ConsoleWatcher
    from reports.sweep import sweep_table, write_sweep

    overrides: dict[str, Any] = {"rate_records_per_s": start_rate, "duration_s": duration, "warmup_s": warmup}
    overrides |= {"engines": engine, "tuning": tuning, "route": route}
    chosen = {key: value for key, value in overrides.items() if value is not None}
    search = SweepOptions(
        p99_bound_ms=p99_bound_ms,
        resolution=resolution,
        lowest=lowest_rate,
        highest=highest_rate,
        confirm_duration_s=confirm_duration,
        fresh=fresh,
    )
    options = SessionOptions(runs_dir=runs_dir, engine_paths=engine_path or [], command=_command(), keep_logs=keep_logs)
    with ConsoleWatcher(console) as watcher:
        plan = _tuned(load_scenario(scenario, chosen), options.engine_paths)
        found, directory = run_sweep(plan, search, options, watcher)
    console.print(sweep_table(found))
    _show_paths([directory / "sweep.json", *write_sweep(found, directory)])
    if json:
        print(found.model_dump_json(indent=2))
    confirmed = all(each.answer and each.answer.rate_records_per_s for each in found.engines)
    raise typer.Exit(0 if confirmed else 1)


@app.command(
    epilog="Examples: `ringbench scale` | `ringbench scale --engine baseline --rates 1000,4000 --keys us,synthetic` | "
    "`ringbench scale --full --rates 2000,8000,32000 --partitions 4 --parallelism 1,2` | "
    "run it again after a crash, and it goes on where it stopped"
)
def scale(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a YAML file: the base point.")] = "scale",
    engine: Annotated[list[str] | None, typer.Option(help="Measure only this engine; can be repeated.")] = None,
    rates: Annotated[str | None, typer.Option(help="Records per second; 1000,2000,4000,8000,16000 by default.")] = None,
    partitions: Annotated[str | None, typer.Option(help="Of the input topic; 1,2,4,8 by default.")] = None,
    keys: Annotated[
        str | None, typer.Option(help="Sets of locations; california,us,synthetic (464 to 100,000 cells) by default.")
    ] = None,
    parallelism: Annotated[str | None, typer.Option(help="Tasks side by side; 1,2,4 by default.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Every combination of levels, instead of one dimension at a time.")
    ] = False,
    warmup: Annotated[int | None, typer.Option(help="Warm-up of each trial in seconds.")] = None,
    duration: Annotated[int | None, typer.Option(help="Measured time of each trial in seconds.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the workload and of the order.")] = None,
    p99_bound_ms: Annotated[float, typer.Option(min=1, help="Break a trial off that cannot stay within it.")] = 5000.0,
    fresh: Annotated[bool, typer.Option(help="Begin anew, even if an unfinished one could go on.")] = False,
    tuning: Tuning = None,
    engine_path: Annotated[list[Path] | None, typer.Option(help="A further folder of engines.")] = None,
    runs_dir: RunsDir = Path("runs"),
    keep_logs: Annotated[bool, typer.Option(help="Keep the logs of all processes beside the result.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON on standard output.")] = False,
) -> None:
    """Measure how cost grows with rate, partitions, cells and parallelism, and fit exponents."""
    from engines.contract.record import LOCATIONS
    from harness.scale import ScaleOptions, exit_code
    from harness.scale import scale as run_scale
    from harness.scenario import load_scenario
    from harness.session import SessionOptions
    from harness.watch import ConsoleWatcher
    from reports.scale import scale_table, write_scale

    overrides: dict[str, Any] = {"duration_s": duration, "warmup_s": warmup, "seed": seed}
    overrides |= {"engines": engine, "tuning": tuning}
    chosen = {key: value for key, value in overrides.items() if value is not None}
    levels: dict[str, Any] = {
        "rates": _numbers("--rates", rates, 10_000_000),
        "partitions": _numbers("--partitions", partitions, 1000),
        "keys": _words("--keys", keys, list(LOCATIONS)),
        "parallelism": _numbers("--parallelism", parallelism, 1000),
    }
    asked = ScaleOptions(
        **{name: values for name, values in levels.items() if values}, full=full, p99_bound_ms=p99_bound_ms, fresh=fresh
    )
    options = SessionOptions(runs_dir=runs_dir, engine_paths=engine_path or [], command=_command(), keep_logs=keep_logs)
    with ConsoleWatcher(console) as watcher:
        base = _tuned(load_scenario(scenario, chosen), options.engine_paths)
        found, directory = run_scale(base, asked, options, watcher)
    console.print(scale_table(found))
    _show_paths([directory / "scale.json", *write_scale(found, directory)])
    if json:
        print(found.model_dump_json(indent=2))
    raise typer.Exit(exit_code(found))


def _numbers(option: str, text: str | None, greatest: int) -> list[int]:
    """The whole numbers in `text`, with commas between them, ascending; none if there is no text."""
    if text is None:
        return []
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if not (part.isascii() and part.isdigit() and 1 <= int(part) <= greatest):
            raise UsageError(
                f"{option}: {part!r} is no whole number from 1 to {greatest:,}",
                fix=f"give one or more, with commas between them, such as {option} 1,2,4",
            )
    return sorted({int(part) for part in parts})


def _words(option: str, text: str | None, known: list[str]) -> list[str]:
    """The words in `text`, with commas between them, in the order of `known`; none if there is no text."""
    if text is None:
        return []
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in known]:
        raise UsageError(
            f"{option}: {unknown[0]!r} is not known", fix=f"give one or more of {', '.join(known)}, with commas between"
        )
    return [word for word in known if word in words]


@app.command(
    epilog="Examples: `ringbench compare runs/OLD runs/NEW` | "
    "`ringbench compare runs/OLD runs/NEW --max-regression 10 --format md --junit gate.xml`"
)
def compare(
    old: Annotated[Path, typer.Argument(help="The directory of the run to compare with.")],
    new: Annotated[Path, typer.Argument(help="The directory of the run to judge.")],
    max_regression: Annotated[float, typer.Option(min=0, help="Allowed change for the worse, in per cent.")] = 5.0,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of all figures together.")] = 0.95,
    point_estimates: Annotated[
        bool, typer.Option("--point-estimates", help="Judge bare ratios where there are too few trials for intervals.")
    ] = False,
    allow_different_host: Annotated[
        bool, typer.Option("--allow-different-host", help="Compare runs of different machines all the same.")
    ] = False,
    allow_different_workload: Annotated[
        bool, typer.Option("--allow-different-workload", help="Compare runs of different workloads all the same.")
    ] = False,
    format: Annotated[  # noqa: A002 - the option's name
        str, typer.Option(help="What to print on standard output: text, md (for a pull request) or json.")
    ] = "text",
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit XML file, for a CI server.")] = None,
    benchmark_json: Annotated[
        Path | None, typer.Option(help="Write the JSON array that github-action-benchmark reads (smaller is better).")
    ] = None,
) -> None:
    """Compare two runs, and exit with 1 if the second is worse by more than allowed."""
    from harness.gate import check_comparable, gate
    from reports import gate as report

    if format not in ("text", "md", "json"):
        raise UsageError(f"--format: {format!r} is no format", fix="give text, md or json")
    before, after = _load(old), _load(new)
    notes = check_comparable(
        before,
        after,
        allow_different_host=allow_different_host,
        allow_different_workload=allow_different_workload,
    )
    found = gate(
        before,
        after,
        max_regression_percent=max_regression,
        confidence=confidence,
        point_estimates=point_estimates,
        notes=notes,
    )
    for path, text in ((junit, report.junit_xml), (benchmark_json, report.benchmark_json)):
        if path:
            _write(path, text(found))
    if format == "text":
        Console().print(report.gate_table(found))
    else:
        print(report.gate_markdown(found) if format == "md" else found.model_dump_json(indent=2))
    raise typer.Exit(0 if found.passed else 1)


@app.command(
    epilog="Examples: `ringbench view --run 20260101T000000-abc123` | "
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
    from harness.replay import find_run
    from harness.view import keep_viewing

    def tell(url: str) -> None:
        console.print(f"  the {'replay' if run else 'live map'} is at {url}", highlight=False, soft_wrap=True)
        console.print("  Ctrl-C ends it.", highlight=False)

    _check_view({name for name in context.params if _is_given(context, name)}, redis)
    token = os.environ.get("RINGBENCH_VIEW_TOKEN", "")
    if not token and host not in ("127.0.0.1", "::1", "localhost"):
        raise UsageError(
            f"--host {host}: others could see the map, and no token is set", fix="set RINGBENCH_VIEW_TOKEN to a secret"
        )
    if run is None:
        shown: dict[str, Any] = {"redis_url": _redis_address(redis, redis_properties), "namespace": namespace}
    else:
        shown = _replay(find_run(run, runs_dir), engine or [], trial, speed)
    keep_viewing(tell, host=host, port=port, token=token, max_rate_hz=max_rate, **shown)


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
    from harness.replay import choose

    result = _load(directory)
    chosen = choose(result, directory, engines, trial, speed)
    for note in chosen.notes:
        console.print(f"  note: {note}", markup=False, highlight=False, soft_wrap=True)
    return {"replay": chosen.settings(), "title": result.run_id}


@app.command(
    epilog="Examples: `ringbench loadtest --headless --users 500 --duration 60` | "
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
    max_users: Annotated[int, typer.Option(min=1, max=20_000, help="The search tries no more.")] = 5000,
    ui_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of Locust's web UI; 0 for a free one.")] = 8089,
    engine: Annotated[str, typer.Option(help="Without --url: the engine that works meanwhile.")] = "flink",
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
    keep_logs: Annotated[bool, typer.Option(help="Keep the logs of all processes beside the result.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON on standard output.")] = False,
) -> None:
    """Load-test the live map with users in Locust: as a person in its web UI, or --headless in a script."""
    from harness.dashboard import Bounds
    from harness.load import SETTLE_S, LoadOptions
    from harness.scenario import load_scenario
    from harness.session import SessionOptions

    if shape not in ("constant", "ramp", "step", "spike", "search"):
        raise UsageError(f"--shape: {shape!r} is no shape", fix="give constant, ramp, step, spike or search")
    load = LoadOptions(
        users=users,
        spawn_rate_users_per_s=spawn_rate,
        duration_s=duration or (60 if headless else 600),
        shape=shape if headless else "",
        bounds=Bounds(push_ms_p99=max_push_ms),
        max_users=max(max_users, users),
    )
    port = None if headless else ui_port
    options = SessionOptions(
        runs_dir=runs_dir, command=_command(), keep_logs=keep_logs, view=True, view_rate_hz=view_rate
    )
    if url:
        raise typer.Exit(_load_test_url(url, load, options, port, join, as_json=json))
    if join:
        raise UsageError("--join is for --url: without it, what is found has a result of its own", fix="give --url")
    # By the end of the warm-up, all users have come, and the load of their coming is over.
    settled_s = warmup or round(users / spawn_rate) + SETTLE_S
    overrides = {"rate_records_per_s": _number(rate), "warmup_s": settled_s, "duration_s": load.duration_s}
    chosen = {key: value for key, value in overrides.items() if value is not None} | {"engines": [engine]}
    plan = _tuned(load_scenario(scenario, chosen), options.engine_paths)
    raise typer.Exit(_load_test_own(plan, engine, trials, load, options, port, search=search, as_json=json))


def _load_test_url(
    url: str, load: "LoadOptions", options: "SessionOptions", port: int | None, join: Path | None, *, as_json: bool
) -> int:
    """Load-test a viewer that is there. Returns the exit code."""
    from harness.errors import InvalidRun
    from harness.loadtest import attack, passed
    from harness.result import save_result
    from harness.watch import ConsoleWatcher
    from reports.dashboard import dashboard_table, write_loadtest
    from reports.render import write_reports

    joined = _load(join) if join else None
    with ConsoleWatcher(console) as watcher:
        found, directory = attack(url, load, options, watcher, ui_port=port)
    console.print(dashboard_table(found.dashboard))
    for reason in found.invalid_reasons:
        console.print(f"INVALID: {reason}", style="bold red", markup=False)
    _show_paths([directory / "loadtest.json", *write_loadtest(found, directory)])
    if join and joined:
        run = join if join.is_dir() else join.parent
        updated = joined.model_copy(update={"dashboard": found.dashboard})
        _show_paths([save_result(updated, run), *(each for each in write_reports(updated, run) if each.parent == run)])
    if as_json:
        print(found.model_dump_json(indent=2))
    if not found.valid:
        return InvalidRun.exit_code
    return 0 if passed(found.dashboard) else 1


def _load_test_own(
    scenario: "Scenario",
    engine: str,
    trials: int,
    load: "LoadOptions",
    options: "SessionOptions",
    port: int | None,
    *,
    search: bool,
    as_json: bool,
) -> int:
    """Load-test a viewer of our own, with an engine at work. Returns the exit code."""
    from harness.loadtest import by_hand, load_test, passed
    from harness.run import exit_code
    from harness.watch import ConsoleWatcher
    from reports.dashboard import dashboard_table
    from reports.render import write_reports
    from reports.terminal import final_table

    with ConsoleWatcher(console) as watcher:
        if port is None:
            result, directory = load_test(scenario, engine, trials, load, options, watcher, search=search)
        else:
            result, directory = by_hand(scenario, engine, load, options, watcher, ui_port=port)
        watcher.phase("writing the report")
        reports = write_reports(result, directory)
    console.print(final_table(result))
    if result.dashboard:
        console.print(dashboard_table(result.dashboard))
    _show_paths([directory / "result.json", *(each for each in reports if each.parent == directory)])
    if as_json:
        print(result.model_dump_json(indent=2))
    code = exit_code(result)
    return code if code or (result.dashboard and passed(result.dashboard)) else 1


@app.command(
    epilog="Examples: `ringbench chaos --engine flink` | `ringbench chaos --all` | "
    "`ringbench chaos --fault engine-kill --fault kafka-kill --seed 7` | `ringbench chaos --all --plan`"
)
def chaos(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a YAML file.")] = "chaos",
    engine: Annotated[list[str] | None, typer.Option(help="Harm only this engine; can be repeated.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="Inject this fault; can be repeated.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Inject every fault.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the plan: which fault when, and for how long.")] = 1,
    per_trial: Annotated[int, typer.Option(min=1, help="Faults in a trial at the most, one after the other.")] = 4,
    rate: Annotated[str | None, typer.Option(help="Records per second.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print the plan as JSON, and start nothing.")] = False,
    cluster: Cluster = False,
    engine_path: Annotated[list[Path] | None, typer.Option(help="A further folder of engines.")] = None,
    runs_dir: RunsDir = Path("runs"),
    keep_logs: Annotated[bool, typer.Option(help="Keep the logs of all processes beside the result.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
) -> None:
    """Inject faults while engines work, measure how they recover, and prove that no record was lost or miscounted."""
    from harness.chaos import USUAL, ChaosOptions, check_names, engines_of, exit_code, plan_of
    from harness.chaos import chaos as inject
    from harness.faults import FAULTS, possible
    from harness.scenario import load_scenario
    from harness.session import SessionOptions
    from harness.watch import ConsoleWatcher
    from reports.render import write_reports
    from reports.resilience import resilience_table
    from reports.terminal import final_table

    if every and fault:
        raise UsageError("--all and --fault exclude each other", fix="give one of them")
    names = [each.name for each in FAULTS] if every else list(dict.fromkeys(fault or USUAL))
    check_names(names)
    overrides = {"rate_records_per_s": _number(rate), "engines": engine, "cluster": cluster}
    options = SessionOptions(runs_dir=runs_dir, engine_paths=engine_path or [], command=_command(), keep_logs=keep_logs)
    load = load_scenario(scenario, {key: value for key, value in overrides.items() if value})
    load = _tuned(load, options.engine_paths)
    chosen = ChaosOptions(possible(names, cluster=load.cluster) if every else names, seed, per_trial)
    if plan:
        from pydantic import TypeAdapter

        from harness.resilience_result import PlannedFault

        found = plan_of(chosen, engines_of(load, options))
        print(TypeAdapter(list[PlannedFault]).dump_json(found, indent=2).decode())
        return
    with ConsoleWatcher(console) as watcher:
        result, directory = inject(load, chosen, options, watcher)
        watcher.phase("writing the report")
        reports = write_reports(result, directory)
    assert result.resilience
    console.print(final_table(result))
    console.print(resilience_table(result.resilience))
    _show_paths([directory / "result.json", *(each for each in reports if each.parent == directory)])
    if json:
        print(result.model_dump_json(indent=2))
    raise typer.Exit(exit_code(result))


@app.command(
    epilog="Examples: `ringbench soak --engine flink --hours 8` | `ringbench soak --minutes 30 --faults-per-hour 30` | "
    "`ringbench soak my.yaml --hours 24 --no-faults`"
)
def soak(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a YAML file.")] = "soak",
    hours: Annotated[
        float | None, typer.Option(min=0, max=24, help="How long each engine's trial is; by default, as the scenario.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, max=1440, help="The same in minutes.")] = None,
    engine: Annotated[list[str] | None, typer.Option(help="Soak only this engine; can be repeated.")] = None,
    faults_per_hour: Annotated[
        float, typer.Option(min=0, max=60, help="Random faults in an hour, drawn by the seed.")
    ] = 12.0,
    faults: Annotated[bool, typer.Option("--faults/--no-faults", help="Whether to inject faults.")] = True,
    max_growth: Annotated[
        float, typer.Option(min=1, help="Growth in per cent of its level in an hour from which a resource leaks.")
    ] = 10.0,
    seed: Annotated[int | None, typer.Option(help="Seed of the workload and of the faults.")] = None,
    rate: Annotated[str | None, typer.Option(help="Records per second.")] = None,
    engine_path: Annotated[list[Path] | None, typer.Option(help="A further folder of engines.")] = None,
    runs_dir: RunsDir = Path("runs"),
    keep_logs: Annotated[bool, typer.Option(help="Keep the logs of all processes beside the result.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
) -> None:
    """Run engines for hours under random faults, watch all processes for leaks, and verify every count meanwhile."""
    from harness.scenario import load_scenario
    from harness.session import SessionOptions
    from harness.soak import SoakOptions, exit_code
    from harness.soak import soak as run_soak
    from harness.watch import ConsoleWatcher
    from reports.render import write_reports
    from reports.resilience import resilience_table
    from reports.soak import soak_table
    from reports.terminal import final_table

    overrides = {
        "duration_s": _soak_duration_s(hours, minutes),
        "seed": seed,
        "rate_records_per_s": _number(rate),
        "engines": engine,
    }
    chosen = SoakOptions(faults_per_hour=faults_per_hour if faults else 0.0, percent_per_hour=max_growth)
    options = SessionOptions(runs_dir=runs_dir, engine_paths=engine_path or [], command=_command(), keep_logs=keep_logs)
    load = load_scenario(scenario, {key: value for key, value in overrides.items() if value is not None})
    load = _tuned(load, options.engine_paths)
    with ConsoleWatcher(console) as watcher:
        result, directory = run_soak(load, chosen, options, watcher)
        watcher.phase("writing the report")
        reports = write_reports(result, directory)
    assert result.soak
    console.print(final_table(result))
    if result.resilience:
        console.print(resilience_table(result.resilience))
    console.print(soak_table(result.soak))
    _show_paths([directory / "result.json", *(each for each in reports if each.parent == directory)])
    if json:
        print(result.model_dump_json(indent=2))
    raise typer.Exit(exit_code(result))


def _soak_duration_s(hours: float | None, minutes: float | None) -> int | None:
    """What --hours or --minutes come to; None if neither is given."""
    if hours is not None and minutes is not None:
        raise UsageError("--hours and --minutes exclude each other", fix="give one of them")
    if hours is None and minutes is None:
        return None
    return round((hours or 0) * 3600 + (minutes or 0) * 60)


@app.command(epilog="Example: `ringbench report runs/20260101T000000-abc123`")
def report(
    run: Annotated[Path, typer.Argument(help="A run's directory.")],
) -> None:
    """Write a run's report.md and report.html anew from its result.json."""
    from reports.render import write_reports

    _show_paths(write_reports(_load(run), run if run.is_dir() else run.parent))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}", fix="give a file in a folder that is there"
        ) from error


def _load(run: Path) -> "Result":
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


@app.command(epilog="Example: `ringbench doctor`")
def doctor() -> None:
    """Print what was found, what is missing, and the fix. Downloads nothing."""
    from harness.doctor import diagnose, print_doctor

    checks = diagnose()
    print_doctor(Console(), checks)
    raise typer.Exit(0 if all(check.ok for check in checks) else 4)


@services_app.command(
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
    from harness.interactive import keep_up

    keep_up(console, cluster=cluster)


@services_app.command("down")
def services_down() -> None:
    """End the services that `ringbench services up` keeps."""
    from harness.interactive import take_down

    take_down(console)


@bench_app.command(
    "producer", epilog="Examples: `ringbench bench producer` | `ringbench bench producer --json --at-least 1.0`"
)
def bench_producer(
    pairs: Annotated[int, typer.Option(min=1, help="Measurements of each side, in turns.")] = 3,
    records: Annotated[int, typer.Option(min=100_000, help="Records in each measurement.")] = 8_000_000,
    paces: Annotated[bool, typer.Option(help="Try how fast the generator keeps a schedule, too.")] = True,
    at_least: Annotated[float, typer.Option(min=0, help="End with exit code 1 if the ratio is smaller.")] = 0.0,
    runs_dir: RunsDir = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON on standard output.")] = False,
) -> None:
    """Measure the generator against Kafka's own kafka-producer-perf-test, and find how fast it keeps a schedule."""
    from harness.producer_bench import BenchOptions
    from harness.producer_bench import bench_producer as measure
    from harness.watch import ConsoleWatcher
    from reports.producer import producer_tables

    with ConsoleWatcher(console) as watcher:
        found, directory = measure(BenchOptions(pairs, records, paces), runs_dir, _command(), watcher)
    console.print(producer_tables(found))
    _show_paths([directory / "producer.json"])
    if json:
        print(found.model_dump_json(indent=2))
    raise typer.Exit(0 if found.ratio >= at_least else 1)


@bench_app.command(
    "path", epilog="Examples: `ringbench bench path` | `ringbench bench path --rate 100000 --at-least 100000 --json`"
)
def bench_path(
    rate: Annotated[
        list[int] | None,
        typer.Option(min=100, help="Updates per second; can be repeated. By default, ever more until it fails."),
    ] = None,
    duration: Annotated[int, typer.Option(min=1, max=60, help="Measured time of each rate in seconds.")] = 8,
    capacity: Annotated[bool, typer.Option(help="Measure writer and probe as fast as they can, too.")] = True,
    at_least: Annotated[int, typer.Option(min=0, help="End with exit code 1 if no such rate was kept.")] = 0,
    runs_dir: RunsDir = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON on standard output.")] = False,
) -> None:
    """Measure the path behind the engine: how many aggregate updates Redis writer, Redis and probe keep up with."""
    from harness.path_bench import PathOptions, exit_code
    from harness.path_bench import bench_path as measure
    from harness.watch import ConsoleWatcher
    from reports.path import path_tables

    options = PathOptions(tuple(rate or ()), duration, capacity)
    with ConsoleWatcher(console) as watcher:
        found, directory = measure(options, runs_dir, _command(), watcher)
    console.print(path_tables(found))
    _show_paths([directory / "path.json"])
    if json:
        print(found.model_dump_json(indent=2))
    raise typer.Exit(exit_code(found, at_least))


@workload_app.command(
    "plot", epilog="Examples: `ringbench workload plot diurnal` | `ringbench workload plot my.yaml --json`"
)
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
    from harness.scenario import load_scenario
    from reports.figures import write_png
    from reports.workload_figure import DPI, draw_workload, totals
    from workloads.replay import open_workload
    from workloads.tally import tally

    path = output or Path(f"workload-{Path(scenario).stem}.png")
    if path.suffix != ".png":
        raise UsageError(f"--output {path}: only PNG is written", fix="give a file that ends in .png")
    with replayed(load_scenario(scenario, {} if seed is None else {"seed": seed}), console.print) as (plan, _):
        specification = plan.workload()
        found = tally(open_workload(specification))
    try:
        write_png(draw_workload(plan.name, specification, found), path, DPI)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}", fix="give a file in a folder that is there"
        ) from error
    _show_paths([path])
    if json:
        print(dumps(totals(plan.name, specification, found)))


@workload_app.command("show", epilog="Example: `ringbench workload show smoke --records 20`")
def workload_show(
    scenario: Annotated[str, typer.Argument(help="A built-in scenario or a YAML file.")],
    records: Annotated[int, typer.Option(min=1, help="How many lines.")] = 10,
) -> None:
    """Print the first lines that are sent, byte for byte, malformed ones too."""
    from harness.input.prepare import replayed
    from harness.scenario import load_scenario
    from workloads.replay import open_workload

    with replayed(load_scenario(scenario, {}), console.print) as (plan, _):
        workload = open_workload(plan.workload())
        last = min(records, workload.total_records)
        for first in range(0, last, SHOWN_AT_ONCE):
            lines = workload.lines(workload.columns(first, min(first + SHOWN_AT_ONCE, last)))
            sys.stdout.buffer.writelines(line + b"\n" for line in lines)
        sys.stdout.buffer.flush()


app.command("conformance", epilog=conformance.EPILOG)(conformance.conformance)


def main() -> None:
    """Run the command line; every known error ends in one message and its exit code."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        app()
    except RingbenchError as error:
        if _Settings.debug:
            raise
        console.print(f"[bold red]error:[/bold red] {_escape(redact(error.message))}", highlight=False, soft_wrap=True)
        if error.fix:
            console.print(f"[bold]fix:[/bold] {_escape(error.fix)}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)


def _tuned(scenario: "Scenario", engine_paths: list[Path]) -> "Scenario":
    """See `harness.tuning.tuned`."""
    from harness.tuning import tuned

    return tuned(scenario, engine_paths)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _on_sigterm(_number: int, _frame: FrameType | None) -> None:
    """End as by Ctrl-C, so that everything that was started is ended; 143 tells that it was SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


app.command(
    epilog="Examples: `ringbench generate smoke --kafka 127.0.0.1:9092 --topic cdr --create-topic` | "
    "`ringbench generate my.yaml --kafka kafka:9092 --topic cdr --shard 2/8 --start-at 2026-05-01T12:00:00Z --json`"
)(generate)
app.command(
    epilog="Examples: `ringbench merge-shards shards/*.json` | "
    "`ringbench merge-shards shards/*.json --clock-limit-ms 20 --out merged --json`"
)(merge_shards)
app.command(
    epilog="Examples: `ringbench plan --per-day 1e9 --from runs/RUN_ID` | "
    "`ringbench plan --rate 10000000 --profile flat --from runs/RUN_ID --engine flink --md`"
)(plan)

if __name__ == "__main__":
    main()
