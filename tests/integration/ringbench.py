"""The real command line, run as a user would, and what it leaves behind."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psutil
import yaml
from confluent_kafka.admin import AdminClient

from harness.clients.credentials import without_login
from harness.clients.s3_client import S3Credentials, s3_client
from harness.processes.process import wait_until
from tests.deadlines import DEADLINE_S, RUN_DEADLINE_S
from tests.steady import CLOCK_STEP_LIMIT_MS

EXECUTABLE = str(Path(sys.executable).with_name("ringbench"))
FIXTURE_ENGINES = Path(__file__).parent.parent / "fixtures" / "engines"


#: What a user's own settings would change.
_NOT_INHERITED = (
    "RINGBENCH_REDIS",
    "RINGBENCH_REDIS_PASSWORD",
    "RINGBENCH_RUNS_DIR",
    "JAVA_HOME",
    "RINGBENCH_JAVA_HOME",
)

#: What a run or `view` says of its map.
MAP = r"the live map is at (http://127\.0\.0\.1:\d+)/"

#: Small, and generous to a busy machine: its latencies mean nothing, and its counts must be right all the same.
SMALL: dict[str, Any] = {
    "name": "small",
    "seed": 7,
    "rate_records_per_s": 1000,
    "warmup_s": 3,
    "duration_s": 5,
    "rehearsal_s": 0,
    "partitions": 4,
    "malformed_per_million": 5000,
    "checkpoint_interval_ms": 1000,
    "engines": ["baseline"],
    "limits": {
        "schedule_error_ms_p99": 2000.0,
        "clock_step_ms": CLOCK_STEP_LIMIT_MS,
        "path_delay_ms": 10_000.0,
        "settle_s": 0.5,
        # Tests run side by side.
        "host_marked_share": 2.0,
        # Seconds say nothing of trends.
        "change_share": 10.0,
        "host_share": 2.0,
    },
}


@dataclass(frozen=True)
class Services:
    """Services as a user may have them already, and what they hold."""

    kafka: str
    redis: str
    s3_endpoint: str
    s3_credentials: S3Credentials
    bucket: str

    @property
    def kafka_client(self) -> dict[str, str]:
        """The settings of a client of Kafka's, in librdkafka's names."""
        return {"bootstrap.servers": self.kafka}

    def arguments(self) -> list[str]:
        """The options that make a run use them."""
        redis, s3 = without_login(self.redis), f"{self.s3_endpoint}/{self.bucket}"
        return ["--kafka", self.kafka, "--redis", redis, "--s3", s3]

    def environment(self) -> dict[str, str]:
        """The variables that give access to Redis and the bucket."""
        return redis_password(self.redis) | {
            "AWS_ACCESS_KEY_ID": self.s3_credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3_credentials.secret_key,
        }

    def topics(self) -> set[str]:
        """Names of Kafka's topics, but its own internal ones."""
        admin = AdminClient({"bootstrap.servers": self.kafka})
        return {name for name in admin.list_topics(timeout=DEADLINE_S).topics if not name.startswith("__")}

    def objects(self) -> set[str]:
        """Names of the bucket's objects."""
        found = s3_client(self.s3_endpoint, self.s3_credentials).list_objects_v2(Bucket=self.bucket)
        return {each["Key"] for each in found.get("Contents", [])}


def redis_password(redis_url: str) -> dict[str, str]:
    """The variable that has the password in a Redis URL."""
    return {"RINGBENCH_REDIS_PASSWORD": urlsplit(redis_url).password or ""}


class Ringbench:
    """One invocation of ``ringbench``. All that it starts has `temp` as TMPDIR, and is found by that."""

    def __init__(
        self, directory: Path, *arguments: str, env: dict[str, str] | None = None, executable: str = EXECUTABLE
    ) -> None:
        self.temp, self.runs = directory / "temp", directory / "runs"
        self.temp.mkdir(parents=True)
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        own = {"TMPDIR": str(self.temp), "RINGBENCH_RUNS_DIR": str(self.runs), "COLUMNS": "1000", "NO_COLOR": "1"}
        self._output = (directory / "output").open("w+", encoding="utf-8")
        self._popen = subprocess.Popen(
            [executable, *arguments],
            cwd=directory,
            env=inherited | own | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind, even if a test broke off."""
        for process in (*self.processes(), self._popen):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._popen.wait()
        self._reader.join()
        self._output.close()
        assert self._popen.stderr is not None
        self._popen.stderr.close()

    def _read(self) -> None:
        assert self._popen.stderr is not None
        for line in self._popen.stderr:
            self._lines.append(line.rstrip("\n"))

    @property
    def stderr(self) -> str:
        """What it has printed for people so far."""
        return "\n".join(self._lines)

    @property
    def stdout(self) -> str:
        """What it has printed for programs so far."""
        return Path(self._output.name).read_text(encoding="utf-8")

    def processes(self) -> list[psutil.Process]:
        """Every process that lives and stems from this invocation, whoever its parent is by now."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("TMPDIR", "").startswith(str(self.temp)):
                    found.append(process)
        return found

    def descendants(self) -> list[psutil.Process]:
        """It and its children, and theirs, and so on, whatever their environment."""
        own = psutil.Process(self._popen.pid)
        return [own, *own.children(recursive=True)]

    def running(self, marker: str) -> list[psutil.Process]:
        """The processes with `marker` in their command lines, but for guards."""

        def is_meant(words: list[str]) -> bool:
            return any(marker in word for word in words) and not any(word.endswith("guard.py") for word in words)

        return [process for process in self.processes() if is_meant(command_line(process))]

    def process(self, marker: str) -> psutil.Process | None:
        """The first of those, if one lives."""
        return next(iter(self.running(marker)), None)

    def wait_for_process(self, marker: str) -> psutil.Process:
        """Wait until there is a process with `marker` in its command line."""
        return self._await(lambda: self.process(marker), f"a process {marker}")

    def wait_for_text(self, pattern: str) -> re.Match[str]:
        """Wait until standard error holds a match for `pattern`."""
        return self._await(lambda: re.search(pattern, self.stderr), f"the text {pattern}")

    def _await(self, condition: Any, what: str) -> Any:
        def found_or_ended() -> Any:
            found = condition()
            assert found or self._popen.poll() is None, f"ended without {what}:\n{self.stderr}"
            return found

        return wait_until(found_or_ended, deadline_s=RUN_DEADLINE_S, what=what)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, and it alone."""
        self._popen.send_signal(number)

    def end(self) -> int:
        """Wait until it has ended. Returns its exit code."""
        try:
            return self._popen.wait(RUN_DEADLINE_S)
        finally:
            self._reader.join(DEADLINE_S)

    def wait_until_gone(self) -> None:
        """Wait until all that it started is gone."""
        wait_until(lambda: not self.processes(), deadline_s=DEADLINE_S, what="all processes have ended")

    def results(self) -> list[Path]:
        """The results that it has saved."""
        return list(self.runs.rglob("result.json"))


@dataclass(frozen=True)
class Outcome:
    """What came of a run: exit code, standard error, the result, the directory with the reports, and its live map."""

    code: int
    stderr: str
    result: dict[str, Any]
    directory: Path
    #: What a page showed at the end, as `viewers.Page.state` tells it, if one was looked at.
    page: dict[str, Any] | None = None

    def engine(self, name: str) -> dict[str, Any]:
        """The result of one engine."""
        return next(each for each in self.result["engines"] if each["name"] == name)

    def save(self, path: Path) -> None:
        """Write it to `path`, for `load`."""
        path.write_text(json.dumps(vars(self) | {"directory": str(self.directory)}), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """What was saved at `path`."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(**found | {"directory": Path(found["directory"])})


def command_line(process: psutil.Process) -> list[str]:
    """Its words; none if it has ended since it was found."""
    with suppress(psutil.Error):
        return process.cmdline()
    return []


def is_alive(process: psutil.Process) -> bool:
    """Whether `process` runs. One that has ended may yet have an entry, until its new parent looks at it."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def write_scenario(directory: Path, **changes: Any) -> str:
    """A scenario file: `SMALL` with `changes`; those of `limits` are added to its limits. Returns its path."""
    limits = SMALL["limits"] | changes.pop("limits", {})
    path = directory / "scenario.yaml"
    path.write_text(yaml.safe_dump(SMALL | changes | {"limits": limits}), encoding="utf-8")
    return str(path)


def outcome(run: Ringbench) -> Outcome:
    """Wait for a run that saves a result; its processes and its temporary files must have gone with it."""
    code = run.end()
    assert run.results(), f"exit code {code}, no result:\n{run.stderr}"
    assert "Traceback" not in run.stderr
    assert run.processes() == []
    assert list(run.temp.iterdir()) == []
    (saved,) = run.results()
    result = json.loads(saved.read_text(encoding="utf-8"))
    assert json.loads(run.stdout) == result
    return Outcome(code, run.stderr, result, saved.parent)
