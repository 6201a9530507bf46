"""A sweep finds a rate, survives being killed, tries again what failed, and says when none is sustained."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from harness.processes.process import wait_until
from tests.deadlines import RUN_DEADLINE_S
from tests.integration.ringbench import Ringbench, write_scenario

pytestmark = [pytest.mark.integration, pytest.mark.calm]

#: Up to 3,000 records a second, which the baseline sustains on any machine: two probes and a confirmation.
SMALL = ["sweep", "--engine", "baseline", "--start-rate", "1500", "--highest-rate", "3000", "--lowest-rate", "1000"]
SHORT = ["--warmup", "2", "--duration", "10", "--confirm-duration", "10", "--json"]


def _saved(runs: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in runs.rglob("sweep.json")]


def _rates(sweep: dict[str, Any]) -> list[tuple[str, int, bool]]:
    return [(each["kind"], each["rate_records_per_s"], each["sustained"]) for each in sweep["engines"][0]["attempts"]]


def test_a_sweep_in_which_nothing_fails_answers_at_least(tmp_path: Path) -> None:
    with Ringbench(tmp_path, *SMALL, *SHORT, write_scenario(tmp_path)) as run:
        assert run.end() == 0, run.stderr
    (found,) = _saved(run.runs)
    assert json.loads(run.stdout) == found and found["finished"]
    assert _rates(found) == [("probe", 1500, True), ("probe", 3000, True), ("confirm", 3000, True)]
    answer = found["engines"][0]["answer"]
    assert answer["rate_records_per_s"] == 3000 and answer["failed_records_per_s"] is None
    assert answer["at_least"], "nothing failed: the limit is the search's own"
    for attempt in found["engines"][0]["attempts"]:
        assert attempt["input_delay_ms_max"] is not None and attempt["sink_delay_ms_max"] > 0
    directory = run.runs / found["sweep_id"]
    for name in ("sweep.html", "sweep.md"):
        assert "at least 3,000 records/s" in (directory / name).read_text(encoding="utf-8")
    assert (directory / "latency-against-load.png").stat().st_size > 10_000


def test_a_sweep_killed_between_the_tries_of_a_rate_goes_on_and_blames_a_slow_engine(tmp_path: Path) -> None:
    """Of a bound of 0.5 s, the engine waits for three times as much by itself; two tries are enough to say so."""
    slow = {"batch_wait_ms": 1500, "batch_messages": 1_000_000}
    scenario = write_scenario(tmp_path, engine_settings={"baseline": slow})
    runs = [scenario, "--runs-dir", str(tmp_path / "runs"), "--p99-bound-ms", "500", "--lowest-rate", "1500"]
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
        assert second.end() == 1, second.stderr
        assert "going on with" in second.stderr and "1,500 records/s for 10 s, again" in second.stderr
    (after,) = _saved(tmp_path / "runs")
    assert json.loads(second.stdout) == after
    attempts = after["engines"][0]["attempts"]
    assert attempts[:1] == before["engines"][0]["attempts"]
    assert _rates(after) == [("probe", 1500, False)] * 2
    assert {each["limited_by"] for each in attempts} == {"engine"}
    assert all("bound 500 ms" in " ".join(each["reasons"]) for each in attempts)
    answer = after["engines"][0]["answer"]
    assert (answer["rate_records_per_s"], answer["failed_records_per_s"], answer["at_least"]) == (None, 1500, False)
