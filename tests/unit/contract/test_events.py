"""An engine lets a task fail at each SIGUSR1, beside whatever else it does."""

import signal
import sys
from pathlib import Path

from harness.processes.child import Child
from harness.processes.process import wait_until
from harness.trial.stage import program_below, send
from tests.deadlines import DEADLINE_S

ENGINE = """
import threading
from engines.contract.events import EventWriter, act_on_sigusr1, stop_on_sigterm
events, stop, kills = EventWriter(), stop_on_sigterm(), []
act_on_sigusr1(lambda: (kills.append(1), events.send("progress", task_restarts=len(kills))))
events.send("ready")
stop.wait()
events.send("stopped", task_restarts=len(kills))
"""


def test_each_order_is_obeyed_once_and_the_process_lives_on(tmp_path: Path) -> None:
    with Child("engine", [sys.executable, "-c", ENGINE], log_path=tmp_path / "log") as engine:
        engine.wait_for("ready", DEADLINE_S)
        for kill in (1, 2):
            send(program_below(engine.process.pid), signal.SIGUSR1)
            wait_until(
                lambda kill=kill: engine.latest("task_restarts") == kill,  # type: ignore[misc]
                deadline_s=DEADLINE_S,
                what="a task has failed",
            )
        engine.stop()
        stopped = engine.last("stopped")
        assert stopped and stopped.fields["task_restarts"] == 2
