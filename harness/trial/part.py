"""What the parts of a trial that lead it have at hand: everything else that it consists of."""

from harness.measurement.flame_graphs import Profiling
from harness.trial.fault_injection import FaultInjection
from harness.trial.observation import Observation
from harness.trial.outcome import Trial
from harness.trial.processes import Processes
from harness.trial.setting import Setting
from harness.trial.timeline import Timeline


class Part:
    """A part that works with all others of one trial."""

    def __init__(
        self,
        setting: Setting,
        trial: Trial,
        timeline: Timeline,
        processes: Processes,
        faults: FaultInjection,
        observation: Observation,
        profiling: Profiling,
    ) -> None:
        self._setting, self._trial, self._timeline = setting, trial, timeline
        self._processes, self._faults, self._observation = processes, faults, observation
        self._profiling = profiling
