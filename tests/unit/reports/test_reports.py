"""The reports of synthetic results: what they say, what they must never say, and that they are safe to open."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import matplotlib.image
import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from rich.console import Console

from harness.conclusions.bands import pooled_bands
from harness.results.correctness import Verdict
from harness.results.performance import Cost, SteadyState
from harness.results.result import Confidence, Drift, EngineResult, OperatorVolume, Result
from reports.documents.run import html_text, markdown_text, write_reports
from reports.documents.terminal import final_table
from reports.pictures.all import draw_all
from reports.pictures.comparison import draw_comparison
from reports.pictures.run import draw_latency_over_time
from reports.pictures.series import cdf_points, rates, spread, volume_table, with_gaps
from reports.pictures.style import Picture, engine_colours, save_png, svg_text
from reports.pictures.waterfall import draw_waterfall
from reports.sections.comparison import comparison_section
from reports.sections.flame_graphs import flame_graphs_section
from reports.sections.waterfall import waterfall_section
from reports.wording import cautions, notes, numbers, opening, summary
from reports.wording.baseline import NO_BASELINE, baseline_notes
from reports.wording.hops import HOPS
from reports.wording.winner import confidence_text, percent_text, ratio_texts
from tests.builders.results import (
    EPOCH_S,
    changed,
    directly,
    encode,
    make_correctness,
    make_engine,
    make_result,
    make_steady,
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
def html_of(of: Callable[[], Result]) -> Page:
    """The HTML page with all that is said of the pictures, but an empty one for each."""
    with patch("reports.documents.run.svg_text", return_value="<svg/>"):
        return Page(html_text(of(), drawn(of)))


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


# What the pictures are made of.


def test_cdf_of_a_known_histogram() -> None:
    latency_ms, slower = cdf_points(encode([10.0] * 90 + [100.0] * 9 + [60_000.0]))
    assert latency_ms == pytest.approx([10, 100, 60_000], rel=2e-3)
    assert slower == pytest.approx([0.10, 0.01, 0.0], abs=1e-12)


def test_cdf_of_an_empty_histogram_has_no_points() -> None:
    latency_ms, slower = cdf_points(encode([]))
    assert latency_ms.size == slower.size == 0


def test_rates_are_missing_where_a_sample_is() -> None:
    series = make_engine("flink", 18).trials[0].series
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


def test_what_others_had_of_the_machine_is_a_bar_for_each_second_in_which_it_is_known() -> None:
    engine = make_engine("flink", 18)
    (trial,) = engine.trials
    series = [
        sample.model_copy(update={"stolen_share": None}) if sample.t_s == 7 else sample for sample in trial.series
    ]
    picture = draw_latency_over_time(make_result(engines=[changed(engine, series=series)]))
    (strip,) = (each for each in picture.figure.axes[0].collections if isinstance(each, PolyCollection))
    corners = [path.vertices[:4].tolist() for path in strip.get_paths()]
    # 2 % stolen and 0.1 of 2 cores: 7 % of the machine, drawn on a quarter of the height.
    assert corners == [
        [[at_s, 0], [at_s, pytest.approx(0.0175)], [at_s + 1, pytest.approx(0.0175)], [at_s + 1, 0]]
        for at_s in (sample.t_s for sample in trial.series)
        if at_s != 7
    ]


def test_labels_are_spread_in_order_and_within_bounds() -> None:
    assert spread([0.5, 0.1, 0.52], gap=0.1, upper=1.0) == pytest.approx([0.5, 0.1, 0.6])
    assert spread([0.9, 0.95], gap=0.2, upper=1.0) == pytest.approx([0.8, 1.0])


def test_an_engine_keeps_its_colour_whoever_else_runs() -> None:
    engines = [unmeasured(), failed(), changed(failed(), name="yours")]
    assert engine_colours(engines)["spark"] == engine_colours(engines[:1])["spark"]
    assert len({engine_colours(engines)[engine.name] for engine in engines}) == 3


# The pictures.


@pytest.mark.parametrize("of", [valid, troubled])
def test_pictures_are_made_and_marked_if_the_run_is_invalid(of: Callable[[], Result]) -> None:
    assert [picture.name for picture in drawn(of)] == PICTURES
    for picture in drawn(of):
        texts = [text.get_text() for text in picture.figure.texts]
        assert ("INVALID RUN" in texts) is not of().valid


def test_pictures_are_drawn(tmp_path: Path) -> None:
    for picture in drawn(troubled):
        pixels = matplotlib.image.imread(save_png(picture, tmp_path))[..., :3]
        assert min(pixels.shape[:2]) > 400
        assert pixels.std() > 0.05, "almost one colour"


def _only_the_baseline() -> Result:
    return make_result(engines=[make_engine("baseline", 6)])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """The folder of a result's reports, and the paths that were told of."""
    folder = tmp_path_factory.mktemp("reports")
    return folder, write_reports(_only_the_baseline(), folder)


def test_the_same_result_gives_the_same_page_and_pictures(written: tuple[Path, list[Path]]) -> None:
    """Pictures that were written as PNG files first, and others."""
    again = html_text(_only_the_baseline(), draw_all(_only_the_baseline()))
    assert again.count("data:image/svg+xml") == len(PICTURES)
    assert (written[0] / "report.html").read_text(encoding="utf-8") == again


def test_pictures_of_a_run_without_engines_or_truth_say_not_measured() -> None:
    result = make_result(invalid_reasons=["nothing ran"], engines=[]).model_copy(update={"truth": None})
    for picture in draw_all(result):
        assert "<svg" in svg_text(picture)
        assert "Not measured." in picture.alt


# The pages.


def test_reports_are_written(written: tuple[Path, list[Path]]) -> None:
    folder, paths = written
    assert {path.relative_to(folder).as_posix() for path in paths} == {
        "report.html",
        "report.md",
        *(f"figures/{name}.png" for name in PICTURES),
    }
    for target in re.findall(r"\]\((.*?)\)", (folder / "report.md").read_text(encoding="utf-8")):
        assert (folder / target).is_file()


@cache
def illustrated() -> str:
    """A page of all kinds of pictures with these in it, which take seconds."""
    return html_text(obvious(), drawn(obvious))


def test_a_page_with_its_pictures_loads_nothing() -> None:
    assert illustrated().count("data:image/svg+xml;base64,") == len(PICTURES) + 1
    assert not re.search(r"url\(|@import", illustrated())


@pytest.mark.parametrize("of", [valid, troubled, obvious])
def test_html_is_self_contained_and_accessible(of: Callable[[], Result]) -> None:
    page, result = Page(illustrated()) if of is obvious else html_of(of), of()
    assert not {"script", "iframe", "object", "embed", "base"} & set(page.tags)
    for reference in page.references:
        in_page = reference.startswith("#") and reference[1:] in page.ids
        assert in_page or re.match(r"data:(,|image/svg\+xml;base64,)", reference), reference[:80]
    assert len(page.ids) == len(set(page.ids))
    assert len(page.alts) == len(PICTURES) + (comparison_section(result) is not None)
    assert all(page.alts)
    assert page.tags.count("caption") == page.tags.count("table")


def test_a_valid_run_names_no_winner_for_want_of_an_interval() -> None:
    for text in (html_of(valid).text, markdown_of(valid), " ".join(terminal_of(valid()).split())):
        assert "Valid run: 3 of 3 engines proven to count right" in text
        assert opening.NO_WINNER_SINGLE_TRIAL in text
        assert "first-in-first-out matching within a cell; the mean is exact" in text
        assert "1 ms" in text


@pytest.mark.parametrize(
    ("of", "exact"),
    [
        ({"partitioning": "cell"}, True),
        ({"partitioning": "round-robin"}, False),
        ({}, False),
        ({"partitions": 1}, True),
    ],
)
def test_quantiles_are_called_estimates_where_a_cells_records_are_in_several_partitions(
    of: dict[str, object], exact: bool
) -> None:
    result = valid()
    told = notes.measure_notes(result.model_copy(update={"scenario": result.scenario | of}))
    assert (notes.ESTIMATES_NOTE not in told) is exact


def test_an_invalid_run_says_so_and_names_no_winner() -> None:
    for text in (html_of(troubled).text, markdown_of(troubled), " ".join(terminal_of(troubled()).split())):
        assert "Invalid run: its numbers must not be used" in text
        assert INVALID in text
        assert opening.NO_WINNER_INVALID in text
        assert "Valid run" not in text
        for verdict in ("pass", "fail", "unknown"):
            assert verdict in text
    assert set(row(troubled(), "latency p99")) == {notes.WITHHELD}


def test_what_an_engine_says_is_escaped() -> None:
    page = html_of(troubled)
    assert "script" not in page.tags
    assert " ".join(ATTACK.split()) in page.text
    markdown = markdown_of(troubled)
    assert "<script>" not in markdown
    assert "[x](" not in markdown
    assert ATTACK.split("[x]")[0].strip() in terminal_of(troubled())


def test_names_of_engines_are_escaped_in_the_sections_on_several_trials() -> None:
    engines = [make_engine(name, 18, trials=6) for name in (ATTACK, "flink")]
    result = make_result(engines=engines)
    assert comparison_section(result) and waterfall_section(result)
    page = Page(html_text(result, []))
    assert "script" not in page.tags
    assert f"{' '.join(ATTACK.split())} / flink" in page.text
    markdown = markdown_text(result, [])
    assert "<script>" not in markdown and "[x](" not in markdown


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
    assert row(troubled(), "p99")[2] == row(troubled(), "peak memory, MiB")[2] == numbers.NOT_MEASURED


def test_ratios_are_to_the_baseline_and_only_among_engines_that_passed() -> None:
    costs = [
        Cost(
            records=10**6,
            cpu_s_per_million_records=cpu_s,
            cpu_user_s=cpu_s - 1,
            cpu_system_s=1,
            rss_bytes_peak=2**30,
        )
        for cpu_s in (16, 128)
    ]
    baseline, spark = (
        changed(make_engine(name, 6), cost=cost) for name, cost in zip(("baseline", "spark"), costs, strict=True)
    )
    result = make_result(engines=[baseline, spark, failed()])
    assert row(result, "CPU per million records") == ("1", "8.00 x", notes.WITHHELD)
    assert set(row(make_result(engines=[spark]), "latency p99")) == {NO_BASELINE}
    stored = result.comparison.to_baseline if result.comparison else []
    assert {(each.engine, each.figure): each.ratio for each in stored}["spark", "cpu_s_per_million_records"] == 8
    assert {each.engine for each in stored} == {"spark"}


def test_reports_say_what_engines_are_worth_against_the_baseline_or_how_to_have_one() -> None:
    for result, words in (
        (make_result(), ("flink against the baseline", "(COST)", "sustained throughput 1.00 x")),
        (make_result(engines=[make_engine("flink", 18)]), ("There is no baseline", "--engine baseline")),
    ):
        for text in (markdown_text(result, []), terminal_of(result)):
            assert all(word in " ".join(text.replace("\\", "").split()) for word in words), text
    assert baseline_notes(make_result(engines=[make_engine("baseline", 6)])) == []
    assert baseline_notes(troubled()) == []


def test_the_terminal_table_fits_100_columns_with_a_minute_of_latency() -> None:
    slow = make_engine("a-rather-long-name", 60_000)
    text = terminal_of(make_result(engines=[slow, unmeasured()]))
    assert "…" not in text
    assert numbers.milliseconds(slow.latency_ms.p99 if slow.latency_ms else math.nan) in text


# Several trials.


def said_of(result: Callable[[], Result]) -> list[str]:
    """HTML, Markdown and terminal, each on one line."""
    texts = (html_of(result).text, markdown_of(result), terminal_of(result()))
    return [" ".join(text.split()) for text in texts]


def cells_of(section: object, caption: str) -> tuple[tuple[str, ...], ...]:
    return next(table.rows for table in section.tables if table.caption.startswith(caption))  # type: ignore[attr-defined]


def test_a_winner_is_named_by_all_outputs_if_the_comparison_names_it() -> None:
    comparison = obvious().comparison
    assert comparison and {ratio.winner for ratio in comparison.ratios} == {"flink"}
    for text in said_of(obvious):
        for figure in ("Latency p50", "Latency p99", "CPU per million records"):
            assert f"{figure}: flink is lower than spark" in text
        assert "No winner" not in text and "no winner" not in text
    html, markdown, _ = said_of(obvious)
    for text in (html, markdown):
        assert re.search(
            r"Latency p99: flink is lower than spark by 9\d % \(ratio 0\.0\d+, 98\.3 % interval 0\.0\d+ to", text
        )


def test_no_output_names_a_winner_if_the_comparison_names_none() -> None:
    comparison = alike().comparison
    assert comparison and not any(ratio.winner for ratio in comparison.ratios)
    for text in said_of(alike):
        assert "No winner is named by any figure: the interval of the ratio holds 1." in text
        assert not re.search(r"is (lower|higher) than", text)


def test_a_winner_that_the_comparison_withholds_is_not_named_although_its_interval_excludes_1() -> None:
    result = obvious().model_copy(deep=True)
    assert result.comparison
    result.comparison.ratios[1].winner = None
    result.comparison.ratios[1].why_not = "flink reached no steady state in 4 of 6 trials"
    for winners in (opening.headline(result).winners, opening.headline(result).short_winners):
        assert winners[0].startswith("Latency p50: flink is lower")
        assert winners[1] == (
            "Latency p99: no winner between flink and spark: flink reached no steady state in 4 of 6 trials"
        )
    picture = draw_comparison(result)
    assert picture
    dots = [next(line for line in axes.lines if line.get_marker() == "o") for axes in picture.figure.axes]
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [False, True, False]
    assert dots[0].get_color() == engine_colours(result.engines)["flink"] != dots[1].get_color()


def test_a_winner_that_comes_second_is_told_by_the_inverse_ratio() -> None:
    result = make_result(engines=obvious().engines[::-1])
    assert result.comparison and result.comparison.ratios[1].ratio and result.comparison.ratios[1].ratio.estimate > 1
    assert re.match(
        r"Latency p99: flink is lower than spark by 9\d % \(ratio 0\.0", opening.headline(result).winners[1]
    )


def test_an_invalid_run_shows_no_winner_and_no_comparison_whatever_its_result_holds() -> None:
    of = invalid_in_spite_of_a_comparison
    assert of().comparison
    assert comparison_section(of()) is draw_comparison(of()) is None
    assert "comparison" not in {picture.name for picture in drawn(of)}
    for text in said_of(of):
        assert opening.NO_WINNER_INVALID in text
        assert "is lower than" not in text and "Ratios of figures" not in text


def test_a_single_trial_is_not_compared() -> None:
    assert valid().comparison
    assert comparison_section(valid()) is draw_comparison(valid()) is None
    assert opening.headline(make_result(engines=[make_engine("flink", 18, trials=2)])).winners == (
        opening.NO_WINNER_ONE_ENGINE,
    )


def test_too_few_trials_give_the_reason_and_no_picture() -> None:
    result = make_result(trials=2)
    assert opening.headline(result).winners == ("No winner is named by any figure: too few trials for an interval.",)
    assert draw_comparison(result) is None
    section = comparison_section(result)
    assert section and [table.caption.split()[0] for table in section.tables] == ["Estimate", "Ratios"]
    assert all("no interval" in cell for row in cells_of(section, "Estimate") for cell in row[1:])


def test_the_forest_plot_has_a_row_for_each_figure_and_pair_and_a_line_at_1() -> None:
    result = make_result(trials=6)
    picture = draw_comparison(result)
    assert picture and result.comparison
    assert [axes.get_title() for axes in picture.figure.axes] == [
        "latency p50",
        "latency p99",
        "CPU per million records",
    ]
    drawn = [line.get_xdata()[0] for axes in picture.figure.axes for line in axes.lines if line.get_marker() == "o"]
    assert drawn == [ratio.ratio.estimate for ratio in result.comparison.ratios if ratio.ratio]
    low, high = picture.figure.axes[-1].get_xlim()
    for axes in picture.figure.axes:
        assert axes.get_xscale() == "log"
        assert list(axes.lines[0].get_xdata()) == [1, 1]
    assert all(low < each.ratio.low <= each.ratio.high < high for each in result.comparison.ratios if each.ratio)


def test_pictures_of_several_trials_are_drawn(tmp_path: Path) -> None:
    """A comparison without a winner differs from one with winners in its own picture only."""
    for of in (obvious, alike):
        assert [picture.name for picture in drawn(of)] == [PICTURES[0], "comparison", *PICTURES[1:]]
    for picture in (drawn(obvious)[1], drawn(alike)[1]):
        assert matplotlib.image.imread(save_png(picture, tmp_path))[..., :3].std() > 0.05


def test_hops_of_all_bands_add_up_in_the_picture_too() -> None:
    result = make_result(
        engines=[make_engine("baseline", 2, trials=2), make_engine("flink", 18, trials=2), unmeasured()],
        invalid_reasons=[INVALID],  # engines that differ in the number of trials cannot be compared
    )
    picture = draw_waterfall(result)
    assert "A negative mean is drawn to the left of 0" in picture.caption
    for engine, axes in zip(result.engines, picture.figure.axes, strict=True):
        bands = pooled_bands(engine)
        bars = [bar.get_width() for bar in axes.patches]
        assert len(bars) == len(HOPS) * len(bands)
        for place, band in enumerate(bands):
            assert sum(bars[place * len(HOPS) : (place + 1) * len(HOPS)]) == pytest.approx(band.latency_ms)
            assert f"{numbers.milliseconds(band.latency_ms)} ms" in [text.get_text() for text in axes.texts]
    assert numbers.NOT_MEASURED in [text.get_text() for text in picture.figure.axes[-1].texts]


def test_bands_of_several_trials_are_weighted_by_their_records() -> None:
    engine = make_engine("flink", 18, trials=2)
    one, other = (trial.waterfall for trial in engine.trials)
    assert one and other
    other.bands[0].records = 3 * one.bands[0].records
    expected = (one.bands[0].latency_ms + 3 * other.bands[0].latency_ms) / 4
    assert pooled_bands(engine)[0].latency_ms == pytest.approx(expected)


def test_means_of_hops_add_up_in_the_table_and_percentiles_are_not_averaged() -> None:
    section = waterfall_section(obvious())
    assert section
    rows = [row for row in cells_of(section, "Hops") if row[0] == "flink"]
    assert [row[1] for row in rows] == [*HOPS, "all"]
    assert sum(float(row[3]) for row in rows[:-1]) == pytest.approx(float(rows[-1][3]), abs=0.25)
    low, high = map(float, rows[2][5].split(" to "))
    p99s = [hop.p99_ms for trial in obvious().engines[0].trials if trial.waterfall for hop in trial.waterfall.hops]
    assert low < high and {low, high} <= {round(p99, 1) for p99 in p99s}
    assert waterfall_section(make_result(engines=[unmeasured()])) is None


def test_trials_are_listed_in_their_order_if_there_are_several() -> None:
    for page in (html_of(obvious).text, markdown_of(obvious).replace("|", " ")):
        words = " ".join(page.split())
        told = r"pass [\d. ]+ no compiler seen yes \+1% \(-1% to \+3%\) -1% \(-3% to \+1%\) [\d.]+"
        assert re.search(rf"1 1 flink {told} 2 1 spark pass", words)
        assert "6 trials per engine, taken together" in words
    assert "Clock step" not in html_of(valid).text
    assert "One trial per engine." in html_of(valid).text and "One trial per engine." in markdown_of(valid)


def test_an_engine_that_had_not_settled_or_may_not_have_is_told() -> None:
    engine = make_engine("flink", 18, trials=3)
    engine.trials[1].steady = SteadyState(settled=False, settled_from_s=None)
    engine.trials[2].steady = SteadyState(settled=None, settled_from_s=None)
    result = make_result(engines=[engine])
    notes = [
        "flink: latency or CPU time had not settled by the end of the warm-up in 1 of 3 trials",
        "flink: nobody can tell whether it had settled by the end of the warm-up in 1 of 3 trials",
    ]
    for text in (terminal_of(result), Page(html_text(result, [])).text, markdown_text(result, [])):
        assert all(note in text for note in notes)
    assert "cannot tell" in markdown_text(result, [])
    assert cautions.cautions(valid()) == []


def test_what_changed_over_the_measured_time_is_told_by_trial_and_by_engine() -> None:
    engine = make_engine("flink", 18, trials=6)
    for trial in engine.trials:
        trial.steady = make_steady(latency=0.7, cpu=1.0)
    result = make_result(engines=[engine])
    (note,) = cautions.cautions(result)
    assert note.startswith("flink: had not settled: its latency changed by -30% (-30% to -30%) over the measured time")
    text = markdown_text(result, [])
    assert "latency over the measured time | -30% (-30% to -30%)" in text
    assert "-30% (-31% to -29%) | +0% (-2% to +2%)" in text, "each trial has its own interval"


def test_drift_is_warned_of_only_where_it_is_significant() -> None:
    result = obvious().model_copy(deep=True)
    assert result.comparison
    names = [drift.figure for drift in result.comparison.drifts]
    result.comparison.drifts = [
        Drift(figure=names[0], percent_per_trial=1.25, p_value=0.051),
        Drift(figure=names[1], percent_per_trial=-2.5, p_value=0.0002),
    ]
    section = comparison_section(result)
    assert section
    (warning,) = (text for text in section.warnings if "drifted" in text)
    assert warning.startswith("Latency p99 drifted by -2.5 % from one trial to the next (p < 0.001)")
    assert warning in Page(html_text(result, [])).text
    assert cells_of(section, "Drift")[0] == ("latency p50", "+1.2 %", "p = 0.051")


# What surrounds an engine.


def test_pauses_are_summed_up_over_trials_and_never_made_up() -> None:
    engine = make_engine("flink", 18, trials=2)
    pauses = [each for trial in engine.trials for each in trial.pauses if each.process == "engine"]
    count, total_ms = sum(each.count for each in pauses), sum(each.total_ms for each in pauses)
    partly = make_engine("spark", 403, trials=2)
    partly.trials[0].pauses = []
    result = make_result(engines=[engine, partly, make_engine("baseline", 6, trials=2), unmeasured()])
    expected = f"{count} / {numbers.milliseconds(total_ms)} / {max(each.max_ms for each in pauses):.1f}"
    assert row(result, "GC pauses of the engine: count / sum, ms / max, ms") == (
        expected,
        numbers.NOT_MEASURED,
        notes.NO_JVM_LOG,
        numbers.NOT_MEASURED,
    )


def test_bytes_in_kafka_and_the_harness_itself_are_means_over_trials() -> None:
    engine = make_engine("flink", 18, trials=2)
    bytes_of_first = engine.trials[0].kafka_bytes
    assert bytes_of_first
    engine.trials[0].kafka_bytes = bytes_of_first.model_copy(update={"input": 0, "aggregates": 0})
    engine.trials[0].other_costs = [
        cost.model_copy(update={"cpu_cores": 0.4 if cost.name == "probe" else cost.cpu_cores})
        for cost in engine.trials[0].other_costs
    ]
    result = make_result(engines=[engine, unmeasured()])
    assert row(result, "in Kafka: input / aggregates, MiB a trial") == ("15.0 / 2.50", numbers.NOT_MEASURED)
    # The probe's 0.4 and 0.064, and twice the harness's own 0.02.
    assert row(result, "the harness itself, CPU cores") == ("0.252", numbers.NOT_MEASURED)


def test_the_direct_route_is_told_and_has_no_hop_and_no_topic_that_it_lacks() -> None:
    result = directly(make_result(engines=[make_engine("flink", 18)]))
    html, markdown = Page(html_text(result, [])).text, markdown_text(result, [])
    for text in (html, markdown):
        assert "Route direct: each engine wrote Redis by itself" in text
    assert "Route kafka: counts went through the aggregates topic" in markdown_text(valid(), [])
    section = waterfall_section(result)
    assert section
    rows = [row[1:3] for row in cells_of(section, "Hops") if row[0] == "flink"]
    assert rows[:-1] == [
        ("send", "intended to sent"),
        ("append", "sent to broker"),
        ("engine", "broker to Redis"),
    ]
    picture = draw_waterfall(result)
    (band, *_) = pooled_bands(result.engines[0])
    assert [bar.get_width() for bar in picture.figure.axes[0].patches][:3] == pytest.approx(list(band.hops_ms.values()))
    assert row(result, "in Kafka: input / aggregates, MiB a trial") == (f"29.9 / {notes.NO_TOPIC}",)


def test_the_environment_says_whether_the_harness_was_calibrated() -> None:
    assert "passed; harness floor p50 2.3 ms, p99 6.9 ms" in html_of(valid).text
    assert "2025-10-08" in markdown_of(valid)
    environment = valid().environment.model_copy(update={"calibration": None})
    result = valid().model_copy(update={"environment": environment})
    for text in (Page(html_text(result, [])).text, markdown_text(result, [])):
        assert "not calibrated: run ringbench calibrate" in text


# Numbers in words.


@pytest.mark.parametrize(
    ("low", "estimate", "high", "expected"),
    [
        (0.063, 0.0712, 0.0815, ("0.071", "0.063", "0.082")),
        (0.70, 0.74, 0.77, ("0.74", "0.70", "0.77")),
        (0.95, 0.97, 0.9991, ("0.97000", "0.95000", "0.99910")),
        (0.95, 1.0, 1.07, ("1.000", "0.950", "1.070")),
        (12.04, 14.2, 1600.0, ("14.2", "12.0", "1,600.0")),
    ],
)
def test_an_end_of_an_interval_never_seems_to_be_1(
    low: float, estimate: float, high: float, expected: tuple[str, str, str]
) -> None:
    assert ratio_texts(Confidence(estimate=estimate, low=low, high=high, confidence=0.95)) == expected


def test_shares_and_confidences_are_never_rounded_up_to_all() -> None:
    assert [percent_text(share) for share in (0.0042, 0.042, 0.93, 0.9899, 0.9997, 1.5)] == [
        "0.42",
        "4.2",
        "93",
        "99",
        "99.9",
        "150",
    ]
    assert [confidence_text(share) for share in (0.95, 1 - 0.05 / 3, 1 - 0.05 / 9, 0.99997)] == [
        "95",
        "98.3",
        "99.4",
        "99.9",
    ]


def test_a_report_without_a_batch_truth_says_what_counts_were_held_to_instead() -> None:
    by_seed = make_result(engines=[make_engine("flink", 18)]).model_copy(update={"truth": None})
    assert "held to those that follow from the seed" in markdown_text(by_seed, [])
    unverified = [changed(engine, correctness=None) for engine in by_seed.engines]
    assert "the batch job did not finish" in markdown_text(by_seed.model_copy(update={"engines": unverified}), [])


def test_flame_graphs_are_named_by_engine_and_trial_and_said_to_cost() -> None:
    plain = make_result(engines=[make_engine("flink", 20, trials=2)])
    assert flame_graphs_section(plain) is None
    (engine,) = plain.engines
    trials = [
        trial.model_copy(update={"flame_graphs": [f"flink-{number}.engine.flame.html"]})
        for number, trial in enumerate(engine.trials, start=1)
    ]
    profiled = plain.model_copy(update={"engines": [engine.model_copy(update={"trials": trials})]})
    section = flame_graphs_section(profiled)
    assert section is not None
    rows = [("flink", "1", "flink-1.engine.flame.html"), ("flink", "2", "flink-2.engine.flame.html")]
    assert list(section.tables[0].rows) == rows
    for text in (html_text(profiled, []), markdown_text(profiled, [])):
        assert all(file.replace("_", r"\_") in text or file in text for _, _, file in rows)
        assert "costs a little" in text
