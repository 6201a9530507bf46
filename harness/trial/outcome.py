"""What a trial left behind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.contract.aggregate import Cell
from harness.faults.catalogue import BY_NAME
from harness.faults.plan import DueFault
from harness.measurement.accounting import Readings
from harness.measurement.delivery import Delays
from harness.measurement.hops import CountedAhead
from harness.measurement.host import HostWatch
from harness.measurement.recording import SUFFIX
from harness.measurement.warmth import CompilerWatch
from harness.processes.supervisor import Restart
from harness.results.correctness import Committed
from harness.results.performance import Pauses, QuantileBounds, TopicBytes, Waterfall
from harness.workers.accounts import GeneratorAccount, ProbeAccount


@dataclass
class Injected:
    """What was done of a planned fault, and when: seconds after the start of the measured time, None if not at all.

    `before` is the total of its evidence (see `harness.faults.catalogue.Fault`) when it began, `did_something` whether
    that rose.

    Of an operation, `against` is why it was not done in good order. `records_before` is how many records the process
    that was stopped has read in all, and `records_in` how many that has that was started then, until its own end;
    `visible_records` is how many were visible shortly before that, and `visible_since` how many became so then;
    `parallelism` and `version` are what it says that it
    has. Each is None if it was not told.
    """

    planned: DueFault
    started_s: float | None = None
    healed_s: float | None = None
    before: int = 0
    did_something: bool = False
    against: list[str] = field(default_factory=list)
    records_before: int | None = None
    records_in: int | None = None
    visible_records: int | None = None
    visible_since: int | None = None
    parallelism: int | None = None
    version: str | None = None

    @property
    def is_operation(self) -> bool:
        """Whether it is no accident."""
        return BY_NAME[self.planned.fault].operation

    @property
    def began_anew(self) -> bool | None:
        """Whether what was started again has read the whole topic: no fewer records than are visible. None: unknown.

        Where the stopped process had read no more than becomes visible between two tellings, nobody can tell.
        """
        if self.records_in is None or self.visible_records is None:
            return None
        if self.records_in < self.visible_records:
            return False
        return None if self.records_before is not None and self.records_before <= (self.visible_since or 0) else True

    def look(self, total: int) -> None:
        """Take in the total of the evidence now. A fault without any cannot but do something."""
        certain = BY_NAME[self.planned.fault].evidence is None
        self.did_something |= certain or total > self.before


def still_watched(injected: Sequence[Injected]) -> list[Injected]:
    """The faults whose evidence may still come: of those that have begun, the last one, and lost workers.

    What follows is put down to the next fault. But what a lost worker did runs again only when its loss is noticed and
    another has taken over, and another fault may have begun by then.
    """
    begun = [each for each in injected if each.started_s is not None]
    return [each for each in begun if each is begun[-1] or BY_NAME[each.planned.fault].cluster]


@dataclass
class Trial:
    """What came of a trial. `measured` and `generator` are the accounts of probe and generator; None if there are none.

    `cluster` has the process groups of the cluster that the engine ran on, if that was started for it; `engine_cpus`
    the cores that it could run on; `cost_unknown` says why it is not known what the engine used. `duration_s` is the
    length of the measured time, which is less than planned if the load ended early. `broken_off_s` is when a `Meddler`
    broke it off, in seconds after the start of the measured time; None if none did. `left_behind` tells what of it
    the user's own services did not let go of.
    """

    name: str
    label: str
    archive_prefix: str
    directory: Path
    duration_s: int = 0
    anchor_ns: int = 0
    version: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    startup_s: float | None = None
    drain_s: float | None = None
    is_complete: bool = False
    broken_off: str = ""
    broken_off_s: float | None = None
    measured: ProbeAccount | None = None
    generator: GeneratorAccount | None = None
    generator_progress: list[tuple[int, int, int]] = field(default_factory=list)  # (ms after the start, sent, acked)
    readings: dict[str, Readings] = field(default_factory=dict)  # by process group; 0 s: measuring begins
    delays: dict[str, Delays] = field(default_factory=dict)  # by worker of the path behind the engine; as `readings`
    observed: dict[Cell, int] | None = None
    committed: Committed | None = None  # of delivery exactly once
    answers: dict[bytes, int] | None = None  # of a query other than counts, in place of `observed`
    dead_letters: list[bytes] = field(default_factory=list)
    waterfall: Waterfall | None = None
    counted_ahead: CountedAhead | None = None
    quantile_bounds_ms: QuantileBounds | None = None  # where a cell's records are in several partitions
    pauses: list[Pauses] = field(default_factory=list)
    kafka_bytes: TopicBytes | None = None
    clock_step_ms: float | None = None
    host: HostWatch = field(default_factory=HostWatch)
    compilers: CompilerWatch = field(default_factory=CompilerWatch)
    injected: list[Injected] = field(default_factory=list)
    restarts: list[Restart] = field(default_factory=list)
    engine_troubles: list[str] = field(default_factory=list)
    invalid_reasons: list[str] = field(default_factory=list)
    service_faults: list[str] = field(default_factory=list)
    cluster: list[str] = field(default_factory=list)
    engine_cpus: list[int] = field(default_factory=list)
    cost_unknown: str = ""
    flame_graphs: list[Path] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)

    def spoil(self, reason: str) -> None:
        """Note why the trial must not count, whatever the engine did."""
        self.invalid_reasons.append(reason)

    def blame_service(self, reason: str) -> None:
        """Note what a service of the user's own did: the trial must not count, and says nothing of the engine."""
        self.spoil(reason)
        self.service_faults.append(reason)

    def trouble(self, reason: str) -> None:
        """Note what the engine did wrong."""
        self.engine_troubles.append(reason)

    @property
    def engine_readings(self) -> Readings:
        """The usage of the engine, with its cluster."""
        return Readings.together([self.readings[name] for name in ("engine", *self.cluster)])

    @property
    def recording(self) -> Path:
        """Where the updates are kept; there is no such file if there were none, or nobody wanted them."""
        return self.directory / f"{self.label}{SUFFIX}"

    @property
    def kept_files(self) -> list[Path]:
        """What is to stand beside the result."""
        return [*([self.recording] if self.recording.exists() else []), *self.flame_graphs]

    def drop_kept_files(self) -> None:
        """Do without what was to stand beside the result."""
        self.recording.unlink(missing_ok=True)
        self.flame_graphs = []
