"""Flink's REST interface, as far as this engine asks it: is the job running, and how much has it done?"""

import json
import urllib.parse
import urllib.request
from typing import Any

TIMEOUT_S = 5.0


class Rest:
    """The REST interface at `port` of the loopback address."""

    def __init__(self, port: int, job_id: str) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._job = f"/jobs/{job_id}"

    def is_running(self) -> bool:
        """Whether the job and every one of its tasks are running."""
        job = self._get(self._job)
        tasks_running = all(vertex["tasks"].get("RUNNING", 0) == vertex["parallelism"] for vertex in job["vertices"])
        return job["state"] == "RUNNING" and tasks_running

    def parallelism(self) -> int:
        """The greatest parallelism of a task in the running job."""
        return max(int(vertex["parallelism"]) for vertex in self._get(self._job)["vertices"])

    def checkpointing(self) -> dict[str, Any]:
        """The job's checkpointing, as Flink understood it."""
        found: dict[str, Any] = self._get(f"{self._job}/checkpoints/config")
        return found

    def sum_metric(self, operator: str, metric: str) -> int | None:
        """`metric` of the operator whose name begins with `operator`, over all its tasks; None if it is not there."""
        for vertex in self._get(self._job)["vertices"]:
            path = f"{self._job}/vertices/{vertex['id']}/subtasks/metrics"
            names = [each["id"] for each in self._get(path)]
            if found := [name for name in names if name.startswith(operator) and name.endswith(f".{metric}")]:
                query = urllib.parse.urlencode({"get": found[0], "agg": "sum"})
                # The tasks, and their metrics, may be gone meanwhile.
                sums = self._get(f"{path}?{query}")
                return int(sums[0]["sum"]) if sums else None
        return None

    def restarts(self) -> int:
        """How often it was decided to restart the job's tasks; 0 until Flink has told it once."""
        found = self._get(f"{self._job}/metrics?get=numRestarts")
        return int(found[0]["value"]) if found else 0

    def restored(self) -> int | None:
        """The checkpoint whose state the tasks have begun with; None if they have begun with none."""
        found = self._get(f"{self._job}/checkpoints")["latest"]["restored"]
        return int(found["id"]) if found else None

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self._base + path, timeout=TIMEOUT_S) as response:  # noqa: S310
            return json.load(response)
