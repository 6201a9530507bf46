"""Bad input ends in one clear message and its exit code: no traceback, no process, no result.

What is refused before anything starts is asked of the command line in the tests' own process, but for one instance:
to start `ringbench` takes seconds.
"""

import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import cli
from harness.console.interrupt import SIGNALS
from harness.results.result import save_result
from tests.builders.results import make_engine, make_result
from tests.integration.ringbench import Ringbench, write_scenario

pytestmark = pytest.mark.integration


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that something listens on and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def closed_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass(frozen=True)
class Refusal:
    """What the command line said, and the exit code."""

    code: int
    stderr: str


@pytest.fixture
def ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Refusal]]:
    """Asks something of the command line that it must refuse, leaving nothing in the current folder, nor results."""
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("RINGBENCH_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)

    def asked(*arguments: str) -> Refusal:
        before = set(tmp_path.rglob("*"))
        monkeypatch.setattr(sys, "argv", ["ringbench", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        assert set(tmp_path.rglob("*")) == before
        assert isinstance(exit_.value.code, int)
        return Refusal(exit_.value.code, capfd.readouterr().err)

    yield asked
    SIGNALS.release()


def _refused(directory: Path, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    with Ringbench(directory, "run", write_scenario(directory), *arguments, env=env) as run:
        code = run.end()
        assert "Traceback" not in run.stderr
        assert run.stderr.count("error:") == 1, run.stderr
        assert run.results() == []
        run.wait_until_gone()
        return code, run.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rate", "0"), ("error: --rate (rate_records_per_s): found 0",)),
        (("--rate", "fast"), ("error: --rate (rate_records_per_s): found 'fast'",)),
        (("--engine-cpus", "1000"), ("error: --engine-cpus (engine_cpus): found 1000", "give at most")),
        (("--engine", "flnik"), ("unknown engine 'flnik'", "flink")),
        (("--s3", "bucket"), ("--s3", "s3://BUCKET")),
        (("--s3", "https://me:hush@store/bucket"), ("--s3", "AWS_ACCESS_KEY_ID")),
        (("--kafka-properties", "nowhere"), ("--kafka-properties", "give --kafka host:port")),
        (("--redis-properties", "nowhere"), ("--redis-properties", "give --redis redis://host:port/0")),
        (("--kafka", "b:1", "--kafka-properties", "nowhere"), ("nowhere", "No such file")),
        (("--redis", "redis://me:hush@cache/0"), ("--redis", "RINGBENCH_REDIS_PASSWORD")),
    ],
)
def test_what_makes_no_sense_exits_2(
    tmp_path: Path, ask: Callable[..., Refusal], arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refusal = ask("run", write_scenario(tmp_path), *arguments)
    assert refusal.code == 2
    assert refusal.stderr.count("error:") == 1
    assert [word for word in words if word not in refusal.stderr] == []
    assert "hush" not in refusal.stderr


def test_a_process_of_its_own_says_and_exits_the_same(tmp_path: Path, ask: Callable[..., Refusal]) -> None:
    code, message = _refused(tmp_path, "--rate", "0")
    refusal = ask("run", write_scenario(tmp_path), "--rate", "0")
    assert (refusal.code, refusal.stderr.splitlines()) == (code, message.splitlines())


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (("sweep",), "sweep"),
        (("chaos",), "chaos"),
        (("soak",), "soak"),
        (("loadtest", "--headless"), "loadtest"),
        (("run", "--redis", "redis://127.0.0.1:1/0"), "--redis"),
    ],
)
def test_faults_are_refused_where_they_are_not_injected(
    tmp_path: Path, ask: Callable[..., Refusal], command: tuple[str, ...], word: str
) -> None:
    first, *others = command
    scenario = write_scenario(tmp_path, duration_s=60, faults=[{"kind": "redis-lost", "at_s": 9}])
    refusal = ask(first, scenario, *others)
    assert refusal.code == 2, refusal.stderr
    assert "the scenario has `faults`" in refusal.stderr and word in refusal.stderr


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (("chaos",), "chaos"),
        (("soak",), "soak"),
        (("loadtest", "--headless"), "loadtest"),
        (("run", "--engine", "synthetic"), "the engine synthetic"),
        (("sweep", "--engine", "synthetic"), "the engine synthetic"),
        (("scale", "--engine", "synthetic"), "the engine synthetic"),
    ],
)
def test_the_direct_route_is_refused_where_it_cannot_be(
    tmp_path: Path, ask: Callable[..., Refusal], command: tuple[str, ...], word: str
) -> None:
    first, *others = command
    # A sweep would refuse a shorter time first.
    refusal = ask(first, write_scenario(tmp_path, route="direct", duration_s=10), *others)
    assert refusal.code == 2, refusal.stderr
    assert "direct" in refusal.stderr and word in refusal.stderr and refusal.stderr.count("fix:") == 1


def test_soak_has_one_length(ask: Callable[..., Refusal]) -> None:
    refusal = ask("soak", "--hours", "1", "--minutes", "5")
    assert refusal.code == 2
    assert "--hours and --minutes exclude each other" in refusal.stderr


@pytest.mark.parametrize(("option", "name"), [("--kafka", "Kafka"), ("--redis", "Redis")])
def test_an_unreachable_service_exits_4(tmp_path: Path, closed_port: int, option: str, name: str) -> None:
    address = f"127.0.0.1:{closed_port}"
    code, message = _refused(tmp_path, option, f"redis://{address}" if option == "--redis" else address)
    assert code == 4
    assert name in message and str(closed_port) in message


def test_a_taken_port_exits_4(tmp_path: Path, taken_port: int) -> None:
    code, message = _refused(tmp_path, "--kafka-port", str(taken_port))
    assert code == 4
    assert f"port {taken_port}" in message and "taken" in message


def test_a_too_old_java_is_named(tmp_path: Path) -> None:
    java = tmp_path / "old" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n", encoding="utf-8")
    java.chmod(0o755)
    code, message = _refused(tmp_path, env={"RINGBENCH_JAVA_HOME": str(tmp_path / "old")})
    assert code == 2
    assert "11.0.2" in message and "17 or 21" in message


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sweep", "--start-rate", "100", "--lowest-rate", "1000"), ("100 records/s", "1,000", "--lowest-rate")),
        (("sweep", "--start-rate", "3000000"), ("3,000,000", "2,000,000", "--highest-rate")),
        (("calibrate", "--case", "los"), ("unknown case 'los'", "loss")),
        (("operate", "--operation", "restrat"), ("unknown operation 'restrat'", "restart, rescale, upgrade")),
        (("operate", "--to", "flink@2.3.0"), ("--to is for upgrade", "--operation upgrade")),
        (("operate", "--to-parallelism", "4"), ("--to-parallelism is for rescale", "--operation rescale")),
        (("operate", "--operation", "upgrade", "--engine", "kstreams"), ("upgrade is not for kstreams", "one version")),
        (("compare", "nowhere", "nowhere"), ("nowhere", "No such file", "runs/RUN_ID")),
        (("compare", "nowhere", "nowhere", "--format", "xml"), ("'xml'", "text, md or json")),
    ],
)
def test_what_makes_no_sense_to_other_commands_exits_2(
    ask: Callable[..., Refusal], arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refusal = ask(*arguments)
    assert refusal.code == 2
    assert [word for word in words if word not in refusal.stderr] == []


def test_a_file_that_cannot_be_written_exits_2_and_not_1_as_a_regression_would(tmp_path: Path) -> None:
    result = make_result(engines=[make_engine("flink", 18, trials=6)])
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        save_result(result, tmp_path / name)
    runs = [str(tmp_path / "old"), str(tmp_path / "new")]
    with Ringbench(tmp_path / "good", "compare", *runs, "--junit", str(tmp_path / "junit.xml")) as run:
        assert run.end() == 0, run.stderr
    with Ringbench(tmp_path / "bad", "compare", *runs, "--junit", str(tmp_path / "no" / "junit.xml")) as run:
        assert run.end() == 2
        assert "junit.xml" in run.stderr and "cannot be written" in run.stderr and "Traceback" not in run.stderr
