"""A client of an S3 service, and the credentials for it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from harness.console.redaction import conceal

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class S3Credentials:
    """An access key and its secret, with a token if they are temporary; secrets are not shown with the object."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def s3_client(endpoint: str | None, credentials: S3Credentials | None, *, timeout_s: float = 60.0) -> "S3Client":
    """A boto3 client.

    Args:
        endpoint: the store's URL; None for what boto3 finds by itself.
        credentials: None for those that boto3 finds by itself.
        timeout_s: for connecting, and for each answer.
    """
    session = boto3.Session()
    return session.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=credentials.access_key if credentials else None,
        aws_secret_access_key=credentials.secret_key if credentials else None,
        aws_session_token=(credentials.session_token or None) if credentials else None,
        region_name=session.region_name or "us-east-1",
        config=Config(
            connect_timeout=timeout_s,
            read_timeout=timeout_s,
            retries={"max_attempts": 2},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # Stores other than AWS's seldom have a host name for each bucket.
            s3={"addressing_style": "path" if endpoint else "auto"},
        ),
    )


def users_credentials() -> S3Credentials | None:
    """What the standard chain gives now: environment, shared profiles, a role of the host's; None for nothing.

    They are left out of what is shown and kept.

    Raises:
        botocore.exceptions.BotoCoreError: something in the chain does not work.
    """
    if not (found := boto3.Session().get_credentials()):
        return None
    now = found.get_frozen_credentials()
    conceal(now.secret_key, now.token)
    return S3Credentials(now.access_key or "", now.secret_key or "", now.token or "")
