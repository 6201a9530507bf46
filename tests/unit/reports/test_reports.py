"""The reports of synthetic results: what they say, what they must never say, and that they are safe to open."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.conclusions.bands import pooled_bands
from harness.results.performance import Cost
from harness.results.result import Confidence, Result
from reports.documents.run import html_text, markdown_text, write_reports
from reports.pictures.all import draw_all
from reports.pictures.waterfall import draw_waterfall
from reports.sections.comparison import comparison_section
from reports.sections.flame_graphs import flame_graphs_section
from reports.sections.waterfall import waterfall_section
from reports.wording import notes, numbers, opening
from reports.wording.baseline import NO_BASELINE, baseline_notes
from reports.wording.winner import confidence_text, percent_text, ratio_texts
from tests.builders.pages import (
    ATTACK,
    INVALID,
    PICTURES,
    Page,
    cells_of,
    failed,
    html_of,
    html_text_of,
    markdown_of,
    obvious,
    row,
    terminal_of,
    troubled,
    unmeasured,
    valid,
)
from tests.builders.results import (
    changed,
    directly,
    make_engine,
    make_result,
)


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


def test_reports_are_written(written: tuple[Path, list[Path]]) -> None:
    folder, paths = written
    assert {path.relative_to(folder).as_posix() for path in paths} == {
        "report.html",
        "report.md",
        *(f"figures/{name}.png" for name in PICTURES),
    }
    for target in re.findall(r"\]\((.*?)\)", (folder / "report.md").read_text(encoding="utf-8")):
        assert (folder / target).is_file()


#: The library, ours, and the numbers that ours is given, each by its type.
OWN_SCRIPTS = ["application/json", "", ""]


def test_a_page_with_its_pictures_loads_nothing(written: tuple[Path, list[Path]]) -> None:
    """That of a comparison, too, whose pictures are empty here: inside of an image, they could load nothing."""
    whole = (written[0] / "report.html").read_text(encoding="utf-8")
    for text, pictures in ((whole, len(PICTURES)), (html_text_of(obvious), len(PICTURES) + 1)):
        assert text.count("data:image/svg+xml;base64,") == pictures
        assert not re.search(r"url\(|@import|\bfetch\(|XMLHttpRequest|\bimport\(", text)


@pytest.mark.parametrize("of", [valid, troubled, obvious])
def test_html_is_self_contained_and_accessible(of: Callable[[], Result]) -> None:
    page, result = html_of(of), of()
    assert not {"iframe", "object", "embed", "base"} & set(page.tags)
    assert page.scripts == OWN_SCRIPTS
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
    assert page.scripts == OWN_SCRIPTS
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
