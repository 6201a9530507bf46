"""The pictures of reports: what they are made of, what they show, and what they mark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from harness.conclusions.bands import pooled_bands
from harness.results.result import OperatorVolume, Result
from reports.pictures.all import draw_all
from reports.pictures.comparison import draw_comparison
from reports.pictures.run import draw_latency_over_time
from reports.pictures.series import cdf_points, rates, spread, volume_table, with_gaps
from reports.pictures.style import colours_of, engine_colours, save_png, svg_text
from reports.pictures.waterfall import draw_waterfall
from reports.wording import numbers
from reports.wording.hops import HOPS
from tests.builders.pages import (
    INVALID,
    PICTURES,
    alike,
    drawn,
    failed,
    obvious,
    troubled,
    unmeasured,
    valid,
)
from tests.builders.results import (
    EPOCH_S,
    changed,
    encode,
    make_engine,
    make_result,
)


def test_cdf_of_a_known_histogram() -> None:
    latency_ms, slower = cdf_points(encode([10.0] * 90 + [100.0] * 9 + [60_000.0]))
    assert latency_ms == pytest.approx([10, 100, 60_000], rel=2e-3)
    assert slower == pytest.approx([0.10, 0.01, 0.0], abs=1e-12)


def test_cdf_of_an_empty_histogram_has_no_points() -> None:
    latency_ms, slower = cdf_points(encode([]))
    assert latency_ms.size == slower.size == 0


def test_rates_are_missing_where_a_sample_is() -> None:
    series = make_engine("flink", 18).trials[0].series
    edges_s, per_s = rates(series[:5] + series[8:10], lambda sample: sample.sent_records)
    assert edges_s.tolist() == [-20, -19, -18, -17, -16, -12, -11]
    assert np.array_equal(per_s, [6000, 6000, 6000, 6000, np.nan, 6000], equal_nan=True)


def test_a_line_is_broken_where_a_sample_is_missing() -> None:
    times_s, values = with_gaps(np.array([0.0, 1.0, 5.0, 6.0]), np.array([1.0, 2.0, 3.0, 4.0]))
    assert np.array_equal(times_s, [0, 1, np.nan, 5, 6], equal_nan=True)
    assert np.array_equal(values, [1, 2, np.nan, 3, 4], equal_nan=True)


def test_volume_table_keeps_empty_minutes_and_puts_the_greatest_operator_first() -> None:
    volumes = [
        OperatorVolume(minute_s=EPOCH_S + 120, operator="b", records=7),
        OperatorVolume(minute_s=EPOCH_S, operator="a", records=2),
        OperatorVolume(minute_s=EPOCH_S, operator="b", records=1),
    ]
    minutes_s, operators, records = volume_table(volumes)
    assert minutes_s == [EPOCH_S, EPOCH_S + 60, EPOCH_S + 120]
    assert operators == ["b", "a"]
    assert records.tolist() == [[1, 0, 7], [2, 0, 0]]


def test_what_others_had_of_the_machine_is_a_bar_for_each_second_in_which_it_is_known() -> None:
    engine = make_engine("flink", 18)
    (trial,) = engine.trials
    series = [
        sample.model_copy(update={"stolen_share": None}) if sample.t_s == 7 else sample for sample in trial.series
    ]
    picture = draw_latency_over_time(make_result(engines=[changed(engine, series=series)]))
    (strip,) = (each for each in picture.figure.axes[0].collections if isinstance(each, PolyCollection))
    corners = [path.vertices[:4].tolist() for path in strip.get_paths()]
    # 2 % stolen and 0.1 of 2 cores: 7 % of the machine, drawn on a quarter of the height.
    assert corners == [
        [[at_s, 0], [at_s, pytest.approx(0.0175)], [at_s + 1, pytest.approx(0.0175)], [at_s + 1, 0]]
        for at_s in (sample.t_s for sample in trial.series)
        if at_s != 7
    ]


def test_labels_are_spread_in_order_and_within_bounds() -> None:
    assert spread([0.5, 0.1, 0.52], gap=0.1, upper=1.0) == pytest.approx([0.5, 0.1, 0.6])
    assert spread([0.9, 0.95], gap=0.2, upper=1.0) == pytest.approx([0.8, 1.0])


def test_an_engine_keeps_its_colour_whoever_else_runs() -> None:
    engines = [unmeasured(), failed(), changed(failed(), name="yours")]
    assert engine_colours(engines)["spark"] == engine_colours(engines[:1])["spark"]
    assert len({engine_colours(engines)[engine.name] for engine in engines}) == 3


# The pictures.


@pytest.mark.parametrize("of", [valid, troubled])
def test_pictures_are_made_and_marked_if_the_run_is_invalid(of: Callable[[], Result]) -> None:
    assert [picture.name for picture in drawn(of)] == PICTURES
    for picture in drawn(of):
        texts = [text.get_text() for text in picture.figure.texts]
        assert ("INVALID RUN" in texts) is not of().valid


def test_pictures_are_drawn(tmp_path: Path) -> None:
    for picture in drawn(troubled):
        pixels = matplotlib.image.imread(save_png(picture, tmp_path))[..., :3]
        assert min(pixels.shape[:2]) > 400
        assert pixels.std() > 0.05, "almost one colour"


def test_pictures_of_a_run_without_engines_or_truth_say_not_measured() -> None:
    result = make_result(invalid_reasons=["nothing ran"], engines=[]).model_copy(update={"truth": None})
    for picture in draw_all(result):
        assert "<svg" in svg_text(picture)
        assert "Not measured." in picture.alt


def test_the_forest_plot_has_a_row_for_each_figure_and_pair_and_a_line_at_1() -> None:
    result = make_result(trials=6)
    picture = draw_comparison(result)
    assert picture and result.comparison
    assert [axes.get_title() for axes in picture.figure.axes] == [
        "latency p50",
        "latency p99",
        "CPU per million records",
    ]
    drawn = [line.get_xdata()[0] for axes in picture.figure.axes for line in axes.lines if line.get_marker() == "o"]
    assert drawn == [ratio.ratio.estimate for ratio in result.comparison.ratios if ratio.ratio]
    low, high = picture.figure.axes[-1].get_xlim()
    for axes in picture.figure.axes:
        assert axes.get_xscale() == "log"
        assert list(axes.lines[0].get_xdata()) == [1, 1]
    assert all(low < each.ratio.low <= each.ratio.high < high for each in result.comparison.ratios if each.ratio)


def test_pictures_of_several_trials_are_drawn(tmp_path: Path) -> None:
    """A comparison without a winner differs from one with winners in its own picture only."""
    for of in (obvious, alike):
        assert [picture.name for picture in drawn(of)] == [PICTURES[0], "comparison", *PICTURES[1:]]
    for picture in (drawn(obvious)[1], drawn(alike)[1]):
        assert matplotlib.image.imread(save_png(picture, tmp_path))[..., :3].std() > 0.05
        assert "<svg" in svg_text(picture)


def test_hops_of_all_bands_add_up_in_the_picture_too() -> None:
    result = make_result(
        engines=[make_engine("baseline", 2, trials=2), make_engine("flink", 18, trials=2), unmeasured()],
        invalid_reasons=[INVALID],  # engines that differ in the number of trials cannot be compared
    )
    picture = draw_waterfall(result)
    assert "A negative mean is drawn to the left of 0" in picture.caption
    for engine, axes in zip(result.engines, picture.figure.axes, strict=True):
        bands = pooled_bands(engine)
        bars = [bar.get_width() for bar in axes.patches]
        assert len(bars) == len(HOPS) * len(bands)
        for place, band in enumerate(bands):
            assert sum(bars[place * len(HOPS) : (place + 1) * len(HOPS)]) == pytest.approx(band.latency_ms)
            assert f"{numbers.milliseconds(band.latency_ms)} ms" in [text.get_text() for text in axes.texts]
    assert numbers.NOT_MEASURED in [text.get_text() for text in picture.figure.axes[-1].texts]


def test_contestants_have_colours_of_their_own_beside_the_engines() -> None:
    names = ["flink", *"abcdef"]
    found = colours_of(names)
    assert len({found[name] for name in names}) == len(names)
    assert found["flink"] == colours_of(["flink"])["flink"]
