"""The archive in S3: where it is, its fingerprint, and its removal."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.services.s3 import S3Credentials, s3_client

DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True)
class Bucket:
    """A bucket and how to reach it.

    `endpoint` is None for AWS itself; `credentials` is None where the user's own standard chain applies.
    """

    endpoint: str | None
    name: str
    credentials: S3Credentials | None = None

    @property
    def region(self) -> str:
        """The region to sign for."""
        return os.environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION

    def client(self) -> Any:
        """A boto3 client for the bucket's store."""
        return s3_client(self.endpoint, self.credentials)

    def environment(self) -> dict[str, str]:
        """Environment variables for processes that are to use the bucket."""
        if not self.credentials:
            return {}
        return {
            "AWS_ACCESS_KEY_ID": self.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_key,
        }


def _keys(client: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        yield from (each["Key"] for each in page.get("Contents", []))


def fingerprint_archive(bucket: Bucket, prefix: str) -> tuple[int, str]:
    """Number of objects under `prefix`, and the SHA-256 over their names (below `prefix`) and bytes, in name order."""
    client = bucket.client()
    digest = hashlib.sha256()
    keys = sorted(_keys(client, bucket.name, prefix))
    for key in keys:
        digest.update(key.removeprefix(prefix).encode())
        digest.update(hashlib.sha256(client.get_object(Bucket=bucket.name, Key=key)["Body"].read()).digest())
    return len(keys), digest.hexdigest()


def delete_archive(bucket: Bucket, prefix: str) -> None:
    """Delete every object under `prefix`."""
    client = bucket.client()
    for key in list(_keys(client, bucket.name, prefix)):
        client.delete_object(Bucket=bucket.name, Key=key)
