"""What may differ from trial to trial, beside the scenario."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.console.figures import Figures
from harness.faults.plan import DueFault
from harness.measurement.pace import Pace
from harness.processes.child import Child
from harness.trial.outcome import Trial


class Watcher(Protocol):
    """Is told how a trial goes."""

    def phase(self, text: str, trial: str = "") -> None:
        """A new phase begins, of the trial with that label."""

    def note(self, text: str) -> None:
        """Something within a phase."""

    def metrics(self, figures: Figures) -> None:
        """How things stand now."""


@dataclass(frozen=True)
class View:
    """How a trial under load stands: what a `Meddler` is shown.

    `t_s` is 0 at the start of the measured time; totals are since the start of the load; `pids` are guards of process
    groups, by name. `sink_delay_ms` is how late Redis is with what the engine emits, as the Redis writer told last, or
    for how long it has told nothing; 0 without one.
    """

    t_s: float
    sent_records: int
    acked_records: int
    visible_records: int
    pids: dict[str, int]
    sink_delay_ms: float = 0.0


#: Looks at a trial at every tick of its load, may meddle with its processes, returns why to break it off, or "".
Meddler = Callable[[View], str]


@dataclass(frozen=True, kw_only=True)
class TrialOptions:
    """How a trial is made.

    Attributes:
        label: tells the trial apart within its run; part of the names of topics and files.
        archive: copy the input to S3, for the ground truth from there, and take the latency apart into hops.
        journal: have the Redis writer note when it sent each transaction, and when Redis had done it.
        record: have the probe keep all updates, for a replay.
        engine_settings: on top of the scenario's.
        meddle: see `Meddler`.
        answers: of a query other than counts, how many answers there have to be in the end.
        companions: further processes, by name, whose cost is measured; they are not the trial's to end.
        faults: what is done to the trial's processes, and when. What dies of it is started again.
        proxied: have the Redis writer reach Redis through a proxy, for faults of the network.
        kept_s: for how long Redis keeps a window that changes no more, and Kafka what was sent; 0 for the whole trial.
        kafka_proxied: have the engine reach Kafka through one.
        producers_stamps: have messages of the input topic keep the times that the generator gave them, and let its wall
            clock be stepped; their way is not taken apart into hops then.
        restarts_tasks: have the engine run tasks that fail again, where it is a finding otherwise.
        pace: has each fault wait for the recovery from the one before, and ends the load early; None for fixed times.
        profiler: async-profiler, to draw flame graphs of the engine's JVM, and the broker's; None for none.
        when_complete: is given the trial as soon as all of it is collected, before anything is tidied up: whatever
            goes wrong then, nothing of it is lost.
    """

    label: str
    archive: bool = True
    journal: bool = False
    record: bool = False
    engine_settings: dict[str, Any] = field(default_factory=dict)
    meddle: Meddler = lambda _view: ""
    answers: int = 0
    companions: Mapping[str, Child] = field(default_factory=dict)
    faults: Sequence[DueFault] = ()
    proxied: bool = False
    kept_s: int = 0
    kafka_proxied: bool = False
    producers_stamps: bool = False
    restarts_tasks: bool = False
    pace: Pace | None = None
    profiler: Path | None = None
    when_complete: Callable[[Trial], object] = lambda _trial: None
