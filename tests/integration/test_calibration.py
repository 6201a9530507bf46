"""The probe is proven on the real pipeline: what is injected is what is reported."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.calibrate import CASES
from tests.integration.ringbench import RUN_DEADLINE_S, Ringbench

pytestmark = [pytest.mark.integration, pytest.mark.alone, pytest.mark.timeout(RUN_DEADLINE_S)]

NAMES = [case.name for case in CASES]
RATE_RECORDS_PER_S = 2000


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, dict[str, Any], Path]]:
    """Exit code, result and directory of a calibration of all cases, named one by one, so that no summary is kept."""
    directory = tmp_path_factory.mktemp("calibration")
    cases = [word for name in NAMES for word in ("--case", name)]
    arguments = ["calibrate", "--rate", str(RATE_RECORDS_PER_S), "--duration", "10", "--json", *cases]
    with Ringbench(directory, *arguments) as run:
        code = run.end()
        assert "Traceback" not in run.stderr, run.stderr
        assert run.processes() == [] and list(run.temp.iterdir()) == []
        (saved,) = run.runs.rglob("calibration.json")
        found = json.loads(saved.read_text(encoding="utf-8"))
        assert json.loads(run.stdout) == found
        yield code, found, saved.parent


@pytest.mark.parametrize("name", NAMES)
def test_what_is_injected_is_what_is_reported(calibration: tuple[int, dict[str, Any], Path], name: str) -> None:
    case = next(case for case in calibration[1]["cases"] if case["name"] == name)
    assert case["passed"], (case["reasons"], case["percentiles"], case["counts"], case["stalls"])


def test_the_calibration_passes_and_leaves_a_picture(calibration: tuple[int, dict[str, Any], Path]) -> None:
    code, found, directory = calibration
    assert found["passed"] is (code == 0)
    assert (directory / "calibration.png").stat().st_size > 10_000


def test_delays_and_stalls_are_as_long_as_they_should_be(calibration: tuple[int, dict[str, Any], Path]) -> None:
    """Whatever the harness reports: the engine's own account is held to what it was told to do."""
    percentiles = {
        case["name"]: {row["percentile"]: row["injected_ms"] for row in case["percentiles"]}
        for case in calibration[1]["cases"]
    }
    assert percentiles["constant"]["p50"] >= 100
    assert percentiles["bimodal"]["p50"] >= 20 and percentiles["bimodal"]["max"] >= 1500
    assert percentiles["heavy-tail"]["max"] > 10 * percentiles["heavy-tail"]["p50"]
    for stall in ("generator-stall", "broker-stall"):
        assert percentiles[stall]["max"] >= 1900


def test_an_unknown_case_is_named(tmp_path: Path) -> None:
    with Ringbench(tmp_path, "calibrate", "--case", "constnat") as run:
        assert run.end() == 2
        assert "unknown case 'constnat'" in run.stderr and "heavy-tail" in run.stderr
