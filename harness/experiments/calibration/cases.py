"""The cases of a calibration: what the synthetic engine does to its counts."""

import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import psutil

from harness.results.calibration import FLOOR
from harness.scenarios.sections import HotPartitionSection
from harness.trial.options import View
from workloads.partitioning import ROUND_ROBIN
from workloads.profiles import NANOSECONDS_PER_S

ENGINE = "synthetic"
PARTITIONS = 4
WARMUP_S = 3
STALL_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing to inject.

    Attributes:
        name, description: for people.
        settings: the synthetic engine's.
        scenario: keys of the calibration's scenario that are others here.
        exact_quantiles: whether first-in-first-out matching can be held to the quantiles; if not, the bounds of the
            quantiles are, where there are any, and the mean.
        faults: names of the account's faults, and of the `Correctness` fields that must report the same number.
        stall: the process group to stop (SIGSTOP) for `STALL_S`.
        invalid: a part of the reason for which the trial must be found invalid; empty if it must be valid.
    """

    name: str
    description: str
    settings: dict[str, Any] = field(default_factory=dict)
    scenario: dict[str, Any] = field(default_factory=dict)
    exact_quantiles: bool = True
    faults: tuple[tuple[str, str], ...] = ()
    stall: str = ""
    invalid: str = ""


def _uneven_cases() -> list[Case]:
    """What makes partitions' records visible at different times, by cell and by turns.

    By cell, those of a cell keep their order all the same, so that matching is exact. With turns they do not.
    """
    uneven = (
        Case(
            name="slow-partition",
            description="10 ms, or 110 ms for the records of one partition of four",
            settings={"delay": "constant", "delay_ms": 10.0, "slow_partition": 2, "slow_partition_ms": 100.0},
        ),
        Case(
            name="hot-partition",
            description="10 ms, or 810 ms for the 40 % of the records that one partition has",
            settings={"delay": "constant", "delay_ms": 10.0, "slow_partition": 0, "slow_partition_ms": 800.0},
            scenario={"hot_partition": HotPartitionSection(share=0.4)},
        ),
        Case(
            name="task-stall",
            description="10 ms, and one of two tasks stands still for 200 ms every 5 s",
            settings={"delay": "constant", "delay_ms": 10.0, "task_stall_every_s": 5.0, "task_stall_s": 0.2},
        ),
    )
    by_turns = (
        replace(
            case,
            name=f"{case.name}-{ROUND_ROBIN}",
            description=f"the same with `partitioning: {ROUND_ROBIN}`: {case.description}",
            scenario=case.scenario | {"partitioning": ROUND_ROBIN},
            exact_quantiles=False,
        )
        for case in uneven
    )
    return [*uneven, *by_turns]


CASES = (
    Case(name="constant", description="100 ms for every record", settings={"delay": "constant", "delay_ms": 100.0}),
    Case(
        name="bimodal",
        description="20 ms, or 250 ms for the records of 5 % of the cells, and a stall of 1.5 s",
        settings={
            "delay": "bimodal",
            "delay_ms": 20.0,
            "slow_ms": 250.0,
            "slow_per_million": 50_000,
            "stall_after_s": 6.0,
            "stall_s": 1.5,
        },
    ),
    Case(
        name="heavy-tail",
        description="Pareto, at least 5 ms, exponent 1.5, cut off at 5 s",
        settings={"delay": "pareto", "delay_ms": 5.0, "pareto_shape": 1.5, "longest_ms": 5000.0},
    ),
    Case(
        name="overtaking",
        description="0 to 500 ms, each record its own: records of a cell overtake each other, only the mean is exact",
        settings={"delay": "uniform", "delay_ms": 500.0, "overtaking": True},
        exact_quantiles=False,
    ),
    *_uneven_cases(),
    Case(
        name="loss",
        description="every 1,000th record is not counted",
        settings={"lose_every": 1000},
        faults=(("lost", "lost_records"),),
    ),
    Case(
        name="duplication",
        description="every 1,000th record is counted twice",
        settings={"double_every": 1000},
        faults=(("doubled", "surplus_records"),),
    ),
    Case(
        name="miscount",
        description="every 500th call is counted as a text",
        settings={"miscount_every": 500},
        faults=(("miscounted", "lost_records"), ("miscounted", "surplus_records")),
    ),
    Case(
        name="generator-stall",
        description=f"the generator is stopped for {STALL_S:g} s: the schedule goes on, and the run is invalid",
        stall="generator",
        invalid="the generator fell behind",
    ),
    Case(
        name="broker-stall",
        description=f"the broker is stopped for {STALL_S:g} s: every record due meanwhile waits",
        stall="kafka",
    ),
    # The last, since a broker's JVM compiles for minutes: as the first, it was five times as high.
    Case(name=FLOOR, description="every record is passed on at once: the harness's own floor"),
)


class Stall:
    """Stops a process group for a while, as a `harness.trial.runner.Meddler`.

    Attributes:
        start_ns, end_ns: when it was stopped and when it went on, on the wall clock; 0 before.
    """

    def __init__(self, group: str, at_s: float, length_s: float) -> None:
        self._group, self._at_s, self._length_ns = group, at_s, int(length_s * NANOSECONDS_PER_S)
        self.start_ns = self.end_ns = 0

    def __call__(self, view: View) -> str:
        """Stop the group, once it is time to, or let it go on. Never breaks a trial off."""
        if not self.start_ns and view.t_s >= self._at_s:
            self._signal(view, signal.SIGSTOP)
            self.start_ns = time.time_ns()
        elif self.start_ns and not self.end_ns and time.time_ns() >= self.start_ns + self._length_ns:
            self.end_ns = time.time_ns()
            self._signal(view, signal.SIGCONT)
        return ""

    def _signal(self, view: View, number: signal.Signals) -> None:
        # Those below the guard: it must go on to watch.
        for process in psutil.Process(view.pids[self._group]).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
