"""Reports of several trials: winners are those of the comparison, and what differs from trial to trial is told."""

from __future__ import annotations

import re

import pytest

from harness.conclusions.bands import pooled_bands
from harness.results.performance import SteadyState
from harness.results.result import Drift, Resumption
from reports.documents.run import html_text, markdown_text
from reports.pictures.comparison import draw_comparison
from reports.pictures.style import engine_colours
from reports.sections.comparison import comparison_section
from reports.sections.waterfall import waterfall_section
from reports.wording import cautions, opening
from reports.wording.hops import HOPS
from tests.builders.pages import (
    Page,
    alike,
    cells_of,
    drawn,
    html_of,
    invalid_in_spite_of_a_comparison,
    markdown_of,
    obvious,
    said_of,
    terminal_of,
    unmeasured,
    valid,
)
from tests.builders.results import (
    make_engine,
    make_result,
    make_steady,
)


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
    for winners in (opening.opening_of(result).winners, opening.opening_of(result).short_winners):
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
        r"Latency p99: flink is lower than spark by 9\d % \(ratio 0\.0", opening.opening_of(result).winners[1]
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
    assert opening.opening_of(make_result(engines=[make_engine("flink", 18, trials=2)])).winners == (
        opening.NO_WINNER_ONE_ENGINE,
    )


def test_too_few_trials_give_the_reason_and_no_picture() -> None:
    result = make_result(trials=2)
    assert opening.opening_of(result).winners == ("No winner is named by any figure: too few trials for an interval.",)
    assert draw_comparison(result) is None
    section = comparison_section(result)
    assert section and [table.caption.split()[0] for table in section.tables] == ["Estimate", "Ratios"]
    assert all("no interval" in cell for row in cells_of(section, "Estimate") for cell in row[1:])


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


def test_that_a_run_was_gone_on_with_is_told_with_when_and_after_how_many_trials() -> None:
    resumptions = [Resumption(at="2026-01-02T03:04:05+00:00", finished_trials=2)]
    result = valid().model_copy(update={"resumptions": resumptions})
    (note,) = cautions.cautions(result)
    assert "gone on with (2026-01-02T03:04:05+00:00, after 2 finished trials)" in note
    for text in (terminal_of(result), Page(html_text(result, [])).text, markdown_text(result, [])):
        assert note in " ".join(text.split())


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
