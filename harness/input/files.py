"""Files of a user's own records, found in a folder or in S3; what is no data is passed over."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from harness.clients.s3_archive import Bucket
from harness.errors import ConfigurationError, ServiceError
from harness.input.kinds import COMPRESSED, DAMAGED, explain_kind, is_parquet

TEXT_DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
PARQUET = (".parquet", ".pq")
ENDINGS = (*TEXT_DELIMITERS, *PARQUET)
#: Endings and names of files in a folder that hold no records, whatever `delimiter` says.
_NO_DATA = (
    ".md", ".rst", ".html", ".htm", ".yaml", ".yml", ".json", ".jsonl", ".toml", ".ini", ".py", ".ipynb", ".r", ".sql",
    ".sh", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ods", ".png", ".jpg", ".svg", ".tar", ".tgz", ".sha256", ".md5",
)  # fmt: skip
_NO_DATA_NAMES = ("readme", "license", "licence", "changelog", "changes", "makefile", "notes")

_FIX_ENDINGS = (
    f"give files that end in {', '.join(ENDINGS)} (with {', '.join(COMPRESSED)} after them, if they are compressed), "
    "or set input.map.delimiter for text files of another name"
)
_DENIED = ("403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch")
_GONE = ("404", "NoSuchBucket", "NoSuchKey")
_HASH_BYTES = 1 << 20


@dataclass(frozen=True)
class Source:
    """A file of the input.

    Attributes:
        name: what people call it.
        bytes: its size.
        open: gives the path of a local copy for the length of a context.
        folders: values of the columns that folders on the way to it are named by, as in ``region=north``.
    """

    name: str
    bytes: int
    open: Callable[[], _Opened]
    folders: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """The files to read, in the order of their names; and the names of those that are passed over."""

    sources: list[Source]
    passed_over: list[str]


class _Opened:
    """A context manager that gives the path of a local file."""

    def __init__(self, path: Path, fetch: Callable[[Path], None] | None = None) -> None:
        self._path, self._fetch = path, fetch

    def __enter__(self) -> Path:
        if self._fetch:
            self._fetch(self._path)
        return self._path

    def __exit__(self, *_: object) -> None:
        if self._fetch:
            self._path.unlink(missing_ok=True)


def find_sources(path: str, delimiter: str | None, work: Path) -> Found:
    """The files that `path` names, in the order of their names.

    Args:
        path: a file, a folder, ``s3://BUCKET/PREFIX`` or ``http://host:port/BUCKET/PREFIX``.
        delimiter: if given, files of any name are text files with it.
        work: a private folder, for what has to be fetched.

    Raises:
        ConfigurationError: there is no such file, or none that can be read.
        ServiceError: S3 cannot be reached, or denies access.
    """
    parts = urlsplit(path)
    if parts.scheme in ("s3", "http", "https") and parts.netloc:
        return _find_objects(path, delimiter, work)
    found = Path(path)
    if found.is_dir():
        return _find_in_folder(found, delimiter)
    try:
        found.open("rb").close()
    except OSError as error:
        raise ConfigurationError(
            f"input.path: {path}: cannot be read: {error.strerror}", fix="give a file or folder that is there"
        ) from error
    if not (delimiter or _has_known_ending(found.name) or is_parquet(found)):
        with suppress(*DAMAGED):
            explain_kind(found, path)
        raise ConfigurationError(f"input.path: {path}: not known what kind of file this is", fix=_FIX_ENDINGS)
    return Found([_local(found)], [])


def _local(file: Path, folders: dict[str, str] | None = None) -> Source:
    return Source(str(file), file.stat().st_size, lambda: _Opened(file), folders or {})


def _find_in_folder(folder: Path, delimiter: str | None) -> Found:
    files = [each for each in sorted(folder.rglob("*")) if each.is_file()]
    sources, passed_over = [], []
    for each in files:
        inner = each.relative_to(folder).as_posix()
        if _is_data(inner, delimiter):
            sources.append(_local(each, _folders(inner)))
        else:
            passed_over.append(str(each))
    if not sources:
        held = f": it holds {len(files):,} other files, such as {files[0].name}" if files else ""
        raise ConfigurationError(f"input.path: {folder}: the folder holds no file to read{held}", fix=_FIX_ENDINGS)
    return Found(sources, passed_over)


def _is_data(inner: str, delimiter: str | None) -> bool:
    """Whether to read a file, by its path below the root.

    What begins with a dot or an underscore, or is below such a folder, is other programs' own.
    """
    path = PurePosixPath(inner)
    if any(part.startswith((".", "_")) for part in path.parts):
        return False
    if not delimiter:
        return _has_known_ending(path.name)
    name = path.name.lower()
    return not name.endswith(_NO_DATA) and name.partition(".")[0] not in _NO_DATA_NAMES


def _has_known_ending(name: str) -> bool:
    return _unpacked(name).endswith(ENDINGS) or name.lower().endswith(".zip")


def _unpacked(name: str) -> str:
    """A file's name without the ending of what has compressed it, in small letters."""
    name = name.lower()
    return next((name.removesuffix(each) for each in COMPRESSED if name.endswith(each)), name)


def plain_name(name: str) -> str:
    """What a file would be called if it were not compressed: ``calls.csv`` of ``calls.csv.gz``."""
    return name[: len(_unpacked(name))]


def delimiter_of(name: str) -> str | None:
    """The delimiter of text files of that name; None if it does not tell."""
    return TEXT_DELIMITERS.get(PurePosixPath(_unpacked(name)).suffix)


def _folders(inner: str) -> dict[str, str]:
    """The columns that folders are named by, as Hive has them: ``region=north/day=5/part-0.csv``."""
    pairs = (part.partition("=") for part in PurePosixPath(inner).parts[:-1])
    return {unquote(name): unquote(value) for name, is_pair, value in pairs if is_pair and name}


def _find_objects(path: str, delimiter: str | None, work: Path) -> Found:
    bucket, prefix = _bucket(path)
    client = bucket.client()
    with _s3_errors(path):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix=prefix)
        listed = [each for page in pages for each in page.get("Contents", [])]
    wanted = [
        each
        for each in listed
        # The prefix is an object's name or a folder's, not the beginning of one.
        if not prefix or prefix.endswith("/") or each["Key"] == prefix or each["Key"].startswith(f"{prefix}/")
    ]

    def inner(key: str) -> str:
        return key[len(prefix) :].lstrip("/") or key.rpartition("/")[2]

    objects = [each for each in wanted if _is_data(inner(each["Key"]), delimiter)]
    read = {each["Key"] for each in objects}
    passed_over = [each["Key"] for each in wanted if each["Key"] not in read and not each["Key"].endswith("/")]
    if not objects:
        held = f"of {len(wanted):,} objects there, none can be read" if wanted else "there is no such object"
        raise ConfigurationError(f"input.path: {path}: {held}", fix=_FIX_ENDINGS)
    root = path.removesuffix(prefix).rstrip("/")

    def source(key: str, size: int) -> Source:
        def fetch(local: Path) -> None:
            with _s3_errors(f"{root}/{key}"), local.open("wb") as file:
                shutil.copyfileobj(client.get_object(Bucket=bucket.name, Key=key)["Body"], file, _HASH_BYTES)

        local = work / key.rpartition("/")[2]
        return Source(f"{root}/{key}", size, lambda: _Opened(local, fetch), _folders(inner(key)))

    found = [source(each["Key"], each["Size"]) for each in sorted(objects, key=itemgetter("Key"))]
    return Found(found, [f"{root}/{each}" for each in sorted(passed_over)])


def _bucket(path: str) -> tuple[Bucket, str]:
    """The bucket and the prefix that `path` names; credentials are those of AWS's tools."""
    parts = urlsplit(path)
    if "@" in parts.netloc:
        raise ConfigurationError(
            "input.path: the address holds a user or a password", fix="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if parts.scheme == "s3":
        return Bucket(None, parts.netloc), parts.path.lstrip("/")
    name, _, prefix = parts.path.lstrip("/").partition("/")
    if not name:
        raise ConfigurationError(f"input.path: {path} names no bucket", fix="give http://host:port/BUCKET/PREFIX")
    return Bucket(f"{parts.scheme}://{parts.netloc}", name), prefix


@contextmanager
def _s3_errors(where: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _GONE:
            raise ConfigurationError(f"input.path: {where}: there is no such bucket or object") from error
        if code in _DENIED:
            raise ServiceError(
                f"input.path: {where}: permission denied", fix="use credentials that may list and get these objects"
            ) from error
        raise ServiceError(f"input.path: {where}: {error}", fix="check bucket and credentials") from error
    except BotoCoreError as error:
        raise ServiceError(f"input.path: {where}: {error}", fix="check endpoint and credentials") from error


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
