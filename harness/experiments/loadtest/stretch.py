"""One stretch of a load test: the live map of one engine under users' load."""

import time

from harness.console.progress import ConsoleWatcher
from harness.live_map.load_process import Account, LoadOptions
from harness.processes.child import Child
from harness.results.live_map import Dashboard, DashboardLoad, UserSearch

PREFIX = "load-"
TELL_S = 5.0
POLL_S = 0.25


class Teller:
    """Tells now and then how many users there are."""

    def __init__(self, watcher: ConsoleWatcher) -> None:
        self._watcher, self._due_s = watcher, time.monotonic()

    def tell(self, child: Child) -> None:
        """Say how the load test goes, if it is time to."""
        if time.monotonic() < self._due_s or not child.last("progress"):
            return
        self._due_s = time.monotonic() + TELL_S
        push_ms = child.latest("push_ms_p99")
        latency = "no pushes" if push_ms is None else f"push latency p99 {push_ms:,.0f} ms"
        all_there = ", all there" if child.latest("holding", False) else ""
        users, failures = child.latest("users", 0), child.latest("failures", 0)
        self._watcher.note(f"{users:,} users{all_there}, {latency}, {failures:,} failures")


def stretch(account: Account) -> tuple[float, float]:
    """The time to judge: of a constant load, when all users were there; else, when any was."""
    holds = account.found["holds"]
    if len(holds) == 1:
        return holds[0]["start_s"], holds[0]["end_s"]
    watched = [at_s for at_s, each in account.seconds.items() if each.users]
    return (min(watched), max(watched) + 1) if watched else (0.0, 0.0)


def dashboard_of(
    account: Account, load: LoadOptions, loads: list[DashboardLoad], search: UserSearch | None
) -> Dashboard:
    return Dashboard(
        users=load.users,
        push_bound_ms_p99=load.bounds.push_ms_p99,
        lag_bound_ms_p99=load.bounds.lag_ms_p99,
        max_rate_hz=account.found["max_rate_hz"],
        loads=loads,
        search=search,
    )
