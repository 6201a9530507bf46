"""The command `ringbench merge-shards`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import Json, console
from harness.errors import InvalidRun, UsageError

EPILOG = (
    "Examples: `ringbench merge-shards shards/*.json` | "
    "`ringbench merge-shards shards/*.json --clock-limit-ms 20 --out merged --json`"
)


def merge_shards(
    shards: Annotated[list[Path], typer.Argument(help="The files that `ringbench generate` left, of all shards.")],
    clock_limit_ms: Annotated[
        float | None,
        typer.Option(min=0.1, help="Invalid, if clocks of two shards may be apart by more; 50 by default."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for merged.json; none is written if not given.")] = None,
    json: Json = False,
) -> None:
    """Put the results of all shards of a stream together, and tell whether they were one stream on one schedule."""
    from harness.experiments.sharding.shard import CLOCK_LIMIT_MS, load_shard, merge
    from harness.results.shards import save_merged
    from reports.documents.shards import merged_table

    if repeated := [path for number, path in enumerate(shards) if path in shards[:number]]:
        raise UsageError(f"{repeated[0]} is given twice", fix="give each file once")
    merged = merge({path: load_shard(path) for path in shards}, clock_limit_ms or CLOCK_LIMIT_MS)
    console.print(merged_table(merged))
    if out:
        console.print(f"  {save_merged(merged, out)}", highlight=False, soft_wrap=True)
    if json:
        print(merged.model_dump_json(indent=2))
    raise typer.Exit(0 if merged.valid else InvalidRun.exit_code)
