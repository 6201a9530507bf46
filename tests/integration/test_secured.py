"""A run against services that let nobody in without a password, and the traces that secrets leave: none."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import trustme

from engines.contract.aggregate import decode_key
from engines.contract.keys import UPDATES_FIELD, decode_updates, window_key
from harness.processes.process import wait_until
from tests.deadlines import DEADLINE_S, RUN_DEADLINE_S
from tests.integration.asked import asking, assert_answered_right
from tests.integration.ringbench import Outcome, Ringbench, command_line, outcome, write_scenario
from tests.integration.secured import (
    SecuredServices,
    kafka_client_file,
    redis_client_file,
    start_secured_services,
)
from tests.integration.strangers import NOBODY, Answer, as_stranger, intrude, ports_of, read_environment

pytestmark = pytest.mark.integration

#: What Spark is asked here. Flink and the baseline count on the direct route below; their dead letters go to Kafka.
QUERY = "distinct-callers"
SAMPLE_S = 0.2


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredServices]:
    """Kafka with SASL over TLS, Redis with users over TLS, S3 with signatures over TLS."""
    with start_secured_services(tmp_path_factory.mktemp("secured")) as services:
        yield services


class Arguments:
    """Takes down the command lines of a run's processes, while it lasts."""

    def __init__(self, run: Ringbench) -> None:
        self.seen: set[str] = set()
        self._run, self._over = run, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Arguments":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_S):
            with suppress(psutil.Error):
                self.seen |= {"\0".join(command_line(each)) for each in self._run.descendants()}


def traces(secrets: list[str], directory: Path, *texts: str) -> list[str]:
    """Where one of `secrets` is to be found: names of files below `directory`, and numbers of `texts`."""
    needles = [each.encode() for each in secrets]
    found = [
        str(path)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    ]
    return found + [f"text {number}" for number, text in enumerate(texts) if any(each in text for each in secrets)]


@contextmanager
def running(
    services: SecuredServices, directory: Path, *arguments: str, **scenario: object
) -> Iterator[tuple[Ringbench, list[Outcome]]]:
    """While it runs; at the end its outcome is in the list, and its secrets must have left no trace."""
    path = write_scenario(directory, **scenario)
    command = ["run", path, "--json", "--keep-logs", *services.arguments(), *arguments]
    found: list[Outcome] = []
    with Ringbench(directory, *command, env=services.environment()) as run, Arguments(run) as seen:
        yield run, found
        found.append(outcome(run))
        printed = run.stdout + run.stderr
    assert any("harness.workers.generator" in each for each in seen.seen), "the workers were seen"
    assert any("pyspark" in each or "pyflink" in each for each in seen.seen), "the engines' JVMs were seen"
    assert traces(services.passwords.all(), directory, printed, *seen.seen) == []
    assert list((found[0].directory / "logs").rglob("engine.log")), "the engines' logs were looked through"


def strangers_answers(run: Ringbench, jvm: str, refusal: str) -> list[Answer]:
    """What another user of the machine is told by the ports of the JVM with `jvm` in its command line.

    It is asked until it has said `refusal`, since ports open one after the other.
    """

    def ask() -> list[Answer]:
        processes = run.running(jvm)
        ports, pids = ports_of(processes), [each.pid for each in processes]
        answers = as_stranger(lambda: intrude(ports) + (read_environment(pids) if os.geteuid() == NOBODY else []))
        return answers if any(refusal in each.said for each in answers) else []

    return wait_until(ask, deadline_s=RUN_DEADLINE_S, what=f"a port of {jvm} refuses a stranger")


def test_engines_pass_against_secured_services_and_no_secret_leaves_a_trace(
    secured: SecuredServices, tmp_path: Path
) -> None:
    with running(secured, tmp_path, engines=["spark"], **asking(QUERY)) as (run, outcomes):
        answers = strangers_answers(run, "org.apache.spark.deploy.SparkSubmit", "Sasl")
    assert {each.tried for each in answers if each.was_done} == set()
    assert "Authentication error" in "".join(each.said for each in answers), "the way from Python to Java was tried"
    (found,) = outcomes
    assert found.code == 0, found.stderr
    assert_answered_right(found, "spark", QUERY)


# The direct route


def test_engines_that_write_redis_by_themselves_count_right_and_leave_what_the_writer_leaves(
    secured: SecuredServices, tmp_path: Path
) -> None:
    """Flink first: its sink makes the transaction in Java, by its own client, where the others have the writer's."""
    route, engines = ("--route", "direct"), ["flink", "baseline"]
    with (
        secured.redis_client() as client,
        running(secured, tmp_path, *route, engines=engines, duration_s=3) as (run, outcomes),
    ):
        # A run's ID begins with its year; what its rights are tried with does not.
        (updates,) = wait_until(
            lambda: list(client.scan_iter("cdr:2*:updates")), deadline_s=RUN_DEADLINE_S, what="Flink has written"
        )
        (_, entry), *_ = client.xrange(updates, count=1)
        assert list(entry) == [UPDATES_FIELD]
        namespace = updates.decode("ascii").removesuffix(":updates")
        changes = decode_updates(entry[UPDATES_FIELD])
        assert changes and all(count > 0 for _, count in changes)
        for cell in [decode_key(key) for key, _ in changes]:
            assert 3600 < client.ttl(window_key(namespace, cell.window_s)) <= 3700
        answers = strangers_answers(run, "ringbench.flink.Gateway", "401 Unauthorized")
        assert {each.tried for each in answers if each.was_done} == set()
        assert "Authentication error" in "".join(each.said for each in answers), "the way from Python to Java was tried"
    (found,) = outcomes
    assert found.code == 0, found.stderr
    assert [(each["name"], each["verdict"]) for each in found.result["engines"]] == [(name, "pass") for name in engines]
    for engine in found.result["engines"]:
        (trial,) = engine["trials"]
        assert [hop["name"] for hop in trial["waterfall"]["hops"]] == ["send", "append", "engine"]
        assert "redis writer" not in {cost["name"] for cost in trial["other_costs"]}


# Secrets


def test_a_secret_that_leaves_a_trace_is_found(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "engine.log").write_text("user=me password=planted-1 and so on", encoding="utf-8")
    assert traces(["planted-1"], tmp_path, "nothing") == [str(tmp_path / "logs" / "engine.log")]
    assert traces(["planted-2"], tmp_path, "nothing", "argument planted-2") == ["text 1"]


def test_a_secret_in_an_argument_is_seen(tmp_path: Path) -> None:
    waiting = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", waiting, "planted-3"], stdin=subprocess.PIPE) as process:
        # Of a program that starts this moment, the system tells no arguments yet.
        found = wait_until(
            psutil.Process(process.pid).cmdline, deadline_s=DEADLINE_S, what="the program has its arguments"
        )
        assert process.stdin is not None
        process.stdin.close()
    assert traces(["planted-3"], tmp_path, "\0".join(found)) == ["text 0"]


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("kafka", ("Kafka at", "refuses the credentials", "sasl.mechanism")),
        ("redis", ("Redis at", "refuses the credentials", "--redis-properties")),
        ("s3", ("S3 bucket", "permission denied", "AWS_ACCESS_KEY_ID")),
        ("authority", ("Kafka at", "TLS", "ssl.truststore.location")),
    ],
)
def test_a_wrong_password_is_one_clear_error(
    secured: SecuredServices, tmp_path: Path, service: str, words: tuple[str, ...]
) -> None:
    wrong, other = "wrong-password", tmp_path / "other.pem"
    chosen, environment = secured, secured.environment()
    if service == "kafka":
        chosen = replace(secured, kafka_properties=kafka_client_file(tmp_path / "k", secured.ca, wrong))
    elif service == "redis":
        chosen = replace(secured, redis_properties=redis_client_file(tmp_path / "r", secured.ca, wrong))
    elif service == "s3":
        environment |= {"AWS_SECRET_ACCESS_KEY": wrong}
    else:
        trustme.CA().cert_pem.write_to_path(str(other))
        properties = kafka_client_file(tmp_path / "k", other, secured.passwords.kafka)
        chosen = replace(secured, kafka_properties=properties)
    with Ringbench(tmp_path / "run", "run", write_scenario(tmp_path), *chosen.arguments(), env=environment) as run:
        assert run.end() == 4, run.stderr
        assert [line.partition(" ")[0] for line in run.stderr.splitlines()][-2:] == ["error:", "fix:"], run.stderr
        assert "Traceback" not in run.stderr
        assert [word for word in words if word not in run.stderr] == [], run.stderr
        assert traces([wrong, *secured.passwords.all()], run.temp, run.stderr) == []
        run.wait_until_gone()
