"""What libraries and the system raise becomes one sentence, a way out, and the exit code of a service."""

import errno
import subprocess

import psutil
import pytest
import redis
from botocore.exceptions import ClientError, EndpointConnectionError
from confluent_kafka import KafkaError, KafkaException

from harness.clients.failures import for_users
from harness.errors import UsageError

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "DeleteObjects")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN)), "Kafka: "),
        (KafkaException(), "Kafka: KafkaException"),
        (redis.ConnectionError("refused"), "Redis: refused"),
        (EndpointConnectionError(endpoint_url="http://s3"), "S3: Could not connect"),
        (DENIED, "S3: An error occurred (AccessDenied)"),
        (OSError(errno.ENOSPC, "No space left on device", "/runs/a"), "/runs/a: no space is left on the disk"),
        (TimeoutError(), "something did not answer in time: TimeoutError"),
        (PermissionError(errno.EACCES, "Permission denied", "/cache"), "the system refused something: [Errno 13]"),
        (subprocess.TimeoutExpired("java", 10), "the system refused something: Command 'java' timed out"),
        (psutil.NoSuchProcess(1), "the system refused something: "),
        (MemoryError(), "there is not enough memory"),
    ],
)
def test_what_comes_from_outside_is_said_in_one_sentence_with_a_way_out(error: Exception, says: str) -> None:
    found = for_users(error)
    assert found and found.message.startswith(says)
    assert found.fix and found.exit_code == 4


def test_an_error_for_users_stays_as_it_is_and_one_of_our_own_is_none() -> None:
    known = UsageError("it makes no sense")
    assert for_users(known) is known
    assert for_users(KeyError("engine")) is None
