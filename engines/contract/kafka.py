"""Kafka's client properties: kept in Kafka's own (Java) names, and translated for clients that are librdkafka's.

Only what has to do with access is known here: how a connection is encrypted, and who connects. All else is the business
of whoever makes a client.
"""

import re
from collections.abc import Callable, Mapping

#: What those properties may be that have few values.
CHOICES = {
    "security.protocol": ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    "sasl.mechanism": ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"),
    "ssl.truststore.type": ("PEM",),
    "ssl.keystore.type": ("PEM", "PKCS12"),
    "ssl.endpoint.identification.algorithm": ("https", ""),
}
#: Those that name files.
FILES = ("ssl.truststore.location", "ssl.keystore.location")
#: Those that nobody else may see.
SECRETS = ("sasl.jaas.config", "ssl.keystore.password", "ssl.key.password")
#: The class by which Java's client asks an OAuth server for tokens; librdkafka has a method for it.
OAUTH_HANDLER = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"
OAUTH_URL = "sasl.oauthbearer.token.endpoint.url"

_JAAS = re.compile(r"\s*([\w.$]+)\s+required\s*((?:\w+\s*=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s\";=]+)\s*)*);\s*", re.DOTALL)
_OPTION = re.compile(r"(\w+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\";=]+))", re.DOTALL)
_ESCAPE = re.compile(r"\\([0-3]?[0-7]{1,2}|.)", re.DOTALL)
_CONTROLS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_PASSWORD_OPTIONS = {"username": "sasl.username", "password": "sasl.password"}
_PACKAGE = "org.apache.kafka.common.security."
#: By the login module's name, what librdkafka calls its options.
_LOGINS = {
    "PlainLoginModule": _PASSWORD_OPTIONS,
    "ScramLoginModule": _PASSWORD_OPTIONS,
    "OAuthBearerLoginModule": {
        "clientId": "sasl.oauthbearer.client.id",
        "clientSecret": "sasl.oauthbearer.client.secret",
        "scope": "sasl.oauthbearer.scope",
    },
}


class PropertyError(ValueError):
    """A property `key` that is not known, has an impossible value, or none for librdkafka. Never holds the value."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


def librdkafka_properties(bootstrap_servers: str, properties: Mapping[str, str]) -> dict[str, str]:
    """The settings of a librdkafka client that reaches the same brokers in the same way.

    Args:
        bootstrap_servers: ``host:port[,host:port]``.
        properties: in Java's names; empty for brokers that let everybody in.

    Raises:
        PropertyError: see there.
    """
    settings = {"bootstrap.servers": bootstrap_servers}
    for key, value in properties.items():
        if key not in _TRANSLATIONS:
            raise PropertyError(key, f"is not known; known are {', '.join(sorted(_TRANSLATIONS))}")
        if value not in CHOICES.get(key, (value,)):
            choices = [each or "nothing" for each in CHOICES[key]]
            raise PropertyError(key, f"is to be {' or '.join(choices)}")
        settings |= _TRANSLATIONS[key](value, properties)
    return settings


def jaas_options(text: str) -> tuple[str, dict[str, str]]:
    """The class of the login module in a ``sasl.jaas.config``, and its options.

    Raises:
        PropertyError: it is not one login module that is required.
    """
    if not (found := _JAAS.fullmatch(text)):
        raise PropertyError(
            "sasl.jaas.config", 'is to be CLASS required NAME="VALUE" ...; with the semicolon, and in double quotes'
        )
    options = {name: _unescape(quoted) if quoted else plain for name, quoted, plain in _OPTION.findall(found[2])}
    return found[1], options


def _unescape(quoted: str) -> str:
    """What stands for `quoted` in Java's reading of it."""
    return _ESCAPE.sub(lambda found: _character(found[1]), quoted)


def _character(escaped: str) -> str:
    return chr(int(escaped, 8)) if escaped[0] in "01234567" else _CONTROLS.get(escaped, escaped)


def _login(text: str, _properties: Mapping[str, str]) -> dict[str, str]:
    name, options = jaas_options(text)
    module = name.rpartition(".")[2]
    if module not in _LOGINS or not name.startswith(_PACKAGE):
        raise PropertyError("sasl.jaas.config", f"the login module is to be one of Kafka's: {', '.join(_LOGINS)}")
    known = _LOGINS[module]
    if unknown := sorted(set(options) - set(known)):
        raise PropertyError("sasl.jaas.config", f"{module} has no option {unknown[0]} here; it has {', '.join(known)}")
    return {known[option]: value for option, value in options.items()}


def _truststore(path: str, properties: Mapping[str, str]) -> dict[str, str]:
    _need("ssl.truststore.location", "ssl.truststore.type", properties)
    return {"ssl.ca.location": path}


def _keystore(path: str, properties: Mapping[str, str]) -> dict[str, str]:
    _need("ssl.keystore.location", "ssl.keystore.type", properties)
    if properties["ssl.keystore.type"] == "PKCS12":
        return {"ssl.keystore.location": path}
    # Java has the key and the certificates in one file.
    return {"ssl.certificate.location": path, "ssl.key.location": path}


def _keystore_password(password: str, properties: Mapping[str, str]) -> dict[str, str]:
    if properties.get("ssl.keystore.type") != "PKCS12":
        raise PropertyError("ssl.keystore.password", "is for PKCS12; the password of a PEM file is ssl.key.password")
    return {"ssl.keystore.password": password}


def _need(key: str, other: str, properties: Mapping[str, str]) -> None:
    """Java would take the file for a JKS store, which librdkafka cannot read."""
    if other not in properties:
        raise PropertyError(key, f"needs {other}={' or '.join(CHOICES[other])}")


def _oauth_handler(name: str, _properties: Mapping[str, str]) -> dict[str, str]:
    if name != OAUTH_HANDLER:
        raise PropertyError("sasl.login.callback.handler.class", f"is to be {OAUTH_HANDLER}")
    return {"sasl.oauthbearer.method": "oidc"}


def _same(name: str) -> Callable[[str, Mapping[str, str]], dict[str, str]]:
    return lambda value, _properties: {name: value}


def _nothing(_value: str, _properties: Mapping[str, str]) -> dict[str, str]:
    return {}


#: By Java's name, what makes librdkafka's properties of a value and of all the others.
_TRANSLATIONS: dict[str, Callable[[str, Mapping[str, str]], dict[str, str]]] = {
    "client.dns.lookup": _same("client.dns.lookup"),
    "security.protocol": _same("security.protocol"),
    "sasl.mechanism": _same("sasl.mechanism"),
    "sasl.jaas.config": _login,
    "sasl.login.callback.handler.class": _oauth_handler,
    OAUTH_URL: _same(OAUTH_URL),
    "ssl.truststore.type": _nothing,
    "ssl.truststore.location": _truststore,
    "ssl.keystore.type": _nothing,
    "ssl.keystore.location": _keystore,
    "ssl.keystore.password": _keystore_password,
    "ssl.key.password": _same("ssl.key.password"),
    "ssl.endpoint.identification.algorithm": lambda value, _properties: {
        "ssl.endpoint.identification.algorithm": value or "none"
    },
}
