"""Starts the live map (`viewer`) as a process of its own; the harness knows it by its job file and its events only."""

import json
import threading
from pathlib import Path
from typing import Any

from harness.processes.child import Child, module_command
from harness.processes.temporary import temporary_folder
from harness.services.redis import check_redis

READY_S = 30.0
POLL_S = 0.5


def start_viewer(directory: Path, **job: Any) -> Child:
    """Start a viewer; its URL is a field of its ``ready`` event. `job` are the attributes of `viewer.app.ViewerConfig`.

    The job file, which may hold a password or a token, goes into `directory`, readable by the user alone.
    """
    path = directory / "viewer.job.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(job), encoding="utf-8")
    return Child("viewer", module_command("viewer.main", str(path)), log_path=directory / "viewer.log")


def viewer_url(viewer: Child) -> str:
    """Where the map is, once it is there.

    Raises:
        ServiceError: the viewer failed, or is not ready in time.
    """
    return str(viewer.wait_for("ready", READY_S).fields["url"])


def keep_viewing(tell: Any, **job: Any) -> None:
    """Show what `job` names (see `start_viewer`), a Redis or a replay, until SIGINT or SIGTERM; `tell` is told the URL.

    Raises:
        ServiceError: Redis cannot be reached, or the viewer fails.
    """
    if "redis_url" in job:
        check_redis(job["redis_url"])
    with temporary_folder("ringbench-view-") as work, start_viewer(work, **job) as viewer:
        tell(viewer_url(viewer))
        while viewer.is_running:
            threading.Event().wait(POLL_S)
        viewer.wait_for("stopped", READY_S)
