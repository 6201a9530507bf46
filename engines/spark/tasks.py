"""Kills a running task of a micro-batch, and finds out whether Spark ran it again. PySpark has no way to a task."""

import time
from contextlib import suppress

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

#: Tasks take milliseconds: one may have ended by the time it is to be killed. Then the next one is tried, until this.
DEADLINE_S = 10.0
POLL_S = 0.02
ACTIVE = ("PENDING", "ACTIVE")


class TaskKiller:
    """Lets tasks fail.

    Attributes:
        restarts: how many tasks were killed and ran again, so that their stages were completed.
    """

    def __init__(self, spark: SparkSession) -> None:
        self.restarts = 0
        self._context = spark.sparkContext._jsc.sc()
        self._tracker = spark.sparkContext.statusTracker()

    def kill_one(self) -> None:
        """Kill one task; give up if none could be caught at work within `DEADLINE_S`."""
        deadline_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline_s:
            if any(self._ran_again(stage, deadline_s) for stage in self._kill_running()):
                self.restarts += 1
                return
            time.sleep(POLL_S)

    def _kill_running(self) -> list[int]:
        """Order one running task to be killed. Returns the stages at work: it is of one of them."""
        tasks = list(self._context.taskScheduler().taskIdToTaskSetManager())
        # In this order: the stage of a task that still runs is among them.
        stages = sorted(self._tracker.getActiveStageIds())
        if not tasks or not self._context.killTaskAttempt(tasks[0], True, "ringbench: task-kill"):
            return []
        print(f"told to let a task fail: killing task {tasks[0]}; stages at work: {stages}")
        return stages

    def _ran_again(self, stage: int, deadline_s: float) -> bool:
        """Wait for the end of `stage`. Returns whether it was completed, although a task of it had been killed."""
        while time.monotonic() < deadline_s:
            # Spark notes what stages do a little later than they do it.
            with suppress(Py4JJavaError):
                found = self._context.statusStore().lastStageAttempt(stage)
                if (status := found.status().toString()) not in ACTIVE:
                    return status == "COMPLETE" and int(found.numKilledTasks()) > 0
            time.sleep(POLL_S)
        return False
