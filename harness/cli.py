"""The command line, `ringbench`."""

import os
import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from harness.commands import (
    bench,
    calibrate,
    chaos,
    clean,
    compare,
    conformance,
    doctor,
    engines,
    generate,
    history,
    loadtest,
    merge_shards,
    operate,
    plan,
    report,
    run,
    scale,
    services,
    soak,
    sweep,
    view,
    workload,
)
from harness.commands import input as own_records
from harness.commands.common import WithSkipBadLines, console
from harness.commands.groups import Grouped
from harness.console.interrupt import INTERRUPTED, SIGNALS
from harness.console.redaction import redact
from harness.console.streams import outlast_readers
from harness.console.visible import visible
from harness.errors import INTERNAL, INTERNAL_FIX

app = typer.Typer(
    cls=Grouped,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Benchmark stream processors over call-detail records, and prove their counts right.",
    epilog="Exit codes: 0 pass, 1 a verdict or gate failed, 2 bad usage or configuration, 3 the run is invalid, "
    "4 a service could not start, 70 an error of Ringbench itself, 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM.",
)
app.add_typer(services.app, name="services")
app.add_typer(workload.app, name="workload")
app.add_typer(bench.app, name="bench")
app.add_typer(own_records.app, name="input")


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


app.command(cls=WithSkipBadLines, epilog=run.EPILOG)(run.run)
app.command(epilog=compare.EPILOG)(compare.compare)
app.command(epilog=history.EPILOG)(history.history)
app.command(epilog=report.EPILOG)(report.report)
app.command(epilog=sweep.EPILOG)(sweep.sweep)
app.command(epilog=scale.EPILOG)(scale.scale)
app.command(epilog=calibrate.EPILOG)(calibrate.calibrate)
app.command(epilog=chaos.EPILOG)(chaos.chaos)
app.command(epilog=operate.EPILOG)(operate.operate)
app.command(epilog=soak.EPILOG)(soak.soak)
app.command(epilog=view.EPILOG)(view.view)
app.command(epilog=loadtest.EPILOG)(loadtest.loadtest)
app.command(epilog=conformance.EPILOG)(conformance.conformance)
app.command(epilog=generate.EPILOG)(generate.generate)
app.command(epilog=merge_shards.EPILOG)(merge_shards.merge_shards)
app.command(epilog=plan.EPILOG)(plan.plan)
app.command(epilog=engines.EPILOG)(engines.engines)
app.command(epilog=doctor.EPILOG)(doctor.doctor)
app.command(epilog=clean.EPILOG)(clean.clean)


def main() -> None:
    """Run the command line; every known error ends in one message and its exit code, and a signal in its own code."""
    SIGNALS.install()
    outlast_readers()
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED and SIGNALS.came:
            _end_by_signal()
        if isinstance(end.__context__, BrokenPipeError):
            # Typer takes it for a reader of the output that has gone, and says nothing; those end no command here.
            sys.exit(_tell(end.__context__))
        raise
    except Exception as error:
        if _Settings.debug:
            raise
        code = _tell(error)
        if SIGNALS.came:
            _end_by_signal()
        sys.exit(code)


def _tell(error: Exception) -> int:
    """Say what went wrong and what to do. Returns the exit code that this stands for."""
    from harness.clients.failures import for_users

    known = for_users(error)
    if known is None:
        console.print(_escape(redact("".join(traceback.format_exception(error)))), highlight=False, soft_wrap=True)
    message, fix = (known.message, known.fix) if known else (f"{type(error).__name__}: {error}", INTERNAL_FIX)
    console.print(f"[bold red]error:[/bold red] {_escape(visible(redact(message)))}", highlight=False, soft_wrap=True)
    if fix:
        console.print(f"[bold]fix:[/bold] {_escape(visible(redact(fix)))}", highlight=False, soft_wrap=True)
    return known.exit_code if known else INTERNAL


def _end_by_signal() -> NoReturn:
    """End what is left of what was started, and then as a command does that a signal has ended."""
    from harness.processes.process import end_children

    end_children()
    sys.exit(SIGNALS.exit_code)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


if __name__ == "__main__":
    main()
