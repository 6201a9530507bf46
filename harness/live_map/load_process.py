"""The load test's process (`loadtest.main`) as the harness sees it: started, watched, and its account read."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.live_map.user_experience import (
    PERCENTILES,
    ExperienceBounds,
    Second,
    greatest,
    percentile,
    together,
    why_not_held,
)
from harness.processes.child import Child, module_command
from harness.provision.cache import Progress
from harness.provision.environments import ensure_environment
from harness.results.live_map import DashboardLoad, DashboardSecond, UserLevel, UserQuantiles, UserSearch

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "loadtest" / "requirements.lock"
#: What the load test's process imports of Ringbench.
PACKAGES = ("engines", "harness", "loadtest")
NAME = "load test"
READY_S = 60.0
#: Its last question to the viewer, and its users' leaving.
STOP_S = 30.0
#: From the last user's coming to the measured time.
SETTLE_S = 15


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """What the users do.

    Attributes:
        users: how many watch at the most.
        spawn_rate_users_per_s: how many come per second.
        duration_s: how long; of a constant load, from when all have come.
        shape: constant, ramp, step, spike or search (see `loadtest.shapes`); "" for a person's choice in the web UI.
        visit_s_mean: after so long, on average, a user loads the page anew.
        check_every: every so manieth user keeps the counts.
        bounds: what is held.
        max_users, resolution, hold_s: of a search: where it ends, how finely it looks, and how long each level lasts.
    """

    users: int = 500
    spawn_rate_users_per_s: float = 20.0
    duration_s: int = 60
    shape: str = "constant"
    visit_s_mean: float = 300.0
    check_every: int = 25
    bounds: ExperienceBounds = field(default_factory=ExperienceBounds)
    max_users: int = 5000
    resolution: float = 1.25
    hold_s: int = 10


@dataclass(frozen=True)
class Account:
    """What the load test's process wrote when it ended: see `loadtest.main`."""

    seconds: dict[int, Second]
    found: dict[str, Any]


def provide(progress: Progress) -> Path:
    """The Python of the load test's environment, made first if need be.

    Raises:
        ProvisionError: it cannot be made.
    """
    return ensure_environment(LOCK, "loadtest", progress=progress)


def start_load(
    python: Path,
    directory: Path,
    url: str,
    options: LoadOptions,
    *,
    token: str = "",
    anchor: Path | None = None,
    ui_port: int | None = None,
) -> Child:
    """Start the load test of the viewer at `url`, which may want a `token`; its files go to `directory`.

    With an `anchor`, no user comes before that file does. With a `ui_port`, Locust's web UI is served there.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    job = asdict(options) | {
        "url": url,
        "token": token,
        "output": str(directory / "load.json"),
        "anchor": str(anchor or ""),
        "ui_port": ui_port,
    }
    path = directory / "load.job.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(job), encoding="utf-8")
    # gevent has to be in place before anything else is imported.
    argv = module_command("gevent.monkey", "--module", "loadtest.main", str(path), python=str(python))
    return Child(NAME, argv, log_path=directory / "load.log", env={"PYTHONPATH": str(search_path(directory))})


def search_path(directory: Path) -> Path:
    """A folder in `directory` with `PACKAGES` alone: where Ringbench is installed, others stand beside them."""
    path = directory / "packages"
    path.mkdir(exist_ok=True)
    for name in PACKAGES:
        if not (path / name).exists():
            (path / name).symlink_to(ROOT / name)
    return path


def read_account(directory: Path) -> Account:
    """What the load test in `directory` left.

    Raises:
        OSError: it left nothing.
    """
    found = json.loads((directory / "load.json").read_text(encoding="utf-8"))
    return Account({int(at_s): Second.from_json(each) for at_s, each in found["seconds"].items()}, found)


def measured(account: Account, label: str, options: LoadOptions, start_s: float, end_s: float) -> DashboardLoad:
    """What users experienced from `start_s` to `end_s`, in seconds since the Unix epoch."""
    total = together(account.seconds, start_s, end_s)
    duration_s = max(1, sum(start_s <= at_s and at_s + 1 <= end_s for at_s in account.seconds))
    converged = account.found["converged"]
    problem = why_not_held(total, options.users, options.bounds)
    if not problem and converged["agree"] < converged["checked"]:
        problem = f"{converged['checked'] - converged['agree']} of {converged['checked']} users have wrong counts"
    return DashboardLoad(
        label=label,
        wanted_users=options.users,
        users=total.users,
        duration_s=duration_s,
        frames=total.frames,
        frames_per_s=total.frames / duration_s,
        bytes_per_s=total.bytes / duration_s,
        dropped_frames=total.dropped,
        push_ms=_spread(total.push),
        newest_ms=_spread(total.newest),
        pages_ms=_spread(total.pages),
        connects_ms=_spread(total.connects),
        recoveries_ms=_spread(total.recoveries),
        failures=total.failures,
        reasons=account.found["reasons"],
        negative_count=total.negative,
        lag_ms_p99=percentile(total.lag, 99),
        client_cpu_cores=total.cpu_s / duration_s,
        checked_users=converged["checked"],
        agreeing_users=converged["agree"],
        compared_cells=converged["cells"],
        problem=problem,
        series=_series(account, start_s),
    )


def _spread(distribution: dict[int, int]) -> UserQuantiles | None:
    found = {name: percentile(distribution, percent) for name, percent in PERCENTILES.items()}
    longest = greatest(distribution)
    if longest is None:
        return None
    return UserQuantiles(
        max=longest, count=sum(distribution.values()), **{name: value for name, value in found.items() if value}
    )


def _series(account: Account, zero_s: float) -> list[DashboardSecond]:
    return [
        DashboardSecond(
            t_s=at_s - int(zero_s),
            users=each.users,
            frames=each.frames,
            push_ms_p50=percentile(each.push, 50),
            push_ms_p99=percentile(each.push, 99),
            failures=each.failures,
        )
        for at_s, each in sorted(account.seconds.items())
    ]


def unfit(load: DashboardLoad, bounds: ExperienceBounds) -> list[str]:
    """Why a load's numbers must not be believed; empty if nothing speaks against them."""
    reasons = []
    if load.lag_ms_p99 is None or load.lag_ms_p99 > bounds.lag_ms_p99:
        reasons.append(
            f"{load.label}: the load generator fell behind: its timer was late by {load.lag_ms_p99} ms (p99), "
            f"limit {bounds.lag_ms_p99:g} ms"
        )
    if load.negative_count:
        reasons.append(
            f"{load.label}: {load.negative_count:,} frames arrived before they were written: clocks disagree"
        )
    return reasons


def searched(account: Account, bounds: ExperienceBounds) -> UserSearch:
    """What a search found."""
    levels = [
        _level(account, hold, attempt["sustained"], bounds)
        for hold, attempt in zip(account.found["holds"], account.found["attempts"], strict=False)
    ]
    answer = account.found["answer"] or {"rate": None, "failed_rate": None}
    failed = [level for level in levels if not level.held and level.users == answer["failed_rate"]]
    return UserSearch(
        levels=levels,
        held_users=answer["rate"],
        failed_users=answer["failed_rate"],
        at_least=not failed or any((level.lag_ms_p99 or 0) > bounds.lag_ms_p99 for level in failed),
    )


def _level(account: Account, hold: dict[str, Any], held: bool, bounds: ExperienceBounds) -> UserLevel:
    total = together(account.seconds, hold["start_s"], hold["end_s"])
    length_s = max(1.0, hold["end_s"] - hold["start_s"])
    return UserLevel(
        users=hold["users"],
        held=held,
        problem=why_not_held(total, hold["users"], bounds),
        push_ms_p99=percentile(total.push, 99),
        frames_per_s=total.frames / length_s,
        failures=total.failures,
        lag_ms_p99=percentile(total.lag, 99),
        client_cpu_cores=total.cpu_s / length_s,
    )
