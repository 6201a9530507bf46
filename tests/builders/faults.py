"""Results of injected faults, whose reports are tested."""

from harness.results.resilience import ControlBand, FaultOutcome, PlannedFault, Resilience, RestartNote, WrongCell
from harness.results.result import Result
from tests.builders.results import make_engine, make_result


def make_fault(fault: str, **changes: object) -> FaultOutcome:
    """A fault that passed, but for `changes`."""
    passed: dict[str, object] = {
        "engine": "flink",
        "trial": "flink-faults-1",
        "fault": fault,
        "description": "something is harmed",
        "verdict": "pass",
        "reasons": [],
        "started_s": 5.0,
        "healed_s": 7.5,
        "detect_s": 0.4,
        "recover_s": 3.2,
        "recovered": True,
        "common_recover_s": 2.1,
        "excess_lag_record_s": 12_345.0,
        "worst_staleness_s": 4.1,
        "lost_records": 0,
        "surplus_records": 0,
    }
    return FaultOutcome.model_validate(passed | changes)


def make_chaos() -> Result:
    """A run of Flink with three faults: one survived, one that cost two records, one that never came."""
    wrong = WrongCell(window_s=9, location="06037", operator="Verizon", type="text", expected=5, observed=3)
    restart = RestartNote(process="engine", reason="it was killed", died_s=5.2, started_s=7.5, ready_s=16.0)
    faults = [
        make_fault("engine-kill", restarts=[restart]),
        make_fault(
            "redis-lost",
            verdict="fail",
            reasons=["2 records lost"],
            lost_records=2,
            wrong_cells=[wrong],
            recover_s=None,
            recovered=False,
            common_recover_s=None,
            excess_lag_record_s=None,
            started_s=30.0,
            healed_s=32.0,
        ),
        make_fault(
            "kafka-kill",
            verdict="unknown",
            reasons=["the trial ended before: Ctrl-C"],
            started_s=None,
            healed_s=None,
            detect_s=None,
            recover_s=None,
            recovered=None,
            common_recover_s=None,
            excess_lag_record_s=None,
            worst_staleness_s=None,
            lost_records=None,
            surplus_records=None,
        ),
    ]
    found = Resilience(
        seed=7,
        plan=[PlannedFault(trial=1, fault=each.fault, at_s=5, duration_s=2) for each in faults],
        controls=[
            ControlBand(
                engine="flink", trial="flink-control", lag_records=900, latency_ms_p99=180, worst_staleness_s=0.2
            )
        ],
        faults=faults,
        repeated_dead_letters={"flink-faults-1": 12},
    )
    engines = [make_engine("flink", 18), make_engine("flink-faults", 25)]
    return make_result(engines=engines).model_copy(update={"resilience": found})
