"""The reports of synthetic results: what they say, what they must never say, and that they are safe to open."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from rich.console import Console

from harness.result import EngineResult, OperatorVolume, Result, Verdict
from reports import summary
from reports.figures import (
    cdf_points,
    draw_all,
    engine_colours,
    rates,
    save_png,
    spread,
    svg_text,
    volume_table,
    with_gaps,
)
from reports.render import html_text, markdown_text, write_reports
from reports.terminal import final_table
from tests.unit.results import EPOCH_S, encode, make_correctness, make_engine, make_result

ATTACK = "<script>alert(1)</script> | [x](http://example.com) [bold]`$x_1$"
INVALID = "generator: schedule error p99 was 184 ms, above the bound of 20 ms"
PICTURES = [
    "latency-percentiles",
    "latency-over-time",
    "throughput-over-time",
    "lag-over-time",
    "cost",
    "operator-volume",
]


class Page(HTMLParser):
    """The tags, references, identifiers and text of an HTML page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.alts: list[str | None] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag == "img":
            self.alts.append(named.get("alt"))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def changed(engine: EngineResult, **fields: object) -> EngineResult:
    return engine.model_copy(update=fields)


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
        )
    )
    engine = make_engine("spark", 403)
    return changed(
        engine, verdict=Verdict.UNKNOWN, reasons=["never ready"], series=[], other_costs=[], config={}, **nothing
    )


@cache
def troubled() -> Result:
    return make_result(invalid_reasons=[INVALID], engines=[make_engine("baseline", 6), failed(), unmeasured()])


@cache
def valid() -> Result:
    return make_result()


@cache
def pages(of: Callable[[], Result]) -> tuple[str, str]:
    """The HTML and the Markdown page; drawing takes seconds, so only once of each result."""
    pictures = draw_all(of())
    return html_text(of(), pictures), markdown_text(of(), pictures)


def html_of(result: Callable[[], Result]) -> Page:
    return Page(pages(result)[0])


def markdown_of(result: Callable[[], Result]) -> str:
    return pages(result)[1]


def terminal_of(result: Result) -> str:
    console = Console(file=StringIO(), width=100, record=True)
    console.print(final_table(result))
    return console.export_text()


def row(result: Result, label: str) -> tuple[str, ...]:
    return next(row.cells for group in summary.groups(result) for row in group.rows if row.label == label)


# What the pictures are made of.


def test_cdf_of_a_known_histogram() -> None:
    latency_ms, slower = cdf_points(encode([10.0] * 90 + [100.0] * 9 + [60_000.0]))
    assert latency_ms == pytest.approx([10, 100, 60_000], rel=2e-3)
    assert slower == pytest.approx([0.10, 0.01, 0.0], abs=1e-12)


def test_cdf_of_an_empty_histogram_has_no_points() -> None:
    latency_ms, slower = cdf_points(encode([]))
    assert latency_ms.size == slower.size == 0


def test_rates_are_missing_where_a_sample_is() -> None:
    series = make_engine("flink", 18).series
    edges_s, per_s = rates(series[:5] + series[8:10], lambda sample: sample.sent_records)
    assert edges_s.tolist() == [-20, -19, -18, -17, -16, -12, -11]
    assert np.array_equal(per_s, [6000, 6000, 6000, 6000, np.nan, 6000], equal_nan=True)


def test_a_line_is_broken_where_a_sample_is_missing() -> None:
    times_s, values = with_gaps(np.array([0.0, 1.0, 5.0, 6.0]), np.array([1.0, 2.0, 3.0, 4.0]))
    assert np.array_equal(times_s, [0, 1, np.nan, 5, 6], equal_nan=True)
    assert np.array_equal(values, [1, 2, np.nan, 3, 4], equal_nan=True)


def test_volume_table_keeps_empty_minutes_and_puts_the_greatest_operator_first() -> None:
    volumes = [
        OperatorVolume(minute_s=EPOCH_S + 120, operator="b", records=7),
        OperatorVolume(minute_s=EPOCH_S, operator="a", records=2),
        OperatorVolume(minute_s=EPOCH_S, operator="b", records=1),
    ]
    minutes_s, operators, records = volume_table(volumes)
    assert minutes_s == [EPOCH_S, EPOCH_S + 60, EPOCH_S + 120]
    assert operators == ["b", "a"]
    assert records.tolist() == [[1, 0, 7], [2, 0, 0]]


def test_labels_are_spread_in_order_and_within_bounds() -> None:
    assert spread([0.5, 0.1, 0.52], gap=0.1, upper=1.0) == pytest.approx([0.5, 0.1, 0.6])
    assert spread([0.9, 0.95], gap=0.2, upper=1.0) == pytest.approx([0.8, 1.0])


def test_an_engine_keeps_its_colour_whoever_else_runs() -> None:
    engines = [unmeasured(), failed(), changed(failed(), name="yours")]
    assert engine_colours(engines)["spark"] == engine_colours(engines[:1])["spark"]
    assert len({engine_colours(engines)[engine.name] for engine in engines}) == 3


# The pictures.


@pytest.mark.parametrize("result", [valid(), troubled()], ids=["valid", "invalid"])
def test_pictures_are_drawn(result: Result, tmp_path: Path) -> None:
    pictures = draw_all(result)
    assert [picture.name for picture in pictures] == PICTURES
    for picture in pictures:
        pixels = matplotlib.image.imread(save_png(picture, tmp_path))[..., :3]
        assert min(pixels.shape[:2]) > 400
        assert pixels.std() > 0.05, "almost one colour"
        texts = [text.get_text() for text in picture.figure.texts]
        assert ("INVALID RUN" in texts) is not result.valid


def test_the_same_result_gives_the_same_picture() -> None:
    first, second = ([svg_text(picture) for picture in draw_all(make_result())] for _ in range(2))
    assert first == second


def test_pictures_of_a_run_without_engines_or_truth_say_not_measured() -> None:
    result = make_result(invalid_reasons=["nothing ran"], engines=[]).model_copy(update={"truth": None})
    for picture in draw_all(result):
        assert "<svg" in svg_text(picture)
        assert "Not measured." in picture.alt


# The pages.


def test_reports_are_written(tmp_path: Path) -> None:
    paths = write_reports(make_result(), tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in paths} == {
        "report.html",
        "report.md",
        *(f"figures/{name}.png" for name in PICTURES),
    }
    for target in re.findall(r"\]\((.*?)\)", (tmp_path / "report.md").read_text(encoding="utf-8")):
        assert (tmp_path / target).is_file()


@pytest.mark.parametrize("result", [valid, troubled])
def test_html_is_self_contained_and_accessible(result: Callable[[], Result]) -> None:
    page = html_of(result)
    assert not {"script", "iframe", "object", "embed", "base"} & set(page.tags)
    for reference in page.references:
        in_page = reference.startswith("#") and reference[1:] in page.ids
        assert in_page or re.match(r"data:(,|image/svg\+xml;base64,)", reference), reference[:80]
    assert len(page.ids) == len(set(page.ids))
    assert len(page.alts) == len(PICTURES)
    assert all(page.alts)
    assert page.tags.count("caption") == page.tags.count("table")
    assert not re.search(r"url\(|@import", pages(result)[0])


def test_a_valid_run_names_no_winner_for_want_of_an_interval() -> None:
    for text in (html_of(valid).text, markdown_of(valid), " ".join(terminal_of(valid()).split())):
        assert "Valid run: 3 of 3 engines proven to count right" in text
        assert summary.NO_WINNER_SINGLE_TRIAL in text
        assert "first-in-first-out matching within a cell; the mean is exact" in text
        assert "1 ms" in text


def test_an_invalid_run_says_so_and_names_no_winner() -> None:
    for text in (html_of(troubled).text, markdown_of(troubled), " ".join(terminal_of(troubled()).split())):
        assert "Invalid run: its numbers must not be used" in text
        assert INVALID in text
        assert summary.NO_WINNER_INVALID in text
        assert "Valid run" not in text
        for verdict in ("pass", "fail", "unknown"):
            assert verdict in text
    assert set(row(troubled(), "latency p99")) == {summary.WITHHELD}


def test_what_an_engine_says_is_escaped() -> None:
    page = html_of(troubled)
    assert "script" not in page.tags
    assert " ".join(ATTACK.split()) in page.text
    markdown = markdown_of(troubled)
    assert "<script>" not in markdown
    assert "[x](" not in markdown
    assert ATTACK.split("[x]")[0].strip() in terminal_of(troubled())


def test_the_command_is_shown_as_it_must_be_typed() -> None:
    result = make_result().model_copy(update={"command": ["ringbench", "run", "my file", "```\n# no"]})
    assert "````\nringbench run 'my file' '```\n# no'\n````" in markdown_text(result, [])
    assert "ringbench run 'my file'" in Page(html_text(result, [])).text


def test_wrong_cells_are_shown_with_their_counts() -> None:
    for text in (html_of(troubled).text, markdown_of(troubled).replace("|", " ")):
        words = " ".join(text.split())
        assert "3 of 41,200 cells are wrong" in words
        assert "mismatched 2025-10-09 08:53:07 06037 Verizon call 12 11" in words
        assert "missing 2025-10-09 08:53:07 06037 Verizon call 6 no cell" in words


def test_what_was_not_measured_is_never_a_number() -> None:
    assert row(troubled(), "p99")[2] == row(troubled(), "peak memory, MiB")[2] == summary.NOT_MEASURED


def test_ratios_are_to_the_baseline_and_only_among_engines_that_passed() -> None:
    baseline, spark = make_engine("baseline", 6, 0.1), make_engine("spark", 403, 0.8)
    result = make_result(engines=[baseline, spark, failed()])
    assert row(result, "CPU-seconds per million") == ("1.00 x", "8.00 x", summary.WITHHELD)
    assert set(row(make_result(engines=[spark]), "latency p99")) == {"no baseline"}


def test_the_terminal_table_fits_100_columns_with_a_minute_of_latency() -> None:
    slow = make_engine("a-rather-long-name", 60_000)
    text = terminal_of(make_result(engines=[slow, unmeasured()]))
    assert "…" not in text
    assert summary.milliseconds(slow.latency_ms.p99 if slow.latency_ms else math.nan) in text
