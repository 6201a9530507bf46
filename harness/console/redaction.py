"""Keeps secrets out of all that is shown or saved.

What was told here is left out of whatever passes through here, in every form that it is usually written in; and so is
what stands where secrets stand: after a name such as ``password``, and in front of the host of a URL.
"""

import base64
import functools
import html
import json
import re
import shlex
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

_MASK = "***"
#: A shorter secret, such as ``flink``, may be part of innocent words: it is looked for as a word of its own only.
_SHORTEST_ANYWHERE = 8
_secrets: set[str] = set()

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SECRET_NAME = re.compile(
    r"(password|passwd|passphrase|secret|token|apikey|secretkey)\.$"
    r"|\.(secret\.access\.key|(secret|account|api|private|encryption|service|shared)\.key)\."
    r"|\.(jaas\.config|basic\.auth|auth\.params|http\.headers|sas)\."
)
#: What such a name may have without giving anything away.
_NO_SECRETS = ("", "true", "false", "null", "None", "[hidden]", _MASK)
_NAME = re.compile(r"""(?<![\w.\-])([\w.\-]+)["']?[ \t]*[=:][ \t]*""")
_VALUE = re.compile(r""""((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s,;&"'`{}()\[\]]+)""")
_AUTHORIZATION = re.compile(r"""(authorization["']?\s*[=:]\s*["']?(?:basic|bearer)\s+)[^\s"']+""", re.IGNORECASE)
_LOGIN = re.compile(r"(://[^\s/:@]*:)[^\s/@]+(?=@)")
_BASE64 = r"[A-Za-z0-9+/_=-]*"


def conceal(*secrets: str | None) -> None:
    """Leave `secrets` out from now on, in whatever form; empty ones are none."""
    _secrets.update(filter(None, secrets))


@functools.lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether what an option or a variable of that name holds is usually a secret, as that of ``fs.s3a.secret.key``."""
    words = _CAMEL.sub(".", name).replace("_", ".").replace("-", ".").lower()
    return bool(_SECRET_NAME.search(f".{words}."))


def secret_within(text: str) -> str | None:
    """What `text` gives away first, such as ``-Dx.password`` in ``-Dx.password=...``, or a URL's login; else None."""
    if _LOGIN.search(text):
        return "a password in a URL"
    return next((name for name, _, _ in _given_away(text)), None)


def redact(text: str) -> str:
    """`text` without the secrets."""
    for core in _cores(frozenset(_secrets)):
        if core in text:
            text = re.sub(_BASE64 + re.escape(core) + _BASE64, _MASK, text)
    if pattern := _pattern(frozenset(_secrets)):
        text = pattern.sub(_MASK, text)
    if "=" in text or ":" in text:
        text = _AUTHORIZATION.sub(rf"\1{_MASK}", text)
        text = _LOGIN.sub(rf"\1{_MASK}", text)
        for _, start, end in reversed(list(_given_away(text))):
            text = text[:start] + _MASK + text[end:]
    return text


def redact_all(value: Any) -> Any:
    """A value of JSON's kinds without the secrets in any text of it; names in objects stay."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_all(each) for each in value]
    if isinstance(value, dict):
        return {key: _MASK if _is_secret(key, each) else redact_all(each) for key, each in value.items()}
    return value


def _is_secret(name: str, value: Any) -> bool:
    return isinstance(value, str) and value not in _NO_SECRETS and is_secret_name(name)


def _given_away(text: str) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of each value in `text` that stands behind a secret's name."""
    for found in _NAME.finditer(text):
        if is_secret_name(found[1]) and (value := _VALUE.match(text, found.end())):
            group = value.lastindex or 0
            if value[group] not in _NO_SECRETS:
                yield found[1], *value.span(group)


@functools.lru_cache(maxsize=8)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    """Finds all forms of `secrets`, the longest first: one may be part of another."""
    forms = {form: len(secret) < _SHORTEST_ANYWHERE for secret in secrets for form in _forms(secret)}
    found = [
        rf"(?<![\w\-/$])(?<!\w\.){re.escape(form)}(?![\w\-/$]|\.\w)" if is_short else re.escape(form)
        for form, is_short in sorted(forms.items(), key=lambda each: len(each[0]), reverse=True)
    ]
    return re.compile("|".join(found)) if found else None


def _forms(secret: str) -> set[str]:
    """`secret` as it is, and as it stands in URLs, in JSON, also within JSON, in HTML, for a shell and for Python."""
    encoded = [quote(secret, safe=""), quote(secret), quote_plus(secret)]
    escaped = json.dumps(secret)[1:-1]
    return {
        secret,
        *encoded,
        *(re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), each) for each in encoded),
        escaped,
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(escaped)[1:-1],
        html.escape(secret),
        shlex.quote(secret).removeprefix("'").removesuffix("'"),
        repr(secret)[1:-1],
    }


@functools.lru_cache(maxsize=8)
def _cores(secrets: frozenset[str]) -> tuple[str, ...]:
    """What long secrets become in Base64, alone or behind a user's name: the part that no neighbour has a share in."""
    found = set()
    for secret in secrets:
        if len(secret) < _SHORTEST_ANYWHERE:
            continue
        data = secret.encode()
        for ahead in range(3):
            first, end = -(-8 * ahead // 6), 8 * (ahead + len(data)) // 6
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                found.add(encode(bytes(ahead) + data).decode("ascii")[first:end])
    return tuple(found)
