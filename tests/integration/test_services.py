"""The services as processes: started, used over their protocols, stopped; and what is said when they cannot start."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol
from unittest.mock import Mock
from urllib.parse import urlsplit

import psutil
import pytest
import redis
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from harness.clients.s3_client import S3Credentials, s3_client
from harness.console.redaction import redact
from harness.errors import ServiceError
from harness.processes.process import Process, wait_until
from harness.services import ports
from harness.services.kafka import check_kafka, start_kafka
from harness.services.kafka_rights import try_kafka
from harness.services.redis import check_redis, start_redis
from harness.services.s3 import check_s3, start_s3
from tests.deadlines import DEADLINE_S
from tests.integration.strangers import as_stranger, intrude, ports_of

pytestmark = pytest.mark.integration

TIMEOUT_S = 30.0


class Service(Protocol):
    """What all services have."""

    process: Process

    def stop(self) -> None:
        """Stop the service."""


Start = Callable[..., Service]
STARTS = [start_kafka, start_redis, start_s3]


def ignore(_message: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_kafka_round_trip(tmp_path: Path) -> None:
    kafka = start_kafka(tmp_path, progress=ignore)
    try:
        check_kafka(kafka.client)
        notes: list[str] = []
        try_kafka(kafka.client, notes.append, transactions=True)
        assert notes == []
        client: dict[str, str | int | float | bool] = {"bootstrap.servers": kafka.bootstrap_servers}
        admin = AdminClient(client)
        assert {name for name in admin.list_topics(timeout=TIMEOUT_S).topics if not name.startswith("__")} == set()
        admin.create_topics([NewTopic("greetings", 2, 1)])["greetings"].result(TIMEOUT_S)
        producer = Producer(client)
        producer.produce("greetings", b"hello")
        assert producer.flush(TIMEOUT_S) == 0
        consumer = Consumer({**client, "group.id": "readers", "auto.offset.reset": "earliest"})
        consumer.subscribe(["greetings"])
        message = consumer.poll(TIMEOUT_S)
        assert message is not None
        assert message.value() == b"hello"
        consumer.close()
    finally:
        kafka.stop()


def test_redis_makes_transactions_for_who_has_its_password(tmp_path: Path) -> None:
    server = start_redis(tmp_path, progress=ignore)
    try:
        assert check_redis(server.url) == server.version
        with redis.Redis.from_url(server.url, protocol=2) as client:
            with client.pipeline(transaction=True) as transaction:
                transaction.hset("cell", "count", 3)
                transaction.xadd("updates", {"cell": "count"})
                _, entry_id = transaction.execute()
            assert client.hget("cell", "count") == b"3"
            assert client.xrange("updates") == [(entry_id, {b"cell": b"count"})]
            assert client.config_get("save")["save"] == ""
        ports = ports_of(server.process.child_tree())
        answers = [each for each in as_stranger(lambda: intrude(ports)) if "Redis" in each.tried]
        assert [(each.was_done, each.said[:7]) for each in answers] == [(False, "-NOAUTH")]
        password = urlsplit(server.url).password
        assert password and password not in repr(server)
        assert password not in " ".join(part for process in server.process.child_tree() for part in process.cmdline())
        assert [path.stat().st_mode & 0o077 for path in tmp_path.rglob("redis.conf")] == [0]
        assert redact(server.url).startswith("redis://:***@")
    finally:
        server.stop()


def test_s3_round_trip_and_refusals(tmp_path: Path) -> None:
    store = start_s3(tmp_path, progress=ignore)
    try:
        client = s3_client(store.endpoint, store.credentials)
        client.create_bucket(Bucket="archive")
        client.put_object(Bucket="archive", Key="a/b", Body=b"contents")
        assert client.get_object(Bucket="archive", Key="a/b")["Body"].read() == b"contents"

        check_s3(store.endpoint, "archive", store.credentials)
        assert [each["Key"] for each in client.list_objects_v2(Bucket="archive")["Contents"]] == ["a/b"]
        with pytest.raises(ServiceError, match=r"S3 bucket 'archive' at .*: permission denied to put an object"):
            check_s3(store.endpoint, "archive", S3Credentials("someone", "else"))
        with pytest.raises(ServiceError, match=r"S3 bucket 'absent' at .*: cannot put an object: .*NoSuchBucket"):
            check_s3(store.endpoint, "absent", store.credentials)

        secret = store.credentials.secret_key
        assert secret not in repr(store)
        assert secret not in " ".join(part for process in store.process.child_tree() for part in process.cmdline())
        assert secret not in store.process.log_path.read_text()
    finally:
        store.stop()


@pytest.mark.parametrize("start", STARTS)
def test_stopped_service_is_gone_and_its_files_were_private(start: Start, tmp_path: Path) -> None:
    directory = tmp_path / "services"
    service = start(directory, progress=ignore)
    processes = service.process.child_tree()
    assert [each for each in directory.rglob("*") if each.parent == directory and each.stat().st_mode & 0o077] == []
    service.stop()
    assert processes
    assert not any(map(psutil.Process.is_running, processes))


@pytest.mark.parametrize("start", STARTS)
def test_taken_port_is_named(start: Start, taken_port: int, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=f"port {taken_port} on 127.0.0.1 is taken"):
        start(tmp_path, port=taken_port, progress=ignore)


def test_anothers_server_that_was_faster_to_take_the_port_is_not_talked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = start_redis(tmp_path / "theirs", progress=ignore)
    try:
        taken, free = urlsplit(theirs.url).port, ports.free_port()
        monkeypatch.setattr(ports, "free_port", Mock(side_effect=[taken, free]))
        ours = start_redis(tmp_path / "ours", progress=ignore)
        ours.stop()
        assert urlsplit(ours.url).port == free
    finally:
        theirs.stop()


def test_log_of_a_service_that_dies_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every JVM heeds this variable, and refuses to start over an option that it does not know.
    monkeypatch.setenv("JDK_JAVA_OPTIONS", "-XX:NoSuchOption=1")
    with pytest.raises(ServiceError, match="exit code 1") as caught:
        start_kafka(tmp_path, progress=ignore)
    assert "NoSuchOption" in caught.value.message


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (
            lambda port: check_kafka({"bootstrap.servers": f"127.0.0.1:{port}"}),
            r"Kafka at 127\.0\.0\.1:\d+ does not answer .* refused",
        ),
        (
            lambda port: check_redis(f"redis://:pass@127.0.0.1:{port}/0"),
            r"Redis at redis://127\.0\.0\.1:\d+/0: .*refused",
        ),
        (lambda port: check_s3(f"http://127.0.0.1:{port}", "b", S3Credentials("a", "s")), "Could not connect"),
    ],
    ids=["kafka", "redis", "s3"],
)
def test_external_service_that_is_not_there(check: Callable[[int], None], reason: str) -> None:
    with socket.socket() as bound, pytest.raises(ServiceError) as caught:
        bound.bind(("127.0.0.1", 0))  # and nobody listens
        check(bound.getsockname()[1])
    assert re.search(reason, caught.value.message)
    assert "pass" not in caught.value.message


def test_killed_harness_leaves_no_broker(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from harness.services.kafka import start_kafka\n"
        "kafka = start_kafka(Path('.').absolute(), progress=print)\n"
        "print(*[each.pid for each in kafka.process.child_tree()], flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout is not None
        pids = next(line.split() for line in harness.stdout if line.strip().isdigit())
        os.kill(harness.pid, signal.SIGKILL)
    wait_until(lambda: not any(psutil.pid_exists(int(pid)) for pid in pids), deadline_s=DEADLINE_S, what="it is gone")
