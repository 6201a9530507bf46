"""Faults in the course of a trial: begun and healed when it is time, put off until the last one is recovered from."""

import math
from pathlib import Path

from harness.faults.catalogue import BY_NAME
from harness.faults.plan import CALM_BEFORE_S, put_off
from harness.measurement.pace import Pace
from harness.processes.child import Child
from harness.trial.fault_actions import ACTIONS
from harness.trial.operations import ENGINE, how_it_stopped, note_progress
from harness.trial.outcome import Injected, Trial, still_watched
from harness.trial.processes import Processes
from harness.trial.setting import Setting
from harness.trial.stage import Stage
from harness.trial.timeline import Timeline
from harness.workers.orders import EndOrders
from workloads.profiles import NANOSECONDS_PER_S


class FaultInjection:
    """Injects one trial's faults."""

    def __init__(self, setting: Setting, trial: Trial, timeline: Timeline, processes: Processes) -> None:
        self._setting, self._trial, self._timeline, self._processes = setting, trial, timeline, processes
        trial.injected += [Injected(planned) for planned in setting.options.faults]
        #: What operations have started, by the number of the operation.
        self._started: dict[int, Child] = {}

    def tick(self) -> None:
        """Start and heal the faults whose time it is, and keep their pace."""
        if self._setting.options.pace:
            self._keep_pace(self._setting.options.pace)
        self.heal_due()
        for each in self._trial.injected:
            if each.started_s is None and self._timeline.now_s() >= each.planned.at_s:
                self._start(each)

    def heal_due(self) -> None:
        """Heal what has lasted its time, or is over by itself."""
        for each in self._active():
            lasted = self._timeline.now_s() >= each.planned.healed_s
            if lasted or ACTIONS[each.planned.fault].is_over(self._stage(each)):
                self._heal(each)

    def look_for_evidence(self) -> None:
        """Note whether faults have done something, and what an engine reads that an operation has started again."""
        for each in still_watched(self._trial.injected):
            each.look(self._evidence(each))
        self._look_at_operations()

    def heal_all(self) -> None:
        """Heal what has begun and is not healed; there may be nothing to heal."""
        for each in self._active():
            self._heal(each)

    def is_operating(self) -> bool:
        """Whether the engine is being stopped by an operation."""
        return any(each.is_operation for each in self._active())

    def _active(self) -> list[Injected]:
        return [each for each in self._trial.injected if each.started_s is not None and each.healed_s is None]

    def _start(self, injected: Injected) -> None:
        t_s = self._timeline.now_s()
        self._setting.watcher.note(f"{t_s:.1f} s: {injected.planned.fault} begins")
        injected.started_s, injected.before = t_s, self._evidence(injected)
        ACTIONS[injected.planned.fault].start(self._stage(injected))

    def _heal(self, injected: Injected) -> None:
        injected.healed_s = self._timeline.now_s()
        if injected.is_operation:
            # Until it is started again, this is the one that was asked to stop.
            engine = self._processes.children[ENGINE]
            injected.against += how_it_stopped(engine)
            injected.records_before = engine.latest("records_in")
        ACTIONS[injected.planned.fault].heal(self._stage(injected))
        self._setting.watcher.note(f"{injected.healed_s:.1f} s: {injected.planned.fault} is healed")

    def _stage(self, injected: Injected) -> Stage:
        return Stage(
            lambda name: self._processes.pids()[name],
            self._processes.supervisor,
            self._setting.backing,
            self._setting.orders,
            self._setting.topics.input,
            self._processes.cluster,
            lambda: self._processes.change_engine(injected.planned.change),
        )

    def _evidence(self, injected: Injected) -> int:
        """The total that rises if the fault does something."""
        where = BY_NAME[injected.planned.fault].evidence
        return int(self._processes.children[where[0]].latest(where[1], 0)) if where else 0

    # What an operation has started

    def _look_at_operations(self) -> None:
        """Note what each process reads that an operation has started, to the end of its life."""
        children, supervisor = self._processes.children, self._processes.supervisor
        for number, each in enumerate(self._trial.injected):
            if not each.is_operation or each.healed_s is None:
                continue
            if number not in self._started and not supervisor.is_dead(ENGINE):
                self._started[number] = children[ENGINE]
            if number in self._started:
                note_progress(each, self._started[number], children["probe"])

    # Keeping pace

    def _keep_pace(self, pace: Pace) -> None:
        """Put off the faults to come until the last one is recovered from; end the load if none is to come."""
        number = sum(each.started_s is not None for each in self._trial.injected)
        if not number:
            return
        last, t_s = self._trial.injected[number - 1], self._timeline.now_s()
        self._look_at_recovery(pace, last)
        goes_on = last.healed_s is not None and pace.goes_on(t_s, last.healed_s)
        if number < len(self._trial.injected) and not goes_on:
            self._put_off(number)
        elif number == len(self._trial.injected) and goes_on and pace.ends_load:
            self._end_load(pace, math.ceil(t_s + CALM_BEFORE_S))

    def _look_at_recovery(self, pace: Pace, last: Injected) -> None:
        """Have `pace` look at how far the recovery from the `last` fault is."""
        assert last.started_s is not None
        if told := self._processes.children["probe"].last("progress"):
            # What died of it was harmed.
            was_harmed = last.did_something or any(each.died_s >= last.started_s for each in self._trial.restarts)
            is_over = was_harmed and not self._processes.any_is_down()
            told_s = self._timeline.measured_s(told.fields["now_ms"] * 1_000_000)
            pace.look(self._timeline.now_s(), told_s, told.fields["visible_records"], is_over=is_over)

    def _put_off(self, number: int) -> None:
        """Have the fault of that number come no earlier than its calm from now on, and those after it as much later."""
        planned = self._setting.options.faults
        calm_s = planned[number].at_s - planned[number - 1].healed_s
        found = put_off([each.planned for each in self._trial.injected], number, self._timeline.now_s() + calm_s)
        for each, later in zip(self._trial.injected, found, strict=True):
            each.planned = later

    def _end_load(self, pace: Pace, duration_s: int) -> None:
        """End the load after so many seconds of the measured time, which are to come; once for a trial."""
        planned_s = self._setting.scenario.duration_s
        if self._trial.duration_s < planned_s or duration_s >= planned_s:
            return
        total_s = self._timeline.workload.warmup_s + duration_s
        EndOrders(total_s).give(Path(self._setting.end_orders))
        self._setting.watcher.note(f"the load ends at {duration_s} s")
        due = pace.workload.due_before(total_s * NANOSECONDS_PER_S)
        self._timeline.end_early(duration_s, pace.malformed_before(due))
