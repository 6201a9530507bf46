"""The command `ringbench run`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import (
    METRICS_HOST,
    Cluster,
    Contestants,
    Delivery,
    EngineCpus,
    EnginePath,
    Json,
    KeepLogs,
    MetricsHost,
    MetricsPort,
    Query,
    RedisProperties,
    Route,
    RunsDir,
    ShowBadValues,
    SkipBadLines,
    Tuning,
    given,
    kafka_properties_of,
    number,
    redis_address_of,
    report,
    session_options,
    show_result,
    skip_bad_lines_of,
    tuned_scenario,
    watching,
)
from harness.errors import UsageError

EPILOG = (
    "Examples: `ringbench run` | `ringbench run smoke --engine flink` | "
    "`ringbench run --trials 6` | `ringbench run my.yaml --seed 7 --rate 20000 --json` | "
    "`ringbench run --engine spark --route direct` | "
    "`ringbench run queries --query sessions` | "
    "`ringbench run --trials 6 --contestant a=flink --contestant 'b=flink:buffer_timeout_ms=200'` | "
    "`ringbench run cluster` | `ringbench run --flink-jobmanager 127.0.0.1:8081 --engine flink` | "
    "`ringbench run --input cdrs.csv.gz --input-map map.yaml --speed 60` | "
    "`ringbench run --resume 20260101T000000-abc123`"
)


#: What may stand beside `--resume`: it changes nothing of what the run is made of.
_BESIDE_RESUME = {
    *("resume", "runs_dir", "metrics_port", "metrics_host", "keep_logs", "json"),
    *("kafka", "redis", "s3", "kafka_properties", "redis_properties", "kafka_port", "redis_port", "s3_port"),
}


def run(
    ctx: typer.Context,
    scenario: Annotated[
        str | None,
        typer.Argument(
            help="A built-in scenario (main, smoke, surge, diurnal, bursts, "
            "flash-crowd, dirty, queries, sweep, scale, chaos, soak, cluster) or a "
            "YAML file; main by default, and with --input a plain replay."
        ),
    ] = None,
    engine: Annotated[list[str] | None, typer.Option(help="Run only this engine; can be repeated.")] = None,
    contestant: Contestants = None,
    input: Annotated[  # noqa: A002 - the option's name
        str | None,
        typer.Option(
            help="Replay your own records: a file, a folder, s3://BUCKET/PREFIX or http://host:port/BUCKET/PREFIX."
        ),
    ] = None,
    input_map: Annotated[
        Path | None,
        typer.Option(
            help="With --input: what the columns mean, a YAML file or preset:NAME (see `ringbench input presets`)."
        ),
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="With --input: so many times as fast as it happened; 1 by default.")
    ] = None,
    skip_bad_lines: SkipBadLines = None,
    show_bad_values: ShowBadValues = False,
    seed: Annotated[int | None, typer.Option(help="Seed of the workload.")] = None,
    rate: Annotated[str | None, typer.Option(help="Records per second; with --input, a fixed rate.")] = None,
    duration: Annotated[int | None, typer.Option(help="Measured time in seconds.")] = None,
    warmup: Annotated[int | None, typer.Option(help="Warm-up in seconds, sent before the measured time.")] = None,
    trials: Annotated[
        int, typer.Option(min=1, help="Trials of each engine, interleaved; from 6 on, winners can be named.")
    ] = 1,
    archivers: Annotated[
        int | None, typer.Option(help="Processes that share the archive by the input's partitions; 1 by default.")
    ] = None,
    redis_writers: Annotated[
        int | None, typer.Option(help="Processes that share what goes to Redis by the partitions; 1 by default.")
    ] = None,
    probes: Annotated[
        int | None, typer.Option(help="Processes that share what is measured in Redis by the cells; 1 by default.")
    ] = None,
    tuning: Tuning = None,
    engine_cpus: EngineCpus = None,
    route: Route = None,
    delivery: Delivery = None,
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
    truth_master: Annotated[
        str | None,
        typer.Option(help="Your own Spark cluster for the ground truth, spark://HOST:PORT; a process here by default."),
    ] = None,
    truth_conf: Annotated[
        list[str] | None, typer.Option(help="An option of Spark for the truth's job, KEY=VALUE; can be repeated.")
    ] = None,
    engine_path: EnginePath = None,
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
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN_ID",
            help="Go on with a run that was killed or ended early, as it began: its finished trials are kept. "
            "Only where the runs, your own services and the metrics are may be given beside.",
        ),
    ] = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = METRICS_HOST,
    keep_logs: KeepLogs = False,
    json: Json = False,
) -> None:
    """Benchmark the engines of a scenario, verify each, and leave a result and a report in runs/RUN_ID."""
    from harness.engines.placement import Placement, placed
    from harness.experiments.run import exit_code
    from harness.experiments.run import resume as resume_run
    from harness.experiments.run import run as run_scenario
    from harness.scenarios.contestants import given_contestants
    from harness.scenarios.loading import DEFAULT_SCENARIO, INPUT_SCENARIO, InputOptions
    from harness.services.backing import External

    chosen = given(
        seed=seed,
        rate_records_per_s=number(rate),
        duration_s=duration,
        warmup_s=warmup,
        engines=given_contestants(engine, contestant),
        archivers=archivers,
        redis_writers=redis_writers,
        probes=probes,
        tuning=tuning,
        engine_cpus=engine_cpus,
        route=route,
        delivery=delivery,
        query=query,
        cluster=cluster or None,
    )
    external = External(
        kafka=kafka,
        kafka_properties=kafka_properties_of(kafka, kafka_properties),
        redis=redis_address_of(redis, redis_properties),
        s3=s3,
        ports={"kafka": kafka_port, "redis": redis_port, "s3": s3_port},
    )
    options = session_options(runs_dir, engine_path, keep_logs=keep_logs, external=external, view=view, profile=profile)
    placement = Placement(
        spark_master=spark_master,
        spark_conf=spark_conf or (),
        flink_jobmanager=flink_jobmanager,
        flink_conf=flink_conf or (),
        truth_master=truth_master,
        truth_conf=truth_conf or (),
    )
    skip = skip_bad_lines_of(skip_bad_lines)
    input_options = InputOptions(
        path=input, map_file=input_map, speed=speed, skip_bad_lines=skip, show_bad_values=show_bad_values
    )
    name = scenario or (str(INPUT_SCENARIO) if input else DEFAULT_SCENARIO)
    with watching(metrics_port, metrics_host) as watcher:
        if resume is not None:
            _check_beside_resume(ctx)
            result, directory = resume_run(resume, options, watcher)
        else:
            plan = placed(tuned_scenario(name, chosen, options.engine_paths, input_options), placement)
            result, directory = run_scenario(plan, trials, options, watcher)
        reports = report(result, directory, watcher)
    show_result(result, reports, json=json)
    raise typer.Exit(exit_code(result))


def _check_beside_resume(ctx: typer.Context) -> None:
    """Make sure that nothing is given that would change the run that is gone on with.

    Raises:
        UsageError: something is.
    """
    for parameter in ctx.command.params:
        name = str(parameter.name)
        source = ctx.get_parameter_source(name)
        if source and source.name == "COMMANDLINE" and name not in _BESIDE_RESUME:
            called = parameter.opts[0] if parameter.opts[0].startswith("-") else f"the {name}"
            raise UsageError(
                f"--resume goes on with a run as it began, and {called} is part of that",
                fix=f"leave {called} out, or start a new run",
            )
