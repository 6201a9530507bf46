"""The command `ringbench input guess`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.common import Json, console
from harness.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from harness.input.guess.answer import Answer

EPILOG = (
    "Examples: `ringbench input guess calls.csv` | `ringbench input guess calls.csv --output map.yaml` | "
    "`ringbench input guess november/ --json`"
)
_STYLES = {"sure": "green", "likely": "yellow", "not sure": "bold red"}


def input_guess(
    path: Annotated[str, typer.Argument(metavar="FILE", help="A file, a folder, or s3://BUCKET/PREFIX.")],
    output: Annotated[
        Path | None, typer.Option(help="The map to write; on standard output by default.", metavar="MAP.yaml")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write --output over a file that is there, whoever has written it.")
    ] = False,
    json: Json = False,
) -> None:
    """Look at records, and write a map for them, with how sure each key is, why, and what to check."""
    from harness.input.guess.answer import answer

    if output and not force:
        _check_output(output)
    found = answer(path, console.print)
    if output and found.text:
        _write(output, found.text)
    if json:
        print(found.report.model_dump_json(indent=2))
    else:
        _show(found)
        if found.text and not output:
            print(found.text, end="")
    if output and found.text:
        console.print(f"  {output}", highlight=False, soft_wrap=True)
    if not found.text:
        last = found.report.findings[-1]
        raise ConfigurationError(
            f"{path}: {last.reason}", fix=f"write the map by hand (docs/input.md has some to begin with): {last.check}"
        )


def _check_output(path: Path) -> None:
    """Refuse to write over what this command has not written, or somebody has changed since."""
    from harness.input.guess.writer import is_as_written

    if path.is_file() and (there := path.read_bytes()) and not is_as_written(there.decode("utf-8", "replace")):
        raise UsageError(
            f"--output {path}: there is a file that this command has not written, or that was changed since",
            fix="give another name, or --force to write over it",
        )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"--output {path}: cannot be written: {error.strerror}", fix="give a file in a folder that is there"
        ) from error


def _show(found: "Answer") -> None:
    """Tell people what was found, what came of it, and what to check."""
    from rich.table import Table
    from rich.text import Text

    table = Table("key", "found", "how sure", "why", title=found.report.file, box=None, title_justify="left")
    for each in found.report.findings:
        table.add_row(each.key, Text(each.found), Text(each.certainty, _STYLES[each.certainty]), Text(each.reason))
    console.print(table)
    for line in found.trial_told():
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    checks = [each for each in found.report.findings if each.check]
    if checks:
        console.print("[bold]check[/bold]")
    for each in sorted(checks, key=lambda finding: finding.certainty != "not sure"):
        console.print(f"  {each.key} ({each.certainty}): {each.check}", highlight=False, markup=False, soft_wrap=True)
