"""What the libraries and the system raise, in words for users: whose fault it is, and what to do."""

import errno
import subprocess

import botocore.exceptions
import psutil
import redis
from confluent_kafka import KafkaException

from harness.errors import RingbenchError, ServiceError

_SERVICE_FIX = "see whether {service} is up and can be reached, and has room on its disk; then run the command again"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def for_users(error: BaseException) -> RingbenchError | None:
    """`error` as one for users; None if it is none that comes from outside of Ringbench."""
    if isinstance(error, RingbenchError):
        return error
    if isinstance(error, KafkaException):
        return _of_service("Kafka", error.args[0].str() if error.args and hasattr(error.args[0], "str") else error)
    if isinstance(error, redis.RedisError):
        return _of_service("Redis", error)
    if isinstance(error, botocore.exceptions.BotoCoreError | botocore.exceptions.ClientError):
        return _of_service("S3", error)
    if isinstance(error, MemoryError):
        return ServiceError("there is not enough memory", fix="free some, or ask for a lower rate or a shorter time")
    if isinstance(error, OSError | subprocess.SubprocessError | psutil.Error):
        return _of_system(error)
    return None


def _of_service(service: str, error: object) -> ServiceError:
    return ServiceError(f"{service}: {_words(error)}", fix=_SERVICE_FIX.format(service=service))


def _of_system(error: Exception) -> ServiceError:
    if isinstance(error, OSError) and error.errno in _FULL:
        where = f"{error.filename}: " if error.filename else ""
        return ServiceError(
            f"{where}no space is left on the disk", fix="free some, or set TMPDIR or --runs-dir to another"
        )
    if isinstance(error, TimeoutError):
        return ServiceError(
            f"something did not answer in time: {_words(error)}", fix="see what the machine is busy with"
        )
    return ServiceError(f"the system refused something: {_words(error)}", fix="see what it refused, and run it again")


def _words(error: object) -> str:
    """What `error` says of itself; some say nothing."""
    return str(error).strip() or type(error).__name__
