"""A sweep finds a rate, survives being killed, and says when none is sustained."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from harness.processes import wait_until
from tests.deadlines import RUN_DEADLINE_S
from tests.integration.ringbench import Ringbench, write_scenario

pytestmark = [pytest.mark.integration, pytest.mark.alone]

#: Up to 8,000 records a second, which the baseline sustains on any machine: two probes and a confirmation.
SMALL = ["sweep", "--engine", "baseline", "--start-rate", "4000", "--highest-rate", "8000", "--lowest-rate", "1000"]
SHORT = ["--warmup", "2", "--duration", "10", "--confirm-duration", "10", "--json"]


def _saved(runs: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in runs.rglob("sweep.json")]


def _rates(sweep: dict[str, Any]) -> list[tuple[str, int, bool]]:
    return [(each["kind"], each["rate_records_per_s"], each["sustained"]) for each in sweep["engines"][0]["attempts"]]


def test_a_killed_sweep_goes_on_where_it_stopped(tmp_path: Path) -> None:
    runs = [write_scenario(tmp_path), "--runs-dir", str(tmp_path / "runs")]
    with Ringbench(tmp_path / "first", *SMALL, *SHORT, *runs) as first:
        wait_until(
            lambda: any(_rates(sweep) for sweep in _saved(tmp_path / "runs")),
            deadline_s=RUN_DEADLINE_S,
            what="the first attempt is saved",
        )
        first.send(signal.SIGKILL)
        first.end()
        first.wait_until_gone()
    (before,) = _saved(tmp_path / "runs")
    assert not before["finished"] and before["engines"][0]["answer"] is None
    with Ringbench(tmp_path / "second", *SMALL, *SHORT, *runs) as second:
        assert second.end() == 0, second.stderr
        assert "going on with" in second.stderr
    (after,) = _saved(tmp_path / "runs")
    assert json.loads(second.stdout) == after
    assert after["engines"][0]["attempts"][: len(_rates(before))] == before["engines"][0]["attempts"]
    assert _rates(after) == [("probe", 4000, True), ("probe", 8000, True), ("confirm", 8000, True)]
    answer = after["engines"][0]["answer"]
    assert answer["rate_records_per_s"] == 8000 and answer["failed_records_per_s"] is None
    assert answer["at_least"], "nothing failed: the limit is the search's own"
    directory = tmp_path / "runs" / after["sweep_id"]
    assert "at least 8,000 records/s" in (directory / "sweep.md").read_text(encoding="utf-8")
    assert (directory / "latency-against-load.png").stat().st_size > 10_000


def test_what_cannot_be_in_bound_is_not_sustained(tmp_path: Path) -> None:
    """No pipeline of several processes has its p99 within a millisecond; the engine is to blame, not the harness."""
    arguments = [*SMALL, *SHORT, "--p99-bound-ms", "1", "--lowest-rate", "4000"]
    with Ringbench(tmp_path, *arguments, write_scenario(tmp_path)) as run:
        assert run.end() == 1, run.stderr
    (found,) = _saved(run.runs)
    assert found["finished"]
    assert _rates(found) == [("probe", 4000, False)]
    (attempt,) = found["engines"][0]["attempts"]
    assert attempt["limited_by"] == "engine" and "bound 1 ms" in " ".join(attempt["reasons"])
    assert found["engines"][0]["answer"]["rate_records_per_s"] is None
