"""Results whose reports are tested, and what their pages, pictures and the terminal show."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from io import StringIO
from unittest.mock import patch

from rich.console import Console

from harness.results.correctness import Verdict
from harness.results.result import EngineResult, Result
from reports.documents.run import html_text, markdown_text
from reports.documents.terminal import final_table
from reports.pictures.all import draw_all
from reports.pictures.style import Picture
from reports.wording import summary
from tests.builders.results import (
    changed,
    make_correctness,
    make_engine,
    make_result,
)

ATTACK = "<script>alert(1)</script> | [x](http://example.com) [bold]`$x_1$"
INVALID = "generator: schedule error p99 was 184 ms, above the bound of 20 ms"
PICTURES = [
    "latency-percentiles",
    "latency-waterfall",
    "latency-over-time",
    "throughput-over-time",
    "lag-over-time",
    "cost",
    "operator-volume",
]


class Page(HTMLParser):
    """The tags, references, identifiers, types of scripts and text of an HTML page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.alts: list[str | None] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag == "script":
            self.scripts.append(named.get("type") or "")
        if tag == "img":
            self.alts.append(named.get("alt"))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def failed() -> EngineResult:
    return changed(
        make_engine("flink", 18), verdict=Verdict.FAIL, reasons=[ATTACK], correctness=make_correctness(wrong=True)
    )


def unmeasured() -> EngineResult:
    """An engine that never became ready."""
    nothing: dict[str, object] = dict.fromkeys(
        (
            "version",
            "startup_s",
            "drain_s",
            "correctness",
            "latency_ms",
            "throughput_records_per_s",
            "cost",
            "generator",
            "steady",
            "kafka_bytes",
            "waterfall",
        )
    )
    empty: dict[str, object] = {name: [] for name in ("series", "other_costs", "pauses")}
    engine = make_engine("spark", 403)
    return changed(engine, verdict=Verdict.UNKNOWN, reasons=["never ready"], config={}, **nothing, **empty)


@cache
def troubled() -> Result:
    return make_result(invalid_reasons=[INVALID], engines=[make_engine("baseline", 6), failed(), unmeasured()])


@cache
def valid() -> Result:
    return make_result()


@cache
def obvious() -> Result:
    """Six trials of each engine, one of which is far better in all that is ranked."""
    return make_result(engines=[make_engine("flink", 18, 0.3, trials=6), make_engine("spark", 403, 0.8, trials=6)])


@cache
def alike() -> Result:
    """The same engine against itself."""
    return make_result(engines=[make_engine("alpha", 18, trials=6), make_engine("beta", 18, trials=6)])


@cache
def invalid_in_spite_of_a_comparison() -> Result:
    return obvious().model_copy(update={"valid": False, "invalid_reasons": [INVALID]})


@cache
def drawn(of: Callable[[], Result]) -> list[Picture]:
    """The pictures; drawing takes seconds, so only once of each result."""
    return draw_all(of())


@cache
def html_text_of(of: Callable[[], Result]) -> str:
    """The HTML with all that is said of the pictures, but an empty one for each."""
    with patch("reports.documents.page.svg_text", return_value="<svg/>"):
        return html_text(of(), drawn(of))


@cache
def html_of(of: Callable[[], Result]) -> Page:
    """The HTML page, with empty pictures."""
    return Page(html_text_of(of))


@cache
def markdown_of(of: Callable[[], Result]) -> str:
    """The Markdown page, which names the pictures' files."""
    return markdown_text(of(), drawn(of))


def terminal_of(result: Result) -> str:
    console = Console(file=StringIO(), width=100, record=True)
    console.print(final_table(result))
    return console.export_text()


def row(result: Result, label: str) -> tuple[str, ...]:
    return next(row.cells for group in summary.groups(result) for row in group.rows if row.label == label)


def said_of(result: Callable[[], Result]) -> list[str]:
    """HTML, Markdown and terminal, each on one line."""
    texts = (html_of(result).text, markdown_of(result), terminal_of(result()))
    return [" ".join(text.split()) for text in texts]


def cells_of(section: object, caption: str) -> tuple[tuple[str, ...], ...]:
    return next(table.rows for table in section.tables if table.caption.startswith(caption))  # type: ignore[attr-defined]
