"""In which order engines take turns over the trials of a run, and the rehearsal before them."""

from dataclasses import dataclass

from harness.conclusions.headline_figures import BASELINE
from harness.scenarios.scenario import Scenario
from harness.session.session import Session
from harness.trial.options import TrialOptions
from workloads.truth import expected_counts
from workloads.workload import Workload

#: The label of the trial that counts for nothing.
REHEARSAL = "rehearsal"


@dataclass(frozen=True)
class PlannedTrial:
    """A trial to come: its place in the run, its block (both from 1), the contestant's name, and a label."""

    number: int
    block: int
    engine: str
    label: str


def plan(engines: list[str], trials: int) -> list[PlannedTrial]:
    """The trials in their order: blocks of all engines, in turn forwards and backwards (A B B A)."""
    rounds = [(block, engines if block % 2 else engines[::-1]) for block in range(1, trials + 1)]
    order = [(block, engine) for block, names in rounds for engine in names]
    return [
        PlannedTrial(number, block, engine, engine if trials == 1 else f"{engine}-{block}")
        for number, (block, engine) in enumerate(order, start=1)
    ]


def rehearse(session: Session, scenario: Scenario) -> None:
    """Run a short trial that counts for nothing, so that the first one that counts finds the services warm.

    It is one of the baseline, if the run has that: services are warmed up by any engine, and this one starts at once.

    The broker's JVM compiles for half a minute under load, on the cores that the engine wants: by that, the first
    trial's engine would seem to need half as much CPU again as in all others. It takes no longer than two of those.
    """
    if not scenario.rehearsal_s:
        return
    engine = BASELINE if BASELINE in scenario.contestants else scenario.contestants[0]
    contestants = [each for each in scenario.engines if each.name == engine]
    session.watcher.phase(f"warming up the services with a trial of {engine} that counts for nothing")
    kept = {
        "rate_records_per_s",
        "partitions",
        "partitioning",
        "generators",
        "parallelism",
        "route",
        "cluster",
        "engine_settings",
        "limits",
    }
    duration_s = min(scenario.rehearsal_s, 2 * (scenario.warmup_s + scenario.duration_s))
    load = Scenario(name="rehearsal", warmup_s=1, duration_s=duration_s, engines=contestants).model_copy(
        update={key: getattr(scenario, key) for key in kept}
    )
    expected = expected_counts(Workload(load.workload()))
    session.trial(load, engine, len(expected.malformed_lines), TrialOptions(label=REHEARSAL, archive=False))
