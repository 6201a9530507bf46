"""What a report shows first: what was compared, on what machine, and the figures that people quote."""

from __future__ import annotations

import re

import pytest

from harness.numerics.intervals import typical
from harness.results.host import Host
from harness.results.result import CalibrationSummary, Result
from reports.documents.run import html_text, markdown_text
from reports.pictures.quantiles import curves_of, draw_quantiles
from reports.wording import opening, quoted, setting
from reports.wording.cautions import marked_cautions
from tests.builders.hosts import QUIET
from tests.builders.pages import Page, alike, obvious, troubled, valid
from tests.builders.results import changed, make_engine, make_result, make_steady


def _on(host: Host, limit: float | None = 0.1) -> Result:
    result = make_result(engines=[changed(make_engine("flink", 18), host=host)])
    limits = {} if limit is None else {"limits": {"host_marked_share": limit}}
    return result.model_copy(update={"scenario": result.scenario | limits})


def test_the_report_shows_verdict_setting_picture_figures_and_winner_in_this_order_and_tables_after() -> None:
    for text in (html_text(valid(), [draw_quantiles(valid())]), markdown_text(valid(), [draw_quantiles(valid())])):
        words = [
            "Valid run: 3 of 3",
            "Scenario smoke",
            "Example CPU, 2 cores",
            "Calibrated at 6,000 records a second",
            "Latency of every record, by percentile",
            "The figures to quote",
            opening.NO_WINNER_SINGLE_TRIAL,
            "All figures",
            "cells expected",
        ]
        # The verdict tells in short why there is no winner; the sentence is looked for where it stands for itself.
        places = [text.rindex(word) if word == opening.NO_WINNER_SINGLE_TRIAL else text.index(word) for word in words]
        assert places == sorted(places)


def test_the_verdict_says_in_short_who_is_best_and_by_what_or_that_none_is() -> None:
    assert opening.opening_of(obvious()).in_short == (
        "Best of all: flink by latency p50, latency p99 and CPU per million records."
    )
    assert opening.opening_of(alike()).in_short == (
        "No winner is named by any figure: the interval of the ratio holds 1."
    )
    assert opening.opening_of(troubled()).in_short == opening.NO_WINNER_INVALID


def test_an_engine_that_beats_one_of_two_others_is_not_called_the_best() -> None:
    result = make_result(trials=6)
    assert result.comparison
    for ratio in result.comparison.ratios:
        if "flink" in (ratio.a, ratio.b):
            ratio.winner, ratio.why_not = None, "the interval of the ratio holds 1"
    assert opening.opening_of(result).in_short.startswith("No engine is better than all others")


def test_quoted_figures_have_the_interval_of_their_trials() -> None:
    p50, p99, sustained, cpu = quoted.quoted_figures(obvious())
    assert [each.title for each in (p50, p99, sustained, cpu)] == [
        "Latency p50",
        "Latency p99",
        "Sustained throughput",
        "CPU per million records",
    ]
    flink = obvious().engines[0]
    expected = typical([trial.latency_ms.p99 for trial in flink.trials if trial.latency_ms])
    assert expected
    row = p99.rows[0]
    assert (row.value, row.interval) == (f"{expected.estimate:.1f}", f"95 %: {expected.low:.1f} to {expected.high:.1f}")
    assert row.low is not None and row.place is not None and row.high is not None
    assert 0 <= row.low < row.place < row.high <= 1
    assert p99.conclusion == "Best: flink."
    assert "6,000 were offered" in sustained.conclusion and "Best" not in sustained.conclusion


def test_a_single_trial_has_no_interval_and_says_so() -> None:
    figures = quoted.quoted_figures(valid())
    assert {row.interval for figure in figures for row in figure.rows} == {""}
    assert all(figure.conclusion.startswith(quoted.ONE_TRIAL) for figure in figures)


def test_too_few_trials_show_their_range_and_no_interval() -> None:
    p50 = quoted.quoted_figures(make_result(trials=2))[0]
    assert all(re.fullmatch(r"trials: [\d.,]+ to [\d.,]+", row.interval) for row in p50.rows)


def test_what_was_not_measured_is_quoted_as_such() -> None:
    for figure in quoted.quoted_figures(troubled()):
        row = figure.rows[2]
        assert (row.value, row.interval, row.place) == ("not measured", "", None)


def test_a_warning_stands_beside_the_figures_that_it_is_of_and_leads_to_its_words() -> None:
    unsettled = changed(make_engine("flink", 18), steady=make_steady().model_copy(update={"settled": False}))
    result = make_result(engines=[make_engine("baseline", 6), unsettled])
    result = result.model_copy(update={"scenario": result.scenario | {"partitioning": "cell"}})
    p50, _, sustained, cpu = quoted.quoted_figures(result)
    assert [row.marks for row in p50.rows] == [row.marks for row in cpu.rows] == [(), (("not settled", 0),)]
    assert [row.marks for row in sustained.rows] == [(), ()]
    assert marked_cautions(result)[0].text.startswith("flink: latency or CPU time had not settled")
    page = Page(html_text(result, []))
    assert page.references.count("#caution-0") == 3 and page.ids.count("caution-0") == 1


def test_a_busy_host_is_told_beside_every_figure() -> None:
    result = _on(QUIET.model_copy(update={"foreign_cores": 0.9}))
    assert all(("host not quiet", 0) in row.marks for each in quoted.quoted_figures(result) for row in each.rows)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            _on(QUIET),
            "Quiet: others had 5.0% of the machine in the worst trial (other programs used 0.06 of 2 cores (backup",
        ),
        (_on(QUIET, limit=0.04), "Not quiet: others had 5.0%"),
        (_on(QUIET, limit=None), "others had 5.0%"),
        (make_result(), "not measured"),
    ],
)
def test_how_quiet_the_machine_was_is_that_of_the_worst_trial(result: Result, expected: str) -> None:
    assert setting.quiet_text(result).startswith(expected)


def test_a_floor_that_an_engine_fell_below_is_called_out_of_date() -> None:
    assert setting.floor_warning(make_result()) == ""
    floor = make_result().environment.calibration
    assert isinstance(floor, CalibrationSummary)
    high = floor.model_copy(update={"floor_ms_p50": 9.0})
    environment = make_result().environment.model_copy(update={"calibration": high})
    result = make_result().model_copy(update={"environment": environment})
    assert setting.floor_warning(result).startswith("The calibrated floor is higher than what baseline took")
    assert curves_of(make_result()).floor_ms and curves_of(result).floor_ms == ()
    for text in (html_text(result, [draw_quantiles(result)]), markdown_text(result, [draw_quantiles(result)])):
        assert setting.floor_warning(result) in text
