"""Services that let nobody in without a password, over TLS, with certificates made for the test.

Kafka and the S3 store have TLS of their own. The Redis server that comes with Ringbench is built without it, so that a
small forwarder ends the TLS in front of it; users and passwords are the server's own.
"""

import asyncio
import base64
import os
import secrets
import ssl
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import redis
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509 import load_pem_x509_certificate

from harness.processes.process import start_process, wait_until
from harness.provision.jars import ensure_jars
from harness.provision.java import ensure_java
from harness.services.kafka import JARS_LOCK as KAFKA_JARS
from harness.services.kafka import check_kafka
from harness.services.ports import HOST, free_port
from harness.services.redis import start_redis
from harness.services.s3 import JARS_LOCK as S3_JARS
from tests.deadlines import DEADLINE_S

BUCKET = "secured"
USER = "ringbench"

KAFKA = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller_port}
listeners=SECURE://{host}:{port},CONTROLLER://{host}:{controller_port}
listener.security.protocol.map=SECURE:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=SECURE
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location=server.pem
listener.name.secure.ssl.truststore.type=PEM
listener.name.secure.ssl.truststore.location={ca}
log.dirs=data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
"""

S3 = """\
s3proxy.secure-endpoint=https://{host}:{port}
s3proxy.keystore-path={keystore}
s3proxy.keystore-password={keystore_password}
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity={access_key}
s3proxy.credential={secret_key}
s3proxy.ignore-unknown-headers=true
jclouds.provider=filesystem-nio2
jclouds.identity=unused
jclouds.credential=unused
jclouds.filesystem.basedir={data}
"""


@dataclass(frozen=True)
class Passwords:
    """What must not be seen anywhere."""

    kafka: str = field(default_factory=lambda: f'k"{secrets.token_hex(8)}\\;x')
    redis: str = field(default_factory=lambda: f"r/{secrets.token_hex(8)}@x")
    s3: str = field(default_factory=lambda: f"s{secrets.token_hex(16)}")
    s3_token: str = field(default_factory=lambda: f"t{secrets.token_hex(16)}")
    jvm: str = field(default_factory=lambda: f"j{secrets.token_hex(16)}")

    def all(self) -> list[str]:
        """Parts that survive any quoting."""
        return [self.kafka[2:18], self.redis[2:18], self.s3, self.s3_token, self.jvm]


class Authority:
    """An authority of the test's own, and what it has issued for this host; files are in `directory`."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        authority = trustme.CA()
        self.issued = authority.issue_cert(HOST, "localhost")
        self.ca = directory / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        self._key = load_pem_private_key(self.issued.private_key_pem.bytes(), None)
        self._chain = [load_pem_x509_certificate(each.bytes()) for each in self.issued.cert_chain_pems]

    def pem(self, path: Path) -> None:
        """Write key and certificates to `path`, as Kafka reads them."""
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(key + b"".join(each.bytes() for each in self.issued.cert_chain_pems))

    def pkcs12(self, path: Path, password: str) -> None:
        """Write them to `path`, as Java's servers read them."""
        first, *others = self._chain
        path.write_bytes(
            serialize_key_and_certificates(
                b"server",
                self._key,  # type: ignore[arg-type]
                first,
                others,
                BestAvailableEncryption(password.encode()),
            )
        )


@dataclass(frozen=True)
class SecuredServices:
    """Where they are, and files as a user would have them."""

    kafka: str
    kafka_properties: Path
    redis: str
    redis_properties: Path
    s3_endpoint: str
    ca: Path
    passwords: Passwords

    def arguments(self) -> list[str]:
        """The options of a run against them."""
        kafka = ["--kafka", self.kafka, "--kafka-properties", str(self.kafka_properties)]
        redis_ = ["--redis", self.redis, "--redis-properties", str(self.redis_properties)]
        return [*kafka, *redis_, "--s3", f"{self.s3_endpoint}/{BUCKET}"]

    def redis_client(self) -> "redis.Redis":
        """A client that is let in."""
        return redis.Redis.from_url(
            self.redis, protocol=2, username=USER, password=self.passwords.redis, ssl_ca_certs=str(self.ca)
        )

    def environment(self) -> dict[str, str]:
        """Temporary credentials, the authority that issued the store's certificate, and a secret that all JVMs have."""
        options = f"{os.environ.get('JDK_JAVA_OPTIONS', '')} -Dsome.password={self.passwords.jvm}"
        return {
            "JDK_JAVA_OPTIONS": options,
            "AWS_ACCESS_KEY_ID": USER,
            "AWS_SECRET_ACCESS_KEY": self.passwords.s3,
            "AWS_SESSION_TOKEN": self.passwords.s3_token,
            "AWS_CA_BUNDLE": str(self.ca),
        }


def private_file(path: Path, text: str) -> Path:
    """A file that its user alone can read."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def kafka_client_file(path: Path, ca: Path, password: str) -> Path:
    """A client's properties, as a user would write them."""
    # Once for the login's own quotes, and once for those of properties files.
    quoted = password.replace("\\", "\\\\").replace('"', '\\"').replace("\\", "\\\\")
    return private_file(
        path,
        f"""\
# Kafka over TLS
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\
    username="{USER}" \\
    password="{quoted}";
ssl.truststore.type=PEM
ssl.truststore.location={ca}
""",
    )


def redis_client_file(path: Path, ca: Path, password: str) -> Path:
    """What a run needs to get into Redis, as a user would write it."""
    return private_file(path, f"username={USER}\npassword={password}\ntls.ca.location={ca}\n")


@contextmanager
def start_secured_services(directory: Path) -> Iterator[SecuredServices]:
    """Start all three, and stop them at the end."""
    authority, passwords = Authority(directory / "certificates"), Passwords()
    with ExitStack() as stack:
        properties = kafka_client_file(directory / "kafka.properties", authority.ca, passwords.kafka)
        kafka = stack.enter_context(_kafka(directory, authority, passwords.kafka))
        redis_url = stack.enter_context(_redis(directory, authority, passwords.redis))
        endpoint = stack.enter_context(_s3(directory, authority, passwords.s3))
        yield SecuredServices(
            kafka,
            properties,
            redis_url,
            redis_client_file(directory / "redis.properties", authority.ca, passwords.redis),
            endpoint,
            authority.ca,
            passwords,
        )


@contextmanager
def _kafka(directory: Path, authority: Authority, password: str) -> Iterator[str]:
    """A broker that knows one user. Its address."""
    home = Path(tempfile.mkdtemp(dir=directory, prefix="kafka-"))
    authority.pem(home / "server.pem")
    port, log = free_port(), directory / "logs" / "kafka.log"
    properties = KAFKA.format(host=HOST, port=port, controller_port=free_port(), ca=authority.ca)
    private_file(home / "server.properties", properties)
    jars = ":".join(map(str, ensure_jars(KAFKA_JARS, progress=print)))
    java = [str(ensure_java(print).executable), "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars]
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
    tool = [*java, "kafka.tools.StorageTool", "format", "--standalone", f"--cluster-id={cluster}"]
    users = f"SCRAM-SHA-512=[name={USER},password={password}]"
    with start_process(
        "storage tool", [*tool, "--add-scram", users, "--config", "server.properties"], log_path=log, cwd=home
    ) as format_:
        wait_until(lambda: format_.poll() is not None, deadline_s=DEADLINE_S, what="storage is formatted")
        assert format_.poll() == 0, format_.log_tail()
    with start_process("Kafka", [*java, "kafka.Kafka", "server.properties"], log_path=log, cwd=home) as broker:
        client = {
            "bootstrap.servers": f"{HOST}:{port}",
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": USER,
            "sasl.password": password,
            "ssl.ca.location": str(authority.ca),
        }

        def lets_in() -> bool:
            with suppress(Exception):
                check_kafka(client)
                return True
            return False

        wait_until(lets_in, deadline_s=DEADLINE_S, what="Kafka lets its user in", process=broker)
        yield client["bootstrap.servers"]


@contextmanager
def _redis(directory: Path, authority: Authority, password: str) -> Iterator[str]:
    """A server that knows one user, who may do what docs/secured.md says. Its URL, by TLS."""
    server = start_redis(directory, progress=print)
    try:
        with redis.Redis.from_url(server.url, protocol=2) as client:
            rights = ["~cdr:*", "+@read", "+@write", "+@connection", "+@transaction", "+info"]
            client.execute_command("ACL", "SETUSER", USER, "on", f">{password}", *rights)
            client.execute_command("ACL", "SETUSER", "default", "off")
        port = int(server.url.rpartition(":")[2].partition("/")[0])
        with _tls_in_front_of(port, authority) as secured_port:
            yield f"rediss://{HOST}:{secured_port}/0"
    finally:
        server.stop()


@contextmanager
def _tls_in_front_of(port: int, authority: Authority) -> Iterator[int]:
    """A port on which TLS ends; what is said there goes to `port`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issued.configure_cert(context)

    async def serve(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, there = await asyncio.open_connection(HOST, port)
        await asyncio.gather(_pass_on(near, there), _pass_on(far, back))

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        starting = asyncio.run_coroutine_threadsafe(asyncio.start_server(serve, HOST, 0, ssl=context), loop)
        yield int(starting.result(DEADLINE_S).sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE_S)


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()


@contextmanager
def _s3(directory: Path, authority: Authority, secret: str) -> Iterator[str]:
    """A store that checks signatures, with a bucket. Its URL, by TLS."""
    home = Path(tempfile.mkdtemp(dir=directory, prefix="s3-"))
    (home / "data").mkdir()
    keystore, keystore_password, port = home / "server.p12", secrets.token_hex(8), free_port()
    authority.pkcs12(keystore, keystore_password)
    properties = S3.format(
        host=HOST,
        port=port,
        keystore=keystore,
        keystore_password=keystore_password,
        access_key=USER,
        secret_key=secret,
        data=home / "data",
    )
    private_file(home / "s3proxy.properties", properties)
    jars = ":".join(map(str, ensure_jars(S3_JARS, progress=print)))
    argv = [str(ensure_java(print).executable), "-Xmx256m", "-cp", jars, "org.gaul.s3proxy.Main"]
    argv += ["--properties", "s3proxy.properties"]
    with start_process("S3", argv, log_path=directory / "logs" / "s3.log", cwd=home) as process:
        endpoint = f"https://{HOST}:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=USER,
            aws_secret_access_key=secret,
            region_name="us-east-1",
            verify=str(authority.ca),
        )

        def has_bucket() -> bool:
            with suppress(Exception):
                client.create_bucket(Bucket=BUCKET)
                return True
            return False

        wait_until(has_bucket, deadline_s=DEADLINE_S, what="S3 has a bucket", process=process)
        yield endpoint
