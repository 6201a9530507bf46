"""The bench of the path behind the engine says what speaks against a rate, and never takes a late feeder for a path."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from harness.experiments.benches.delivery import exit_code
from harness.experiments.benches.delivery_judge import DELAY_BOUND_MS_P99, judged
from harness.results.benches import PathBench, PathPace
from reports.documents.path import path_tables
from tests.builders.results import make_environment

GOOD: dict[str, Any] = {
    "rate_updates_per_s": 1000,
    "verdict": "kept",
    "reasons": [],
    "schedule_error_ms_p99": 1.0,
    "writer_updates_per_s": 999.0,
    "probe_updates_per_s": 990.0,
    "changes": 9000,
    "writer_lag_updates": 0,
    "writer_drain_s": 0.01,
    "probe_drain_s": 0.2,
    "delay_ms_p50": 1.0,
    "delay_ms_p99": 5.0,
    "delay_ms_max": 9.0,
    "probe_behind_ms_max": 110.0,
    "wrong_counts": 0,
    "unseen_updates": 0,
    "cpu_cores": dict.fromkeys(("redis_writer", "redis", "probe", "kafka", "feeder"), 0.1),
}


def _pace(**changes: Any) -> PathPace:
    return judged(PathPace(**GOOD | changes))


def _bench(*paces: PathPace) -> PathBench:
    kept = [pace.rate_updates_per_s for pace in paces if pace.verdict == "kept"]
    return PathBench(
        bench_id="bench-path-1",
        started_at="2026-01-01T00:00:00+00:00",
        finished_at="2026-01-01T00:01:00+00:00",
        command=["ringbench", "bench", "path"],
        environment=make_environment(),
        open_windows=10,
        capacity_open_windows=100,
        delay_bound_ms_p99=DELAY_BOUND_MS_P99,
        drain_bound_s=1.0,
        paces=list(paces),
        kept_updates_per_s=max(kept, default=None),
        capacity=None,
    )


def _printed(found: PathBench) -> str:
    console = Console(file=StringIO(), width=300)
    console.print(path_tables(found))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"delay_ms_p99": DELAY_BOUND_MS_P99 + 1}, "delay p99 101 ms"),
        ({"writer_drain_s": 1.1}, "the writer took 1.1 s to drain"),
        ({"probe_drain_s": 1.1}, "the probe took 1.1 s to drain"),
        ({"wrong_counts": 1}, "1 counts in Redis are not the last ones sent"),
        ({"unseen_updates": 1}, "1 updates were not seen by the probe"),
    ],
)
def test_a_rate_is_kept_only_if_nothing_speaks_against_it(changes: dict[str, Any], reason: str) -> None:
    assert _pace().verdict == "kept" and _pace().reasons == []
    found = _pace(**changes)
    assert found.verdict == "not kept"
    (said,) = found.reasons
    assert said.startswith(reason)
    assert said in _printed(_bench(found))


def test_of_a_feeder_that_was_late_nothing_is_said() -> None:
    found = _pace(schedule_error_ms_p99=51.0, delay_ms_p99=1.0)
    assert found.verdict == "invalid" and "the feeder fell behind" in found.reasons[0]
    assert "No rate that was tried was kept" in _printed(_bench(found))


@pytest.mark.parametrize(
    ("rates", "at_least", "code"),
    [
        ({1000: "kept"}, 0, 0),
        ({1000: "kept"}, 1000, 0),
        ({1000: "kept"}, 1001, 1),
        ({1000: "not kept"}, 0, 0),
        ({1000: "not kept"}, 1000, 1),
        ({1000: "kept", 2000: "invalid"}, 1000, 0),
        ({1000: "kept", 2000: "invalid"}, 2000, 3),
        ({1000: "not kept", 2000: "invalid"}, 2000, 1),
        ({}, 1, 1),
    ],
)
def test_the_exit_code_says_whether_the_rate_wanted_was_kept(rates: dict[int, str], at_least: int, code: int) -> None:
    paces = [_pace().model_copy(update={"rate_updates_per_s": each, "verdict": said}) for each, said in rates.items()]
    assert exit_code(_bench(*paces), at_least) == code
