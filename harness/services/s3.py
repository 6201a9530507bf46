"""An S3 store: S3Proxy over a directory."""

import contextlib
import os
import secrets
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from harness.clients.s3_client import S3Credentials, s3_client, users_credentials
from harness.errors import ServiceError
from harness.processes.process import Process, start_process, wait_until
from harness.provision.cache import Progress
from harness.provision.class_archive import class_archive
from harness.provision.jars import ensure_jars, read_lock
from harness.provision.java import Java, ensure_java
from harness.services.ports import HOST, on_port, serves

JARS_LOCK = Path(__file__).parent / "s3proxy.jars.lock"
_START_DEADLINE_S = 60.0
_TIMEOUT_S = 5.0
_PROBE_TIMEOUT_S = 2.0
_POLL_S = 0.1
_JVM_OPTIONS = ["-Xmx256m", "-XX:+UseSerialGC", "-Xshare:auto"]
_DENIED = ("403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken")
_PROPERTIES = """\
s3proxy.endpoint=http://{host}:{port}
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity={access_key}
s3proxy.credential={secret_key}
# boto3 sends checksums that S3Proxy does not know.
s3proxy.ignore-unknown-headers=true
jclouds.provider=filesystem-nio2
jclouds.identity=unused
jclouds.credential=unused
# Absolute: of a bucket below a relative path, S3Proxy lists no objects.
jclouds.filesystem.basedir={data}
"""


@dataclass
class S3Service:
    """A running store, with no buckets at first. `process` is another one after `start_again`."""

    endpoint: str
    credentials: S3Credentials
    version: str
    process: Process
    launch: Callable[[], Process] = field(repr=False)

    def start_again(self) -> None:
        """Start a store that has died anew: the same port, the same files. Does not wait until it answers."""
        self.process.kill()
        self.process = self.launch()

    def wait_until_ready(self) -> None:
        """Wait until the store answers.

        Raises:
            ServiceError: it has died, or does not answer in time; with its log's end.
        """
        _wait_until_ready(self.endpoint, self.credentials, self.process)

    def stop(self) -> None:
        """Stop the store; its files stay."""
        self.process.stop()


def start_s3(directory: Path, *, port: int | None = None, progress: Progress) -> S3Service:
    """Start a store with new random credentials.

    Args:
        directory: where its data and settings go, in ``s3-*``, and its log, in ``logs``.
        port: the port on 127.0.0.1; by default, a free one.
        progress: told what happens.

    Raises:
        ConfigurationError: no suitable Java.
        ServiceError: the store cannot be obtained, the port is taken, or it does not answer; with its log's end.
    """
    java = ensure_java(progress)
    jars = ensure_jars(JARS_LOCK, progress=progress)
    return on_port("S3", port, lambda picked: _start(directory, picked, java, jars, progress))


def s3_version() -> str:
    """The version of the store that `start_s3` starts."""
    (artifact,) = read_lock(JARS_LOCK)
    return f"S3Proxy {artifact.version}"


def _start(directory: Path, port: int, java: Java, jars: list[Path], progress: Progress) -> S3Service:
    progress(f"starting {s3_version()} on port {port} (Java {java.version} from {java.source})")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(dir=directory, prefix="s3-"))
    (home / "data").mkdir()
    credentials = S3Credentials(secrets.token_hex(10), secrets.token_urlsafe(30))
    properties = _PROPERTIES.format(
        host=HOST,
        port=port,
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
        data=home / "data",
    )
    (home / "s3proxy.properties").write_text(properties, encoding="ascii")
    classes = class_archive("s3proxy", java, jars, progress=progress)
    argv = [str(java.executable), *_JVM_OPTIONS, *classes.options(home), "-cp", os.pathsep.join(map(str, jars))]
    argv += ["org.gaul.s3proxy.Main", "--properties", "s3proxy.properties"]

    def launch() -> Process:
        return start_process("S3", argv, log_path=directory / "logs" / "s3.log", cwd=home)

    process, endpoint = launch(), f"http://{HOST}:{port}"
    try:
        _wait_until_ready(endpoint, credentials, process)
        classes.learn(process.child_tree())
    except BaseException:
        process.kill()
        raise
    return S3Service(endpoint, credentials, s3_version(), process, launch)


def _wait_until_ready(endpoint: str, credentials: S3Credentials, process: Process) -> None:
    client = s3_client(endpoint, credentials, timeout_s=_PROBE_TIMEOUT_S)
    port = urlsplit(endpoint).port or 0

    def lists_buckets() -> bool:
        with contextlib.suppress(BotoCoreError, ClientError):
            client.list_buckets()
            return serves(process, port)
        return False

    wait_until(lists_buckets, deadline_s=_START_DEADLINE_S, what="S3 answers", process=process, poll_s=_POLL_S)


def check_s3(endpoint: str | None, bucket: str, credentials: S3Credentials | None = None) -> None:
    """Make sure that objects can be put into `bucket`, read, listed and deleted, within some seconds.

    Raises:
        ServiceError: the store cannot be reached, there is no such bucket, or something is not permitted.
    """
    prefix = f"ringbench-probe-{uuid.uuid4()}"
    key = f"{prefix}/archive"
    where = f"S3 bucket {bucket!r} at {endpoint or 'the default endpoint'}"
    step = "put an object"
    try:
        client = s3_client(endpoint, credentials or users_credentials(), timeout_s=_TIMEOUT_S)
        client.put_object(Bucket=bucket, Key=key, Body=b"probe")
        try:
            step = "get an object"
            client.get_object(Bucket=bucket, Key=key)["Body"].read()
            step = "list objects"
            client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")
        except (BotoCoreError, ClientError):
            with contextlib.suppress(BotoCoreError, ClientError):
                client.delete_object(Bucket=bucket, Key=key)
            raise
        step = f"delete an object (that of the probe, {key}, is left)"
        client.delete_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in _DENIED:
            raise ServiceError(
                f"{where}: permission denied to {step}",
                fix="check the credentials (AWS_ACCESS_KEY_ID and so on, or a profile), and that they have "
                "s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket for it",
            ) from error
        raise ServiceError(f"{where}: cannot {step}: {error}", fix="check that the bucket exists") from error
    except BotoCoreError as error:
        raise ServiceError(
            f"{where}: cannot {step}: {error}",
            fix="check endpoint and credentials, and, for a certificate of your own, AWS_CA_BUNDLE",
        ) from error
