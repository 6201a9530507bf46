"""Write a result's reports: one self-contained HTML file, and a Markdown file with its pictures beside it."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.results.part import write_whole
from harness.results.performance import ProcessCost
from harness.results.result import EngineResult, Result, Truth
from reports.documents.live_picture import live_picture
from reports.documents.page import html_page, markdown_page
from reports.pictures.all import draw_all
from reports.pictures.dashboard import NAME as USERS
from reports.pictures.quantiles import NAME as QUANTILES
from reports.pictures.resilience import NAME as RECOVERY
from reports.pictures.soak import NAME as RESOURCES
from reports.pictures.style import Picture, save_png
from reports.sections.comparison import comparison_section
from reports.sections.dashboard import dashboard_section
from reports.sections.delivery import delivery_section
from reports.sections.flame_graphs import flame_graphs_section
from reports.sections.input import input_section
from reports.sections.promises import promises_section
from reports.sections.resilience import resilience_section
from reports.sections.soak import soak_section
from reports.sections.trials import trials_section
from reports.sections.waterfall import waterfall_section
from reports.wording.baseline import baseline_notes
from reports.wording.chaos import is_chaos
from reports.wording.notes import (
    GC_NOTE,
    RATIO_NOTE,
    asks_for_counts,
    calibration_text,
    cost_notes,
    measure_notes,
    query_text,
    route_text,
    trials_text,
    wrong_cells,
)
from reports.wording.numbers import NOT_MEASURED, integer, mebibytes
from reports.wording.opening import head_of
from reports.wording.summary import engine_title, flatten, groups

FIGURES = "figures"
SECTIONS = (
    input_section,
    soak_section,
    resilience_section,
    delivery_section,
    comparison_section,
    dashboard_section,
    waterfall_section,
    trials_section,
    promises_section,
    flame_graphs_section,
)


def write_reports(result: Result, directory: Path) -> list[Path]:
    """Write ``report.html``, ``report.md`` and ``figures/*.png`` in `directory`. Returns the paths written.

    Raises:
        OSError: a file cannot be written.
    """
    pictures = draw_all(result)
    figures = directory / FIGURES
    figures.mkdir(parents=True, exist_ok=True)
    written = [save_png(picture, figures) for picture in pictures]
    for name, text in (("report.html", html_text(result, pictures)), ("report.md", markdown_text(result, pictures))):
        path = directory / name
        write_whole(path, text)
        written.append(path)
    return written


def html_text(result: Result, pictures: list[Picture]) -> str:
    """The HTML page. It needs no other file and no network."""
    facts = _facts(result, pictures)
    is_live = facts["answer"] is not None and facts["answer"].name == QUANTILES
    return html_page("report.html.j2", facts | {"live": live_picture(result) if is_live else None})


def markdown_text(result: Result, pictures: list[Picture]) -> str:
    """The Markdown page, which shows the pictures of the ``figures`` folder beside it."""
    return markdown_page("report.md.j2", _facts(result, pictures))


def _facts(result: Result, pictures: list[Picture]) -> dict[str, Any]:
    """What both templates are given."""
    answer = _answer(result, pictures)
    return {
        "result": result,
        "head": head_of(result),
        "title": f"Ringbench run {result.run_id}",
        "what": "run",
        "times": f"{result.started_at} to {result.finished_at}",
        "numbers": f"The numbers are those of result.json, schema version {result.schema_version}.",
        "answer": answer,
        "pictures": [each for each in pictures if each is not answer],
        "figures": f"{FIGURES}/",
        "groups": groups(result),
        "command": shlex.join(result.command),
        "trials": trials_text(result),
        "route": f"{query_text(result)} {route_text(result)}".strip(),
        "notes": [
            *cost_notes(result),
            *baseline_notes(result),
            *measure_notes(result),
            *([RATIO_NOTE] if asks_for_counts(result) else []),
            GC_NOTE,
        ],
        "sections": [found for find in SECTIONS if (found := find(result))],
        "environment": _environment_facts(result),
        "truth": _truth_facts(result.truth, result) if result.truth else [],
        "no_truth": _why_no_truth(result),
        "process_names": _process_names(result.engines),
        "process_cost": _process_cost,
        "wrong_cells": wrong_cells,
        "title_of": engine_title,
        "utc": _utc,
    }


def _answer(result: Result, pictures: list[Picture]) -> Picture | None:
    """The picture that answers the question of the command that made `result`; None if it could not be drawn."""
    about = ((result.soak, RESOURCES), (is_chaos(result), RECOVERY), (result.dashboard, USERS), (True, QUANTILES))
    wanted = next(name for is_it, name in about if is_it)
    return next((each for each in pictures if each.name == wanted), None)


def _environment_facts(result: Result) -> list[tuple[str, str]]:
    facts = result.environment.model_dump(exclude={"memory_bytes", "services", "calibration"})
    facts["memory, GiB"] = f"{result.environment.memory_bytes / 2**30:.1f}"
    facts["services"] = result.environment.services
    facts["calibration"] = calibration_text(result)
    return flatten(facts)


def _why_no_truth(result: Result) -> str:
    if any(engine.correctness for engine in result.engines):
        return "No batch job was run: counts were held to those that follow from the seed."
    return "There is none: the batch job did not finish."


def _truth_facts(truth: Truth, result: Result) -> list[tuple[str, str]]:
    return [
        ("made by", truth.engine),
        (
            "agrees with the input" if result.input else "agrees with the seed",
            "yes" if truth.agrees_with_seed else "NO",
        ),
        ("records", integer(truth.records)),
        ("malformed lines", integer(truth.malformed)),
        ("cells", integer(truth.cells)),
        ("objects in the archive", integer(truth.archive_objects)),
        ("SHA-256 of the archive", truth.archive_sha256),
        ("computed by", truth.master or "not noted"),
        ("computed in", f"{truth.elapsed_s:.1f} s" if truth.elapsed_s is not None else "not noted"),
    ]


def _costs(engine: EngineResult) -> list[ProcessCost]:
    """What the other processes used, in all trials."""
    return [cost for trial in engine.trials for cost in trial.other_costs]


def _process_names(engines: list[EngineResult]) -> dict[str, str]:
    """The roles of the other processes of all trials by their names, in the order of their first appearance."""
    return {cost.name: cost.role for engine in engines for cost in _costs(engine)}


def _process_cost(engine: EngineResult, name: str) -> str:
    """What the process of that name used in the engine's trials, on average; memory is the greatest."""
    costs = [cost for cost in _costs(engine) if cost.name == name]
    if not costs:
        return NOT_MEASURED
    cores = sum(cost.cpu_cores for cost in costs) / len(costs)
    return f"{cores:.3f} cores, {mebibytes(max(cost.rss_bytes_peak for cost in costs))} MiB"


def _utc(epoch_s: int) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%d %H:%M:%S}"
