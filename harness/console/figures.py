"""How a trial stands at one moment: the one set of figures that people, and monitoring, are told."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What is known of a trial now. None, or no entry in a mapping, stands for what nobody has measured (yet).

    Attributes:
        contestant: the name under which the engine runs.
        trial: the trial's label within its run.
        engine, run_id, scenario: what else tells the trial apart.
        t_s: seconds after the start of the measured time; negative in the warm-up.
        told_s: the moment of the schedule that the generator's totals are of, in seconds after its start.
        sent_records, acked_records, visible_records: since the start of the load; the last of counts only.
        latency_ms: by quantile, of the records that have become visible in the newest window.
        delay_ms: by worker, how late the Redis writer and the probe were when they told last.
        cpu_s: CPU-seconds by process group and mode (user or system).
        rss_bytes: resident memory by process group.
        faults: every fault of the trial, and whether it is active.
        stolen_share: of the machine's CPU time, lately taken by the hypervisor for others.
        foreign_cores: what programs that are none of the run's own lately used, in cores.
        waited_s: by resource, for how long since it booted the machine had a task that waited for it.
    """

    contestant: str = ""
    trial: str = ""
    engine: str = ""
    run_id: str = ""
    scenario: str = ""
    t_s: float
    told_s: float = 0.0
    sent_records: int | None = None
    acked_records: int | None = None
    visible_records: int | None = None
    latency_ms: Mapping[float, float] = field(default_factory=dict)
    delay_ms: Mapping[str, float] = field(default_factory=dict)
    cpu_s: Mapping[tuple[str, str], float] = field(default_factory=dict)
    rss_bytes: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, bool] = field(default_factory=dict)
    stolen_share: float | None = None
    foreign_cores: float | None = None
    waited_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def lag_records(self) -> int | None:
        """How many records the broker has taken that are not visible yet."""
        if self.acked_records is None or self.visible_records is None:
            return None
        return max(0, self.acked_records - self.visible_records)
