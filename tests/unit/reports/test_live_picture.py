"""The picture that answers the question: its numbers are the trials', and nothing but numbers gets to its script."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from harness.results.performance import QuantileBounds
from reports.documents import live_picture
from reports.documents.live_picture import safe_json
from reports.documents.run import html_text
from reports.pictures.quantiles import PERCENTILES, bounds_ms, curves_of, draw_quantiles, quantiles_ms
from tests.builders.pages import ATTACK, Page, alike, obvious, troubled, unmeasured, valid
from tests.builders.results import changed, encode, make_engine, make_result

VENDOR = Path(live_picture.__file__).parents[1] / "page" / "vendor"
CLOSING = "</script><script>alert(1)</script>"


def _at(percentile: float) -> int:
    return int(np.flatnonzero(percentile == PERCENTILES)[0])


def _page(*names: str) -> str:
    result = make_result(engines=[make_engine(name, 18) for name in names])
    return html_text(result, [draw_quantiles(result)])


def _numbers(page: str) -> dict[str, object]:
    [text] = re.findall(r'<script type="application/json" id="picture-numbers">(.*?)</script>', page)
    found: dict[str, object] = json.loads(text)
    return found


def test_percentiles_of_a_known_histogram() -> None:
    values_ms = quantiles_ms(encode([10.0] * 900 + [100.0] * 90 + [1000.0] * 10), 1000)
    expected = {1: 10, 50: 10, 90: 10, 92: 100, 99: 100, 99.2: 1000, 99.9: 1000}
    for percentile, ms in expected.items():
        assert values_ms[_at(percentile)] == pytest.approx(ms, rel=2e-3), percentile
    assert np.isnan(values_ms[PERCENTILES > 99.9]).all(), "less than one of 1,000 records is slower"


def test_no_records_have_no_percentiles() -> None:
    assert np.isnan(quantiles_ms(encode([]), 0)).all()


def test_a_line_is_the_geometric_mean_of_the_trials_and_its_band_reaches_from_the_least_to_the_greatest() -> None:
    engine = obvious().engines[0]
    (curve, _) = curves_of(obvious()).curves
    of_trials = [trial.latency_ms.p99 for trial in engine.trials if trial.latency_ms]
    at = _at(99)
    assert curve.typical_ms[at] == pytest.approx(np.exp(np.log(of_trials).mean()), rel=2e-3)
    assert curve.least_ms[at] == pytest.approx(min(of_trials), rel=2e-3)
    assert curve.greatest_ms[at] == pytest.approx(max(of_trials), rel=2e-3)
    assert [percentile for percentile, _, _ in curve.whiskers] == [50, 99, 99.9]


def test_an_estimate_of_one_trial_shows_its_bounds() -> None:
    engine = make_engine("flink", 18)
    assert engine.trials[0].latency_ms
    bounds = QuantileBounds(records=5_000, p50=(15, 20), p90=(20, 30), p99=(30, 50), p999=(40, 70), max=(60, 90))
    estimated = engine.trials[0].latency_ms.model_copy(update={"quantile_bounds_ms": bounds})
    (curve,) = curves_of(make_result(engines=[changed(engine, latency_ms=estimated)])).curves
    assert curve.whiskers == ((50, 15, 20), (99, 30, 50), (99.9, 40, 70))


def test_the_axis_holds_every_line_band_and_the_harness_alone() -> None:
    found = curves_of(make_result(trials=2))
    low, high = bounds_ms(found)
    assert low < min(ms for _, ms in found.floor_ms)
    assert high > max(np.nanmax(curve.greatest_ms) for curve in found.curves)


def test_an_engine_without_a_trials_latency_has_no_line_and_a_run_without_calibration_no_floor() -> None:
    result = make_result(engines=[make_engine("flink", 18), unmeasured()])
    environment = result.environment.model_copy(update={"calibration": None})
    found = curves_of(result.model_copy(update={"environment": environment}))
    assert [curve.engine.name for curve in found.curves] == ["flink"]
    assert found.floor_ms == ()
    assert "Dotted" not in draw_quantiles(result.model_copy(update={"environment": environment})).caption


def test_the_page_holds_the_numbers_of_the_drawing_and_numbers_alone() -> None:
    numbers = _numbers(html_text(alike(), [draw_quantiles(alike())]))
    found = curves_of(alike())
    assert numbers["percentiles"] == pytest.approx(found.percentiles.tolist())
    assert [each["line"] for each in numbers["curves"]] == [  # type: ignore[attr-defined]
        pytest.approx(curve.typical_ms.tolist(), abs=1e-3) for curve in found.curves
    ]

    def leaves(value: object) -> list[object]:
        if isinstance(value, dict):
            return [leaf for each in value.values() for leaf in leaves(each)]
        return [leaf for each in value for leaf in leaves(each)] if isinstance(value, list) else [value]

    assert not [leaf for leaf in leaves(numbers) if isinstance(leaf, str)]


def test_nothing_in_the_numbers_can_end_their_element() -> None:
    assert "<" not in safe_json({"name": CLOSING, "line": [1.5, None]})
    assert json.loads(safe_json({"name": CLOSING}))["name"] == CLOSING
    with pytest.raises(ValueError):
        safe_json({"line": [float("nan")]})


def test_the_policy_lets_the_pages_own_scripts_run_and_no_other() -> None:
    page = _page(ATTACK, CLOSING)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="(.*?)"', page)
    assert policy
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts}
    rules = policy[1].replace("&#39;", "'")
    assert set(re.findall(r"'sha256-(.*?)'", rules)) == digests and len(digests) == 2
    assert "default-src 'none'" in rules and "unsafe-inline" not in rules.split("script-src")[1].split(";")[0]
    assert Page(page).scripts == ["application/json", "", ""]


def test_a_page_without_a_picture_runs_nothing() -> None:
    page = html_text(valid(), [])
    assert Page(page).scripts == []
    assert "script-src &#39;none&#39;" in page


def test_an_invalid_run_is_marked_in_the_live_picture_too() -> None:
    numbers = [_numbers(html_text(of(), [draw_quantiles(of())]))["valid"] for of in (valid, troubled)]
    assert numbers == [True, False]


def test_the_library_is_the_one_that_its_notice_names() -> None:
    notice = (VENDOR / "NOTICE").read_text(encoding="utf-8")
    listed = dict(line.split("  ")[::-1] for line in notice.splitlines() if re.match("[0-9a-f]{64}  ", line))
    files = [path for path in VENDOR.iterdir() if path.name != "NOTICE"]
    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
