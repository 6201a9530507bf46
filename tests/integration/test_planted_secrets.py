"""Every command, with secrets planted in every place that takes one: none is printed, kept, or becomes an argument.

What is refused, or does not answer, before anything starts is asked in the tests' own process, which costs little.
`test_secured.py` does the same with a whole run that succeeds.
"""

import base64
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import typer

from harness import cli
from harness.commands.common import this_command
from harness.console import redaction
from tests.integration.ringbench import write_scenario
from tests.integration.secured import private_file

pytestmark = pytest.mark.integration

#: Each place has a secret of its own, so that what leaks tells from where. All have what an address must quote.
PLACES = (
    *("url", "file", "jaas", "s3", "s3-token", "s3-url", "view", "metrics"),
    *("jvm", "setting", "conf", "query", "argument"),
)
SECRETS = {place: f"planted/{place}#42@x" for place in PLACES}
JAAS = "org.apache.kafka.common.security.plain.PlainLoginModule required"


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Secrets in the environment and in files. What is to be written in command lines, by name."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environment = {
        "RINGBENCH_REDIS": f"redis://me:{quote(SECRETS['url'], safe='')}@127.0.0.1:{port}/0",
        "RINGBENCH_VIEW_TOKEN": SECRETS["view"],
        "RINGBENCH_METRICS_TOKEN": SECRETS["metrics"],
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": SECRETS["s3"],
        "AWS_SESSION_TOKEN": SECRETS["s3-token"],
        "JDK_JAVA_OPTIONS": f"-Dsome.password={SECRETS['jvm']}",
        "RINGBENCH_RUNS_DIR": str(tmp_path / "runs"),
        "COLUMNS": "1000",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(redaction, "_secrets", set())
    login = f'{JAAS} username="me" password="{SECRETS["jaas"]}";'
    kafka = f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={login}\n"
    (tmp_path / "settings").mkdir()
    settings = {"spark": {"jvm_options": f"-Xss1m -Dsome.password={SECRETS['setting']}"}}
    return {
        "KAFKA": f"127.0.0.1:{port}",
        "KAFKA_FILE": str(private_file(tmp_path / "kafka.properties", kafka)),
        "REDIS_FILE": str(private_file(tmp_path / "redis.properties", f"password={SECRETS['file']}\n")),
        "S3": f"http://127.0.0.1:{port}/bucket",
        "SCENARIO": write_scenario(tmp_path),
        "SETTINGS": write_scenario(tmp_path / "settings", engines=["spark"], engine_settings=settings),
        "CONF": f"spark.executorEnv.AWS_SECRET_ACCESS_KEY={SECRETS['conf']}",
        "QUERY": f"redis://127.0.0.1:{port}/0?password={quote(SECRETS['query'], safe='')}",
        "CUT": f"redis://me:{SECRETS['argument']}@127.0.0.1:{port}/0",
        "S3_URL": f"http://me:{quote(SECRETS['s3-url'], safe='')}@127.0.0.1:{port}/bucket",
        "MAP": f"http://127.0.0.1:{port}/?token={quote(SECRETS['argument'], safe='')}",
    }


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command lines of all that is started."""
    seen: list[str] = []
    start: Callable[..., None] = subprocess.Popen.__init__

    def noting(self: Any, argv: Any, *others: Any, **options: Any) -> None:
        seen.append(str(argv))
        start(self, argv, *others, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", noting)
    return seen


@pytest.fixture(autouse=True)
def same_signals() -> Iterator[None]:
    """The command line's handlers end with the test."""
    former = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, former)


#: By command: command lines that take secrets, or, of those that take none, any. All fail, or end at once.
COMMANDS: dict[str, list[str]] = {
    "run": [
        "SCENARIO",  # the Redis of the environment
        "SCENARIO --metrics-port 0",
        "SCENARIO --redis-properties REDIS_FILE",
        "SCENARIO --kafka KAFKA --kafka-properties KAFKA_FILE",
        "SCENARIO --redis QUERY",
        "SCENARIO --redis CUT",
        "SCENARIO --s3 S3_URL",
        "SCENARIO --engine spark --spark-conf CONF",
        "SETTINGS",
        "SETTINGS --cluster",
    ],
    "sweep": ["SETTINGS --duration 10"],
    "scale": ["SETTINGS"],
    "soak": ["SETTINGS"],
    "chaos": ["SETTINGS"],
    "operate": ["SETTINGS"],
    "loadtest": ["SETTINGS --headless --engine spark", "--url MAP"],
    "view": ["--redis-properties REDIS_FILE", "--redis CUT", ""],
    "generate": ["SCENARIO --kafka KAFKA --kafka-properties KAFKA_FILE --topic t"],
    "calibrate": ["--no-such-option"],
    "conformance": ["no-such-engine"],
    "compare": ["nowhere nowhere"],
    "report": ["nowhere"],
    "history": ["nowhere"],
    "merge-shards": ["nowhere"],
    "clean": [
        "20260101T000000-abc123",
        "20260101T000000-abc123 --redis-properties REDIS_FILE --json",
        "20260101T000000-abc123 --redis CUT",
        "20260101T000000-abc123 --kafka KAFKA --kafka-properties KAFKA_FILE --s3 S3_URL",
    ],
    "plan": ["SETTINGS --no-such-option"],
    "engines": ["no-such-engine"],
    "doctor": ["--no-such-option"],
    "services": [""],
    "workload": ["no-such-command"],
    "bench": ["no-such-command"],
    "input": ["check nowhere"],
}


def test_no_command_is_left_out() -> None:
    command: Any = typer.main.get_command(cli.app)
    assert set(COMMANDS) == set(command.commands)


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, lines in COMMANDS.items() for line in lines])
def test_no_secret_is_printed_kept_or_an_argument(
    name: str,
    line: str,
    planted: dict[str, str],
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = set(tmp_path.rglob("*"))
    argv = ["ringbench", name, *(planted.get(word, word) for word in line.split())]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code != 0
    printed = capfd.readouterr()
    left = [path.read_text(errors="replace") for path in set(tmp_path.rglob("*")) - before if path.is_file()]
    said = [printed.out, printed.err, *arguments, *left, *this_command()]
    assert [place for place, secret in SECRETS.items() if any(_holds(text, secret) for text in said)] == []


def _holds(text: str, secret: str) -> bool:
    """Whether a part of `secret` that survives quoting, or what Base64 makes of the whole, is in `text`."""
    word = secret.partition("/")[2].partition("#")[0]
    return (
        f"planted/{word}#" in text or f"planted%2F{word}" in text or base64.b64encode(secret.encode()).decode() in text
    )


def test_a_secret_that_leaks_is_found() -> None:
    for text in (
        "x planted/url#42@x y",
        quote(SECRETS["url"], safe=""),
        base64.b64encode(SECRETS["url"].encode()).decode(),
    ):
        assert _holds(text, SECRETS["url"])
    assert not _holds("planted/url", SECRETS["file"])
