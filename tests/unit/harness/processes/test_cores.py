"""Cores of an engine's own: who gets which, what runs where in fact, and what cannot be."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from harness.errors import ConfigurationError
from harness.processes.child import Child
from harness.processes.cores import Cores, cores_for, cores_in_use
from harness.processes.process import start_process, wait_until
from harness.results.host import Host
from reports.wording.summary import engine_title
from tests.builders.results import changed, make_engine
from tests.deadlines import DEADLINE_S

AVAILABLE = sorted(os.sched_getaffinity(0))
several_cores = pytest.mark.skipif(len(AVAILABLE) < 2, reason="this machine has one core")


def test_an_engine_without_cores_of_its_own_shares_all() -> None:
    cores = cores_for(0)
    assert cores == Cores() and cores.environment == {}
    with cores.others_kept_off([]):
        assert sorted(os.sched_getaffinity(0)) == AVAILABLE


@several_cores
def test_the_engine_and_all_others_have_different_cores_which_are_all_there_are() -> None:
    cores = cores_for(1)
    assert len(cores.engine) == 1 and not cores.engine & cores.others
    assert cores.engine | cores.others == set(AVAILABLE)


@pytest.mark.parametrize("engine_cpus", [len(AVAILABLE), len(AVAILABLE) + 5])
def test_more_cores_than_there_are_or_all_of_them_are_refused(engine_cpus: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"--engine-cpus \(engine_cpus\): found {engine_cpus}") as error:
        cores_for(engine_cpus)
    assert error.value.fix


def test_a_machine_without_a_core_to_spare_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3})
    with pytest.raises(ConfigurationError, match="may use 1 core here") as error:
        cores_for(1)
    assert error.value.fix == "leave it out, or give Ringbench two cores or more"


def test_a_system_without_affinity_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    with pytest.raises(ConfigurationError, match="this system cannot tell processes"):
        cores_for(1)


@several_cores
def test_a_program_has_its_cores_from_the_start_and_what_runs_beside_it_the_others(tmp_path: Path) -> None:
    cores = cores_for(1)
    waiting = [sys.executable, "-c", "import time; time.sleep(600)"]
    with start_process("a service", waiting, log_path=tmp_path / "service.log") as service:
        wait_until(service.child_tree, deadline_s=DEADLINE_S, what="the service runs")
        with cores.others_kept_off([service.pid]):
            assert set(os.sched_getaffinity(0)) == cores.others
            assert set(cores_in_use([service.pid])) == cores.others
            with start_process("a worker", waiting, log_path=tmp_path / "worker.log") as worker:
                wait_until(worker.child_tree, deadline_s=DEADLINE_S, what="the worker runs")
                assert set(cores_in_use([worker.pid])) == cores.others
            environment = cores.environment
            with Child("engine", _telling(), log_path=tmp_path / "engine.log", env=environment) as engine:
                wait_until(lambda: engine.strays, deadline_s=DEADLINE_S, what="the engine has told")
                assert engine.strays == [f"{sorted(cores.engine)} None"]
                assert cores_in_use([engine.process.pid]) == sorted(cores.engine)
        assert set(cores_in_use([service.pid])) == set(AVAILABLE)
    assert sorted(os.sched_getaffinity(0)) == AVAILABLE


def _telling() -> list[str]:
    told = "print(sorted(os.sched_getaffinity(0)), os.environ.get('RINGBENCH_GUARD_CPUS'), flush=True)"
    return [sys.executable, "-c", f"import os, time; {told}; time.sleep(600)"]


@several_cores
def test_a_system_that_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _cores: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    cores = cores_for(1)
    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    refused = pytest.raises(
        ConfigurationError, match="does not let processes be kept on cores: Operation not permitted"
    )
    with refused, cores.others_kept_off([]):
        pass


def test_what_has_ended_meanwhile_has_no_cores() -> None:
    gone = max(psutil.pids()) + 100_000
    assert cores_in_use([gone]) == []


@pytest.mark.parametrize(
    ("engine_cpus", "title"),
    [(None, "flink"), ([1], "flink (on 1 core)"), ([1, 2], "flink (on 2 cores)"), ([0, 1, 2, 3], "flink")],
)
def test_cores_of_its_own_stand_above_an_engines_figures(engine_cpus: list[int] | None, title: str) -> None:
    engine = make_engine("flink", 18)
    found = {"engine_cpus": engine_cpus, "host": _host(cores=4)}
    assert engine_title(changed(engine, trials=[trial.model_copy(update=found) for trial in engine.trials])) == title


def _host(*, cores: int) -> Host:
    unknown = dict.fromkeys(Host.model_fields) | {"foreign_programs": []}
    return Host.model_validate(unknown | {"cores": cores})
