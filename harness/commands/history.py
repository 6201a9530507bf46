"""The command `ringbench history`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console

from harness.commands.common import Json, note
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.history.history import Choice
    from harness.results.history import History

EPILOG = (
    "Examples: `ringbench history runs` | "
    "`ringbench history runs --figure latency_ms_p99 --engine flink` | "
    "`ringbench history runs --since 2026-11-01 --fail-on-change` | "
    "`ringbench history nightly runs --site public`"
)
T = TypeVar("T")
#: What takes longer tells how far it is, and then as often.
PATIENCE_S = 2.0


def history(
    folders: Annotated[list[Path], typer.Argument(help="Folders with results, such as runs.", metavar="FOLDER...")],
    figure: Annotated[
        list[str] | None,
        typer.Option(help="This figure only, such as latency_ms_p99; can be repeated; `all` for every one."),
    ] = None,
    engine: Annotated[list[str] | None, typer.Option(help="This contestant or engine only; can be repeated.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            help="Tell results and changes from this date, run ID or commit on; earlier results still count as before."
        ),
    ] = None,
    fail_on_change: Annotated[
        bool, typer.Option("--fail-on-change", help="Exit with 1 if a figure has changed for the worse.")
    ] = False,
    any_change: Annotated[
        bool, typer.Option("--any", help="With --fail-on-change: if a figure has changed for the better, too.")
    ] = False,
    allow_different_host: Annotated[
        bool, typer.Option("--allow-different-host", help="Take machines of the same kind for one.")
    ] = False,
    site: Annotated[
        Path | None, typer.Option(help="Write a static site with every trend and report into this folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Show how figures did over many results, and find where they changed."""
    from harness.history.history import Choice, check_choice, failing
    from reports.documents.history import history_table

    choice = Choice(figure or (), engine or (), since, any_host=allow_different_host)
    check_choice(choice)
    if site:
        from reports.documents.history_site import check_site, write_site

        _written(lambda: check_site(site))
    found = _found(folders, choice)
    if json:
        print(found.model_dump_json(indent=2))
    else:
        Console().print(history_table(found))
    if site:
        start = _written(lambda: write_site(found, site, _Patience("pages written")))
        note(f"  {start}")
    failed = failing(found, any_change=any_change) if fail_on_change else []
    raise typer.Exit(1 if failed else 0)


def _found(folders: list[Path], choice: "Choice") -> "History":
    from harness.history.history import history_of
    from harness.history.index import find_results, indexed
    from harness.history.levels import KnownLevels
    from harness.provision.cache import cache_dir

    index = cache_dir() / "history" / "results.sqlite"
    known = indexed(index, find_results(folders), _Patience("results read"))
    levels = KnownLevels(index)
    found = history_of(folders, known, choice, levels)
    levels.save()
    return found


def _written(write: Callable[[], T]) -> T:
    """What `write` returns.

    Raises:
        UsageError: the site's folder is not one, holds something else, or cannot be written.
    """
    from reports.documents.history_site import ForeignFolder

    try:
        return write()
    except ForeignFolder as error:
        raise UsageError(
            f"--site {error}", fix="give a folder that is new or empty, or that --site has made"
        ) from error
    except OSError as error:
        raise UsageError(
            f"--site: {error.filename} cannot be written: {error.strerror}", fix="give a folder that you can write to"
        ) from error


class _Patience:
    """Tells how far something is, if it takes long."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._due_s = time.monotonic() + PATIENCE_S

    def __call__(self, number: int, total: int) -> None:
        now_s = time.monotonic()
        if now_s >= self._due_s:
            self._due_s = now_s + PATIENCE_S
            note(f"  {number:,} of {total:,} {self._what}")
