"""Load on a viewer that is there already, whoever started it."""

import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from engines.contract.events import Event
from harness.console.interrupt import NAMES, name_of
from harness.console.progress import ConsoleWatcher
from harness.errors import ServiceError, UsageError
from harness.experiments.loadtest.stretch import POLL_S, PREFIX, Teller, dashboard_of, stretch
from harness.live_map.load_process import (
    READY_S,
    STOP_S,
    Account,
    LoadOptions,
    measured,
    provide,
    read_account,
    searched,
    start_load,
    unfit,
)
from harness.processes.child import Child
from harness.processes.temporary import temporary_folder
from harness.results.live_map import DashboardLoad
from harness.results.loadtest import LoadTest, save_load_test
from harness.session.directory import keep_logs, new_run_id, save_somewhere
from harness.session.fingerprint import fingerprint
from harness.session.options import SessionOptions
from harness.session.preflight.look import look_before_leaping
from harness.session.preflight.need import Need, files_of

# A viewer that is there already


def attack(
    url: str,
    load: LoadOptions,
    options: SessionOptions,
    watcher: ConsoleWatcher,
    *,
    token: str = "",
    ui_port: int | None = None,
) -> tuple[LoadTest, Path]:
    """Load-test the viewer at `url`, which may want a `token`, and save what came of it.

    Returns that, and the run's directory.

    With a `ui_port`, Locust's web UI is served there until Ctrl-C, which is then the normal end. Any other signal ends
    it early, and so does Ctrl-C without a web UI: what was measured until then is saved, and is invalid.

    Raises:
        RingbenchError: it could not take place.
    """
    look_before_leaping(Need(runs_dir=options.runs_dir, open_files=files_of(load.users)), watcher.note)
    started_at, run_id = datetime.now(UTC), new_run_id(PREFIX)
    directory = options.runs_dir / run_id
    with temporary_folder("ringbench-load-") as work:
        python = provide(watcher.note)
        with start_load(python, work, url, load, token=token, ui_port=ui_port) as child:
            ready = _ready(child, url)
            if ui_port is not None:
                watcher.note(f"Locust's web UI is at {ready.fields['ui']}; Ctrl-C ends the load test")
            watcher.phase(f"load test of {url.partition('?')[0]}")
            ended_by = _await_end(child, watcher, until_interrupt=ui_port is not None)
        found = _standalone(read_account(work), load, run_id, started_at, options, ended_by)
        save_somewhere(save_load_test, found, directory)
        if options.keep_logs or not (found.valid or found.interrupted):
            keep_logs(work, directory, watcher.note)
    return found, directory


def _ready(child: Child, url: str) -> Event:
    try:
        return child.wait_for("ready", READY_S)
    except ServiceError as error:
        failed = child.last("failed")
        if failed is None:
            raise
        raise UsageError(
            f"--url {url.partition('?')[0]}: {failed.fields['error']}",
            fix="give the address of the map that `ringbench run --view` or `ringbench view` prints, and its token in "
            "RINGBENCH_VIEW_TOKEN",
        ) from error


def _await_end(child: Child, watcher: ConsoleWatcher, *, until_interrupt: bool) -> str:
    """Wait for the load test's end, telling how it goes; with `until_interrupt`, Ctrl-C is its own.

    Returns: the signal that ended it early, "" if none did.
    """
    teller, ended_by = Teller(watcher), ""
    try:
        while child.is_running:
            threading.Event().wait(POLL_S)
            teller.tell(child)
    except KeyboardInterrupt as end:
        if not until_interrupt or name_of(end) != NAMES[signal.SIGINT]:
            ended_by = name_of(end)
        child.stop(STOP_S)
    child.wait_for("stopped", STOP_S)
    return ended_by


def _standalone(
    account: Account, load: LoadOptions, run_id: str, started_at: datetime, options: SessionOptions, ended_by: str
) -> LoadTest:
    search = searched(account, load.bounds) if load.shape == "search" else None
    found = played(account, load)
    reasons = [f"it was ended early: {ended_by}"] if ended_by else []
    reasons += unfit(found, load.bounds) if search is None else []
    return LoadTest(
        run_id=run_id,
        valid=not reasons,
        invalid_reasons=reasons,
        interrupted=bool(ended_by),
        started_at=started_at.isoformat(timespec="seconds"),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=options.command,
        environment=fingerprint(java="not used", services={}),
        dashboard=dashboard_of(account, load, [found], search),
    )


def played(account: Account, load: LoadOptions) -> DashboardLoad:
    """The whole load, by its shape, or by a person in the web UI."""
    start_s, end_s = stretch(account)
    if load.shape != "constant":  # else, the number of users is not one to be held
        load = replace(load, users=min((each.users for each in account.seconds.values() if each.users), default=0))
    return measured(account, load.shape or "web UI", load, start_s, end_s)
