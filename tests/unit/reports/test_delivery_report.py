"""What the report says of the price of delivery exactly once, whether a winner may be named or not."""

from functools import cache

import pytest
from matplotlib.figure import Figure

from harness.conclusions.delivery_price import prices
from harness.results.correctness import Committed, Verdict
from harness.results.performance import TopicBytes, Warmth
from harness.results.result import EngineResult, Result
from reports.documents.run import markdown_text
from reports.pictures.delivery import draw_delivery
from reports.sections.delivery import delivery_section
from reports.wording.delivery import price_sentences
from reports.wording.opening import head_of
from tests.builders.faults import make_chaos, make_fault
from tests.builders.results import changed, make_engine, make_result

ONCE = {"delivery": "exactly-once"}
COLD = Warmth(warm=False, warmup_s=30, compiler_cores=0.4, compiler_cores_later=0.1, compiler_cpu_s=3.0)


@cache
def _engines(trials: int) -> tuple[EngineResult, EngineResult]:
    """Flink at least once, and exactly once: slower by far, and with a half more bytes."""
    without = make_engine("alo", 18, 0.6, trials=trials).model_copy(update={"engine": "flink"})
    once = changed(
        make_engine("eo", 540, 0.6, trials=trials),
        kafka_bytes=TopicBytes(input=31_400_000, aggregates=7_875_000, dead_letter=25_500, own=0),
        committed=Committed(messages=9_900, repeated=0, lowered=0, unseen=100, left_open=0),
    )
    return without, once.model_copy(update={"engine": "flink", "own": ONCE})


def _result(*engines: EngineResult, trials: int = 6, **scenario: object) -> Result:
    found = make_result(engines=engines or _engines(trials))
    own = {"engines": [each.name for each in found.engines], "checkpoint_interval_ms": 1000}
    return found.model_copy(update={"scenario": found.scenario | own | scenario})


def test_a_run_whose_contestants_do_not_differ_in_delivery_has_no_price() -> None:
    without, once = _engines(6)
    assert delivery_section(make_result()) is None and draw_delivery(make_result()) is None
    assert delivery_section(_result(without, once.model_copy(update={"own": {}}))) is None
    assert delivery_section(_result(without, once.model_copy(update={"engine": "kstreams"}))) is None, "another engine"


def test_the_price_is_told_at_the_top_with_intervals_and_the_commit_interval() -> None:
    found = _result()
    (told,) = price_sentences(found)
    assert told in head_of(found).compared
    assert told.startswith("Exactly once costs flink (eo against alo, with a commit every 1,000 ms): latency p50 ")
    assert "counts and dead letters in Kafka x 1.50 [1.50, 1.50]." in told
    assert "Not certain" not in told


def test_each_figure_has_both_values_and_the_factor_by_block() -> None:
    section = delivery_section(_result())
    assert section and not section.warnings
    rows = {label: cells for label, *cells in section.tables[0].rows}
    assert rows["counts and dead letters in Kafka, bytes/record"][-1] == "1.50 [1.50, 1.50]"
    p50 = next(each for each in prices(*_engines(6)) if each.of.name == "latency_ms_p50")
    assert p50.factor == pytest.approx(30, rel=0.1)
    assert p50.interval and p50.interval.low < p50.factor < p50.interval.high
    assert "CPU per million records, with broker, Redis writer and Redis, s" in rows
    assert "the same, with the engine's own topics, bytes/record" not in rows, "not measured of both"
    assert any("600 of 60,000 offsets" in note for note in section.notes)


def test_too_few_trials_have_a_factor_and_no_interval() -> None:
    (told,) = price_sentences(_result(trials=2))
    assert told.count("(no interval)") == 4 and "x 1.50 (no interval)" in told


@pytest.mark.parametrize(
    ("of_trials", "of_all", "doubt"),
    [
        ({"warmth": COLD}, {}, "eo: not warm"),
        ({"verdict": Verdict.FAIL}, {}, "the verdict on eo is fail"),
        ({}, {"own": ONCE | {"parallelism": 4}}, "the two differ in parallelism, too"),
    ],
)
def test_a_price_that_is_not_certain_is_shown_and_marked(
    of_trials: dict[str, object], of_all: dict[str, object], doubt: str
) -> None:
    without, once = _engines(6)
    found = _result(without, changed(once, **of_trials).model_copy(update={"engine": "flink", "own": ONCE} | of_all))
    (told,) = price_sentences(found)
    assert doubt in told and "latency p50" in told
    section = delivery_section(found)
    assert section and any(doubt in warning for warning in section.warnings)
    picture = draw_delivery(found)
    assert picture and doubt in picture.caption


def test_an_invalid_run_has_no_price() -> None:
    found = _result().model_copy(update={"valid": False})
    assert delivery_section(found) is None and price_sentences(found) == [] and draw_delivery(found) is None


def test_the_picture_has_a_panel_for_each_figure_with_a_bar_for_each_delivery() -> None:
    picture = draw_delivery(_result())
    assert picture and isinstance(picture.figure, Figure)
    assert len(picture.figure.axes) == 5
    for axes in picture.figure.axes:
        assert [label.get_text() for label in axes.get_yticklabels()] == ["alo", "eo"]
        assert len(axes.patches) == 2


def test_recovery_from_the_same_fault_stands_side_by_side() -> None:
    resilience = make_chaos().resilience
    assert resilience
    faults = [
        make_fault("engine-kill", engine="alo"),
        make_fault("engine-kill", engine="eo", common_recover_s=None, worst_staleness_s=21.0),
        make_fault("engine-kill", engine="eo", common_recover_s=12.5, worst_staleness_s=19.0),
        make_fault("redis-lost", engine="alo"),
    ]
    found = _result().model_copy(update={"resilience": resilience.model_copy(update={"faults": faults})})
    section = delivery_section(found)
    assert section
    assert section.tables[1].rows == (
        ("engine-kill: recovered, by the common band, s", "2.1", "12.5, not in time in 1 of 2"),
        ("engine-kill: nothing further visible for, s", "4.1", "19.0 to 21.0"),
    )


def test_the_report_shows_the_section() -> None:
    text = markdown_text(_result(), [])
    assert "## What exactly once costs" in text
