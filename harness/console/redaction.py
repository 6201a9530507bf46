"""Keeps secrets out of all that is shown or saved: what was told here is left out of whatever passes through here."""

import json
from typing import Any
from urllib.parse import quote

_MASK = "***"
_secrets: set[str] = set()


def conceal(*secrets: str | None) -> None:
    """Leave `secrets` out from now on, also where they are part of a URL or of JSON; empty ones are none."""
    for secret in filter(None, secrets):
        _secrets.update((secret, quote(secret, safe=""), json.dumps(secret)[1:-1]))


def redact(text: str) -> str:
    """`text` without the secrets."""
    # The longest first: one may be part of another.
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def redact_all(value: Any) -> Any:
    """A value of JSON's kinds without the secrets in any text of it; names in objects stay."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_all(each) for each in value]
    if isinstance(value, dict):
        return {key: redact_all(each) for key, each in value.items()}
    return value
