"""How to get into the user's own Kafka and Redis: properties files and environment variables, never arguments.

What is secret in them is told to `harness.console.redaction`.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

import javaproperties

from engines.contract.kafka import FILES, SECRETS, PropertyError, jaas_options, librdkafka_properties
from harness.console.redaction import conceal, is_secret_name
from harness.errors import ConfigurationError, UsageError

PASSWORD_VARIABLE = "RINGBENCH_REDIS_PASSWORD"  # noqa: S105 - a name
USERNAME, PASSWORD, CA_FILE = "username", "password", "tls.ca.location"
#: What may stand in a file for Redis.
REDIS_KEYS = (USERNAME, PASSWORD, CA_FILE)
_SCHEMES = ("redis", "rediss")
_SECRET_OPTIONS = ("password", "clientSecret")


@dataclass(frozen=True)
class _Property:
    value: str
    line: int


def read_kafka_properties(path: Path) -> dict[str, str]:
    """Kafka's client properties in a file, in Java's names; paths are absolute afterwards.

    Raises:
        ConfigurationError: the file cannot be read, others can read secrets in it, or a property makes no sense.
    """
    found = _read(path, SECRETS)
    properties = {key: each.value for key, each in found.items()}
    for key in FILES:
        if key in found:
            properties[key] = _file(path, key, found[key])
    try:
        librdkafka_properties("", properties)
        _, options = jaas_options(properties["sasl.jaas.config"]) if "sasl.jaas.config" in properties else ("", {})
    except PropertyError as error:
        raise _wrong(path, found[error.key].line, error.key, error.reason) from error
    conceal(*(properties.get(key) for key in SECRETS), *(options.get(name) for name in _SECRET_OPTIONS))
    return properties


def redis_address(url: str, path: Path | None = None, *, in_arguments: bool = False) -> str:
    """`url` with user, password and certificates to trust: of a file, of `PASSWORD_VARIABLE`, or as they stand in it.

    Args:
        url: ``redis://[USER@]HOST:PORT/DATABASE``, or ``rediss`` for TLS.
        path: a file with some of `REDIS_KEYS`.
        in_arguments: whether `url` was an argument, which other users of the machine can see.

    Raises:
        UsageError: it is no address of a Redis, there is a password in its query, or one in an argument.
        ConfigurationError: the file cannot be read, others can read a password in it, or a key makes no sense.
    """
    parts = _split(url)
    if in_arguments and parts.password:
        raise UsageError(
            "--redis: there is a password in the address, where every user of this machine can see it",
            fix=f"leave it out, and set {PASSWORD_VARIABLE}, or name a file by --redis-properties",
        )
    found = _read_redis_properties(path, is_tls=parts.scheme == "rediss") if path else {}
    user = found.get(USERNAME) or unquote(parts.username or "")
    password = found.get(PASSWORD) or os.environ.get(PASSWORD_VARIABLE) or unquote(parts.password or "")
    conceal(password)
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
    query = parts.query
    if CA_FILE in found:
        query = urlencode({**dict(parse_qsl(query)), "ssl_ca_certs": found[CA_FILE]})
    return parts._replace(netloc=login + parts.netloc.rpartition("@")[2], query=query).geturl()


def _split(url: str) -> SplitResult:
    """The parts of `url`; a message about it must not show it, since any part may be one of a password."""
    parts = urlsplit(url) if _is_whole(url) else None
    if parts is None or parts.scheme not in _SCHEMES or not parts.hostname:
        raise UsageError(
            "--redis (RINGBENCH_REDIS): this is no address of a Redis",
            fix="give redis://HOST:PORT/0 or rediss://HOST:PORT/0; in a user's name or a password, write / as %2F, "
            "# as %23, ? as %3F, @ as %40 and % as %25",
        )
    if secret := next((key for key, _ in parse_qsl(parts.query) if key == USERNAME or is_secret_name(key)), None):
        raise UsageError(
            f"--redis (RINGBENCH_REDIS): there is `{secret}` in the query of the address",
            fix=f"leave it out, and set {PASSWORD_VARIABLE}, or name a file by --redis-properties",
        )
    return parts


def _is_whole(url: str) -> bool:
    """Whether nothing in a user's name or a password has cut `url` short."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return not parts.fragment and "#" not in url and "@" not in parts.path + parts.query


def without_login(url: str) -> str:
    """`url` without user, password and query, for people and for arguments."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _read_redis_properties(path: Path, *, is_tls: bool) -> dict[str, str]:
    found = _read(path, (PASSWORD,))
    for key, each in found.items():
        if key not in REDIS_KEYS:
            raise _wrong(path, each.line, key, f"is not known; known are {', '.join(REDIS_KEYS)}")
    properties = {key: each.value for key, each in found.items()}
    if CA_FILE in found:
        if not is_tls:
            raise _wrong(path, found[CA_FILE].line, CA_FILE, "is for TLS: give --redis rediss://HOST:PORT/0")
        properties[CA_FILE] = _file(path, CA_FILE, found[CA_FILE])
    return properties


def _read(path: Path, secrets: Iterable[str]) -> dict[str, _Property]:
    """The properties in a file, by key; if there are `secrets` among them, nobody else may read it."""
    found: dict[str, _Property] = {}
    for line, key, value in _entries(path):
        if key in found:
            raise _wrong(path, line, key, f"stands in line {found[key].line} already")
        found[key] = _Property(value, line)
    mode = stat.S_IMODE(path.stat().st_mode)
    if (mode & 0o077) and (secret := next((key for key in secrets if key in found), None)):
        raise ConfigurationError(
            f"{path}: others than you can read it (its mode is {mode:o}), and there is `{secret}` in it",
            fix=f"chmod 600 {path}",
        )
    return found


def _entries(path: Path) -> list[tuple[int, str, str]]:
    """Line, key and value of each property."""
    entries, line = [], 1
    try:
        for element in javaproperties.parse(path.read_text(encoding="utf-8")):
            if isinstance(element, javaproperties.KeyValue):
                entries.append((line, element.key, element.value))
            line += element.source.count("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"{path}: cannot be read: {reason}", fix="name a properties file") from error
    except javaproperties.InvalidUEscapeError as error:
        raise _wrong(path, line, "\\u", "is to be followed by four hexadecimal digits") from error
    return entries


def _file(path: Path, key: str, named: _Property) -> str:
    """The absolute path that a property names, which may be relative to the folder of the properties file."""
    target = (path.parent / named.value).absolute()
    try:
        with target.open("rb"):
            return str(target)
    except OSError as error:
        raise _wrong(path, named.line, key, f"{target} cannot be read: {error.strerror}") from error


def _wrong(path: Path, line: int, key: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"{path}, line {line}: `{key}` {reason}", fix="docs/secured.md says what can stand there")
