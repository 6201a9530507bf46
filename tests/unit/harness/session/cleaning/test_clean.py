"""What a killed run has left is deleted, and nothing that is not proven to be that: of living runs, others, results."""

import fcntl
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import ServiceError, UsageError
from harness.experiments import journal
from harness.processes.owner import VARIABLE, Owner
from harness.processes.private import RECORD, make_private
from harness.services.backing import External
from harness.session.cleaning import runs
from harness.session.cleaning.clean import Cleaning, look
from harness.session.directory import claim, release
from tests.builders.own_services import OwnServices

ME = Owner.this_process()
#: One whose number is in use again.
DEAD = replace(ME, started="1")
ELSEWHERE = replace(ME, machine="elsewhere")
OVER, GOING_ON, FOREIGN = "20261128T180000-00000a", "20261128T180000-00000b", "20261128T180000-00000c"
ALL = External(kafka="k:1", redis="redis://r:1/0", s3="s3://theirs")


class Machine:
    """A user's temporary directory, cache, runs, processes and services."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.temporary, self.cache, self.runs = (directory / each for each in ("tmp", "cache", "runs"))
        for each in (self.temporary, self.cache, self.runs):
            each.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(self.temporary))
        monkeypatch.setenv("RINGBENCH_CACHE_DIR", str(self.cache))
        self.processes: list[psutil.Process] = []
        # No others of this machine.
        monkeypatch.setattr("harness.session.cleaning.here.psutil.process_iter", lambda: list(self.processes))
        self.services = OwnServices(monkeypatch)

    def directory(self, run_id: str, owner: Owner, prefix: str = "ringbench-", where: Path | None = None) -> Path:
        """A private directory with some files."""
        work = make_private(prefix, where=where, run_directory=self.runs / run_id if run_id else None)
        record = json.loads((work / RECORD).read_text(encoding="utf-8")) | owner.record
        (work / RECORD).write_text(json.dumps(record), encoding="utf-8")
        (work / "kafka").mkdir()
        (work / "kafka" / "log").write_bytes(b"x" * 100)
        return work

    def fill_services(self, *run_ids: str) -> set[str]:
        """Have each run leave something in each service. Returns its names."""
        names = set()
        for each in run_ids:
            topics = {f"cdr-{each}-flink": 12, f"cdr-{each}-quix.state": 1}
            objects = {f"{each}/flink/archive/second=1/part-0.parquet": 50}
            keys, groups = {f"cdr:{each}:updates", f"cdr:{each}:w:1"}, {f"ringbench-{each}-flink"}
            self.services.topics |= topics
            self.services.objects |= objects
            self.services.keys |= keys
            self.services.groups |= groups
            names |= {*topics, *objects, *keys, *groups}
        return names

    def keep_trials(self, run_id: str) -> Path:
        """Have finished trials of a run kept."""
        folder = self.runs / run_id / "journal"
        folder.mkdir(parents=True)
        (folder / "plan.json").write_text("{}", encoding="utf-8")
        return folder

    def look(self, run_id: str = "", external: External = External()) -> Cleaning:  # noqa: B008
        """Look for what is left."""
        return look(run_id, external, {}, self.runs)

    def clean(self, run_id: str = "", external: External = External()) -> Cleaning:  # noqa: B008
        """Delete what is left."""
        found = self.look(run_id, external)
        found.delete()
        return found


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_stale_takes_directories_whose_owner_is_gone_and_no_others(machine: Machine) -> None:
    stale = [machine.directory(OVER, DEAD), machine.directory("", DEAD, "ringbench-view-")]
    stale.append(machine.directory("", DEAD, "compile-", machine.cache))
    left = [machine.directory(GOING_ON, ME), machine.directory(FOREIGN, ELSEWHERE)]
    (nobodys := machine.temporary / "ringbench-notes").mkdir()
    (theirs := machine.temporary / "other").mkdir()
    (link := machine.temporary / "ringbench-link").symlink_to(left[0])
    found = machine.clean()
    assert {each.name for each in found.due} == set(map(str, stale)) and found.exit_code == 0
    assert not any(each.exists() for each in stale)
    assert all(each.exists() for each in (*left, nobodys, theirs, link)) and (left[0] / "kafka" / "log").exists()
    why = {each.name: each.kept for each in found.kept}
    assert "in use by process" in why[str(left[0])] and "another machine" not in why[str(nobodys)]
    assert "whether it lives is not known" in why[str(left[1])] and "does not say" in why[str(nobodys)]
    assert str(theirs) not in why and str(link) not in why


def test_sizes_are_told(machine: Machine) -> None:
    path = machine.directory(OVER, DEAD)
    machine.fill_services(OVER)
    found = {each.name: (each.size, each.unit) for each in machine.look("", ALL).due}
    assert found[str(path)] == (100 + (path / RECORD).stat().st_size, "bytes")
    assert found[f"cdr-{OVER}-flink"] == (12, "records")
    assert found[f"cdr:{OVER}:updates"] == (100, "bytes")
    assert found[f"{OVER}/flink/archive/second=1/part-0.parquet"] == (50, "bytes")
    assert found[f"ringbench-{OVER}-flink"][0] is None


def test_stale_takes_out_of_services_only_what_is_of_runs_that_are_over_here(machine: Machine) -> None:
    machine.directory(OVER, DEAD)
    machine.directory(GOING_ON, ME)
    over, others = machine.fill_services(OVER), machine.fill_services(GOING_ON, FOREIGN)
    theirs = {"cdr", "orders", f"source.cdr-{OVER}-flink"}
    machine.services.topics |= dict.fromkeys(theirs, 1)
    machine.services.keys.add("cdr:theirs")
    found = machine.clean("", ALL)
    assert machine.services.all_names() == {*others, *theirs, "cdr:theirs"}
    assert over <= {each.name for each in found.due}
    kept = {each.name: each.kept for each in found.kept if each.where != "here"}
    assert kept.keys() == others
    assert "in use by process" in kept[f"cdr-{GOING_ON}-flink"]
    assert f"ringbench clean {FOREIGN}" in kept[f"cdr:{FOREIGN}:updates"]


def test_a_run_that_can_be_resumed_is_named_and_kept_unless_it_is_asked_for(machine: Machine) -> None:
    work, names, kept = machine.directory(OVER, DEAD), machine.fill_services(OVER), machine.keep_trials(OVER)
    (result := machine.runs / OVER / "result.json").write_text("{}", encoding="utf-8")
    found = machine.clean("", ALL)
    assert found.due == [] and found.exit_code == 0
    assert all(f"ringbench run --resume {OVER}" in each.kept for each in found.kept)
    assert work.exists() and machine.services.all_names() == names

    found = machine.clean(OVER, ALL)
    assert str(kept) in {each.name for each in found.due} and found.exit_code == 0
    assert not work.exists() and not kept.exists() and machine.services.all_names() == set()
    assert result.exists(), "results are the user's"


def test_a_run_that_is_asked_for_is_all_that_is_touched(machine: Machine) -> None:
    others = [machine.directory(FOREIGN, DEAD), machine.directory("", DEAD), machine.directory(GOING_ON, ME)]
    theirs = machine.fill_services(FOREIGN, GOING_ON)
    machine.fill_services(OVER)
    found = machine.clean(OVER, ALL)
    assert {each.run_id for each in found.finds} == {OVER}
    assert machine.services.all_names() == theirs and all(each.exists() for each in others)


@pytest.mark.parametrize("owner", [ME, ELSEWHERE])
def test_a_run_that_may_be_going_on_is_refused(machine: Machine, owner: Owner) -> None:
    machine.directory(OVER, DEAD)
    machine.directory(OVER, owner)
    with pytest.raises(UsageError, match="going on" if owner is ME else "is not known"):
        machine.look(OVER, ALL)


def test_a_run_whose_directory_is_claimed_is_going_on(machine: Machine) -> None:
    """As another container's, whose private directory is not here."""
    machine.directory(OVER, DEAD)
    assert claim(machine.runs / OVER)
    try:
        with pytest.raises(UsageError, match="a process is at work in"):
            machine.look(OVER)
        assert machine.look().due == []
    finally:
        release(machine.runs / OVER)
    assert machine.clean(OVER).exit_code == 0


def test_a_journal_is_what_runs_keep() -> None:
    """The rooms of experiments stand above this one."""
    assert (runs.JOURNAL, runs.PLAN) == (journal.FOLDER, journal._PLAN)


@pytest.mark.parametrize("run_id", ["cdr", "*", "../x", "20261128T180000-00000"])
def test_what_is_no_id_is_refused(machine: Machine, run_id: str) -> None:
    with pytest.raises(UsageError, match="is no RUN_ID"):
        machine.look(run_id, ALL)


def test_what_a_service_does_not_let_go_of_is_named(machine: Machine) -> None:
    machine.fill_services(OVER)
    machine.services.denied = {f"cdr-{OVER}-flink", f"cdr:{OVER}:updates", f"ringbench-{OVER}-flink"}
    found = machine.clean(OVER, ALL)
    assert {each.name for each in found.left} == machine.services.denied == machine.services.all_names()
    assert found.exit_code == 1
    deleted = {each["name"]: each["deleted"] for each in found.as_json()["found"]}
    assert {name for name, is_deleted in deleted.items() if not is_deleted} == machine.services.denied


@pytest.mark.parametrize("service", ["kafka", "redis", "s3"])
def test_nothing_is_deleted_if_a_service_does_not_answer(machine: Machine, service: str) -> None:
    work, names = machine.directory(OVER, DEAD), machine.fill_services(OVER)
    machine.services.away = {service}
    with pytest.raises(ServiceError, match="does not tell"):
        machine.clean("", ALL)
    assert work.exists() and machine.services.all_names() == names


@pytest.fixture
def sleepers(machine: Machine) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """Processes of an owner that is gone, of one that lives, and of none; the first does not heed SIGTERM."""
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    marks = {"stray": {VARIABLE: DEAD.mark}, "ours": {VARIABLE: ME.mark}, "theirs": {}}
    found = {
        name: subprocess.Popen([sys.executable, "-c", script], env=mark, stdout=subprocess.PIPE)
        for name, mark in marks.items()
    }
    try:
        for process in found.values():
            assert process.stdout and process.stdout.readline()
        machine.processes = [psutil.Process(each.pid) for each in found.values()]
        yield found
    finally:
        for process in found.values():
            process.kill()
            process.communicate()


def test_processes_whose_owner_is_gone_are_ended_and_no_others(
    machine: Machine, sleepers: dict[str, "subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.session.cleaning.here._TERM_S", 0.05)
    machine.directory(OVER, DEAD)
    found = machine.look()
    assert [each.run_id for each in found.due if each.kind == "process"] == [OVER]
    found.delete()
    assert found.exit_code == 0
    assert {name: each.poll() is None for name, each in sleepers.items()} == {
        "stray": False,
        "ours": True,
        "theirs": True,
    }


def test_what_a_real_sigkill_leaves_is_found_and_goes(machine: Machine) -> None:
    """The harness and its guard are killed: the program dies with its guard, and what it has started does not."""
    script = (
        "import sys, time; from pathlib import Path\n"
        "from harness.processes.private import make_private; from harness.processes.process import start_process\n"
        f"work = make_private(where=Path({str(machine.temporary)!r}), run_directory=Path({OVER!r}))\n"
        "program = ['sh', '-c', 'sleep 600 & echo $!; wait']\n"
        "process = start_process('it', program, log_path=work / 'log', stdout='pipe')\n"
        "print(process.pid, process.stdout.readline().strip(), flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout is not None
        guard, stray = (psutil.Process(int(pid)) for pid in harness.stdout.readline().split())
        machine.processes = [stray]
        assert machine.look().due == [], "it lives"
        guard.kill()
        harness.kill()
    found = machine.clean()
    assert {(each.kind, each.run_id) for each in found.due} == {("process", OVER), ("private directory", OVER)}
    assert found.exit_code == 0 and list(machine.temporary.iterdir()) == []
    assert not stray.is_running() or stray.status() == psutil.STATUS_ZOMBIE


def test_half_made_files_go_with_their_owner(machine: Machine) -> None:
    (machine.runs / OVER).mkdir()
    dead = [machine.cache / f".calibration.json.{DEAD.mark}.part", machine.runs / OVER / f".x.json.{DEAD.mark}.part"]
    living, unnamed = machine.runs / OVER / f".y.json.{ME.mark}.part", machine.runs / OVER / ".result.json.part"
    result = machine.runs / OVER / "result.json"
    for each in (*dead, living, unnamed, result):
        each.touch()
    machine.clean()
    assert [each.exists() for each in (*dead, living, unnamed, result)] == [False, False, True, True, True]
    machine.clean(OVER)
    assert not unnamed.exists() and result.exists() and living.exists()


def test_half_made_environments_go_unless_somebody_makes_them(machine: Machine) -> None:
    envs = machine.cache / "envs"
    for name, files in {"whole": ["ringbench-complete"], "half": [], "begun": [], "unlocked": []}.items():
        (envs / name).mkdir(parents=True)
        (envs / name / "big").write_bytes(b"x")
        for file in files:
            (envs / name / file).touch()
        if name != "unlocked":
            (envs / f"{name}.lock").touch()
    with (envs / "begun.lock").open("r+", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = machine.clean()
    assert [each.name for each in found.due] == [str(envs / "half")]
    assert sorted(each.name for each in envs.iterdir() if each.is_dir()) == ["begun", "unlocked", "whole"]


def test_without_a_terminal_nothing_is_deleted_unless_it_is_said_so(machine: Machine) -> None:
    work, run = machine.directory(OVER, DEAD), CliRunner()
    told = run.invoke(app, ["clean", "--stale", "--runs-dir", str(machine.runs)])
    assert told.exit_code == 1 and str(work) in told.stderr and "give --yes" in told.stderr and work.exists()
    listed = run.invoke(app, ["clean", "--stale", "--json"])
    assert listed.exit_code == 1 and work.exists()
    (find,) = json.loads(listed.stdout)["found"]
    assert (find["name"], find["run_id"], find["deleted"]) == (str(work), OVER, False)
    done = run.invoke(app, ["clean", "--stale", "--json", "--yes"])
    assert done.exit_code == 0 and json.loads(done.stdout)["found"][0]["deleted"] and not work.exists()
    assert run.invoke(app, ["clean", "--stale"]).exit_code == 0


def test_on_a_terminal_it_is_asked_for(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    work, run = machine.directory(OVER, DEAD), CliRunner()
    monkeypatch.setattr("harness.commands.clean._is_terminal", lambda: True)
    refused = run.invoke(app, ["clean", "--stale"], input="n\n")
    assert refused.exit_code == 1 and "Delete it (" in refused.stderr and work.exists()
    assert run.invoke(app, ["clean", "--stale"], input="y\n").exit_code == 0
    assert not work.exists()


def test_a_run_and_stale_exclude_each_other(machine: Machine) -> None:
    for arguments in ([], [OVER, "--stale"]):
        assert isinstance(CliRunner().invoke(app, ["clean", *arguments]).exception, UsageError)
    assert machine.processes == []
