"""The command `ringbench plan`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import Json, console, load_run
from harness.errors import UsageError

EPILOG = (
    "Examples: `ringbench plan --per-day 1e9 --from runs/RUN_ID` | "
    "`ringbench plan --rate 10000000 --profile flat --from runs/RUN_ID --engine flink --md`"
)


def plan(
    source: Annotated[Path, typer.Option("--from", help="A run's directory, or its result.json: the measured costs.")],
    rate: Annotated[float | None, typer.Option(min=1, help="Records per second, the mean.")] = None,
    per_day: Annotated[float | None, typer.Option(min=1, help="Records a day, in place of --rate.")] = None,
    engine: Annotated[str | None, typer.Option(help="Whose costs, if the run has several engines.")] = None,
    profile: Annotated[
        str, typer.Option(help="A scenario whose profile says how much busier the peak is than the mean; or flat.")
    ] = "diurnal",
    utilisation: Annotated[
        float, typer.Option(min=0.05, max=1, help="Share of a core that may be busy at peak.")
    ] = 0.5,
    cores: Annotated[int, typer.Option(min=1, help="Cores of a machine.")] = 16,
    replication: Annotated[int, typer.Option(min=1, help="Copies of each record in Kafka.")] = 3,
    consumers: Annotated[int, typer.Option(min=1, help="How many read the whole topic: engine and archiver.")] = 2,
    retention_h: Annotated[float, typer.Option(min=0.1, help="How long Kafka keeps records.")] = 24.0,
    partition_bytes_per_s: Annotated[float, typer.Option(min=1, help="What a partition takes at the most.")] = 5e6,
    md: Annotated[bool, typer.Option("--md", help="Print tables in Markdown on standard output.")] = False,
    json: Json = False,
) -> None:
    """Plan cores, machines, partitions, network and storage for a rate, from the costs that a run has measured."""
    from harness.conclusions.capacity import DAY_S, Assumptions, measured_costs, peak_factor
    from harness.conclusions.capacity import plan as plan_for
    from harness.scenarios.loading import load_scenario
    from reports.documents.capacity import capacity_markdown, capacity_tables
    from workloads.shapes import profile_factors

    if (rate is None) == (per_day is None):
        raise UsageError("of --rate and --per-day, one has to be given", fix="give --rate or --per-day, and not both")
    factor = 1.0
    if profile != "flat":
        specification = load_scenario(profile, {}).workload()
        factor = peak_factor(profile_factors(specification.profile, specification.duration_s, specification.seed))
    assumptions = Assumptions(
        peak_factor=factor,
        utilisation=utilisation,
        cores_per_machine=cores,
        replication=replication,
        consumers=consumers,
        retention_h=retention_h,
        partition_bytes_per_s=partition_bytes_per_s,
    )
    mean_records_per_s = rate if rate is not None else (per_day or 0) / DAY_S
    found = plan_for(mean_records_per_s, measured_costs(load_run(source), engine), assumptions)
    console.print(capacity_tables(found))
    if md:
        print(capacity_markdown(found), end="")
    if json:
        print(found.model_dump_json(indent=2))
