"""Planned operations on real engines: each keeps its state, and no record is lost or counted twice."""

from pathlib import Path
from typing import Any

import pytest

from harness.engines.catalogue import find_engines
from harness.engines.versions import offered_versions
from tests.integration.ringbench import Outcome, Ringbench, outcome, write_scenario

pytestmark = [pytest.mark.integration, pytest.mark.proof]

#: Another setting for each engine that offers no further version; the others begin with an older one.
TO = {"baseline": "baseline:batch_wait_ms=5", "kstreams": "kstreams:linger_ms=20,state_store=rocksdb"}
NOT_APPLICABLE = {("baseline", "rescale")}


def _scenario(directory: Path, **changes: Any) -> str:
    # Spark is to have done more than its first micro-batches before it is stopped.
    return write_scenario(
        directory,
        warmup_s=12,
        allowed_lateness_ms=120_000,
        limits={"quiet_s": 60.0},
        malformed_per_million=500,
        **changes,
    )


def _operations(found: Outcome) -> dict[str, dict[str, Any]]:
    assert found.code == 0, found.stderr
    return {each["fault"]: each for each in found.result["resilience"]["faults"]}


@pytest.mark.parametrize("engine", ["baseline", "spark", "flink", "kstreams"])
def test_every_operation_keeps_the_state_and_miscounts_no_record(engine: str, tmp_path: Path) -> None:
    newest, *older = offered_versions(find_engines([engine])[0])
    chosen = ["--engine", engine, "--to", TO[engine]] if engine in TO else ["--engine", f"{engine}@{older[-1]}"]
    with Ringbench(tmp_path, "operate", _scenario(tmp_path), "--all", *chosen, "--json") as run:
        found = _operations(outcome(run))
    assert set(found) == {"restart", "rescale", "upgrade"}
    for name, each in found.items():
        not_for_it = (engine, name) in NOT_APPLICABLE
        assert each["verdict"] == ("not applicable" if not_for_it else "pass"), (name, each["reasons"])
        assert not_for_it or (each["lost_records"], each["surplus_records"]) == (0, 0)
    if engine not in TO:
        assert found["upgrade"]["changed"] == f"{engine}@{newest}"


def test_flink_reads_nothing_again_after_its_savepoint(tmp_path: Path) -> None:
    with Ringbench(tmp_path, "operate", _scenario(tmp_path), "--engine", "flink", "--json", "--keep-logs") as run:
        found = outcome(run)
    # What it read after it had told its last totals is missing from them.
    assert _operations(found)["restart"]["reread_records"] <= 0
    log = found.directory / "logs" / "flink-operations-1" / "engine.log"
    assert "ended with the savepoint" in log.read_text(encoding="utf-8")


def test_a_run_does_the_operations_of_its_scenario_beside_a_fault(tmp_path: Path) -> None:
    operations = [{"kind": "restart", "at_s": 6}, {"kind": "upgrade", "at_s": 30, "to": TO["baseline"]}]
    faults = [{"kind": "engine-kill", "at_s": 54}]
    scenario = _scenario(tmp_path, duration_s=80, operations=operations, faults=faults)
    with Ringbench(tmp_path, "run", scenario, "--json") as run:
        found = _operations(outcome(run))
    assert {name: each["verdict"] for name, each in found.items()} == dict.fromkeys(
        ("restart", "upgrade", "engine-kill"), "pass"
    )
    assert found["upgrade"]["changed"] == "batch_wait_ms=5" and not found["engine-kill"]["operation"]
