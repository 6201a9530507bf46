"""What the report says of injected faults, and of the records that they cost."""

from pathlib import Path

from rich.console import Console

from harness.results.resilience import ControlBand, FaultOutcome, PlannedFault, Resilience, RestartNote, WrongCell
from harness.results.result import Result
from reports.documents.run import markdown_text
from reports.pictures.resilience import draw_resilience
from reports.sections.resilience import resilience_section, resilience_table
from tests.builders.results import make_engine, make_result


def make_fault(fault: str, **changes: object) -> FaultOutcome:
    """A fault that passed, but for `changes`."""
    passed: dict[str, object] = {
        "engine": "flink",
        "trial": "flink-faults-1",
        "fault": fault,
        "description": "something is harmed",
        "verdict": "pass",
        "reasons": [],
        "started_s": 5.0,
        "healed_s": 7.5,
        "detect_s": 0.4,
        "recover_s": 3.2,
        "recovered": True,
        "common_recover_s": 2.1,
        "excess_lag_record_s": 12_345.0,
        "worst_staleness_s": 4.1,
        "lost_records": 0,
        "surplus_records": 0,
    }
    return FaultOutcome.model_validate(passed | changes)


def make_chaos() -> Result:
    """A run of Flink with three faults: one survived, one that cost two records, one that never came."""
    wrong = WrongCell(window_s=9, location="06037", operator="Verizon", type="text", expected=5, observed=3)
    restart = RestartNote(process="engine", reason="it was killed", died_s=5.2, started_s=7.5, ready_s=16.0)
    faults = [
        make_fault("engine-kill", restarts=[restart]),
        make_fault(
            "redis-lost",
            verdict="fail",
            reasons=["2 records lost"],
            lost_records=2,
            wrong_cells=[wrong],
            recover_s=None,
            recovered=False,
            common_recover_s=None,
            excess_lag_record_s=None,
            started_s=30.0,
            healed_s=32.0,
        ),
        make_fault(
            "kafka-kill",
            verdict="unknown",
            reasons=["the trial ended before: Ctrl-C"],
            started_s=None,
            healed_s=None,
            detect_s=None,
            recover_s=None,
            recovered=None,
            common_recover_s=None,
            excess_lag_record_s=None,
            worst_staleness_s=None,
            lost_records=None,
            surplus_records=None,
        ),
    ]
    found = Resilience(
        seed=7,
        plan=[PlannedFault(trial=1, fault=each.fault, at_s=5, duration_s=2) for each in faults],
        controls=[
            ControlBand(
                engine="flink", trial="flink-control", lag_records=900, latency_ms_p99=180, worst_staleness_s=0.2
            )
        ],
        faults=faults,
        repeated_dead_letters={"flink-faults-1": 12},
    )
    engines = [make_engine("flink", 18), make_engine("flink-faults", 25)]
    return make_result(engines=engines).model_copy(update={"resilience": found})


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
