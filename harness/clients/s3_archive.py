"""The archive in S3: where it is, its fingerprint, and its removal."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.session import get_session

from harness.clients.s3_client import S3Credentials, s3_client, users_credentials

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
        return boto3.Session().region_name or DEFAULT_REGION

    def client(self) -> Any:
        """A boto3 client for the bucket's store."""
        return s3_client(self.endpoint, self.credentials)

    def environment(self) -> dict[str, str]:
        """Environment variables for processes that are to use the bucket by boto3, which knows the standard chain."""
        return _variables(self.credentials) if self.credentials else {}

    def resolved_environment(self) -> dict[str, str]:
        """The same for those that do without boto3: what the chain gives now. Temporary credentials are not renewed."""
        found = self.credentials or users_credentials()
        return _variables(found) if found else {}

    @property
    def ca_file(self) -> str | None:
        """A file of the certificates to trust in place of the usual ones, as boto3 finds it."""
        found: str | None = get_session().get_config_variable("ca_bundle")
        return found or os.environ.get("REQUESTS_CA_BUNDLE")


def _variables(credentials: S3Credentials) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        # Empty if there is none: one that belongs to other credentials must not stay.
        "AWS_SESSION_TOKEN": credentials.session_token,
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
