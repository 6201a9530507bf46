"""A scaling's plan holds every point and its controls; its fits find the exponents that made the figures."""

import io
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from rich.console import Console

from harness.commands.scale import _numbers, _words
from harness.errors import UsageError
from harness.experiments.attempt import Attempted, find_unfinished
from harness.experiments.scale.growth import controls, fit, fits
from harness.experiments.scale.points import CONTROL_EVERY, base_point, plan, points
from harness.experiments.scale.run import ScaleOptions, _reasons, exit_code
from harness.experiments.sustainable import ENGINE, HARNESS, Overload
from harness.measurement.delivery import Delays
from harness.numerics.trends import PowerLaw, power_law
from harness.results.correctness import Verdict
from harness.results.performance import Throughput
from harness.results.scale import (
    FIELDS,
    Dimension,
    FitQuality,
    Scale,
    ScaledFigure,
    ScaleEngine,
    ScalePoint,
    ScaleTrial,
    load_scale,
    save_scale,
)
from harness.trial.outcome import Trial
from reports.documents.scale import draw_scale, scale_document, scale_table, write_scale
from reports.wording.scale import head_of_scale
from tests.builders.pages import Page
from tests.builders.results import make_engine, make_result
from workloads.truth import expected_counts
from workloads.workload import Workload, WorkloadSpecification

LEVELS = ScaleOptions().levels()
BASE = ScalePoint(rate_records_per_s=4000, partitions=4, keys="california", parallelism=2)
CELLS = {"california": 464, "us": 25_144, "synthetic": 100_000}


# The plan


def test_one_dimension_at_a_time_is_varied_unless_all_are_wanted() -> None:
    found = points(LEVELS, BASE, full=False)
    assert len(found) == len(set(found)) == 4 + 3 + 2 + 2
    for point in found:
        assert sum(point.without(dimension) == BASE.without(dimension) for dimension in Dimension) == 1
    everything = points(LEVELS, BASE, full=True)
    assert len(everything) == len(set(everything)) == 5 * 4 * 3 * 3 - 1
    assert BASE not in found and BASE not in everything and set(found) < set(everything)


def test_the_base_is_the_usual_point_where_it_is_a_level_else_the_middle() -> None:
    assert base_point(LEVELS, BASE) == BASE
    other = base_point(LEVELS | {Dimension.RATE: [100, 200, 300], Dimension.KEYS: ["us", "synthetic"]}, BASE)
    assert (other.rate_records_per_s, other.keys, other.partitions) == (200, "us", 4)


@pytest.mark.parametrize("full", [False, True])
def test_the_base_comes_first_last_and_in_between_and_every_engine_at_every_point(full: bool) -> None:
    engines = ["a", "b", "c"]
    planned = plan(LEVELS, BASE, engines, 1, full=full)
    others = points(LEVELS, BASE, full=full)
    for engine in engines:
        own = [each.point for each in planned if each.engine == engine]
        assert own[0] == own[-1] == BASE
        bases = [at for at, point in enumerate(own) if point == BASE]
        assert len(bases) == -(-len(others) // CONTROL_EVERY) + 1
        assert max(np.diff(bases)) == CONTROL_EVERY + 1
        assert sorted(map(str, set(own))) == sorted(map(str, [BASE, *others]))
    assert [each.engine for each in planned[:6]] == ["a", "b", "c", "c", "b", "a"]
    assert planned == plan(LEVELS, BASE, engines, 1, full=full) != plan(LEVELS, BASE, engines, 2, full=full)


def test_a_single_point_is_measured_once() -> None:
    levels = {dimension: [getattr(BASE, field)] for dimension, field in FIELDS.items()}
    assert [each.point for each in plan(levels, BASE, ["a"], 1, full=False)] == [BASE]


# The law


def _law(x: Sequence[float], y: Sequence[float], groups: Sequence[Any] | None = None) -> PowerLaw:
    found = power_law(x, y, groups or [0] * len(x))
    assert isinstance(found, PowerLaw)
    return found


def test_an_exact_law_is_found_exactly() -> None:
    x = [1.0, 2.0, 4.0, 8.0]
    found = _law(x, [3 * each**0.75 for each in x])
    assert [found.exponent.low, found.exponent.estimate, found.exponent.high] == pytest.approx([0.75] * 3)
    assert found.off == pytest.approx(1) and found.trials == 4


def test_each_group_has_a_factor_of_its_own() -> None:
    """Together the points say nothing of a law; each group by itself follows it."""
    x = [1.0, 2.0, 4.0, 4.0, 8.0, 16.0]
    y = [each**0.5 for each in x[:3]] + [100 * each**0.5 for each in x[3:]]
    assert _law(x, y, "aaabbb").exponent.estimate == pytest.approx(0.5)
    assert _law(x, y).exponent.estimate > 1
    assert _law([*x, 2.0], [*y, 1e9], "aaabbbc").exponent.estimate == pytest.approx(0.5), "alone, it says nothing"


@pytest.mark.parametrize("simulations", [600, pytest.param(2000, marks=pytest.mark.proof)])
def test_the_interval_holds_the_exponent_as_often_as_it_says(simulations: int) -> None:
    random = np.random.default_rng(1)
    x = np.array([1, 2, 4, 4, 4, 8, 16], dtype=float)
    held = 0
    for _ in range(simulations):
        found = _law(x, x**0.9 * np.exp(0.1 * random.standard_normal(len(x))))
        held += found.exponent.low <= 0.9 <= found.exponent.high
    assert abs(held / simulations - 0.95) < 3 * math.sqrt(0.95 * 0.05 / simulations), "three standard errors"


def test_what_follows_no_law_lies_off_the_line() -> None:
    x = [1.0, 2.0, 4.0, 8.0, 16.0]
    assert _law(x, [1, 1, 1, 1, 16]).off > 2


@pytest.mark.parametrize(
    ("x", "y", "why"),
    [
        ([1, 2], [1, 2], "2 different values"),
        ([1, 1, 1], [1, 2, 3], "0 different values"),
        ([], [], "0 different values"),
        ([1, 2, 3], [1, 0, 3], "not positive"),
        ([1, 2, 3], [1, float("nan"), 3], "not positive"),
    ],
)
def test_there_is_no_fit_without_three_levels_or_with_a_figure_that_has_no_logarithm(
    x: list[float], y: list[float], why: str
) -> None:
    found = power_law(x, y, [0] * len(x))
    assert isinstance(found, str) and why in found


@pytest.mark.parametrize(("x", "groups"), [([1, 2, 4], "aaa"), ([1, 2, 2, 4], "aabb")])
def test_three_levels_are_enough_for_an_interval(x: list[float], groups: str) -> None:
    found = _law(x, [1.1 * x[0], *x[1:]], groups)
    assert found.exponent.low < found.exponent.estimate < found.exponent.high


# The result


def _trial(point: ScalePoint, number: int = 1, engine: str = "flink", **changes: Any) -> ScaleTrial:
    (made,) = make_engine(engine, 50).trials
    found = ScaleTrial(
        number=number,
        engine=engine,
        point=point,
        counted=True,
        reasons=[],
        verdict=Verdict.PASS,
        cells=CELLS[point.keys],
        cells_per_window_mean=100.0,
        latency_ms=made.latency_ms,
        throughput_records_per_s=Throughput(offered=point.rate_records_per_s, sustained=point.rate_records_per_s),
        cost=made.cost,
        generator=made.generator,
        startup_s=1.0,
        drain_s=0.1,
        took_s=40.0,
    )
    return found.model_copy(update=changes)


def _with_cpu(trial: ScaleTrial, cpu: float) -> ScaleTrial:
    assert trial.cost
    return trial.model_copy(update={"cost": trial.cost.model_copy(update={"cpu_s_per_million_records": cpu})})


def _trials(cpu: Callable[[ScalePoint], float], engine: str = "flink") -> list[ScaleTrial]:
    planned = plan(LEVELS, BASE, [engine], 1, full=False)
    return [
        _with_cpu(_trial(each.point, number, engine), cpu(each.point)) for number, each in enumerate(planned, start=1)
    ]


def _scale(trials: list[ScaleTrial], *, finished: bool = True) -> Scale:
    engines = list(dict.fromkeys(each.engine for each in trials))
    return Scale(
        scale_id="scale-1",
        key="k",
        finished=finished,
        started_at="2026-01-01T00:00:00+00:00",
        finished_at=None,
        command=["ringbench", "scale"],
        scenario={},
        full=False,
        levels=LEVELS,
        base=BASE,
        p99_bound_ms=5000,
        environment=make_result().environment,
        engines=[ScaleEngine(name=name, version="1") for name in engines],
        planned_trials=len(trials),
        trials=trials,
        fits=fits(trials, engines, list(Dimension)),
        controls=controls(trials, engines, BASE),
    )


def test_the_exponents_that_made_the_figures_are_found() -> None:
    made = _trials(lambda point: point.rate_records_per_s**-0.4 * CELLS[point.keys] ** 0.1)
    found = {(each.dimension, each.figure): each for each in fits(made, ["flink"], list(Dimension))}
    assert len(found) == len(Dimension) * len(ScaledFigure)
    by_dimension = {dimension: found[dimension, ScaledFigure.CPU].exponent for dimension in Dimension}
    assert by_dimension == {
        Dimension.RATE: pytest.approx(-0.4),
        Dimension.PARTITIONS: pytest.approx(0, abs=1e-9),
        Dimension.KEYS: pytest.approx(0.1),
        Dimension.PARALLELISM: pytest.approx(0, abs=1e-9),
    }
    assert found[Dimension.RATE, ScaledFigure.THROUGHPUT].exponent == pytest.approx(1)
    assert {each.quality for each in found.values()} == {FitQuality.GOOD}


def test_trials_that_are_not_counted_are_left_out_of_fits_and_controls() -> None:
    made = [
        each.model_copy(update={"counted": False, "reasons": ["broken off"]})
        if each.point.rate_records_per_s > 4000 or each.number == 1
        else each
        for each in _trials(lambda point: 100.0 if point.rate_records_per_s > 4000 else point.rate_records_per_s)
    ]
    by_rate = fit([each for each in made if each.counted], "flink", Dimension.RATE, ScaledFigure.CPU)
    assert by_rate.exponent == pytest.approx(1)
    ends = [each for each in fits(made, ["flink"], [Dimension.RATE]) if each.figure is ScaledFigure.CPU]
    assert [each.exponent for each in ends] == [pytest.approx(1)]
    assert {each.trials for each in controls(made, ["flink"], BASE)} == {3}


def test_a_fit_that_is_poor_or_impossible_says_why() -> None:
    steps = fit(_trials(lambda point: 1 + 9 * (point.keys == "synthetic")), "flink", Dimension.KEYS, ScaledFigure.CPU)
    assert steps.quality is FitQuality.POOR and "off the line: no power law" in steps.why
    few = fit(_trials(lambda _: 1.0)[:2], "flink", Dimension.RATE, ScaledFigure.CPU)
    assert few.quality is FitQuality.NONE and few.exponent is None and "a fit needs 3" in few.why


def test_the_controls_say_how_much_the_base_differed() -> None:
    made = _trials(lambda _: 1.0)
    made[0] = _with_cpu(made[0], 1.2)
    (cpu,) = (each for each in controls(made, ["flink"], BASE) if each.figure is ScaledFigure.CPU)
    assert cpu.spread_percent == pytest.approx(20) and cpu.trials == 4


def test_it_is_saved_and_an_unfinished_one_of_the_same_key_goes_on(tmp_path: Path) -> None:
    found = _scale(_trials(lambda _: 1.0)[:3], finished=False)
    save_scale(found, tmp_path / "scale-1")
    assert load_scale(tmp_path / "scale-1" / "scale.json") == found
    assert find_unfinished(tmp_path, "scale-*/scale.json", "k", load_scale) == found
    assert find_unfinished(tmp_path, "scale-*/scale.json", "other", load_scale) is None
    save_scale(found.model_copy(update={"finished": True}), tmp_path / "scale-1")
    assert find_unfinished(tmp_path, "scale-*/scale.json", "k", load_scale) is None


def test_it_fails_if_a_count_was_wrong_or_an_engine_has_nothing_that_counts() -> None:
    made = _trials(lambda _: 1.0)
    assert exit_code(_scale(made)) == 0
    overloaded = made[1].model_copy(update={"counted": False, "verdict": Verdict.UNKNOWN})
    assert exit_code(_scale([*made, overloaded])) == 0
    assert exit_code(_scale([*made, made[1].model_copy(update={"verdict": Verdict.FAIL})])) == 1
    assert exit_code(_scale([each.model_copy(update={"counted": False}) for each in made])) == 1


def _made(*, broken_off: str = "", invalid: Sequence[str] = (), lag_end: int = 0, sink_ms: float = 0.0) -> Attempted:
    """An attempt of 20 s at 1,000 records/s."""
    (result,) = make_engine("flink", 50).trials
    figures = Throughput(offered=1000, sustained=1000, lag_records_start=0, lag_records_end=lag_end)
    workload = Workload(WorkloadSpecification(seed=1, rate_records_per_s=1000, warmup_s=2, duration_s=20, partitions=1))
    trial = Trial("flink", "flink", "", Path("nowhere"), broken_off=broken_off)
    trial.delays["redis_writer"] = Delays([5.0], [sink_ms])
    overload = Overload(workload, 5.0, blamed=ENGINE if broken_off else "")
    result = result.model_copy(update={"throughput_records_per_s": figures})
    return Attempted(trial, result, list(invalid), overload, expected_counts(workload))


@pytest.mark.parametrize(
    ("made", "blamed"),
    [
        ({}, []),
        ({"lag_end": 1000}, []),
        ({"lag_end": 1001}, [ENGINE]),
        ({"lag_end": 3000, "sink_ms": 1900}, [ENGINE]),
        ({"lag_end": 3000, "sink_ms": 2100}, [HARNESS]),
        ({"broken_off": "too slow"}, [ENGINE]),
        ({"broken_off": "too slow", "invalid": ["Redis was the bottleneck"]}, [HARNESS, ENGINE]),
    ],
)
def test_a_trial_that_is_not_counted_is_blamed_on_whom_the_delays_blame(
    made: dict[str, Any], blamed: list[str]
) -> None:
    assert [who for who, _ in _reasons(_made(**made), 20)] == blamed


def test_a_scaling_that_does_not_say_whose_fault_it_was_is_read(tmp_path: Path) -> None:
    path = save_scale(_scale(_trials(lambda _: 1.0)[:1]), tmp_path)
    old = json.loads(path.read_text(encoding="utf-8"))
    del old["trials"][0]["limited_by"]
    path.write_text(json.dumps(old), encoding="utf-8")
    assert load_scale(path).trials[0].limited_by is None


# What people read


def test_the_page_names_every_trial_every_fit_and_what_is_left_out(tmp_path: Path) -> None:
    made = _trials(lambda point: point.rate_records_per_s**0.93)
    made[2] = made[2].model_copy(
        update={"counted": False, "reasons": ["did not keep up: 1 of 2"], "limited_by": ENGINE}
    )
    scale = _scale([*made, *_trials(lambda _: 1.0, "spark")])
    page, markdown, picture = write_scale(scale, tmp_path)
    assert page.read_text(encoding="utf-8") == scale_document(scale, draw_scale(scale)).html()
    text = markdown.read_text(encoding="utf-8")
    assert text.count("\n| flink |") + text.count("\n| spark |") == 2 * (1 + len(Dimension) * len(ScaledFigure))
    assert "| flink | rate | CPU per record | 0.93 |" in text
    assert "no (engine): did not keep up: 1 of 2" in text.replace("\\", "") and "the base point, measured" in text
    assert picture.stat().st_size > 10_000


def test_the_page_shows_exponents_setting_picture_and_figures_in_this_order_and_tables_after() -> None:
    made = _trials(lambda point: point.rate_records_per_s**-0.4)
    made[2] = made[2].model_copy(update={"counted": False, "reasons": ["did not keep up"], "limited_by": ENGINE})
    scale = _scale([*made, *_trials(lambda _: 1.0, "spark")])
    page = scale_document(scale, draw_scale(scale))
    with patch("reports.documents.page.svg_text", return_value="<svg/>"):
        html = page.html()
    for text in (Page(html).text, " ".join(page.markdown().replace("\\", "").split())):
        words = [
            "CPU time per record grows with the rate to the power of -0.40 of flink and 0.00 of spark",
            "flink: the base point, measured",
            "One dimension at a time",
            "Example CPU, 2 cores",
            "Full dots are counted",
            "The figures to quote",
            "CPU per record by rate",
            "flink: 1 of",
            "Every fit",
            "Every trial of flink, by its point",
        ]
        places = [text.index(word) for word in words]
        assert places == sorted(places)
    rate = page.head.figures[0]
    assert [(row.value, [mark for mark, _ in row.marks]) for row in rate.rows] == [
        ("-0.40", ["1 trial left out"]),
        ("0.00", []),
    ]


def test_a_scaling_that_is_not_finished_says_so_first() -> None:
    scale = _scale(_trials(lambda _: 1.0)[:2], finished=False)
    head = head_of_scale(scale)
    assert not head.good and head.verdict == "Not finished: 2 of 2 trials were made"
    assert {row.value for figure in head.figures for row in figure.rows} == {"no fit"}


def test_the_terminals_tables_fit_80_columns() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(scale_table(_scale([*_trials(lambda _: 1.0), *_trials(lambda _: 1.0, "spark")])))
    text = console.export_text()
    assert "CPU per record" in text and "0.00 ± 0.00" in text and "…" not in text


def test_the_picture_has_a_panel_for_each_dimension_and_hollow_dots_for_what_is_not_counted() -> None:
    made = _trials(lambda _: 1.0)
    made[1] = made[1].model_copy(update={"counted": False, "reasons": ["x"]})
    figure = draw_scale(_scale(made)).figure
    assert len(figure.axes) == 4 * 4
    fillings = [line.get_markerfacecolor() for axes in figure.axes for line in axes.lines if line.get_marker() == "o"]
    assert fillings.count("white") == 5, "in the column of its dimension: throughput, p50, p99, CPU and memory"


# Options


def test_lists_of_levels_are_read_and_what_is_wrong_in_them_is_named() -> None:
    assert _numbers("--rates", "4000, 1000,1000", 10**7) == [1000, 4000]
    assert _words("--keys", "synthetic,california", list(CELLS)) == ["california", "synthetic"]
    for text in ("", "0", "1.5", "-1", "1,,2", "x", "99999999"):
        with pytest.raises(UsageError, match=r"--rates: .* is no whole number from 1 to 10,000,000"):
            _numbers("--rates", text, 10**7)
    with pytest.raises(UsageError, match="--keys: 'mars' is not known"):
        _words("--keys", "us,mars", list(CELLS))
