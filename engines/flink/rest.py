"""Flink's REST interface, as far as this engine asks it: is the job running, and how much has it done?"""

import json
import time
import urllib.parse
import urllib.request
from typing import Any

from guard import rest_headers

TIMEOUT_S = 5.0
CANCEL_TIMEOUT_S = 15.0
POLL_S = 0.1
#: A cluster cancels a job whose client has not been heard of for so long.
LEASE_S = 30.0
ENDED = ("FAILED", "FINISHED", "CANCELED", "SUSPENDED")


class Rest:
    """The REST interface at `address`, ``HOST:PORT``, asked about one job."""

    def __init__(self, address: str, job_id: str) -> None:
        self._base = f"http://{address}"
        self._job = f"/jobs/{job_id}"

    @classmethod
    def of_last_job(cls, address: str, name: str) -> "Rest | None":
        """The job that was submitted last under `name`, running or not; None if there is none."""
        jobs = cls(address, "")._get("/jobs/overview")["jobs"]
        own = sorted((job for job in jobs if job["name"] == name), key=lambda job: job["start-time"])
        return cls(address, own[-1]["jid"]) if own else None

    def renew_lease(self) -> None:
        """Tell the cluster that the job's client is still there."""
        self._patch(f"{self._job}/clientHeartbeat", {"expiredTimestamp": int((time.time() + LEASE_S) * 1000)})

    def cancel(self) -> None:
        """Cancel the job, if it has not ended, and wait for its end.

        Raises:
            TimeoutError: it does not end.
        """
        deadline_s = time.monotonic() + CANCEL_TIMEOUT_S
        if self._get(self._job)["state"] not in ENDED:
            self._patch(f"{self._job}?mode=cancel")
        while self._get(self._job)["state"] not in ENDED:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"the job did not end within {CANCEL_TIMEOUT_S:g} s of being cancelled")
            time.sleep(POLL_S)

    def last_checkpoint(self) -> str | None:
        """Where the last complete checkpoint of the job is; None if there is none."""
        found = self._get(f"{self._job}/checkpoints")["latest"]["completed"]
        return str(found["external_path"]) if found else None

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
        """How often the job's tasks were restarted: how many attempts of a task there were before the one of now.

        Not the metric `numRestarts`: metrics stand still while Flink waits for those of a task manager that has died.
        """
        vertices = [each["id"] for each in self._get(self._job)["vertices"]]
        tasks = [task for each in vertices for task in self._get(f"{self._job}/vertices/{each}")["subtasks"]]
        return max(int(task["attempt"]) for task in tasks)

    def restored(self) -> int | None:
        """The checkpoint whose state the tasks have begun with; None if they have begun with none."""
        found = self._get(f"{self._job}/checkpoints")["latest"]["restored"]
        return int(found["id"]) if found else None

    def _patch(self, path: str, body: dict[str, Any] | None = None) -> None:
        request = urllib.request.Request(  # noqa: S310
            self._base + path,
            json.dumps(body).encode() if body else None,
            rest_headers() | {"Content-Type": "application/json"},
            method="PATCH",
        )
        urllib.request.urlopen(request, timeout=TIMEOUT_S).close()  # noqa: S310

    def _get(self, path: str) -> Any:
        request = urllib.request.Request(self._base + path, headers=rest_headers())  # noqa: S310
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
            return json.load(response)
