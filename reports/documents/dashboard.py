"""The report of a load test of the live map."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group
from rich.table import Table as TerminalTable
from rich.text import Text

from harness.results.live_map import Dashboard
from harness.results.loadtest import LoadTest
from reports.pictures.dashboard import draw_load_test
from reports.pictures.style import save_png
from reports.sections.dashboard import PUSH_NOTE, load_rows
from reports.wording.users import held_text, ratio_text


def dashboard_table(found: Dashboard) -> Group:
    """The same for the terminal; fits 80 columns with two loads."""
    table = TerminalTable(show_edge=False, pad_edge=False)
    table.add_column("")
    for load in found.loads:
        table.add_column(Text(load.label), justify="right", overflow="fold")
    for row in load_rows(found):
        table.add_row(*map(Text, row))
    problems = [Text(f"{load.label}: {load.problem}", style="bold red") for load in found.loads if load.problem]
    reasons = [
        Text(f"{count:,} times {reason}", style="red") for load in found.loads for reason, count in load.reasons.items()
    ]
    lines = [Text(ratio_text(found))] if found.pipeline_p99_ratio else []
    lines += [Text(held_text(found), style="bold")] if found.search else []
    return Group(table, *problems, *reasons, *lines, Text(PUSH_NOTE, style="dim"))


def write_loadtest(found: LoadTest, directory: Path) -> list[Path]:
    """Write ``loadtest.png`` in `directory`. Returns the paths written."""
    picture = draw_load_test(found.dashboard)
    return [save_png(picture, directory)] if picture else []
