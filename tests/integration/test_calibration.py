"""The probe is proven on the real pipeline: what is injected is what is reported."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.experiments.calibration.cases import CASES
from tests.integration.ringbench import Ringbench

pytestmark = [pytest.mark.integration, pytest.mark.calm]

#: The harness's own floor, delays, a partition that lags, and a stall that makes no run invalid. Wrong counts are in
#: test_broken_engines.py, and a stall that does is in test_run.py.
SOME = ("floor", "bimodal", "slow-partition", "broker-stall")
OTHERS = [case.name for case in CASES if case.name not in SOME]
RATE_RECORDS_PER_S = 2000


@dataclass(frozen=True)
class Calibrated:
    """What came of a calibration."""

    code: int
    result: dict[str, Any]
    directory: Path

    def case(self, name: str) -> dict[str, Any]:
        """The case called `name`."""
        (found,) = (case for case in self.result["cases"] if case["name"] == name)
        return dict(found)

    def injected_ms(self, name: str, percentile: str) -> float:
        """A percentile of what was injected, by the engine's own account."""
        (row,) = (row for row in self.case(name)["percentiles"] if row["percentile"] == percentile)
        return float(row["injected_ms"])


def _calibrate(directory: Path, names: Iterable[str]) -> Calibrated:
    """Calibrate with cases that are named one by one, so that no summary is kept."""
    cases = [word for name in names for word in ("--case", name)]
    arguments = ["calibrate", "--rate", str(RATE_RECORDS_PER_S), "--duration", "10", "--json", *cases]
    with Ringbench(directory, *arguments) as run:
        code = run.end()
        assert "Traceback" not in run.stderr, run.stderr
        assert run.processes() == [] and list(run.temp.iterdir()) == []
        (saved,) = run.runs.rglob("calibration.json")
        found = json.loads(saved.read_text(encoding="utf-8"))
        assert json.loads(run.stdout) == found
        return Calibrated(code, found, saved.parent)


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Calibrated:
    """Of `SOME` cases."""
    return _calibrate(tmp_path_factory.mktemp("calibration"), SOME)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Calibrated:
    """Of all other cases."""
    return _calibrate(tmp_path_factory.mktemp("others"), OTHERS)


def _check(case: dict[str, Any]) -> None:
    assert case["passed"], (case["reasons"], case["percentiles"], case["counts"], case["stalls"])


@pytest.mark.parametrize("name", SOME)
def test_what_is_injected_is_what_is_reported(calibration: Calibrated, name: str) -> None:
    _check(calibration.case(name))


@pytest.mark.proof
@pytest.mark.parametrize("name", OTHERS)
def test_what_is_injected_is_what_is_reported_of_all_kinds(others: Calibrated, name: str) -> None:
    _check(others.case(name))


def test_the_calibration_passes_and_leaves_a_picture(calibration: Calibrated) -> None:
    assert calibration.result["passed"] is (calibration.code == 0)
    assert (calibration.directory / "calibration.png").stat().st_size > 10_000


def test_delays_and_stalls_are_as_long_as_they_should_be(calibration: Calibrated) -> None:
    """Whatever the harness reports: the engine's own account is held to what it was told to do."""
    assert calibration.injected_ms("bimodal", "p50") >= 20 and calibration.injected_ms("bimodal", "max") >= 1500
    assert calibration.injected_ms("broker-stall", "max") >= 1900


@pytest.mark.proof
def test_other_delays_and_stalls_are_what_they_should_be(others: Calibrated) -> None:
    assert others.injected_ms("generator-stall", "max") >= 1900
    assert others.injected_ms("constant", "p50") >= 100
    assert others.injected_ms("heavy-tail", "max") > 10 * others.injected_ms("heavy-tail", "p50")


def test_an_unknown_case_is_named(tmp_path: Path) -> None:
    with Ringbench(tmp_path, "calibrate", "--case", "constnat") as run:
        assert run.end() == 2
        assert "unknown case 'constnat'" in run.stderr and "heavy-tail" in run.stderr
