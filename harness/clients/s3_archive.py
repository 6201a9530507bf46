"""The archive in S3: where it is, its fingerprint, a copy of it elsewhere, and its removal."""

import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from harness.clients.left import Left
from harness.clients.run_names import is_run_id, run_of_object
from harness.clients.s3_client import S3Credentials, s3_client, users_credentials
from harness.results.part import appearing_whole

DEFAULT_REGION = "us-east-1"
#: What an object is called where it is told that one was left.
OBJECT = "S3 object"


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


def pack_archive(bucket: Bucket, prefix: str, path: Path) -> None:
    """Copy every object under `prefix` into the zip file `path`, which appears whole or not at all."""
    client = bucket.client()
    # Stored, since the objects are compressed already.
    with appearing_whole(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
        for key in sorted(_keys(client, bucket.name, prefix)):
            packed.writestr(key.removeprefix(prefix), client.get_object(Bucket=bucket.name, Key=key)["Body"].read())


def unpack_archive(bucket: Bucket, prefix: str, path: Path) -> None:
    """Put the objects in `path`, which `pack_archive` has made, under `prefix`, in place of what is there."""
    delete_archive(bucket, prefix)
    client = bucket.client()
    with zipfile.ZipFile(path) as packed:
        for name in packed.namelist():
            client.put_object(Bucket=bucket.name, Key=prefix + name, Body=packed.read(name))


def delete_archive(bucket: Bucket, prefix: str) -> None:
    """Delete every object under `prefix`.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: the store is away, or refuses.
    """
    client = bucket.client()
    for key in list(_keys(client, bucket.name, prefix)):
        client.delete_object(Bucket=bucket.name, Key=key)


def remove_archive(bucket: Bucket, prefix: str) -> list[Left]:
    """Delete every object under `prefix`. Returns what could not be deleted; nothing is raised."""
    try:
        client = bucket.client()
        keys = list(_keys(client, bucket.name, prefix))
    except (BotoCoreError, ClientError) as error:
        return [Left(OBJECT, f"{prefix}/*", str(error))]
    return delete_objects(client, bucket.name, keys)


def delete_objects(client: Any, bucket: str, keys: Iterable[str]) -> list[Left]:
    """Delete objects. Returns those that could not be deleted."""
    left = []
    for key in keys:
        try:
            client.delete_object(Bucket=bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            left.append(Left(OBJECT, key, str(error)))
    return left


def runs_in(bucket: Bucket) -> list[str]:
    """The ids of runs that have folders in `bucket`.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: the store does not tell.
    """
    # Ids begin with the year.
    pages = bucket.client().get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix="2", Delimiter="/")
    folders = [each["Prefix"].rstrip("/") for page in pages for each in page.get("CommonPrefixes", [])]
    return [each for each in folders if is_run_id(each)]


def objects_of_run(bucket: Bucket, run_id: str) -> dict[str, int]:
    """The objects in `bucket` that are of a run, and their bytes.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: the store does not tell.
    """
    pages = bucket.client().get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix=f"{run_id}/")
    found = {each["Key"]: int(each["Size"]) for page in pages for each in page.get("Contents", [])}
    return {key: size for key, size in found.items() if run_of_object(key) == run_id}
