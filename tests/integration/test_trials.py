"""Repeated trials: an engine does not beat itself, and beats a copy that takes more CPU time; builds fail on it."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ringbench import FIXTURE_ENGINES, Outcome, Ringbench, Services, outcome, write_scenario

pytestmark = [pytest.mark.integration, pytest.mark.calm]

CPU = "cpu_s_per_million_records"
#: As few blocks as have intervals, and so short trials that only a large difference shows.
SHORT: dict[str, Any] = {"rate_records_per_s": 3000, "warmup_s": 1, "duration_s": 3, "rehearsal_s": 8}
BLOCKS = 6
#: Slower batches are larger ones, which cost less by record: it takes so much more to double the cost of a record.
FAR_MORE = {"slowed": {"share": 6.0}}
#: What shows a fifth.
LONG: dict[str, Any] = {"rate_records_per_s": 6000, "warmup_s": 2, "duration_s": 6, "rehearsal_s": 16}
LONG_BLOCKS = 8
#: A machine so noisy that it hides the difference gets another chance: it is the comparison that is tested, not the
#: machine. Whoever does not find it so often has a fault; that none is found where there is none is a test of its own.
ATTEMPTS = 4


def _run(directory: Path, services: Services, engines: list[str], trials: int, load: dict[str, Any]) -> Outcome:
    scenario = write_scenario(directory, engines=engines, **load)
    arguments = ["run", scenario, "--trials", str(trials), "--engine-path", str(FIXTURE_ENGINES), "--json"]
    with Ringbench(directory, *arguments, *services.arguments(), env=services.environment()) as run:
        return outcome(run)


def _until(shows: Callable[[Outcome], bool], attempt: Callable[[], Outcome]) -> Outcome:
    """The first of `ATTEMPTS` runs in which the difference shows, or the last one."""
    for _ in range(ATTEMPTS - 1):
        if shows(found := attempt()):
            return found
    return attempt()


@pytest.fixture(scope="module")
def slowed(tmp_path_factory: pytest.TempPathFactory, services: Services) -> Outcome:
    """The baseline and a copy that takes far more CPU time, by pairs of trials and as two runs."""
    load = SHORT | {"engine_settings": FAR_MORE}

    def attempt() -> Outcome:
        return _run(tmp_path_factory.mktemp("slowed"), services, ["baseline", "slowed"], BLOCKS, load)

    def shows(found: Outcome) -> bool:
        return _has_winner(found) and _compare_as_runs(found, tmp_path_factory.mktemp("compared"))[0] == 1

    return _until(shows, attempt)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, services: Services) -> Outcome:
    """The baseline, and the baseline under another name."""
    return _run(tmp_path_factory.mktemp("twins"), services, ["baseline", "twin"], 6, LONG)


def _cpu_ratio(found: Outcome) -> dict[str, Any]:
    """The ratio of CPU per record; one without a winner where the run is invalid."""
    ratios = (found.result["comparison"] or {"ratios": []})["ratios"]
    return next((each for each in ratios if each["figure"] == CPU), {"winner": None})


def _has_winner(found: Outcome) -> bool:
    return _cpu_ratio(found)["winner"] is not None


@pytest.mark.proof
def test_an_engine_does_not_beat_itself(twins: Outcome) -> None:
    assert twins.code == 0, twins.stderr
    ratios = twins.result["comparison"]["ratios"]
    assert [each["winner"] for each in ratios] == [None, None, None], ratios
    assert all(each["ratio"] and each["why_not"] for each in ratios)


def test_a_copy_that_takes_far_more_cpu_time_loses(slowed: Outcome) -> None:
    assert slowed.code == 0, slowed.stderr
    found = _cpu_ratio(slowed)
    assert found["winner"] == "baseline", found
    assert found["ratio"]["estimate"] < 1 / 1.4
    for report in ("report.md", "report.html"):
        assert "baseline is lower than slowed" in (slowed.directory / report).read_text(encoding="utf-8")


@pytest.mark.proof
def test_a_copy_slowed_by_a_fifth_loses(tmp_path_factory: pytest.TempPathFactory, services: Services) -> None:
    def attempt() -> Outcome:
        return _run(tmp_path_factory.mktemp("slowed"), services, ["baseline", "slowed"], LONG_BLOCKS, LONG)

    found = _until(_has_winner, attempt)
    assert found.code == 0, found.stderr
    ratio = _cpu_ratio(found)
    assert ratio["winner"] == "baseline", ratio
    assert 1 / 1.4 < ratio["ratio"]["estimate"] < 1 / 1.05


def test_the_trials_are_interleaved_and_all_pass(slowed: Outcome) -> None:
    by_number = {trial["number"]: each["name"] for each in slowed.result["engines"] for trial in each["trials"]}
    assert [by_number[number] for number in range(1, 2 * BLOCKS + 1)] == [
        *["baseline", "slowed", "slowed", "baseline"] * (BLOCKS // 2)
    ]
    assert {trial["verdict"] for each in slowed.result["engines"] for trial in each["trials"]} == {"pass"}


def test_every_trial_has_its_waterfall_and_a_share_of_the_harness(slowed: Outcome) -> None:
    for engine in slowed.result["engines"]:
        for trial in engine["trials"]:
            (whole, *_) = trial["waterfall"]["bands"]
            assert sum(whole["hops_ms"].values()) == pytest.approx(whole["latency_ms"])
            assert whole["latency_ms"] == pytest.approx(trial["latency_ms"]["mean"], abs=1.0)
            assert {cost["role"] for cost in trial["other_costs"]} == {"pipeline", "load", "measuring"}
            assert trial["steady"]["settled"] is None, "3 s are too short to tell"


# Comparing runs


def _compare(directory: Path, *arguments: str) -> tuple[int, str, str]:
    with Ringbench(directory, "compare", *arguments) as run:
        return run.end(), run.stdout, run.stderr


def _run_of(result: dict[str, Any], engine: str, directory: Path) -> str:
    """The run as if it had been of the baseline alone, and that had done what `engine` did. Returns its directory."""
    (found,) = [each for each in result["engines"] if each["name"] == engine]
    directory.mkdir()
    changed = result | {"engines": [found | {"name": "baseline"}], "comparison": None}
    (directory / "result.json").write_text(json.dumps(changed), encoding="utf-8")
    return str(directory)


def _compare_as_runs(found: Outcome, directory: Path, *options: str) -> tuple[int, str, str]:
    """The slowed copy's trials against the baseline's, as if each had been a run of its own."""
    old, new = (_run_of(found.result, name, directory / name) for name in ("baseline", "slowed"))
    return _compare(directory / "run", old, new, "--max-regression", "0", *options)


def test_an_engine_that_grew_slower_fails_the_build(slowed: Outcome, tmp_path: Path) -> None:
    junit, benchmark = tmp_path / "junit.xml", tmp_path / "benchmark.json"
    files = ["--junit", str(junit), "--benchmark-json", str(benchmark), "--format", "md"]
    code, text, errors = _compare_as_runs(slowed, tmp_path, *files)
    assert code == 1, errors + text
    assert "regression" in text and "baseline" in text
    cases = ET.parse(junit).iter("testcase")  # noqa: S314 - our own
    failures = [case.get("name", "") for case in cases if case.find("failure") is not None]
    assert any("CPU" in name or "cpu" in name for name in failures)
    assert {"name", "unit", "value"} <= set(json.loads(benchmark.read_text(encoding="utf-8"))[0])


def test_a_run_is_no_worse_than_itself(slowed: Outcome, tmp_path: Path) -> None:
    _stays_the_same(slowed, "baseline", "baseline", tmp_path)


@pytest.mark.proof
def test_an_engine_is_no_worse_than_itself_under_another_name(twins: Outcome, tmp_path: Path) -> None:
    _stays_the_same(twins, "baseline", "twin", tmp_path)


def _stays_the_same(found: Outcome, old: str, new: str, directory: Path) -> None:
    runs = (_run_of(found.result, name, directory / f"of-{number}") for number, name in enumerate((old, new)))
    code, text, errors = _compare(directory / "run", *runs, "--format", "json")
    assert code == 0, errors + text
    assert json.loads(text)["passed"]


def test_another_workload_is_refused(slowed: Outcome, tmp_path: Path) -> None:
    changed = slowed.result | {"scenario": slowed.result["scenario"] | {"rate_records_per_s": 5000}}
    directory = tmp_path / "new"
    directory.mkdir()
    (directory / "result.json").write_text(json.dumps(changed), encoding="utf-8")
    code, _, errors = _compare(tmp_path / "run", str(slowed.directory), str(directory))
    assert code == 2
    assert "rate_records_per_s" in errors and "--allow-different-workload" in errors
