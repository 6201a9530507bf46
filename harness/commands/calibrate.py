"""The command `ringbench calibrate`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import (
    METRICS_HOST,
    Json,
    KeepLogs,
    MetricsHost,
    MetricsPort,
    RunsDir,
    console,
    end,
    session_options,
    show_paths,
    watching,
)
from harness.errors import UsageError

EPILOG = "Examples: `ringbench calibrate` | `ringbench calibrate --case constant --case loss --json`"


def calibrate(
    case: Annotated[list[str] | None, typer.Option(help="Run only this case; can be repeated.")] = None,
    rate: Annotated[int, typer.Option(min=100, help="Records per second.")] = 6000,
    duration: Annotated[int, typer.Option(min=10, max=600, help="Measured time of each case in seconds.")] = 15,
    runs_dir: RunsDir = Path("runs"),
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = METRICS_HOST,
    keep_logs: KeepLogs = False,
    json: Json = False,
) -> None:
    """Prove the probe: inject known delays, losses, miscounts and stalls, and compare what is reported."""
    from harness.experiments.calibration.cases import CASES
    from harness.experiments.calibration.run import calibrate as run_calibration
    from reports.documents.calibration import calibration_table, write_calibration

    names = [each.name for each in CASES]
    if unknown := [name for name in case or [] if name not in names]:
        raise UsageError(f"--case: unknown case {unknown[0]!r}", fix=f"give one or more of: {', '.join(names)}")
    options = session_options(runs_dir, keep_logs=keep_logs)
    with watching(metrics_port, metrics_host) as watcher:
        found, directory = run_calibration(rate, duration, case or [], options, watcher)
    console.print(calibration_table(found))
    show_paths([directory / "calibration.json", *write_calibration(found, directory)])
    if json:
        print(found.model_dump_json(indent=2))
    end(found.missing, 0 if found.passed else 1)
