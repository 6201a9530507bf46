"""Starting a process of the measuring path."""

from collections.abc import Mapping
from pathlib import Path

from harness.processes.child import Child, module_command
from harness.workers.jobs import Job, save_job

#: By worker. The probe makes large arrays and small ones that stay, second by second. glibc soon takes both from one
#: heap, which then grows for as long as the run lasts; arrays of their own go back to the system.
_MALLOC = {"probe": {"MALLOC_MMAP_THRESHOLD_": "131072"}}


def start_worker(
    module: str, job: Job, directory: Path, env: Mapping[str, str] | None = None, *, name: str = ""
) -> Child:
    """Start ``harness.workers.MODULE`` with `job`; job file and log go into `directory`, called as it or `name`."""
    name = name or module
    path = directory / f"{name}.job.json"
    save_job(job, path)
    argv = module_command(f"harness.workers.{module}", str(path))
    env = {**_MALLOC.get(module, {}), **(env or {})}
    return Child(name.replace("_", " "), argv, log_path=directory / f"{name}.log", env=env)
