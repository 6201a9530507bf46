"""What is seen of a trial while it runs: usage, progress, delays, clocks, the host."""

import time
from collections.abc import Mapping, Sequence
from typing import TypeVar

import psutil

from harness.console.figures import Figures
from harness.console.interrupt import SIGNALS
from harness.measurement.accounting import OwnMeter, Readings, UsageMeter
from harness.measurement.clock import ClockWatch
from harness.measurement.delivery import Delays
from harness.processes.cores import cores_in_use
from harness.trial.options import View
from harness.trial.outcome import Injected, Trial
from harness.trial.processes import Processes
from harness.trial.setting import Setting
from harness.trial.timeline import Timeline

#: Processes' usage is read at every tick, or, in a longer trial, so many times.
MAX_READINGS = 3600
#: This process, among the process groups.
OWN = "ringbench"
#: Which field of their progress says how late a worker is.
DELAYS = {"redis_writer": "delay_ms", "probe": "behind_ms"}
#: The noise of the host that watchers are told is that of so long a time.
NOISE_S = 5.0
#: Told to go on, this process had been stopped if it saw nothing for so long: a terminal that closes tells that, too.
STOPPED_S = 1.0

K = TypeVar("K")


class Observation:
    """Looks at one trial's processes, and notes in the trial what it sees."""

    def __init__(self, setting: Setting, trial: Trial, timeline: Timeline, processes: Processes) -> None:
        self._setting, self._trial, self._timeline, self._processes = setting, trial, timeline, processes
        self._meters: dict[str, UsageMeter | OwnMeter] = {}
        self._reading_due_s = 0.0
        self._clock = ClockWatch()
        self._looked_s, self._continued = 0.0, 0
        self._noted_ms: dict[str, int] = {}  # when the last event was sent that delays were taken from, by child

    def begin(self) -> None:
        """Begin when everything is ready, before the load."""
        companions = {name: child.process.pid for name, child in self._setting.options.companions.items()}
        pids = self._processes.pids() | companions
        self._meters = {OWN: OwnMeter()} | {name: UsageMeter(pid) for name, pid in pids.items()}
        self._trial.readings = {name: Readings() for name in self._meters}
        self._clock.look()
        self._note_stop()
        self._look_at_programs(-float(self._timeline.workload.warmup_s))

    def look(self) -> View:
        """Look at everything once, and tell the watcher. Returns how things stand."""
        self._note_stop()
        self._read_meters()
        self.note_progress()
        self._note_delays()
        self._clock.look()
        self._trial.clock_step_ms = self._clock.step_ms
        view = self.view()
        self._setting.watcher.metrics(self._figures(view.t_s))
        return view

    def view(self) -> View:
        """How things stand now."""
        probe, generator = self._processes.children["probe"], self._processes.children["generator"]
        return View(
            t_s=self._timeline.now_s(),
            sent_records=generator.latest("sent_records", 0),
            acked_records=generator.latest("acked_records", 0),
            visible_records=probe.latest("visible_records", 0),
            pids=self._processes.pids(),
            sink_delay_ms=self._sink_delay_ms(),
        )

    def _figures(self, t_s: float) -> Figures:
        """What has been read by now, for the watcher; nothing is read for it."""
        setting, host, told = self._setting, self._trial.host, self._trial.generator_progress
        probe, generator = self._processes.children["probe"], self._processes.children["generator"]
        newest = {name: each.usages[-1] for name, each in self._trial.readings.items() if each.usages}
        stolen_share, foreign_cores = host.lately(NOISE_S)
        waited_s = host.readings[-1].waited_s if host.readings else {}
        latency_ms = {0.5: probe.latest("latency_ms_p50"), 0.99: probe.latest("latency_ms_p99")}
        return Figures(
            contestant=setting.name,
            trial=setting.options.label,
            engine=setting.engine,
            run_id=setting.run_id,
            scenario=setting.scenario.name,
            t_s=t_s,
            told_s=told[-1][0] / 1000 if told else 0.0,
            sent_records=generator.latest("sent_records"),
            acked_records=generator.latest("acked_records"),
            visible_records=probe.latest("visible_records") if setting.scenario.asks_for_counts else None,
            latency_ms=_known(latency_ms),
            delay_ms=_known({name: self._told_delay_ms(name, field) for name, field in DELAYS.items()}),
            cpu_s={(name, "user"): each.cpu_user_s for name, each in newest.items()}
            | {(name, "system"): each.cpu_system_s for name, each in newest.items()},
            rss_bytes={name: each.rss_bytes for name, each in newest.items()},
            faults=_active(self._trial.injected),
            stolen_share=stolen_share,
            foreign_cores=foreign_cores,
            waited_s=_known(waited_s),
        )

    def _told_delay_ms(self, name: str, field: str) -> float | None:
        child = self._processes.children.get(name)
        return child.latest(field) if child else None

    def end_load(self) -> None:
        """Note what can be told when all is sent: what other programs used, and which cores the engine could run on."""
        self._look_at_programs(self._timeline.now_s())
        self._trial.engine_cpus = cores_in_use(self._processes.engine_pids())
        given = sorted(self._setting.cores.engine)
        if given and self._trial.engine_cpus != given:
            self._trial.spoil(f"the engine was given the cores {given}, and ran on {self._trial.engine_cpus}")

    def note_progress(self) -> None:
        """Note how far the generator is, from the newest events that say so."""
        noted = self._trial.generator_progress
        for kind in ("progress", "stopped"):
            event = self._processes.children["generator"].last(kind)
            if event and "sent_records" in event.fields:
                # By the schedule's clock: events are stamped by the other one, which may be stepped.
                found = event.fields["schedule_ms"], event.fields["sent_records"], event.fields["acked_records"]
                if not noted or found[0] > noted[-1][0]:
                    noted.append(found)

    def _note_stop(self) -> None:
        """See whether this process was stopped since the last look, by Ctrl-Z or SIGSTOP: the others were not."""
        looked_s, continued = self._looked_s, self._continued
        self._looked_s, self._continued = time.monotonic(), SIGNALS.continued
        blind_s = self._looked_s - looked_s
        if looked_s and self._continued != continued and blind_s > STOPPED_S:
            self._trial.spoil(
                f"ringbench itself was stopped (Ctrl-Z or SIGSTOP), and saw nothing for {blind_s:.0f} s of the trial"
            )

    def _read_meters(self) -> None:
        if time.monotonic() < self._reading_due_s:
            return
        load_s = self._timeline.workload.warmup_s + self._timeline.workload.duration_s
        self._reading_due_s = time.monotonic() + load_s / MAX_READINGS
        self._trial.host.look(self._timeline.now_s())
        pids = self._processes.pids()
        for name, meter in self._meters.items():
            if isinstance(meter, UsageMeter) and name in pids:
                meter.follow(pids[name])
            self._trial.readings[name].add(self._timeline.now_s(), meter.read())
        self._trial.compilers.look(self._timeline.now_s(), self._processes.engine_pids())

    def _look_at_programs(self, t_s: float) -> None:
        """Note what programs that are none of ours have used."""
        own = psutil.Process()
        # All that is started here is a child of this process, at some remove.
        ours = {own.pid, *(each.pid for each in own.children(recursive=True))}
        self._trial.host.look_at_programs(t_s, ours)

    def _note_delays(self) -> None:
        """Note all that writer and probe have told of their delays since the last look, however long ago that was."""
        for name, told in DELAYS.items():
            if child := self._processes.children.get(name):
                for event in child.since("progress", self._noted_ms.get(name, 0)):
                    self._noted_ms[name] = event.at_ms
                    at_s = self._timeline.measured_s(event.at_ms * 1_000_000)
                    self._trial.delays.setdefault(name, Delays()).add(at_s, event.fields[told])

    def _sink_delay_ms(self) -> float:
        writer = self._processes.children.get("redis_writer")
        told = writer.last("progress") if writer else None
        if told is None:
            return 0.0
        # A writer that is stopped, or stuck in a transaction, tells nothing, and is late meanwhile.
        return max(float(told.fields["delay_ms"]), time.time_ns() / 1e6 - told.at_ms)


def _known(found: Mapping[K, float | None]) -> dict[K, float]:
    """What is known of it."""
    return {key: value for key, value in found.items() if value is not None}


def _active(injected: Sequence[Injected]) -> dict[str, bool]:
    """Every fault by its name, and whether it has begun and is not healed."""
    found: dict[str, bool] = {}
    for each in injected:
        is_active = each.started_s is not None and each.healed_s is None
        found[each.planned.fault] = found.get(each.planned.fault, False) or is_active
    return found
