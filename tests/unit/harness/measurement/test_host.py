"""What others had of the machine is told from the kernel's accounts; what cannot be read is null, and said."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from harness.conclusions.disturbance import disturbance_text, disturbed_share
from harness.conclusions.engine_comparison import compare_engines
from harness.measurement.host import HostReading, HostWatch, cgroup_cores, read_host
from harness.processes.process import wait_until
from harness.results.host import ForeignProgram, Host
from reports.wording import cautions
from tests.builders.hosts import QUIET
from tests.builders.results import make_engine, make_result
from tests.deadlines import DEADLINE_S

NOTHING = {"cpu": None, "memory": None, "io": None}


def host(*, stolen: float | None = 0.0, foreign: float | None = 0.0, cores: int = 2) -> Host:
    programs = [ForeignProgram(name="busy", cores=foreign)] if foreign else []
    seen = {"cores": cores, "stolen_share": stolen, "foreign_cores": foreign, "foreign_programs": programs}
    return QUIET.model_copy(update=seen)


def watch(readings: list[HostReading]) -> HostWatch:
    """What was seen of a machine with 2 cores, once a second from -1 s on."""
    found = HostWatch(read=iter(readings).__next__, cores=2)
    for number in range(len(readings)):
        found.look(number - 1.0)
    return found


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Files of the kernel's, with 100 ticks of user time, 20 of system time and 30 that were stolen."""
    ticks = os.sysconf("SC_CLK_TCK")
    files = {
        "proc/stat": f"cpu  {ticks} 0 {2 * ticks} 500 7 0 0 {3 * ticks} 0 0\ncpu0 1 1 1\n",
        "proc/pressure/cpu": "some avg10=0.0 avg60=0.0 avg300=0.0 total=1500000\nfull avg10=0.0 total=7\n",
        "proc/self/cgroup": "1:cpu:/\n0::/a.slice\n",
        "sys/fs/cgroup/a.slice/cpu.stat": "usage_usec 9\nthrottled_usec 250000\n",
        "sys/fs/cgroup/a.slice/cpu.max": "150000 100000\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="ascii")
    return tmp_path


def test_the_kernels_accounts_are_read(machine: Path) -> None:
    assert read_host(machine) == HostReading(3.0, 3.0, 0.25, NOTHING | {"cpu": 1.5})
    assert cgroup_cores(machine) == 1.5


def test_what_is_not_there_is_null_and_no_disturbance_is_made_up(tmp_path: Path) -> None:
    assert read_host(tmp_path) == HostReading(None, None, None, NOTHING)
    assert cgroup_cores(tmp_path) is None
    found = watch([read_host(tmp_path)] * 3).use(0, 1)
    assert found is not None and (found.stolen_share, found.foreign_cores) == (None, None)
    assert disturbed_share(found) is None is disturbed_share(None)
    assert HostWatch().use(0, 1) is None


def test_a_kernel_that_tells_fewer_kinds_of_time_is_not_read_wrongly(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "stat").write_text("cpu  1 2 3 4 5 6\n", encoding="ascii")
    assert read_host(tmp_path) == HostReading(None, None, None, NOTHING)


def test_this_machine_can_be_read() -> None:
    before = read_host()
    wait_until(
        lambda: (now := read_host().busy_s) is not None and before.busy_s is not None and now > before.busy_s,
        deadline_s=DEADLINE_S,
        what="the machine's CPU time grows",
    )


def test_what_is_not_the_runs_own_is_foreign() -> None:
    """In each second, a core and a half is used, a core by the run, and a tenth of both is stolen."""
    found = watch([HostReading(1.5 * at, 0.2 * at, None, NOTHING, own_s=1.0 * at) for at in range(6)])
    use = found.use(0, 4)
    assert use is not None
    assert (use.foreign_cores, use.stolen_share) == (pytest.approx(0.5), pytest.approx(0.1))
    assert disturbed_share(use) == pytest.approx(0.1 + 0.5 / 2)
    stolen, foreign = found.by_second(np.arange(0.0, 4.0))
    assert (stolen, foreign) == ([pytest.approx(0.1)] * 3, [pytest.approx(0.5)] * 3)


def test_another_program_is_named_with_its_cores_and_our_own_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others of this machine may be busier than it: all are named here, and it is awaited."""
    monkeypatch.setattr("harness.measurement.host._NAMED", 1000)
    names = ("another-one", "one-of-ours")
    for name in names:
        (tmp_path / name).symlink_to(sys.executable)
    commands = [[str(tmp_path / name), "-S", "-c", "while True: pass"] for name in names]
    with subprocess.Popen(commands[0]) as other, subprocess.Popen(commands[1]) as own:
        try:
            found = HostWatch()
            look_once(found, {own.pid, os.getpid()})

            def is_named() -> bool:
                look_once(found, {own.pid, os.getpid()})
                use = found.use(found.t_s[0], found.t_s[-1])
                return use is not None and any(each.name == names[0] for each in use.foreign_programs)

            wait_until(is_named, deadline_s=DEADLINE_S, what="the other program is named")
            use = found.use(found.t_s[0], found.t_s[-1])
        finally:
            other.kill()
            own.kill()
    assert use is not None
    named = {each.name: each.cores for each in use.foreign_programs}
    assert named["another-one"] > 0 and "one-of-ours" not in named
    assert "another-one" in disturbance_text(use)


def look_once(found: HostWatch, own: set[int]) -> None:
    """One look at the machine, and at its programs."""
    found.look(time.monotonic())
    found.look_at_programs(time.monotonic(), own)


@pytest.mark.parametrize(("quiet", "named"), [(host(foreign=0.1), True), (host(foreign=0.5), False), (None, True)])
def test_no_winner_is_named_beyond_the_limit_and_figures_are_marked(quiet: Host | None, named: bool) -> None:
    engines = [make_engine("flink", 18, 0.3, trials=6), make_engine("spark", 403, 0.8, trials=6)]
    for engine in engines:
        for trial in engine.trials:
            trial.host = quiet
    ratios = compare_engines(engines, host_marked_share=0.1).ratios
    assert [bool(ratio.winner) for ratio in ratios] == [named] * len(ratios)
    assert named or all("other programs used 0.50 of 2 cores (busy 0.50)" in ratio.why_not for ratio in ratios)
    result = make_result(engines=engines)
    result.scenario["limits"] = {"host_marked_share": 0.1}
    assert bool(cautions.cautions(result)) is not named


def test_what_was_lately_is_of_the_last_readings_alone_and_unknown_of_one() -> None:
    totals = iter(
        [HostReading(t_s, stolen_s, None, {}, own_s=0.0) for t_s, stolen_s in ((0, 0), (1, 0), (2, 1), (4, 2))]
    )
    watch = HostWatch(read=lambda: next(totals), cores=2)
    watch.look(0.0)
    assert watch.lately(2.0) == (None, None)
    for t_s in (1.0, 2.0, 3.0):
        watch.look(t_s)
    # Of two seconds and two cores: 2 s stolen, 3 s of other programs.
    assert watch.lately(2.0) == (0.5, 1.5)


def test_what_the_system_does_not_tell_was_not_lately_either() -> None:
    watch = HostWatch(read=lambda: HostReading(None, None, None, {}), cores=2)
    watch.look(0.0)
    watch.look(1.0)
    assert watch.lately(5.0) == (None, None)
