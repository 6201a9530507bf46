"""Which process something belongs to, and whether that process lives.

A process is known by its number and by when it started, since numbers are used again. Both mean something on one
machine, in one boot and in one space of process numbers (those of containers) only: of others, nothing is known.

Standard library only, on Linux: what makes the first environment needs it, too.
"""

import hashlib
import os
import platform
import secrets
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

#: The variable by which all descendants of a process of the harness's know whose they are.
VARIABLE = "RINGBENCH_OWNER"

Life = Literal["alive", "gone", "unknown"]


def machine() -> str:
    """What the system calls this machine: its machine-id, else its host name."""
    return _read("/etc/machine-id") or platform.node()


@dataclass(frozen=True)
class Owner:
    """A process.

    Attributes:
        pid: its number.
        started: when it started: on Linux in ticks since the boot, which no step of the wall clock changes.
        machine: what `machine` says, and the host name: copies of a machine may have the same machine-id.
        place: a hash of the boot and the space of process numbers that `pid` and `started` mean something in.
        boot: which boot of the machine; empty if it is not known.
    """

    pid: int
    started: str
    machine: str
    place: str
    boot: str

    @classmethod
    def this_process(cls) -> Self:
        """The one that asks."""
        started = _started(os.getpid())
        boot = _read("/proc/sys/kernel/random/boot_id")
        return cls(os.getpid(), started if started is not None else "", _named_machine(), _place(boot), boot)

    @classmethod
    def parse(cls, text: str) -> "Owner | None":
        """The owner that `mark` has written; None if it is none."""
        pid, _, rest = text.partition("-")
        started, _, place = rest.partition("-")
        if not (pid.isdigit() and started and place):
            return None
        here = cls.this_process()
        is_here = place == here.place
        return cls(int(pid), started, here.machine if is_here else "", place, here.boot if is_here else "")

    @classmethod
    def of_record(cls, found: dict[str, Any]) -> "Owner | None":
        """The owner that `record` has written; None if it is none."""
        try:
            return cls(int(found["pid"]), *(str(found[name]) for name in ("started", "machine", "place", "boot")))
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def mark(self) -> str:
        """A short form, for names of files and variables."""
        return f"{self.pid}-{self.started}-{self.place}"

    @property
    def record(self) -> dict[str, Any]:
        """All of it, for a file."""
        return asdict(self)

    def life(self) -> Life:
        """Whether the process lives."""
        here = Owner.this_process()
        if self.machine != here.machine or not self.started:
            return "unknown"
        if self.boot != here.boot:
            return "gone" if self.boot and here.boot else "unknown"
        if self.place != here.place:
            return "unknown"
        now = _started(self.pid)
        if now is None:
            return "unknown"
        return "alive" if now == self.started else "gone"


def part_of(path: Path) -> Path:
    """The name under which this process makes what is to appear whole at `path`, in the same folder."""
    # Threads of one process may make the same at once.
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.{Owner.this_process().mark}.part")


def owner_of_part(path: Path) -> Owner | None:
    """The process that makes the file; None if it is not named by `part_of`."""
    name = path.name
    if not (name.startswith(".") and name.endswith(".part")):
        return None
    return Owner.parse(name.removesuffix(".part").rpartition(".")[2])


def _named_machine() -> str:
    return f"{machine()} {platform.node()}"


def _place(boot: str) -> str:
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return hashlib.sha256(f"{_named_machine()}\0{boot}\0{space}".encode()).hexdigest()[:8]


def _started(pid: int) -> str | None:
    """When a process started; empty if there is none of that number, or it has ended; None if that cannot be told."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return None
    return _started_on_linux(pid) if sys.platform == "linux" else _started_elsewhere(pid)


def _started_on_linux(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return "" if Path("/proc/self/stat").exists() else None
    except OSError:
        return None
    # The command's name comes before this, in brackets, and may hold anything.
    fields = text.rpartition(b")")[2].split()
    is_over = fields[0] in (b"Z", b"X")
    return "" if is_over else fields[19].decode("ascii")


def _started_elsewhere(pid: int) -> str | None:
    import psutil

    try:
        return str(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return ""
    except psutil.Error:
        return None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
