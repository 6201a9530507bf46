"""Whole runs, and sessions of other commands, of contestants on fakes."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console

from harness.console.progress import ConsoleWatcher
from harness.experiments.run import run
from harness.results.result import Result
from harness.scenarios.scenario import Scenario
from harness.trial.outcome import Trial
from harness.trial.setting import Setting
from tests.builders.runs import SCENARIO, Runs

#: The baseline in another way.
FAST = {"name": "fast", "engine": "baseline", "settings": {"batch_wait_ms": 1}, "checkpoint_interval_ms": 700}


class Contests(Runs):
    """Trials of `engines`, as they stand in a scenario.

    Attributes:
        engines: two contestants, unless a test has others.
        jobs: the job files of the trials' engines, by label.
        settings: what the trials were made of, by label.
        tells: the versions that the trials' engines tell, by label, where they are to tell others.
    """

    engines: Sequence[str | dict[str, Any]] = ("baseline", FAST)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.settings: dict[str, Setting] = {}
        self.tells: dict[str, str] = {}

    def scenario(self, **keys: Any) -> Scenario:
        """The scenario of all trials, with `keys` of its own."""
        return Scenario.model_validate(SCENARIO | {"engines": list(self.engines)} | keys)

    def _trial(self, setting: Setting) -> Trial:
        trial = super()._trial(setting)
        self.jobs[setting.options.label] = json.loads(setting.engine_job.read_text())
        self.settings[setting.options.label] = setting
        trial.version = self.tells.get(setting.options.label, trial.version)
        return trial

    def run(self, trials: int = 2) -> tuple[Result, Path]:
        """A run, by the command's own function."""
        return run(self.scenario(), trials, self.options(), self.watcher)

    @property
    def watcher(self) -> ConsoleWatcher:
        """Is told what people are told."""
        return ConsoleWatcher(Console(file=self._output, width=1000))

    def stand_in(self, command: ModuleType) -> None:
        """Have the trials of another command take place here."""
        self._patch.setattr(command, "check_scenario", lambda *_whatever, **_options: None)
        self._patch.setattr(command, "open_session", self._open_session)
