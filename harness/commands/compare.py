"""The command `ringbench compare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from harness.commands.common import load_run, this_command
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.results.result import Result

EPILOG = (
    "Examples: `ringbench compare runs/OLD runs/NEW` | "
    "`ringbench compare runs/OLD runs/NEW --max-regression 10 --format md --junit gate.xml` | "
    "`ringbench compare runs/OLD runs/NEW --gate latency_ms_p99 --gate cpu_s_per_million_records --strict` | "
    "`ringbench compare runs/OLD runs/NEW --gate all` | "
    "`ringbench compare runs/RUN_ID --baseline a --candidate b`"
)


def compare(
    old: Annotated[Path, typer.Argument(help="The directory of the run to compare with.")],
    new: Annotated[
        Path | None,
        typer.Argument(help="The directory of the run to judge; with --baseline and --candidate, OLD if not given."),
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="The contestant of OLD to compare with, and no other.")] = None,
    candidate: Annotated[str | None, typer.Option(help="The contestant of NEW to judge by that one.")] = None,
    max_regression: Annotated[float, typer.Option(min=0, help="Allowed change for the worse, in per cent.")] = 5.0,
    confidence: Annotated[
        float,
        typer.Option(min=0.8, max=0.9999, help="How sure it has to be that noise alone fails no build (Holm)."),
    ] = 0.95,
    gate: Annotated[
        list[str] | None,
        typer.Option(
            help="Judge by this figure, such as latency_ms_p999, in place of p50, p99, throughput, CPU time and "
            "memory; can be repeated; `all` for every one. The fewer, the smaller the changes that are found."
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with 1 as well if a figure is inconclusive: worse than allowed, but not beyond its noise.",
        ),
    ] = False,
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
    html: Annotated[
        Path | None, typer.Option(help="Write the comparison with its picture as a page, in one HTML file.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit XML file, for a CI server.")] = None,
    benchmark_json: Annotated[
        Path | None, typer.Option(help="Write the JSON array that github-action-benchmark reads (smaller is better).")
    ] = None,
) -> None:
    """Compare two runs, and exit with 1 if the second is worse by more than allowed."""
    from harness.conclusions.comparable import check_comparable
    from harness.conclusions.gate import gate as judged
    from reports.documents import gate as report

    if format not in ("text", "md", "json"):
        raise UsageError(f"--format: {format!r} is no format", fix="give text, md or json")
    before, after = _compared(old, new, baseline, candidate)
    notes = check_comparable(
        before,
        after,
        allow_different_host=allow_different_host,
        allow_different_workload=allow_different_workload,
    )
    found = judged(
        before,
        after,
        max_regression_percent=max_regression,
        confidence=confidence,
        gated=gate or (),
        point_estimates=point_estimates,
        strict=strict,
        notes=notes,
    )
    if html:
        _write("--html", html, report.gate_html(found, before, after, this_command()))
    if junit:
        _write("--junit", junit, report.junit_xml(found))
    if benchmark_json:
        _write("--benchmark-json", benchmark_json, report.benchmark_json(found))
    if format == "text":
        Console().print(report.gate_table(found))
    else:
        print(report.gate_markdown(found, before, after) if format == "md" else found.model_dump_json(indent=2))
    raise typer.Exit(0 if found.passed else 1)


def _compared(old: Path, new: Path | None, baseline: str | None, candidate: str | None) -> "tuple[Result, Result]":
    """The two runs; of two contestants, as runs of these alone, under one name."""
    from harness.conclusions.comparable import one_contestant

    if (baseline is None) is not (candidate is None):
        raise UsageError("--baseline and --candidate belong together", fix="give both, or neither")
    if baseline is None or candidate is None:
        if new is None:
            raise UsageError("there is nothing to judge", fix="give NEW, or --baseline and --candidate of one run")
        return load_run(old), load_run(new)
    called = f"{candidate} against {baseline}"
    return (
        one_contestant(load_run(old), baseline, "--baseline", called),
        one_contestant(load_run(new or old), candidate, "--candidate", called),
    )


def _write(option: str, path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{option} {path}: cannot be written: {error.strerror}", fix="give a file in a folder that is there"
        ) from error
