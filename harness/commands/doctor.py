"""The command `ringbench doctor`."""

from pathlib import Path

import typer

from harness.commands.common import RunsDir

EPILOG = "Example: `ringbench doctor`"


def doctor(runs_dir: RunsDir = Path("runs")) -> None:
    """Print what was found, what is missing, and the fix. Downloads nothing."""
    from rich.console import Console

    from harness.session.doctor import diagnose, print_doctor

    findings = diagnose(runs_dir)
    print_doctor(Console(), findings)
    raise typer.Exit(0 if all(each.ok for each in findings) else 4)
