"""The command `ringbench report`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import load_run, show_paths

EPILOG = "Example: `ringbench report runs/20260101T000000-abc123`"


def report(
    run: Annotated[Path, typer.Argument(help="A run's directory.")],
) -> None:
    """Write a run's report.md and report.html anew from its result.json."""
    from reports.documents.run import write_reports

    show_paths(write_reports(load_run(run), run if run.is_dir() else run.parent))
