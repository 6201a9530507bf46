"""What is said of faults about which nothing is known."""

from pathlib import Path
from typing import Any

import pytest

from harness.faults import Planned
from harness.outcomes import NO_BAND, Done, outcomes, own_band
from harness.scenario import Scenario
from harness.trial import Injected, Trial
from workloads.truth import expected_counts
from workloads.workload import Workload

SCENARIO = Scenario.model_validate({"name": "x", "rate_records_per_s": 10, "warmup_s": 1, "duration_s": 4})
EXPECTED = expected_counts(Workload(SCENARIO.workload()))


def _why(measured: dict[str, Any], **trial: Any) -> str:
    injected = [Injected(Planned("engine-kill", 2.0, 1.0), started_s=2.0, healed_s=3.0)]
    done = Done(
        "x", 1, Trial("x", "x", "", Path("nowhere"), measured=measured, injected=injected, **trial), SCENARIO, EXPECTED
    )
    (found,) = outcomes(done, own_band(done), wrong=None)
    assert found.verdict == "unknown" and found.recover_s is None
    return found.reasons[0]


def test_an_engine_that_gave_nothing_before_the_fault_shows_nothing_of_what_is_normal() -> None:
    late = {"by_step": [(40, 45)], "by_second": {"4": (45, 3000.0, 3000.0)}}
    assert _why(late) == NO_BAND


@pytest.mark.parametrize(
    ("trial", "reason"),
    [({"broken_off": "Ctrl-C"}, "Ctrl-C"), ({"engine_troubles": ["the engine died"]}, "the engine died")],
)
def test_a_trial_that_ended_early_says_why(trial: dict[str, Any], reason: str) -> None:
    assert _why({}, **trial) == f"the trial ended before: {reason}"
