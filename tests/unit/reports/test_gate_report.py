"""What is told of two runs compared: in the terminal, in Markdown, to JUnit's readers and to the benchmark action."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from harness.conclusions.gate import Gate, gate
from harness.conclusions.gate_figures import Status
from harness.conclusions.headline_figures import HEADLINES, headline
from harness.numerics.intervals import MIN_TRIALS
from harness.results.correctness import Verdict
from harness.results.result import Result
from reports.documents.gate import benchmark_json, gate_html, gate_markdown, junit_xml
from reports.pictures.gate import draw_gate
from reports.wording.two_runs import head_of_gate, verdict_text
from tests.builders.pages import Page
from tests.builders.results import changed, make_engine
from tests.builders.two_runs import (
    ATTACK,
    OLD_RUN,
    noisy,
    run,
    shown,
    statuses,
    terminal,
    with_engines,
    with_verdict,
)


def mixed(name: str = "flink") -> Gate:
    """What is found of `two_runs`."""
    return gate(*two_runs(name), notes=[f"{name} version: {ATTACK}"])


def two_runs(name: str = "flink") -> tuple[Result, Result]:
    """A regression, an improvement, figures lost, inconclusive, unchanged, not gated, not measured; an engine lost."""
    old = run(name=name, latency_ms_p50=noisy(180, 1, noise=0.3), latency_ms_mean=[0.0] * MIN_TRIALS)
    new = run(
        {"latency_ms_p99": 1.2, "cpu_s_per_million_records": 0.7},
        seed=2,
        name=name,
        latency_ms_p50=noisy(216, 2, noise=0.3),
        throughput_records_per_s_sustained=[0.0] * MIN_TRIALS,
    )
    lost = make_engine("baseline", 6, trials=MIN_TRIALS)
    return with_engines(old, *old.engines, lost), new


def test_the_table_fits_80_columns_and_leaves_nothing_out() -> None:
    text = terminal(mixed())
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for word in (
        *Status,
        "FAIL: run-2 against run-1",
        "baseline is in OLD, but not in NEW",
        "note: 1 of 5 gated figures",
    ):
        assert word in text
    for each in HEADLINES:
        assert each.label in text
    assert terminal(gate(OLD_RUN, run(seed=2))).startswith("pass: run-2 against run-1")


def test_square_brackets_are_no_markup_in_the_terminal() -> None:
    assert "[bold]" in shown(mixed(ATTACK))


def test_markdown_has_a_row_for_every_figure() -> None:
    text = gate_markdown(mixed(), *two_runs())
    assert text.startswith("## Ringbench: FAIL: 1 of 5 gated figures is worse by more than 5 %\n")
    assert "| flink | latency p99, ms | 410 | 492 | +20.0 | " in text
    assert "| flink | sustained throughput, records/s | 5,990 | - | - | - | - | not measured |" in text
    assert "| flink | latency mean, ms | - | 195 | - | - | - | not measured |" in text
    assert re.search(r"[|] flink [|] latency p99.9, ms [|] .* [|] - [|] not gated [|]", text)
    assert re.search(r"[|] flink [|] latency p99, ms [|] .* [|] \+\d+\.\d [|] regression [|]", text)
    assert "Intervals of the 4 gated figures hold with 97.5 to 96.6 % each" in text
    assert "- baseline is in OLD, but not in NEW" in text
    assert len(re.findall("^[|]", text, flags=re.MULTILINE)) == 2 + len(HEADLINES)
    new = run(seed=2)
    assert gate_markdown(gate(OLD_RUN, new), OLD_RUN, new).startswith("## Ringbench: Pass: none of 5 gated figures")


def test_markdown_is_safe_with_hostile_names() -> None:
    text = gate_markdown(mixed(ATTACK), *two_runs(ATTACK))
    assert "&lt;script&gt;" in text
    assert set(re.findall("<[^>]*>", text)) == {"<details>", "</details>", "<summary>", "</summary>"}
    for row in re.findall("^[|].*", text, flags=re.MULTILINE):
        assert len(re.findall(r"(?<!\\)[|]", row)) == 9
    assert "[x](" not in text.replace(r"\[", "")


COMMAND = ["ringbench", "compare", "my runs/old", "new"]


@pytest.fixture(scope="module")
def page() -> str:
    return gate_html(mixed(ATTACK), *two_runs(ATTACK), COMMAND)


def test_the_page_shows_verdict_setting_picture_and_changes_in_this_order_and_tables_after(page: str) -> None:
    text = Page(page).text
    words = [
        "FAIL: 1 of 5 gated figures is worse by more than 5 %",
        "baseline is in OLD, but not in NEW",
        "OLD is run-1",
        "Scenario nightly",
        "Example CPU, 2 cores",
        "How quiet it was",
        "What has changed",
        "The figures to quote",
        "Every figure, gated or not",
        "ringbench compare 'my runs/old' new",
    ]
    places = [text.index(word) for word in words]
    assert places == sorted(places)


def test_nothing_of_a_result_is_markup_in_the_page_and_nothing_is_loaded(page: str) -> None:
    found = Page(page)
    assert found.scripts == [] and ATTACK in found.text
    assert [each for each in found.references if not each.startswith(("#", "data:"))] == []
    assert all(each[1:] in found.ids for each in found.references if each.startswith("#"))


def test_every_gated_change_is_quoted_with_its_interval_and_marked_if_it_is_bad() -> None:
    old, new = two_runs()
    found = mixed()
    figures = {each.title: each.rows[0] for each in head_of_gate(found, old, new).figures}
    assert [title.lower() for title in figures] == [headline(name).label.lower() for name in statuses(found)]
    p99 = figures["Latency p99"]
    assert p99.value == "+20.0" and re.fullmatch(r"97.5 %: \+\d+.\d to \+\d+.\d", p99.interval)
    assert p99.low is not None and p99.place is not None and p99.high is not None
    assert 0 <= p99.low < p99.place < p99.high <= 1
    marks = {title: [mark for mark, _ in row.marks] for title, row in figures.items()}
    assert marks["Latency p99"] == ["regression"] and marks["Latency p50"] == ["inconclusive"]
    assert marks["Sustained throughput"] == ["not measured"] and marks["CPU per million records"] == []


def test_what_must_be_known_of_either_run_stands_beside_the_changes() -> None:
    old, new = OLD_RUN, run(seed=2)
    cold = changed(new.engines[0], version_tested=False)
    new = with_engines(new, cold)
    found = gate(old, new)
    head = head_of_gate(found, old, new)
    assert all(("NEW: untested version", 0) in row.marks for each in head.figures for row in each.rows)
    assert head.cautions[0].startswith("NEW: flink: ")
    text = gate_markdown(found, old, new)
    assert text.count(", ⚠ NEW: untested version |") == len(HEADLINES) and "- ⚠ NEW: flink: " in text


def test_the_verdict_says_how_many_figures_could_not_be_decided() -> None:
    found = gate(run(latency_ms_p50=noisy(180, 1, noise=0.3)), run(seed=2, latency_ms_p50=noisy(216, 2, noise=0.3)))
    assert verdict_text(found) == (
        "Pass: none of 5 gated figures is shown to be worse by more than 5 %; 1 could not be decided"
    )


def test_the_picture_shows_what_is_allowed_and_every_gated_change_that_was_measured() -> None:
    picture = draw_gate(mixed())
    assert picture
    (axes,) = picture.figure.axes
    assert [each.get_text() for each in axes.get_yticklabels()] == [
        "latency p50",
        "latency p99",
        "CPU per million records",
        "peak memory",
    ]
    assert [line.get_xdata()[0] for line in axes.lines[:2]] == [0, 5]
    low, high = axes.get_xlim()
    ends = [end for each in mixed().changes if each.gated for end in each.interval_percent or ()]
    assert low < min(ends) and max(ends) < high
    assert "flink, latency p99: +20.0 [" in picture.alt and "%, regression" in picture.alt


def test_without_a_figure_in_both_runs_there_is_no_picture() -> None:
    found = gate(OLD_RUN, run(seed=2, name="other"))
    assert draw_gate(found) is None
    text = Page(gate_html(found, OLD_RUN, run(seed=2, name="other"), COMMAND)).text
    assert text.index("FAIL: NEW does not keep what OLD had") < text.index("flink is in OLD, but not in NEW")


def parse(found: Gate) -> ElementTree.Element:
    return ElementTree.fromstring(junit_xml(found).encode())  # noqa: S314 - made by the test itself


def test_junit_counts_match_and_every_reason_is_a_failure() -> None:
    found = mixed()
    root = parse(found)
    assert [suite.get("name") for suite in root] == ["flink", "baseline"]
    for suite in root:
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))
        assert suite.get("errors") == "0"
    assert root.get("tests") == str(len(root.findall("*/testcase"))) == str(2 + len(HEADLINES))
    assert root.get("failures") == str(len(found.reasons))
    assert {each.get("message") for each in root.iter("failure")} == set(found.reasons)


def test_junit_says_what_became_of_each_figure() -> None:
    cases = {case.get("name"): case for case in parse(mixed()).findall("testsuite[@name='flink']/testcase")}
    assert set(cases) == {"correctness"} | {each.label for each in HEADLINES}
    assert {case.get("classname") for case in cases.values()} == {"ringbench.flink"}
    kinds = {
        name: [(part.tag, part.get("type")) for part in case if part.tag != "system-out"]
        for name, case in cases.items()
    }
    assert kinds["latency p99"] == [("failure", "regression")]
    assert kinds["sustained throughput"] == [("failure", "not measured")]
    assert kinds["latency p99.9"] == [("skipped", "not gated")]
    assert kinds["latency p50"] == [("skipped", "inconclusive")]
    assert kinds["latency mean"] == [("skipped", "not measured")]
    assert kinds["CPU per million records"] == kinds["peak memory"] == kinds["correctness"] == []
    told = {name: case.findtext("system-out") or "" for name, case in cases.items()}
    assert re.fullmatch(r"minimum detectable change: \+\d+\.\d %; worst trials: \d+ and \d+ ms", told["latency p99"])
    assert told["latency p99.9"].startswith("minimum detectable change: not gated")
    assert told["sustained throughput"].startswith("minimum detectable change: not measured; worst trials: 5,")
    assert told["sustained throughput"].endswith(" and - records/s")


def test_junit_holds_a_lost_verdict_and_any_name() -> None:
    new = run(seed=2)
    found = gate(OLD_RUN, with_verdict(new, Verdict.FAIL))
    assert parse(found).find("testsuite/testcase[@name='correctness']/failure") is not None
    assert parse(mixed(f"{ATTACK}\x00\x1b"))[0].get("name") == f"{ATTACK}\ufffd\ufffd"


def test_the_benchmark_file_has_what_the_action_reads() -> None:
    entries = json.loads(benchmark_json(mixed()))
    assert len(entries) == len(HEADLINES) - 1  # one figure was lost
    for entry in entries:
        assert set(entry) == {"name", "unit", "value", "range", "extra"}
        assert entry["value"] > 0
        found = re.fullmatch(r"± (?P<value>\d.+)", entry["range"])  # the action's own pattern
        assert found and float(found["value"]) > 0
    by_name = {entry["name"]: entry for entry in entries}
    assert by_name["flink: latency p99"]["value"] == pytest.approx(492)
    assert by_name["flink: latency p99"]["unit"] == headline("latency_ms_p99").unit == "ms"


def test_all_of_the_benchmark_file_is_better_if_smaller() -> None:
    fast, slow = (
        {each["name"]: each["value"] for each in json.loads(benchmark_json(gate(OLD_RUN, new)))}
        for new in (run(seed=2), run({"throughput_records_per_s_sustained": 0.5}, seed=2))
    )
    name = "flink: sustained seconds per million records"
    assert fast[name] == pytest.approx(1e6 / 5990)
    assert slow[name] == pytest.approx(2 * fast[name])
    assert not [name for name in fast if "throughput" in name]


def test_the_benchmark_file_has_no_range_without_intervals() -> None:
    entries = json.loads(benchmark_json(gate(run(trials=1), run(trials=1, seed=2), point_estimates=True)))
    assert entries and all(set(entry) == {"name", "unit", "value", "extra"} for entry in entries)
