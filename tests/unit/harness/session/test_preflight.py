"""Each of many broken environments is one clear error in the first second, and a line of `doctor`; nothing is left."""

import errno
import os
import pwd
import re
import resource
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from harness.engines.catalogue import find_engines
from harness.engines.engine import Engine
from harness.errors import RingbenchError, ServiceError
from harness.experiments import run as run_experiment
from harness.provision import cache
from harness.scenarios.refusals import LOADTEST, RUN, SOAK, SWEEP
from harness.scenarios.scenario import Scenario
from harness.session import doctor
from harness.session.options import SessionOptions
from harness.session.preflight import folders, limits, look
from harness.session.preflight.finding import Finding
from harness.session.preflight.folders import file_system
from harness.session.preflight.look import look_around, look_before_leaping
from harness.session.preflight.need import Need, need_of
from tests.builders.trials import Notes

SCENARIO = Scenario(name="of a test", engines=["baseline"], duration_s=10, rate_records_per_s=1000)


@dataclass(frozen=True)
class Place:
    """An environment in which everything is well, whatever the machine of the test is like, until it is broken."""

    top: Path
    patch: pytest.MonkeyPatch

    @property
    def root(self) -> Path:
        """Below it is what the kernel tells."""
        return self.top / "root"

    @property
    def need(self) -> Need:
        """What a run needs."""
        return Need(runs_dir=self.top / "runs")

    def tell(self, path: str, text: str) -> None:
        """Have the kernel tell `text` in a file."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="ascii")

    def cgroup(self, name: str, text: str, of: str = "outer/inner") -> None:
        """Have a cgroup say something."""
        self.tell(f"sys/fs/cgroup/{of}/{name}", text)

    def limit(self, name: int, most: int) -> None:
        """Set a limit of the process's."""
        former = resource.getrlimit
        self.patch.setattr(resource, "getrlimit", lambda which: (most, most) if which == name else former(which))

    def memory(self, available_bytes: float) -> None:
        """Have so much memory."""
        self.patch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=available_bytes))

    def disk(self, *, free_bytes: float = 1e12, files: int = 10**6, flags: int = 0) -> None:
        """Have every file system be like this."""
        status = SimpleNamespace(
            f_bavail=int(free_bytes) // 4096, f_frsize=4096, f_files=10**6, f_favail=files, f_flag=flags
        )
        self.patch.setattr(os, "statvfs", lambda _path: status)

    def kind(self, kind: str, below: str = "") -> None:
        """Have the file system be of this kind, or only below a directory of the test's."""
        top = self.top / below
        self.patch.setattr(folders, "file_system", lambda path: kind if path.is_relative_to(top) else "ext4")

    def temporary(self, name: str) -> None:
        """Take a directory of this name for the temporary one."""
        (self.top / name).mkdir()
        self.patch.setenv("TMPDIR", str(self.top / name))

    def cache(self, name: str) -> None:
        """Take a directory of this name for the cache."""
        (self.top / name).mkdir(mode=0o700)
        self.patch.setenv("RINGBENCH_CACHE_DIR", str(self.top / name))

    def cannot_write(self, below: str, error: int) -> None:
        """Have no file be made below a directory of the test's."""
        make, top = tempfile.NamedTemporaryFile, self.top / below

        def refuse(*, dir: Path, prefix: str) -> Any:  # noqa: A002 - its name
            if dir.is_relative_to(top):
                raise OSError(error, os.strerror(error))
            return make(dir=dir, prefix=prefix)

        self.patch.setattr(tempfile, "NamedTemporaryFile", refuse)

    def disk_is_full(self, _descriptor: int) -> None:
        """What `fsync` says where what was written does not fit."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Somewhere a run can take place."""
    found = Place(tmp_path, monkeypatch)
    for name, folder in (("RINGBENCH_CACHE_DIR", "cache"), ("TMPDIR", "temporary")):
        (tmp_path / folder).mkdir(mode=0o700)
        monkeypatch.setenv(name, str(tmp_path / folder))
    found.tell("proc/self/cgroup", "0::/outer/inner\n")
    for pid in (1, os.getpid()):
        found.tell(f"proc/{pid}/stat", "")
    found.disk()
    found.kind("ext4")
    found.memory(16e9)
    found.limit(resource.RLIMIT_NOFILE, 20_000)
    found.limit(resource.RLIMIT_NPROC, resource.RLIM_INFINITY)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(4)), raising=False)
    at_root = (folders.look_at_folders, lambda need: limits.look_at_limits(need, found.root))
    monkeypatch.setattr(look, "LOOKS", at_root)
    return found


def _below_a_file(place: Place) -> None:
    (place.top / "runs").write_text("", encoding="ascii")


def _no_home(place: Place) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "RINGBENCH_CACHE_DIR"):
        place.patch.delenv(name, raising=False)
    place.patch.setattr(pwd, "getpwuid", {}.__getitem__)


def _cache_of_another(place: Place) -> None:
    own = os.getuid()
    place.patch.setattr(os, "getuid", lambda: own + 1)


def _few_threads(place: Place) -> None:
    place.patch.setattr(os, "getuid", lambda: 1000)
    place.patch.setattr(limits, "_own_threads", lambda: 900)
    place.patch.setattr(cache, "_refuse_others", lambda _path: None)
    place.limit(resource.RLIMIT_NPROC, 1024)


def _little_memory(place: Place) -> None:
    place.cgroup("memory.max", "2000000000\n", of="outer")
    place.cgroup("memory.current", "1900000000\n", of="outer")
    place.cgroup("memory.stat", "anon 1\ninactive_file 500000000\nactive_file 100000000\n", of="outer")


def _few_pids(place: Place) -> None:
    place.cgroup("pids.max", "200\n")
    place.cgroup("pids.current", "50\n")


def _in_memory(place: Place) -> None:
    place.kind("tmpfs", below="temporary")
    place.memory(1.6e9)


BROKEN: dict[str, tuple[Callable[[Place], object], tuple[str, ...]]] = {
    "the directory of runs is a file": (_below_a_file, ("directory of runs", "Not a directory", "--runs-dir")),
    "the directory of runs is read-only": (
        lambda place: place.cannot_write("runs", errno.EROFS),
        ("directory of runs", "Read-only file system", "--runs-dir"),
    ),
    "the cache is read-only": (
        lambda place: place.cannot_write("cache", errno.EACCES),
        ("cache directory", "Permission denied", "RINGBENCH_CACHE_DIR"),
    ),
    "there is no such temporary directory": (
        lambda place: place.patch.setenv("TMPDIR", str(place.top / "absent")),
        ("temporary directory", "No such file or directory", "TMPDIR"),
    ),
    "the disk has no room": (lambda place: place.disk(free_bytes=1e8), ("room for", "100 MB free", "make room")),
    "the disk has no room for files": (lambda place: place.disk(files=3), ("room for", "none for further files")),
    "the cache is mounted with noexec": (
        lambda place: place.disk(flags=os.ST_NOEXEC),
        ("noexec", "are started from there", "RINGBENCH_CACHE_DIR"),
    ),
    "a colon in TMPDIR": (lambda place: place.temporary("a:b"), ("temporary directory", "has ':'", "TMPDIR")),
    "a blank in TMPDIR": (lambda place: place.temporary("a b"), ("temporary directory", "has ' '", "TMPDIR")),
    "letters beyond ASCII in TMPDIR": (lambda place: place.temporary("ü"), ("beyond ASCII", "TMPDIR")),
    "no home": (_no_home, ("HOME is not set", "RINGBENCH_CACHE_DIR")),
    "the cache is another's": (_cache_of_another, ("belongs to user", "RINGBENCH_CACHE_DIR")),
    "others can write to the cache": (
        lambda place: (place.top / "cache").chmod(0o777),
        ("others can write", "mode 777", "chmod go-w"),
    ),
    "few open files": (lambda place: place.limit(resource.RLIMIT_NOFILE, 128), ("ulimit -n", "128", "nofile=1024")),
    "few threads of the user": (_few_threads, ("124 more, by ulimit -u", "500 more needed")),
    "few threads of the cgroup": (_few_pids, ("150 more, by the cgroup's pids.max", "500 more needed")),
    "little memory of the cgroup around": (_little_memory, ("memory: 0.7 GB available, by the cgroup's", "1.5 GB")),
    "too little memory for a temporary directory in it": (_in_memory, ("1.6 GB available", "for files in tmpfs")),
    "half a core": (lambda place: place.cgroup("cpu.max", "50000 100000\n"), ("0.5 of 4, by the cgroup's cpu.max",)),
    "no /proc": (lambda place: (place.root / "proc" / str(os.getpid()) / "stat").unlink(), ("/proc", "mount it")),
}


def test_where_everything_is_well_nothing_is_said_and_nothing_left(place: Place) -> None:
    before, notes = set(place.top.rglob("*")), Notes()
    look_before_leaping(place.need, notes.note)
    assert notes.notes == []
    assert set(place.top.rglob("*")) == before


@pytest.mark.parametrize("name", BROKEN)
def test_doctor_and_the_first_second_of_a_run_refuse_a_broken_environment_with_one_clear_error(
    place: Place, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make_broken, words = BROKEN[name]
    make_broken(place)
    monkeypatch.setattr(run_experiment, "open_session", lambda *_, **__: pytest.fail("something was started"))
    monkeypatch.setattr("harness.session.preflight.need.environment_of", lambda _engine: Path())
    before, options = set(place.top.rglob("*")), SessionOptions(runs_dir=place.top / "runs", command=[])
    with pytest.raises(ServiceError) as caught:
        run_experiment.run(SCENARIO, 1, options, Notes())  # type: ignore[arg-type]
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)
    assert caught.value.fix
    (shown,) = [each for each in look_around(place.need) if not each.ok]
    assert (shown.text, shown.fix) == (caught.value.message, caught.value.fix)
    assert set(place.top.rglob("*")) == before


def test_several_reasons_are_one_error_that_counts_the_others(place: Place) -> None:
    place.limit(resource.RLIMIT_NOFILE, 128)
    place.temporary("a:b")
    place.disk(free_bytes=0)
    with pytest.raises(ServiceError, match=r"temporary directory.*\(2 more; `ringbench doctor` shows all\)"):
        look_before_leaping(place.need, lambda _text: None)


def test_of_a_directory_that_can_be_made_only_in_part_nothing_stays(place: Place) -> None:
    make = Path.mkdir

    def refuse(path: Path, *arguments: Any, **options: Any) -> None:
        if path.name == "deep":
            if options.get("parents"):
                make(path.parent, parents=True)
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        make(path, *arguments, **options)

    place.patch.setattr(Path, "mkdir", refuse)
    (bad,) = [each for each in look_around(Need(runs_dir=place.top / "a" / "b" / "deep")) if not each.ok]
    assert "cannot be written: Permission denied" in bad.found
    assert not (place.top / "a").exists()


def test_of_a_directory_that_cannot_be_written_no_room_is_wanted(place: Place) -> None:
    place.cannot_write("runs", errno.EROFS)
    (room,) = [each for each in look_around(place.need) if each.name.startswith("room")]
    assert room.name == "room for cache directory and temporary directory"


def test_a_disk_that_is_full_only_when_it_is_written_to_is_told(place: Place) -> None:
    place.patch.setattr(os, "fsync", place.disk_is_full)
    with pytest.raises(ServiceError, match="No space left on device"):
        look_before_leaping(place.need, lambda _text: None)
    assert not (place.top / "runs").exists()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda place: place.cache("ü"), "beyond ASCII.*RINGBENCH_CACHE_DIR"),
        (lambda place: place.kind("nfs4", below="temporary"), "temporary.* is on nfs4.*on a disk of this machine"),
        (lambda place: place.memory(3e9), "3.0 GB available.*4.0 GB to be at ease.*end other programs"),
        (lambda place: place.cgroup("cpu.max", "150000 100000"), "1.5 of 4.*do not trust latencies"),
        (lambda place: (place.root / "proc" / "1" / "stat").unlink(), "other users are not seen.*hidepid"),
    ],
    ids=["letters", "network", "memory", "cores", "hidepid"],
)
def test_what_could_be_better_is_told_and_refuses_nothing(
    place: Place, make: Callable[[Place], object], words: str
) -> None:
    make(place)
    notes = Notes()
    look_before_leaping(place.need, notes.note)
    (note,) = notes.notes
    assert re.search(words, note), note


def test_a_blank_in_the_cache_is_none_of_our_business(place: Place) -> None:
    place.cache("a b")
    notes = Notes()
    look_before_leaping(place.need, notes.note)
    assert notes.notes == []


def test_directories_on_one_disk_need_room_together(place: Place) -> None:
    need = replace(place.need, work_bytes=600_000_000, cache_bytes=600_000_000)
    place.disk(free_bytes=1.3e9)
    (room,) = [each for each in look_around(need) if each.name.startswith("room")]
    assert room.ok
    assert room.name == "room for cache directory and temporary directory and directory of runs"
    (room,) = [each for each in look_around(replace(need, work_bytes=700_000_000)) if each.name.startswith("room")]
    assert not room.ok


def test_the_kind_of_a_file_system_is_that_of_the_nearest_mount_and_of_the_last_one_there(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 8:1 / / rw - ext4 /dev/a rw\n"
        f"2 1 0:1 / {tmp_path}/a\\040b rw,noexec shared:7 - tmpfs tmpfs rw\n"
        f"3 1 0:2 / {tmp_path}/c rw - tmpfs tmpfs rw\n"
        f"4 1 0:3 / {tmp_path}/c rw - nfs4 server:/x rw\n",
        encoding="ascii",
    )
    kinds = [file_system(tmp_path / each, mounts) for each in ("", "a b/deeper", "c", "cd")]
    assert kinds == ["ext4", "tmpfs", "nfs4", "ext4"]
    assert file_system(tmp_path, tmp_path / "absent") == ""


def test_a_run_needs_room_by_its_records_and_what_forgets_or_ends_sooner_does_not(tmp_path: Path) -> None:
    def needed(scenario: Scenario, command: str) -> int:
        return need_of(scenario, command, tmp_path, find_engines(scenario.contestants)).work_bytes

    long = SCENARIO.model_copy(update={"duration_s": 10_000})
    assert needed(long, RUN) - needed(SCENARIO, RUN) == 9_990_000 * 110
    two = Scenario.model_validate(long.model_dump(exclude_unset=True) | {"engines": ["baseline", "flink"]})
    assert needed(long, RUN) < needed(two, RUN) < 2.2e9
    assert needed(long, SOAK) == needed(long, SWEEP) == needed(SCENARIO, SOAK)
    wide = SCENARIO.model_copy(update={"partitions": 1000})
    assert need_of(wide, RUN, tmp_path, find_engines(wide.contestants)).open_files > 10_000
    assert need_of(SCENARIO, LOADTEST, tmp_path, [], users=5000).open_files > 5000


def test_contestants_of_one_engine_need_its_environment_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBENCH_CACHE_DIR", str(tmp_path / "empty"))
    flink, spark = find_engines(["flink", "spark"])

    def needed(*engines: Engine) -> int:
        return need_of(SCENARIO, RUN, tmp_path, engines).cache_bytes

    assert needed(flink, flink) == needed(flink) < needed(flink, spark)


def test_doctor_shows_the_same_list(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "all_engines", lambda _paths: [])
    monkeypatch.setattr(doctor, "_tried", lambda name, _look: Finding(name, True, ""))
    monkeypatch.setattr(doctor, "_quiet", lambda: Finding("quiet", True, ""))
    place.temporary("a:b")
    own = [each.name for each in look_around(place.need)]
    found = doctor.diagnose(place.top / "runs")
    assert [each.name for each in found if each.name in own] == own
    (bad,) = [each for each in found if not each.ok]
    assert bad.found == f"'{place.top}/a:b' has ':', which separates the paths of a class path, and of Python's"


def test_an_error_of_ours_has_exit_code_4_as_doctor_has(place: Place) -> None:
    _no_home(place)
    with pytest.raises(RingbenchError) as caught:
        look_before_leaping(place.need, lambda _text: None)
    assert caught.value.exit_code == 4
