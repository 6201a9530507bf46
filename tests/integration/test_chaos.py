"""Faults are injected for real, one after the other: nothing is lost or miscounted, and nothing is left behind."""

import itertools
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.faults import catalogue
from harness.faults.plan import possible
from tests.integration.ringbench import Outcome, Ringbench, outcome, write_scenario

pytestmark = pytest.mark.integration

#: A broker's death is in test_cluster.py, and all others are in the proofs.
FAULTS = ("engine-kill", "clock-step", "redis-lost")
#: What a transaction must come through: the death of engine, task and broker.
KILLS = ("engine-kill", "task-kill", "kafka-kill")
EVERY_FAULT = possible([each.name for each in catalogue.FAULTS], cluster=False)
#: Commands that share all faults of one engine: in one, they take a quarter of an hour, and longer beside others.
PARTS = 3
#: One trial for all, and one fault that is not for the baseline.
PLAN = ("--fault", "task-kill", "--per-trial", str(len(FAULTS) + 1))


def _chosen(*faults: str) -> list[str]:
    return [word for fault in faults for word in ("--fault", fault)]


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """The baseline with all of `FAULTS` in one trial."""
    directory = tmp_path_factory.mktemp("chaos")
    # Longer than an outage of the broker on a slow machine: see docs/chaos.md. Of several Redis writers, each has to
    # find out what Redis has lost.
    scenario = write_scenario(directory, allowed_lateness_ms=120_000, redis_writers=2, probes=2)
    with Ringbench(directory, "chaos", scenario, *_chosen(*FAULTS), *PLAN, "--json") as run:
        yield outcome(run)


def _fault(found: Outcome, name: str) -> dict[str, Any]:
    (fault,) = (each for each in found.result["resilience"]["faults"] if each["fault"] == name)
    return dict(fault)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_loses_and_miscounts_no_record(chaos: Outcome, name: str) -> None:
    fault = _fault(chaos, name)
    assert (fault["lost_records"], fault["surplus_records"], fault["wrong_cells"]) == (0, 0, [])
    assert fault["verdict"] == "pass", fault["reasons"]


def test_the_run_is_valid_and_passes(chaos: Outcome) -> None:
    assert chaos.result["valid"], chaos.result["invalid_reasons"]
    assert chaos.code == 0, chaos.stderr
    assert [each["engine"] for each in chaos.result["resilience"]["controls"]] == ["baseline"]


def test_faults_happened_when_they_were_planned(chaos: Outcome) -> None:
    planned_ones = chaos.result["resilience"]["plan"]
    for planned in planned_ones:
        fault = _fault(chaos, planned["fault"])
        if planned["not_for"]:
            continue
        # Not early, and in the order of the plan, however slow the machine.
        assert planned["at_s"] <= fault["started_s"] < fault["healed_s"]
        assert fault["healed_s"] - planned["at_s"] >= planned["duration_s"]
    started = [
        (each["at_s"], _fault(chaos, each["fault"])["started_s"]) for each in planned_ones if not each["not_for"]
    ]
    assert started == sorted(started)


def test_every_fault_is_recovered_from_before_the_next_one_comes(chaos: Outcome) -> None:
    faults = sorted((_fault(chaos, name) for name in FAULTS), key=lambda fault: fault["started_s"])
    for fault in faults:
        assert fault["recovered"] and fault["common_recover_s"] is not None and fault["excess_lag_record_s"] is not None
    for one, other in itertools.pairwise(faults):
        assert other["started_s"] >= one["healed_s"] + one["common_recover_s"]


def test_the_load_ends_early_and_all_that_was_sent_is_verified(chaos: Outcome) -> None:
    (trial,) = (each["trials"][0] for each in chaos.result["engines"] if each["name"] == "baseline-faults")
    sent = trial["generator"]["sent_records"]
    # Had nothing been recovered from, the load would have gone on for 120 s after each fault.
    assert sent < 2 * 120 * chaos.result["scenario"]["rate_records_per_s"]
    assert trial["correctness"]["expected_records"] + trial["correctness"]["dead_letters"]["expected"] == sent


def test_an_outage_shows_in_its_times(chaos: Outcome) -> None:
    fault = _fault(chaos, "engine-kill")
    assert fault["detect_s"] is not None, fault
    # Nothing can become visible while it lasts, but for what is on its way.
    assert fault["worst_staleness_s"] > fault["healed_s"] - fault["started_s"] - 1, fault


def test_a_lost_redis_shows_in_its_times(chaos: Outcome) -> None:
    assert _fault(chaos, "redis-lost")["worst_staleness_s"] > 0.5


def test_a_step_of_the_generators_clock_shows_nowhere(chaos: Outcome) -> None:
    fault = _fault(chaos, "clock-step")
    assert (fault["verdict"], fault["restarts"]) == ("pass", [])
    (trial,) = (each["trials"][0] for each in chaos.result["engines"] if each["name"] == "baseline-faults")
    # By the stamps of the generator's events, it would not have sent something in each second.
    sent = [each["sent_records"] for each in trial["series"] if each["t_s"] <= fault["healed_s"]]
    assert all(after > before for before, after in itertools.pairwise(sent)), sent


def test_a_fault_that_is_not_for_the_engine_is_told_apart_from_one_that_was_survived(chaos: Outcome) -> None:
    fault = _fault(chaos, "task-kill")
    assert fault["verdict"] == "not applicable" and "task_kill" in fault["reasons"][0]
    assert (fault["started_s"], fault["lost_records"]) == (None, None)


def test_the_restart_of_the_engine_is_told(chaos: Outcome) -> None:
    (restart,) = _fault(chaos, "engine-kill")["restarts"]
    assert restart["process"] == "engine"
    assert restart["died_s"] < restart["started_s"] < restart["ready_s"]
    assert list(chaos.result["resilience"]["repeated_dead_letters"]) == ["baseline-faults-1"]


def test_the_report_has_the_table_and_the_picture(chaos: Outcome) -> None:
    assert "Faults and recovery" in (chaos.directory / "report.md").read_text(encoding="utf-8")
    assert (chaos.directory / "figures" / "resilience.png").stat().st_size > 10_000


@pytest.mark.proof
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("engine", ["baseline", "spark", "spark-rtm", "flink"])
def test_every_fault_loses_and_miscounts_no_record(engine: str, part: int, tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, allowed_lateness_ms=120_000, limits={"quiet_s": 60.0})
    chosen = EVERY_FAULT[part::PARTS]
    with Ringbench(tmp_path, "chaos", scenario, *_chosen(*chosen), "--engine", engine, "--json") as run:
        found = outcome(run)
    assert found.code == 0, found.stderr
    faults = found.result["resilience"]["faults"]
    assert {each["fault"] for each in faults} == set(chosen)
    for each in faults:
        assert each["verdict"] in ("pass", "not applicable"), (each["fault"], each["reasons"])
        assert not each["lost_records"] and not each["surplus_records"], each["fault"]


@pytest.mark.proof
@pytest.mark.parametrize("engine", ["baseline", "flink", "kstreams", "quix"])
def test_exactly_once_nothing_that_is_committed_comes_again_after_a_kill(engine: str, tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, delivery="exactly-once", allowed_lateness_ms=120_000, limits={"quiet_s": 60.0})
    with Ringbench(tmp_path, "chaos", scenario, *_chosen(*KILLS), "--engine", engine, "--json") as run:
        found = outcome(run)
    assert found.code == 0, found.stderr
    verdicts = {each["fault"]: each["verdict"] for each in found.result["resilience"]["faults"]}
    assert verdicts == dict.fromkeys(KILLS, "pass") | ({} if engine == "flink" else {"task-kill": "not applicable"})
    for each in found.result["engines"]:
        assert each["committed"]["messages"] > 0
        assert [each["committed"][name] for name in ("repeated", "lowered", "left_open")] == [0, 0, 0]
        assert each["correctness"]["lost_records"] == each["correctness"]["surplus_records"] == 0


def test_the_same_seed_gives_the_same_plan(chaos: Outcome, tmp_path: Path) -> None:
    with Ringbench(tmp_path, "chaos", *_chosen(*FAULTS), *PLAN, "--plan") as run:
        assert run.end() == 0, run.stderr
        assert json.loads(run.stdout) == chaos.result["resilience"]["plan"]


@pytest.mark.proof
def test_ctrl_c_in_the_middle_of_a_fault_leaves_nothing(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path)
    with Ringbench(tmp_path, "chaos", scenario, *_chosen("engine-stop")) as run:
        run.wait_for_text("engine-stop begins")
        run.send(signal.SIGINT)
        assert run.end() == 130, run.stderr
        run.wait_until_gone()
        assert list(run.temp.iterdir()) == []


def test_an_unknown_fault_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with Ringbench(tmp_path, "chaos", "--fault", "engin-kill") as run:
        assert run.end() == 2
        assert "unknown fault 'engin-kill'" in run.stderr and "engine-kill" in run.stderr
