"""A sweep's answer is a bracket, and so is its ratio to the baseline; its report shows both, and every attempt."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from harness.console.progress import ConsoleWatcher
from harness.errors import UsageError
from harness.experiments.sweep import SweepOptions, _answer, _attempts, sweep
from harness.numerics.search import Answer
from harness.results.part import Missing
from harness.results.sweep import RateRatio, SweepEngine, load_sweep, save_sweep
from harness.scenarios.loading import load_scenario
from harness.session.options import SessionOptions
from reports.documents.sweep import draw_sweep, sweep_document, write_sweep
from reports.wording.baseline import HOW_TO_HAVE_A_BASELINE
from reports.wording.sweep import NO_RATIO, answer_text, baseline_notes, head_of_sweep, per_core_notes
from tests.builders.pages import Page
from tests.builders.sweeps import make_attempt, make_engine, make_sweep, searched


@pytest.mark.parametrize(
    ("baseline", "flink", "ratio", "said"),
    [
        ((400, 500), (100, 120), (0.2, 0.3), "at least 0.20, at most 0.30 x the baseline's limit"),
        ((400, 500), (500, 600), (1.0, 1.5), "flink sustains more"),
        ((400, 500), (320, 400), (0.64, 1.0), "baseline sustains more"),
        ((400, 500), (410, 480), (0.82, 1.2), "neither is shown to sustain more"),
        ((400, None), (100, 120), (None, 0.3), "at most 0.30 x the baseline's limit"),
        ((400, 500), (800, None), (1.6, None), "at least 1.60 x the baseline's limit"),
        ((400, 500), (300, None), (0.6, None), "neither is shown to sustain more"),
        ((400, 500), (None, 100), (None, 0.25), "baseline sustains more"),
        ((None, 100), (200, None), (2.0, None), "flink sustains more"),
        ((400, None), (800, None), None, NO_RATIO),
        ((400, None), (None, None), None, NO_RATIO),
    ],
)
def test_the_ratio_of_limits_is_a_bracket_and_names_a_winner_only_beyond_it(
    baseline: tuple[int | None, int | None],
    flink: tuple[int | None, int | None],
    ratio: tuple[float | None, float | None] | None,
    said: str,
) -> None:
    sweep = make_sweep(make_engine("flink", *flink), make_engine("baseline", *baseline))
    assert sweep.engines[1].rate_to_baseline is None
    assert sweep.engines[0].rate_to_baseline == (None if ratio is None else RateRatio(low=ratio[0], high=ratio[1]))
    (note,) = baseline_notes(sweep)
    assert note.startswith("flink: ") and said in note
    assert note in sweep_document(sweep).markdown().replace("\\", "")


def test_the_page_is_written_with_its_picture_beside_it(tmp_path: Path) -> None:
    sweep = make_sweep(make_engine("flink", 100, 120), make_engine("baseline", 400, 500))
    page, markdown, picture = write_sweep(sweep, tmp_path)
    assert page.read_text(encoding="utf-8") == sweep_document(sweep).html()
    text = markdown.read_text(encoding="utf-8")
    assert text == sweep_document(sweep).markdown() and f"]({picture.name})" in text
    assert picture.stat().st_size > 5_000


def test_the_page_shows_answer_setting_picture_and_figures_in_this_order_and_attempts_after() -> None:
    page = sweep_document(searched())
    for text in (Page(page.html()).text, " ".join(page.markdown().split())):
        words = [
            "Highest rates that held: flink 90,000 records/s; baseline at least 150,000 records/s",
            "baseline sustains more",
            "Scenario sweep",
            "Example CPU, 2 cores",
            "Not quiet: others had 33.0% of the machine",
            "Full dots were sustained",
            "The figures to quote",
            "Answers",
            "Every attempt of flink, by its rate",
            "To repeat this sweep",
        ]
        places = [text.index(word) for word in words]
        assert places == sorted(places)


def test_a_rate_that_held_is_quoted_with_what_failed_and_with_what_must_be_known_of_it() -> None:
    head = head_of_sweep(searched())
    rate, p99, _cpu = head.figures
    flink, baseline = rate.rows
    assert (flink.value, flink.interval, flink.marks) == ("90,000", "120,000 failed", ())
    assert flink.place == flink.low and flink.high is not None and flink.low is not None and flink.low < flink.high
    assert [mark for mark, _ in baseline.marks] == ["at least", "host not quiet"]
    assert [head.cautions[place].split(":")[0] for _, place in baseline.marks if place is not None] == ["baseline"] * 2
    assert [[mark for mark, _ in row.marks] for row in p99.rows] == [[], ["host not quiet"]]
    assert all(row.value != "not measured" for row in p99.rows)


def test_a_sweep_that_has_not_ended_or_has_no_answer_is_none_to_be_glad_of() -> None:
    assert not head_of_sweep(make_sweep(make_engine("flink", None, 50))).good
    going_on = make_sweep(SweepEngine(name="flink", version=None, attempts=[], answer=None))
    missing = Missing(what="the other engines", why="Ctrl-C", fix="repeat the command", exit_code=130)
    head = head_of_sweep(going_on.model_copy(update={"finished": False, "missing": missing}))
    assert head.reasons == ("the other engines did not take place: Ctrl-C",)
    assert not head.good and head.verdict == "Not finished, so far: flink not known yet"
    assert all(row.value == "not measured" for figure in head.figures for row in figure.rows)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((100, 120), "100 records/s held, 120 failed"),
        ((100, None), "at least 100 records/s held"),
        ((100, None, 120), "at least 100 records/s held; at 120, the harness or the host was the limit"),
        ((100, 150, 120), "100 records/s held, 150 failed; at 120, the harness or the host was the limit"),
        ((100, 120, 200), "100 records/s held, 120 failed"),
        ((None, 50), "no rate was confirmed, 50 failed"),
        ((None, None, 50), "no rate was confirmed; at 50, the harness or the host was the limit"),
    ],
)
def test_the_answer_is_the_bracket_of_what_held_and_what_failed(answer: tuple[int | None, ...], said: str) -> None:
    assert answer_text(make_engine("flink", *answer).answer) == said


def test_every_attempt_stands_in_the_report_with_the_delays_of_others() -> None:
    engine = make_engine("flink", 100, 120)
    engine.attempts += [
        make_attempt(120, "harness", input_delay_ms_max=77.0, sink_delay_ms_max=1234.0),
        make_attempt(120, "engine"),
        make_attempt(100),
        make_attempt(120, "engine"),
    ]
    sweep = make_sweep(engine)
    rows = [line for line in sweep_document(sweep).markdown().splitlines() if line.startswith("| probe")]
    sustained = [row.split("|")[3].strip().replace("\\", "") for row in rows]
    assert sustained == ["yes", "no (harness)", "no (engine)", "no (engine)"]
    assert "1,234" in rows[1] and "77" in rows[1]


def test_the_picture_shows_the_bracket() -> None:
    def stripes(engine: SweepEngine) -> int:
        return len(draw_sweep(make_sweep(engine)).figure.axes[0].patches)

    assert stripes(make_engine("flink", 100, 120)) == 1
    assert stripes(make_engine("flink", 100, None)) == stripes(make_engine("flink", None, 120)) == 0


def test_what_is_not_the_engines_fault_leaves_its_bracket_open() -> None:
    engine = SweepEngine(
        name="flink", version="1", attempts=[make_attempt(120, "harness"), make_attempt(100)], answer=None
    )
    assert [each.is_own for each in _attempts(engine)] == [False, False]
    engine.attempts[0].limited_by = "engine"
    assert _attempts(engine)[0].is_own
    assert _answer(engine, Answer(100, None, 120)).at_least
    found = _answer(engine, Answer(100, 120))
    assert (found.rate_records_per_s, found.above_records_per_s, found.at_least) == (100, 120, False)


def test_a_sweep_of_version_1_is_read(tmp_path: Path) -> None:
    """Its attempts know no delays, its ratio was a number, and its failed rate may be the harness's."""
    engine = make_engine("flink", 100, 120)
    engine.attempts.append(make_attempt(120, "harness"))
    path = save_sweep(make_sweep(engine), tmp_path)
    old = json.loads(path.read_text(encoding="utf-8")) | {"schema_version": 1}
    old["engines"][0]["rate_to_baseline"] = 0.25
    old["engines"][0]["answer"]["at_least"] = True
    del old["engines"][0]["answer"]["limited_records_per_s"]
    for name in ("host", "input_delay_ms_max", "sink_delay_ms_max"):
        del old["engines"][0]["attempts"][0][name]
    path.write_text(json.dumps(old), encoding="utf-8")
    (found,) = load_sweep(path).engines
    assert found.rate_to_baseline is None and found.answer is not None and found.answer.above_records_per_s is None
    assert answer_text(found.answer) == "at least 100 records/s held; at 120, the harness or the host was the limit"


@pytest.mark.parametrize(
    ("duration_s", "confirm_s", "option"), [(9, 40, "--duration 10"), (10, 9, "--confirm-duration 10")]
)
def test_attempts_too_short_to_tell_whether_the_lag_grows_are_refused(
    duration_s: int, confirm_s: int, option: str, tmp_path: Path
) -> None:
    scenario = load_scenario("sweep", {"duration_s": duration_s})
    options = SessionOptions(runs_dir=tmp_path, command=[])
    with pytest.raises(UsageError, match="whether the lag grows") as refused:
        sweep(scenario, SweepOptions(confirm_duration_s=confirm_s), options, ConsoleWatcher(Console()))
    assert option in str(refused.value.fix)


def test_a_rate_is_told_by_core_where_the_engine_had_cores_of_its_own_and_nowhere_else() -> None:
    sweep = make_sweep(make_engine("flink", 90_000, 120_000), make_engine("spark", None, 120))
    assert per_core_notes(sweep) == []
    own = sweep.model_copy(update={"scenario": sweep.scenario | {"engine_cpus": 3}})
    (note,) = per_core_notes(own)
    assert note == "flink: 30,000 records/s and core held, on 3 cores of its own."
    assert note in sweep_document(own).markdown().replace("\\", "")


def test_without_a_baseline_it_says_how_to_have_one() -> None:
    assert baseline_notes(make_sweep(make_engine("flink", 100, 120))) == [HOW_TO_HAVE_A_BASELINE]
    assert baseline_notes(make_sweep(make_engine("baseline", 100, 120))) == []
