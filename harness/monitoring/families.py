"""The metrics: their names, by Prometheus's conventions, their labels, and how they are read off a `Standing`.

Names have base units (seconds, bytes, records; shares are ratios), and counters end in ``_total``. What was not
measured has no sample. See https://prometheus.io/docs/practices/naming/.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import Metric
from prometheus_client.registry import Collector

from harness.console.figures import Figures
from harness.monitoring.board import Board, Standing

#: The values of a family's labels, and the value.
Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True)
class Family:
    """A metric.

    Attributes:
        name: as it is served.
        help: what it is, in a sentence.
        labels: the names of its labels.
        read: its samples; none of what was not measured.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[Standing], Iterable[Sample]]

    @property
    def type(self) -> str:
        """What Prometheus calls it: what only rises is a counter, and quantiles are those of a summary."""
        return "counter" if self.name.endswith("_total") else "summary" if "quantile" in self.labels else "gauge"

    def metric(self, standing: Standing) -> Metric | None:
        """The family with its samples; None if it has none."""
        # The library's own kinds of families know no summary of quantiles alone.
        found = Metric(self.name.removesuffix("_total"), self.help, self.type)
        for labels, value in self.read(standing):
            found.add_sample(self.name, dict(zip(self.labels, labels, strict=True)), value)
        return found if found.samples else None


def _build(_standing: Standing) -> Iterator[Sample]:
    yield (version("ringbench"),), 1.0


def _phase(standing: Standing) -> Iterator[Sample]:
    if standing.phase:
        yield (standing.phase, standing.trial), 1.0


def _number(standing: Standing) -> Iterator[Sample]:
    if standing.planned:
        yield (), standing.number


def _planned(standing: Standing) -> Iterator[Sample]:
    if standing.planned:
        yield (), standing.planned


def _taken(standing: Standing) -> Iterator[Sample]:
    if standing.figures:
        yield (), standing.at_s


def _info(standing: Standing) -> Iterator[Sample]:
    if each := standing.figures:
        yield (each.contestant, each.trial, each.engine, each.run_id, each.scenario), 1.0


def _one(of: Callable[[Figures], float | None], *, labels: bool = True) -> Callable[[Standing], Iterator[Sample]]:
    """The samples of a family with one figure of the trial, or of the host."""

    def read(standing: Standing) -> Iterator[Sample]:
        if standing.figures and (value := of(standing.figures)) is not None:
            yield _whose(standing.figures) if labels else (), value

    return read


def _each(of: Callable[[Figures], Iterable[Sample]]) -> Callable[[Standing], Iterator[Sample]]:
    """The samples of a family with several figures of the trial, each with further labels."""

    def read(standing: Standing) -> Iterator[Sample]:
        if standing.figures:
            for labels, value in of(standing.figures):
                yield (*_whose(standing.figures), *labels), value

    return read


def _whose(figures: Figures) -> tuple[str, str]:
    return figures.contestant, figures.trial


def _waited(standing: Standing) -> Iterator[Sample]:
    if standing.figures:
        for resource, waited_s in standing.figures.waited_s.items():
            yield (resource,), waited_s


def _seconds(found: Mapping[str, float] | Mapping[float, float]) -> list[Sample]:
    return [((str(name),), each_ms / 1000) for name, each_ms in found.items()]


#: What every figure of a trial is labelled with.
TRIAL = ("contestant", "trial")
FAMILIES = (
    Family("ringbench_build_info", "The version of Ringbench; always 1.", ("version",), _build),
    Family(
        "ringbench_phase_info", "What the command does now, and for which trial; always 1.", ("phase", "trial"), _phase
    ),
    Family("ringbench_trial_number", "Which of the planned trials is made.", (), _number),
    Family("ringbench_trials_planned", "How many trials are planned, if there are several.", (), _planned),
    Family(
        "ringbench_trial_info",
        "What the trial under load is; always 1.",
        (*TRIAL, "engine", "run_id", "scenario"),
        _info,
    ),
    Family("ringbench_snapshot_timestamp_seconds", "When the figures were taken, since the Unix epoch.", (), _taken),
    Family(
        "ringbench_trial_time_seconds",
        "Time since the measured time began; negative in the warm-up.",
        TRIAL,
        _one(lambda each: each.t_s),
    ),
    Family(
        "ringbench_records_sent_total",
        "Records that the generator has handed to its Kafka client: its rate is the offered rate.",
        TRIAL,
        _one(lambda each: each.sent_records),
    ),
    Family(
        "ringbench_records_acked_total",
        "Records that the broker has taken.",
        TRIAL,
        _one(lambda each: each.acked_records),
    ),
    Family(
        "ringbench_records_visible_total",
        "Records whose counts are visible in Redis: its rate is the sustained rate.",
        TRIAL,
        _one(lambda each: each.visible_records),
    ),
    Family(
        "ringbench_consumer_lag_records",
        "Records that the broker has taken and that are not visible yet.",
        TRIAL,
        _one(lambda each: each.lag_records),
    ),
    Family(
        "ringbench_latency_seconds",
        "Latency of the records that have become visible in the newest window, by quantile.",
        (*TRIAL, "quantile"),
        _each(lambda each: _seconds(each.latency_ms)),
    ),
    Family(
        "ringbench_worker_delay_seconds",
        "How late the Redis writer and the probe were when they told last.",
        (*TRIAL, "worker"),
        _each(lambda each: _seconds(each.delay_ms)),
    ),
    Family(
        "ringbench_cpu_seconds_total",
        "CPU time that a process group has used.",
        (*TRIAL, "group", "mode"),
        _each(lambda each: each.cpu_s.items()),
    ),
    Family(
        "ringbench_resident_memory_bytes",
        "Resident memory of a process group.",
        (*TRIAL, "group"),
        _each(lambda each: [((group,), found) for group, found in each.rss_bytes.items()]),
    ),
    Family(
        "ringbench_fault_active",
        "Whether a fault of the trial is active.",
        (*TRIAL, "fault"),
        _each(lambda each: [((fault,), float(active)) for fault, active in each.faults.items()]),
    ),
    Family(
        "ringbench_host_stolen_ratio",
        "Share of the machine's CPU time that the hypervisor took for others, over the last 5 s.",
        (),
        _one(lambda each: each.stolen_share, labels=False),
    ),
    Family(
        "ringbench_host_foreign_cores",
        "Cores that programs used which are none of the run's own, over the last 5 s.",
        (),
        _one(lambda each: each.foreign_cores, labels=False),
    ),
    Family(
        "ringbench_host_waiting_seconds_total",
        "Time for which a task of the machine waited for a resource (PSI, some).",
        ("resource",),
        _waited,
    ),
)


class BoardCollector(Collector):
    """Reads all families off a board, whenever somebody asks."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterator[Metric]:
        """The families that have samples, all of the same moment."""
        standing = self._board.standing
        for family in FAMILIES:
            if found := family.metric(standing):
                yield found
