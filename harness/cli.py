"""The command line, `ringbench`."""

import os
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from harness.commands import bench, conformance, loadtest, scale, services, view, workload
from harness.commands.common import (
    Cluster,
    Query,
    RedisProperties,
    Route,
    RunsDir,
    Tuning,
    console,
    load_run,
    number,
    redis_address_of,
    show_paths,
    this_command,
    tuned_scenario,
)
from harness.commands.generate import generate
from harness.commands.merge_shards import merge_shards
from harness.commands.plan import plan
from harness.errors import RingbenchError, UsageError
from harness.redaction import redact

if TYPE_CHECKING:
    pass

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Benchmark stream processors over call-detail records, and prove their counts right.",
    epilog="Exit codes: 0 pass, 1 a verdict or gate failed, 2 bad usage or configuration, 3 the run is invalid, "
    "4 a service could not start, 130 Ctrl-C.",
)
app.add_typer(services.app, name="services")
app.add_typer(workload.app, name="workload")
app.add_typer(bench.app, name="bench")


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

    overrides = {"seed": seed, "rate_records_per_s": number(rate), "duration_s": duration, "warmup_s": warmup}
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
        redis=redis_address_of(redis, redis_properties),
        s3=s3,
        ports={"kafka": kafka_port, "redis": redis_port, "s3": s3_port},
    )
    options = SessionOptions(
        runs_dir=runs_dir,
        engine_paths=engine_path or [],
        external=external,
        command=this_command(),
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
        plan = placed(tuned_scenario(load_scenario(name, chosen, input_options), options.engine_paths), placement)
        result, directory = run_scenario(plan, trials, options, watcher)
        watcher.phase("writing the report")
        reports = write_reports(result, directory)
    console.print(final_table(result))
    if result.resilience:
        console.print(resilience_table(result.resilience))
    graphs = sorted(directory.glob(f"*{FLAME_GRAPH}"))
    show_paths([directory / "result.json", *(each for each in reports if each.parent == directory), *graphs])
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
    options = SessionOptions(runs_dir=runs_dir, command=this_command(), keep_logs=keep_logs)
    with ConsoleWatcher(console) as watcher:
        found, directory = run_calibration(rate, duration, case or [], options, watcher)
    console.print(calibration_table(found))
    show_paths([directory / "calibration.json", *write_calibration(found, directory)])
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
    options = SessionOptions(
        runs_dir=runs_dir, engine_paths=engine_path or [], command=this_command(), keep_logs=keep_logs
    )
    with ConsoleWatcher(console) as watcher:
        plan = tuned_scenario(load_scenario(scenario, chosen), options.engine_paths)
        found, directory = run_sweep(plan, search, options, watcher)
    console.print(sweep_table(found))
    show_paths([directory / "sweep.json", *write_sweep(found, directory)])
    if json:
        print(found.model_dump_json(indent=2))
    confirmed = all(each.answer and each.answer.rate_records_per_s for each in found.engines)
    raise typer.Exit(0 if confirmed else 1)


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
    before, after = load_run(old), load_run(new)
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
    overrides = {"rate_records_per_s": number(rate), "engines": engine, "cluster": cluster}
    options = SessionOptions(
        runs_dir=runs_dir, engine_paths=engine_path or [], command=this_command(), keep_logs=keep_logs
    )
    load = load_scenario(scenario, {key: value for key, value in overrides.items() if value})
    load = tuned_scenario(load, options.engine_paths)
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
    show_paths([directory / "result.json", *(each for each in reports if each.parent == directory)])
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
        "rate_records_per_s": number(rate),
        "engines": engine,
    }
    chosen = SoakOptions(faults_per_hour=faults_per_hour if faults else 0.0, percent_per_hour=max_growth)
    options = SessionOptions(
        runs_dir=runs_dir, engine_paths=engine_path or [], command=this_command(), keep_logs=keep_logs
    )
    load = load_scenario(scenario, {key: value for key, value in overrides.items() if value is not None})
    load = tuned_scenario(load, options.engine_paths)
    with ConsoleWatcher(console) as watcher:
        result, directory = run_soak(load, chosen, options, watcher)
        watcher.phase("writing the report")
        reports = write_reports(result, directory)
    assert result.soak
    console.print(final_table(result))
    if result.resilience:
        console.print(resilience_table(result.resilience))
    console.print(soak_table(result.soak))
    show_paths([directory / "result.json", *(each for each in reports if each.parent == directory)])
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

    show_paths(write_reports(load_run(run), run if run.is_dir() else run.parent))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}", fix="give a file in a folder that is there"
        ) from error


@app.command(epilog="Example: `ringbench doctor`")
def doctor() -> None:
    """Print what was found, what is missing, and the fix. Downloads nothing."""
    from harness.doctor import diagnose, print_doctor

    checks = diagnose()
    print_doctor(Console(), checks)
    raise typer.Exit(0 if all(check.ok for check in checks) else 4)


app.command(epilog=scale.EPILOG)(scale.scale)
app.command(epilog=view.EPILOG)(view.view)
app.command(epilog=loadtest.EPILOG)(loadtest.loadtest)
app.command(epilog=conformance.EPILOG)(conformance.conformance)
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


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _on_sigterm(_number: int, _frame: FrameType | None) -> None:
    """End as by Ctrl-C, so that everything that was started is ended; 143 tells that it was SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


if __name__ == "__main__":
    main()
