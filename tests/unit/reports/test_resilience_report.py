"""What the report says of injected faults, and of the records that they cost."""

from pathlib import Path

from rich.console import Console

from harness.results.result import Result
from reports.documents.run import html_text, markdown_text
from reports.pictures.quantiles import draw_quantiles
from reports.pictures.resilience import draw_resilience
from reports.sections.resilience import resilience_section, resilience_table
from reports.wording.chaos import figures_of_faults, is_chaos
from reports.wording.opening import head_of, opening_of
from tests.builders.faults import make_chaos, make_fault
from tests.builders.pages import INVALID, Page, obvious
from tests.builders.results import make_result


def test_a_run_without_faults_has_no_section_and_no_picture() -> None:
    assert resilience_section(make_result()) is None
    assert draw_resilience(make_result()) is None


def test_every_fault_has_a_row_with_its_times() -> None:
    section = resilience_section(make_chaos())
    assert section
    rows = {row[0]: row[1:] for row in section.tables[0].rows}
    assert rows["engine-kill"] == ("flink", "pass", "0", "0", "0.4", "2.1", "12,345", "3.2", "4.1", "engine")
    assert rows["redis-lost"][2:8] == ("2", "0", "0.4", "not in time", "not in time", "not in time")
    assert rows["kafka-kill"][2:9] == ("not measured",) * 7


def test_a_fault_that_is_not_for_an_engine_is_told_and_warns_of_nothing() -> None:
    found = make_chaos()
    assert found.resilience
    outcome = make_fault("engine-jvm-kill", engine="baseline", verdict="not applicable", reasons=["it has no JVM"])
    found.resilience.faults.append(outcome)
    section = resilience_section(found)
    assert section
    assert section.tables[0].rows[-1] == ("engine-jvm-kill", "baseline", "not applicable", *["-"] * 8)
    assert "baseline, engine-jvm-kill: not applicable: it has no JVM." in section.notes
    assert not any("jvm-kill" in line for line in section.warnings)


def test_a_result_from_before_the_common_band_shows_its_own_band_only() -> None:
    found = make_chaos()
    assert found.resilience
    new = {"recovered", "common_recover_s", "excess_lag_record_s", "beyond_common_band_share"}
    told = found.model_dump()
    del told["resilience"]["common_band_s"], told["resilience"]["recover_within_s"]
    for each in (*told["resilience"]["faults"], *told["resilience"]["controls"]):
        for name in new & each.keys():
            del each[name]
    section = resilience_section(Result.model_validate(told))
    assert section
    assert section.tables[0].rows[0][6:9] == ("not measured", "not measured", "3.2")
    assert section.tables[1].rows[0][-1] == "not measured"
    assert not any("ommon band:" in note or "waited" in note for note in section.notes)


def test_how_long_each_fault_waited_is_told_with_the_common_band() -> None:
    found = make_chaos()
    assert found.resilience
    changed = found.resilience.model_copy(update={"common_band_s": 3.0, "recover_within_s": 120})
    section = resilience_section(found.model_copy(update={"resilience": changed}))
    assert section
    assert any("were due in the last 3 s" in note for note in section.notes)
    assert any("at most 120 s" in note for note in section.notes)


def test_lost_records_are_named() -> None:
    section = resilience_section(make_chaos())
    assert section
    assert "flink, redis-lost: 2 records lost" in section.warnings
    assert "flink, redis-lost: 9|06037|Verizon|text: 5 expected, 3 counted" in section.warnings


def test_report_and_terminal_show_faults(tmp_path: Path) -> None:
    found = make_chaos()
    assert "Faults and recovery" in markdown_text(found, [])
    with (tmp_path / "out").open("w+", encoding="utf-8") as out:
        assert found.resilience
        Console(file=out, width=100).print(resilience_table(found.resilience))
        out.seek(0)
        text = out.read()
    assert "engine-kill" in text and "redis-lost" in text and "5 expected, 3 counted" in text


def test_the_picture_shows_the_trial_with_faults_only() -> None:
    picture = draw_resilience(make_chaos())
    assert picture and picture.name == "resilience"
    assert next(axes.get_title(loc="left") for axes in picture.figure.axes) == "flink, flink-faults-1"


def test_the_report_begins_with_who_came_through_which_faults_and_their_picture_comes_first() -> None:
    found = make_chaos()
    pictures = [picture for draw in (draw_quantiles, draw_resilience) if (picture := draw(found))]
    for text in (Page(html_text(found, pictures)).text, " ".join(markdown_text(found, pictures).split())):
        words = [
            "Valid run: 1 of 3 faults passed (flink 1 of 3)",
            "flink, redis-lost: fail: 2 records lost",
            "No winner is named: each fault came once",
            "Scenario smoke",
            "Example CPU, 2 cores",
            "Each shaded stretch is a fault",
            "The figures to quote",
            "All figures",
            "Every fault, in the order of its injection",
            "Latency of every record, by percentile",
        ]
        # The picture of latency may stand in the words for it, too.
        places = [text.rindex(word) if word.startswith("Latency") else text.index(word) for word in words]
        assert places == sorted(places)
    assert Page(html_text(found, pictures)).scripts == []


def test_the_worst_of_an_engines_faults_is_quoted_with_its_name_and_marks_stand_where_a_time_has_no_end() -> None:
    resilience = make_chaos().resilience
    assert resilience
    resilience.faults.append(make_fault("kafka-kill", common_recover_s=7.5, worst_staleness_s=3.0))
    passed, wrong, recovery, standstill = (figure.rows[0] for figure in figures_of_faults(resilience))
    assert passed.value == "2 of 4" and [mark for mark, _ in passed.marks] == ["1 fail", "1 unknown"]
    assert wrong.value == "2" and [mark for mark, _ in wrong.marks] == ["not measured after 1"]
    assert (recovery.value, recovery.interval) == ("7.5", "kafka-kill")
    assert [mark for mark, _ in recovery.marks] == ["not in time: redis-lost", "not measured after 1"]
    assert standstill.value == "4.1"


def test_no_recovery_in_time_is_no_time_and_nothing_measured_is_no_zero() -> None:
    resilience = make_chaos().resilience
    assert resilience
    resilience.faults = [each for each in resilience.faults if each.fault == "redis-lost"]
    assert figures_of_faults(resilience)[2].rows[0].value == "not in time"
    resilience.faults = [each for each in make_chaos().resilience.faults if each.fault == "kafka-kill"]  # type: ignore[union-attr]
    assert [figure.rows[0].value for figure in figures_of_faults(resilience)[1:]] == ["not measured"] * 3


def test_a_run_with_faults_and_no_trial_without_them_is_about_latency_still() -> None:
    found = make_chaos()
    assert found.resilience and is_chaos(found)
    found.resilience.controls[0].trial = found.resilience.faults[0].trial
    assert not is_chaos(found) and head_of(found).verdict.startswith("Valid run: 2 of 2 engines")


def test_a_terminal_names_no_winner_for_the_same_reason_as_the_report() -> None:
    found = make_chaos()
    assert opening_of(found).winners == head_of(found).in_short
    assert opening_of(found).in_short.startswith("No winner is named: each fault came once")
    ahead = obvious()
    compared = found.model_copy(update={"engines": ahead.engines, "comparison": ahead.comparison})
    assert opening_of(compared).winners == opening_of(found).winners, "whatever their latencies"


def test_an_invalid_run_with_faults_is_called_invalid_first() -> None:
    found = make_chaos().model_copy(update={"valid": False, "invalid_reasons": [INVALID]})
    head = head_of(found)
    assert head.verdict.startswith("Invalid run") and head.reasons[0] == INVALID and not head.good


def test_operations_are_called_so_and_tell_what_was_read_again() -> None:
    found = make_chaos()
    assert found.resilience
    done = make_fault("upgrade", operation=True, changed="flink@2.3.0", reread_records=1234)
    untold = make_fault("rescale", operation=True, verdict="unknown", reasons=["it has told nothing"])
    found.resilience.faults = [done, untold]
    section = resilience_section(found)
    assert section and section.title == "Operations and recovery"
    assert section.tables[0].columns[0] == "operation" and section.tables[0].columns[-1] == "read again, records"
    assert [row[-1] for row in section.tables[0].rows] == ["1,234", "not measured"]
    assert [row[0] for row in section.tables[0].rows] == ["upgrade (flink@2.3.0)", "rescale"]
    assert head_of(found).verdict == "Valid run: 1 of 2 operations passed (flink 1 of 2)"
    assert head_of(found).in_short[0].startswith("No winner is named: each operation came once")
    assert figures_of_faults(found.resilience)[0].title == "Operations come through"


def test_faults_beside_operations_have_nothing_that_is_read_again() -> None:
    found = make_chaos()
    assert found.resilience
    found.resilience.faults.append(make_fault("restart", operation=True, reread_records=0))
    section = resilience_section(found)
    assert section and section.title == "Faults, operations and recovery"
    assert [row[-1] for row in section.tables[0].rows] == ["-", "-", "-", "0"]
