"""A soak test names what leaks, spares what grows by design, and plans its faults by the seed."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from harness.errors import UsageError
from harness.experiments.soak.growth import growths
from harness.experiments.soak.resources import (
    CHECKPOINT,
    DATA,
    DESCRIPTORS,
    INTERVAL_S,
    KEYS,
    MAX_READINGS,
    MEMORY,
    STREAM,
    ResourceSeries,
    interval_s,
    size_bytes,
)
from harness.experiments.soak.run import SoakOptions, exit_code, soak_plan
from harness.numerics.leaks import LeakBounds
from harness.results.result import Result
from harness.results.soak import Soak, SoakGrowth, SoakSeries, SoakTrial, SoakVerified
from harness.scenarios.loading import load_scenario
from reports.documents.run import html_text, markdown_text
from reports.pictures.soak import draw_soak
from reports.sections.soak import soak_section, soak_table
from reports.wording.opening import head_of, opening_of
from tests.builders.faults import make_chaos
from tests.builders.pages import Page
from tests.builders.results import make_engine, make_result

MIB = 2.0**20
WARMUP_S, KEPT_S = 20, 700.0


def read(minutes: int = 60, **growth_per_hour: float) -> ResourceSeries:
    """Readings every 5 s of a small pipeline in which nothing grows but what is named."""
    dice = np.random.default_rng(3)
    found = ResourceSeries()
    for name in ("engine", "redis"):
        found.starts_s[name] = [-20.0]
    for t_s in np.arange(-20.0, minutes * 60, 5.0):
        hours = t_s / 3600
        values = {
            ("engine", MEMORY): 100 * MIB + dice.normal(0, MIB) + growth_per_hour.get("memory", 0) * MIB * hours,
            ("engine", DESCRIPTORS): 40 + dice.integers(0, 3) + growth_per_hour.get("descriptors", 0) * hours,
            ("engine", CHECKPOINT): 5 * MIB + dice.normal(0, MIB / 10),
            ("redis", KEYS): 2 + min(t_s + WARMUP_S, KEPT_S) + growth_per_hour.get("keys", 0) * hours,
            # A stream that fills up all the time.
            ("redis", DATA): 50 * MIB + 40 * MIB * hours,
            ("redis", STREAM): 10 * MIB + 40 * MIB * hours,
        }
        found.add(t_s, {key: float(value) for key, value in values.items()})
    return found


def judge(readings: ResourceSeries, *, java: bool = False) -> dict[tuple[str, str], SoakGrowth]:
    found = growths(
        readings,
        LeakBounds(10, 0),
        warmup_s=WARMUP_S,
        lateness_s=60,
        kept_s=KEPT_S,
        java=java,
        disturbed=[],
        confidence=0.95,
    )
    return {(each.process, each.resource): each for each in found}


def test_what_is_flat_or_grows_by_design_passes() -> None:
    found = judge(read())
    assert {each.verdict for each in found.values()} == {"pass"}
    assert ("redis", STREAM) not in found


@pytest.mark.parametrize(
    ("growing", "process", "resource", "per_hour"),
    [
        ({"memory": 40}, "engine", MEMORY, 40 * MIB),
        ({"descriptors": 30}, "engine", DESCRIPTORS, 30),
        ({"keys": 400}, "redis", KEYS, 400),
    ],
)
def test_a_leak_is_named_by_process_and_resource(
    growing: dict[str, float], process: str, resource: str, per_hour: float
) -> None:
    found = judge(read(**growing))
    leak = found[process, resource]
    assert [key for key, each in found.items() if each.verdict == "fail"] == [(process, resource)]
    assert leak.growth_per_hour == pytest.approx(per_hour, rel=0.1)
    assert process in leak.why and resource in leak.why


def test_too_short_a_time_is_no_pass() -> None:
    found = judge(read(minutes=3, descriptors=500))
    assert {each.verdict for each in found.values()} == {"not judged"}
    assert "120 s are needed" in found["engine", DESCRIPTORS].why


def test_a_jvm_has_longer_to_settle() -> None:
    assert judge(read(minutes=10))["engine", MEMORY].verdict == "pass"
    assert judge(read(minutes=10), java=True)["engine", MEMORY].verdict == "not judged"
    assert judge(read(minutes=10), java=True)["engine", DESCRIPTORS].verdict == "pass"


def test_the_broker_may_open_files_until_its_log_no_longer_grows() -> None:
    readings = read(minutes=14)
    readings.starts_s["kafka"] = [-20.0]
    readings.values["kafka", DESCRIPTORS] = [100 + (t_s + WARMUP_S) / 10 for t_s in readings.t_s]
    assert judge(readings)["kafka", DESCRIPTORS].verdict == "not judged"
    assert judge(readings)["engine", DESCRIPTORS].verdict == "pass"


def test_a_process_that_was_started_again_is_judged_anew() -> None:
    """It needs more from its start on, which is no growth; and what it leaks then is its own."""
    readings = read()
    readings.starts_s["engine"].append(1800.0)
    descriptors = readings.values["engine", DESCRIPTORS]
    for place, t_s in enumerate(readings.t_s):
        descriptors[place] = 40.0 if t_s < 1800 else 80.0
    assert judge(readings)["engine", DESCRIPTORS].verdict == "pass"
    for place, t_s in enumerate(readings.t_s):
        descriptors[place] = 40.0 if t_s < 1800 else 80 + (t_s - 1800) / 30
    leak = judge(readings)["engine", DESCRIPTORS]
    assert leak.verdict == "fail" and leak.from_s is not None and leak.from_s > 1800


def test_a_reading_that_is_missing_is_none_and_so_is_one_from_before_the_first() -> None:
    readings = ResourceSeries()
    readings.add(0, {("redis", KEYS): 3.0})
    readings.add(2, {("engine", MEMORY): 5.0})
    assert readings.values == {("redis", KEYS): [3.0, None], ("engine", MEMORY): [None, 5.0]}
    assert (readings.latest("redis", KEYS), readings.latest("s3", KEYS)) == (3.0, None)


def test_readings_are_bounded_in_number() -> None:
    assert interval_s(60) == INTERVAL_S
    assert 86_400 / interval_s(86_400) <= MAX_READINGS


def test_the_size_of_a_directory_is_that_of_all_files_in_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"x" * 100_000)
    (tmp_path / "file").write_bytes(b"x" * 50_000)
    assert 150_000 <= size_bytes(tmp_path) < 200_000
    assert size_bytes(tmp_path / "nowhere") == 0


def test_faults_follow_from_the_seed_and_their_number_from_the_time() -> None:
    scenario = load_scenario("soak", {"duration_s": 7200})
    chosen = SoakOptions(faults_per_hour=12, percent_per_hour=10)
    plan = soak_plan(scenario, chosen)
    assert plan == soak_plan(scenario, chosen) != soak_plan(scenario.model_copy(update={"seed": 2}), chosen)
    assert len(plan) == 24 and plan[-1].healed_s < 7200
    assert soak_plan(scenario, SoakOptions(faults_per_hour=0, percent_per_hour=10)) == []


def test_a_short_soak_test_has_one_fault_and_too_many_are_refused() -> None:
    scenario = load_scenario("soak", {"duration_s": 120})
    assert len(soak_plan(scenario, SoakOptions(faults_per_hour=1, percent_per_hour=10))) == 1
    with pytest.raises(UsageError, match="--faults-per-hour 500: 17 random faults need") as caught:
        soak_plan(scenario, SoakOptions(faults_per_hour=500, percent_per_hour=10))
    assert "--no-faults" in caught.value.fix


def make_soak(*, leak: bool = False, interrupted: bool = False) -> Result:
    """A soak test of Flink, in which descriptors leak or do not."""
    why = "descriptors of engine grows by 75 % an hour, of which 10 % are allowed"
    growth = [
        SoakGrowth(
            process="engine",
            resource=DESCRIPTORS,
            verdict="fail" if leak else "pass",
            why=why if leak else "",
            from_s=120.0,
            to_s=3600.0,
            level=40.0,
            growth_per_hour=30.0,
            growth_per_hour_low=29.0,
            growth_per_hour_high=31.0,
        ),
        SoakGrowth(process="engine", resource=MEMORY, verdict="not judged", why="0 s after it had settled"),
    ]
    series = [
        SoakSeries(process="engine", resource=MEMORY, unit="bytes", values=[1e8, None, 1.1e8]),
        SoakSeries(process="engine", resource=DESCRIPTORS, unit="", values=[40.0, 55.0, 70.0]),
    ]
    trial = SoakTrial(
        engine="flink",
        trial="flink",
        verdict="fail" if leak else "pass",
        ended_early="Ctrl-C" if interrupted else "",
        lasted_s=3600.0,
        verified=SoakVerified(windows=3420, wrong_cells=0),
        t_s=[0.0, 1800.0, 3600.0],
        series=series,
        growth=growth,
    )
    found = Soak(
        duration_s=3600,
        faults_per_hour=12,
        percent_per_hour=10,
        confidence=0.95,
        interval_s=2,
        kept_s=720,
        interrupted=interrupted,
        trials=[trial],
    )
    return make_result(engines=[make_engine("flink", 18)]).model_copy(update={"soak": found})


def test_a_leak_fails_and_ctrl_c_is_told_by_the_exit_code() -> None:
    assert [exit_code(make_soak()), exit_code(make_soak(leak=True)), exit_code(make_soak(interrupted=True))] == [
        0,
        1,
        130,
    ]


def test_the_report_names_the_leak_and_what_was_not_judged() -> None:
    section = soak_section(make_soak(leak=True))
    assert section
    assert section.warnings == ("flink: descriptors of engine grows by 75 % an hour, of which 10 % are allowed",)
    rows = {row[0]: row[1:] for row in section.tables[0].rows}
    assert rows["engine: descriptors"] == ("fail", "40", "+30.0", "+29.0 to +31.0", "58")
    assert rows["engine: memory"] == ("not judged", *["not measured"] * 4)
    assert opening_of(make_soak(leak=True)).title.endswith(", 1 of 1 resources that were judged leak")
    assert soak_section(make_result()) is None and draw_soak(make_result()) is None


def test_the_report_begins_with_what_leaks_and_its_picture_is_that_of_the_resources() -> None:
    leaking = make_soak(leak=True)
    head = head_of(leaking)
    assert not head.good and head.reasons == (
        "flink: descriptors of engine grows by 75 % an hour, of which 10 % are allowed",
    )
    leak, wrong, lasted = (figure.rows[0] for figure in head.figures)
    assert leak.value == "1 of 1"
    assert [mark for mark, _ in leak.marks] == ["engine: descriptors", "1 not judged"]
    assert (wrong.value, lasted.marks) == ("0", ())
    picture = draw_soak(leaking)
    assert picture
    text = Page(html_text(leaking, [picture])).text
    assert text.index("Each panel has its own scale") < text.index("Resources that leak") < text.index("All figures")


def test_a_fault_that_did_not_pass_is_told_first_though_nothing_leaks() -> None:
    assert head_of(make_soak()).good
    head = head_of(make_soak().model_copy(update={"resilience": make_chaos().resilience}))
    assert not head.good and "flink, redis-lost: fail: 2 records lost" in head.reasons


def test_report_and_terminal_and_picture_show_it(tmp_path: Path) -> None:
    found = make_soak(leak=True, interrupted=True)
    assert "ended by Ctrl" in markdown_text(found, []) and "Soak test" in html_text(found, [])
    with (tmp_path / "out").open("w+", encoding="utf-8") as out:
        assert found.soak
        Console(file=out, width=100).print(soak_table(found.soak))
        out.seek(0)
        text = out.read()
    assert "engine: descriptors" in text and "Not judged, for want of time: engine memory" in text
    picture = draw_soak(found)
    assert picture
    titles = [axes.get_title(loc="left") for axes in picture.figure.axes]
    assert titles[:2] == ["engine: descriptors", "engine: memory, MiB"]
