"""The commands `ringbench input`: what would be read of your own records, before anything is started."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.commands import input_guess
from harness.commands.common import Json, SkipBadLines, WithSkipBadLines, console, given, note, skip_bad_lines_of
from harness.errors import RingbenchError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from harness.input.reading import Reading
    from harness.input.summary import InputSummary
    from harness.scenarios.input import InputSection

app = typer.Typer(no_args_is_help=True, help="See what is read of your own records, without running anything.")

EPILOG = (
    "Examples: `ringbench input check calls.csv --input-map map.yaml` | "
    "`ringbench input check november/ --json` | `ringbench input check calls.csv --records read.jsonl`"
)


PRESETS_EPILOG = (
    "Examples: `ringbench input presets` | `ringbench input presets asterisk > map.yaml` | "
    "`ringbench input check Master.csv --input-map preset:asterisk`"
)


@app.command("check", cls=WithSkipBadLines, epilog=EPILOG)
def input_check(
    file: Annotated[
        str, typer.Argument(help="A file, a folder, s3://BUCKET/PREFIX or http://host:port/BUCKET/PREFIX.")
    ],
    input_map: Annotated[
        Path | None,
        typer.Option(help="What the columns mean: a YAML file, or preset:NAME (see `ringbench input presets`)."),
    ] = None,
    skip_bad_lines: SkipBadLines = None,
    speed: Annotated[float | None, typer.Option(help="As of `ringbench run`: so many times as fast.")] = None,
    rate: Annotated[int | None, typer.Option(help="As of `ringbench run`: a fixed rate, in records/s.")] = None,
    duration: Annotated[int | None, typer.Option(help="As of `ringbench run`: measured time in seconds.")] = None,
    warmup: Annotated[int | None, typer.Option(help="As of `ringbench run`: warm-up in seconds.")] = None,
    records: Annotated[
        Path | None,
        typer.Option(help="Write every record to this file, a line of JSON each: event time, length, county, type."),
    ] = None,
    json: Json = False,
) -> None:
    """Say what is understood of records of your own: files, rows, times, calls, and what was chosen or left out.

    Ends with exit code 2 where `ringbench run --input` would refuse them. Values of bad rows are shown: who asks looks
    at rows of their own, to mend them, and nothing is kept.
    """
    from harness.input.prepare import replayed
    from harness.input.reading import refuse_rows
    from harness.input.summary import summary_of, told
    from harness.scenarios.loading import INPUT_SCENARIO, InputOptions, load_scenario

    found: dict[str, Any] = {}

    def tell(section: "InputSection", reading: "Reading") -> None:
        summary = summary_of(section, reading)
        found.update(summary.model_dump())
        for line in told(summary, bad_rows=bool(section.skip_bad_lines)):
            note(line)
        if summary.sample:
            console.print(_sample(summary))
        if records:
            refuse_rows(section, reading)
            _write(records, reading)

    skip = skip_bad_lines_of(skip_bad_lines)
    options = InputOptions(path=file, map_file=input_map, speed=speed, skip_bad_lines=skip, show_bad_values=True)
    overrides = given(rate_records_per_s=rate, duration_s=duration, warmup_s=warmup)
    refusal = None
    try:
        with replayed(load_scenario(str(INPUT_SCENARIO), overrides, options), note, tell):
            pass
    except RingbenchError as error:
        refusal = {"message": error.message, "fix": error.fix}
        raise
    finally:
        if json:
            print(json_format.dumps(found | {"refusal": refusal}, ensure_ascii=False))


@app.command("presets", epilog=PRESETS_EPILOG)
def input_presets(
    name: Annotated[str | None, typer.Argument(help="Print this preset's map.")] = None,
    json: Json = False,
) -> None:
    """List the maps that `--input-map preset:NAME` knows, or print one, to be changed."""
    from harness.scenarios.presets import preset_names, preset_path, preset_summary

    if name is not None:
        print(preset_path(name).read_text(encoding="utf-8"), end="")
        return
    found: dict[str, Any] = {each: preset_summary(each) for each in preset_names()}
    if json:
        print(json_format.dumps(found, ensure_ascii=False))
        return
    width = max(map(len, found))
    for each, summary in found.items():
        print(f"{each:{width}}  {summary}")


app.command("guess", epilog=input_guess.EPILOG)(input_guess.input_guess)


def _sample(summary: "InputSummary") -> "Table":
    from rich.table import Table

    table = Table("end", "seconds", "county", "type", "operator", title="The first records", title_justify="left")
    for end, length_s, *words in summary.sample:
        table.add_row(end, f"{length_s:g}", *words)
    return table


def _write(path: Path, reading: "Reading") -> None:
    from harness.input.dump import lines

    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(lines(reading))
    except OSError as error:
        raise UsageError(f"--records {path}: cannot be written: {error.strerror}", fix="give another file") from error
