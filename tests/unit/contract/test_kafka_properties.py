"""Kafka's security properties: what Java's client and librdkafka each call the same thing."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import trustme
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from engines.contract.kafka import (
    CHOICES,
    OAUTH_HANDLER,
    OAUTH_URL,
    SECRETS,
    PropertyError,
    jaas_options,
    librdkafka_properties,
)
from harness.processes.process import wait_until
from tests.builders.jobs import make_job
from tests.deadlines import DEADLINE_S

SERVERS = "broker:9093"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
OAUTH = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"


def login(module: str, **options: str) -> str:
    """A ``sasl.jaas.config``; the option `password` is called `word` here."""
    named = {"password" if name == "word" else name: value for name, value in options.items()}
    return " ".join([module, "required", *(f'{name}="{value}"' for name, value in named.items())]) + ";"


def translated(**properties: str) -> dict[str, str]:
    """What librdkafka calls `properties`, whose names have no dots here but underscores."""
    found = librdkafka_properties(SERVERS, {name.replace("_", "."): value for name, value in properties.items()})
    assert found.pop("bootstrap.servers") == SERVERS
    return found


@pytest.mark.parametrize(
    ("properties", "settings"),
    [
        ({}, {}),
        ({"security_protocol": "SSL"}, {"security.protocol": "SSL"}),
        (
            {"sasl_mechanism": "PLAIN", "sasl_jaas_config": login(PLAIN, username="me", word="p w")},
            {"sasl.mechanism": "PLAIN", "sasl.username": "me", "sasl.password": "p w"},
        ),
        (
            {"sasl_mechanism": "SCRAM-SHA-256", "sasl_jaas_config": login(SCRAM, username="me", word='a\\"b\\\\c')},
            {"sasl.mechanism": "SCRAM-SHA-256", "sasl.username": "me", "sasl.password": 'a"b\\c'},
        ),
        (
            {
                "sasl_mechanism": "OAUTHBEARER",
                "sasl_jaas_config": login(OAUTH, clientId="id", clientSecret="s", scope="all"),
                "sasl_login_callback_handler_class": OAUTH_HANDLER,
            },
            {
                "sasl.mechanism": "OAUTHBEARER",
                "sasl.oauthbearer.client.id": "id",
                "sasl.oauthbearer.client.secret": "s",
                "sasl.oauthbearer.scope": "all",
                "sasl.oauthbearer.method": "oidc",
            },
        ),
        (
            {"ssl_truststore_type": "PEM", "ssl_truststore_location": "/ca.pem"},
            {"ssl.ca.location": "/ca.pem"},
        ),
        (
            {"ssl_keystore_type": "PEM", "ssl_keystore_location": "/me.pem", "ssl_key_password": "k"},
            {"ssl.certificate.location": "/me.pem", "ssl.key.location": "/me.pem", "ssl.key.password": "k"},
        ),
        (
            {"ssl_keystore_type": "PKCS12", "ssl_keystore_location": "/me.p12", "ssl_keystore_password": "k"},
            {"ssl.keystore.location": "/me.p12", "ssl.keystore.password": "k"},
        ),
        ({"ssl_endpoint_identification_algorithm": ""}, {"ssl.endpoint.identification.algorithm": "none"}),
        ({"ssl_endpoint_identification_algorithm": "https"}, {"ssl.endpoint.identification.algorithm": "https"}),
    ],
)
def test_properties_are_translated(properties: dict[str, str], settings: dict[str, str]) -> None:
    assert translated(**properties) == settings


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("ssl.truststore.password", "x", "not known; known are client.dns.lookup"),
        ("sasl.username", "me", "not known"),
        ("bootstrap.servers", "b:1", "not known"),
        ("security.protocol", "TLS", "PLAINTEXT or SSL or SASL_PLAINTEXT or SASL_SSL"),
        ("sasl.mechanism", "GSSAPI", "PLAIN or SCRAM-SHA-256"),
        ("ssl.truststore.type", "JKS", "is to be PEM"),
        ("ssl.truststore.location", "/ca.jks", "needs ssl.truststore.type=PEM"),
        ("ssl.keystore.location", "/me.jks", "needs ssl.keystore.type=PEM or PKCS12"),
        ("ssl.keystore.password", "x", "ssl.key.password"),
        ("sasl.jaas.config", login("com.example.Login"), "PlainLoginModule"),
        ("sasl.jaas.config", login("com.example.PlainLoginModule"), "one of Kafka's"),
        ("sasl.jaas.config", login(SCRAM, tokenauth="true"), "ScramLoginModule has no option tokenauth"),
        ("sasl.jaas.config", f'{PLAIN} required username="me" password="hush"', "with the semicolon"),
        ("sasl.jaas.config", f"{PLAIN} required username='me' password='hu sh';", "in double quotes"),
        ("sasl.login.callback.handler.class", "com.example.Handler", OAUTH_HANDLER),
    ],
)
def test_what_cannot_be_translated_is_named_without_its_value(key: str, value: str, words: str) -> None:
    with pytest.raises(PropertyError, match=words.replace(".", r"\.")) as caught:
        librdkafka_properties(SERVERS, {key: value})
    assert caught.value.key == key
    assert "hush" not in str(caught.value) and "hu sh" not in str(caught.value)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_any_password_survives_the_quotes_of_a_login(password: str) -> None:
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    assert jaas_options(login(PLAIN, username="me", word=quoted)) == (
        PLAIN,
        {"username": "me", "password": password},
    )


def test_escapes_of_a_login_are_javas() -> None:
    _, options = jaas_options(login(PLAIN, word="a\\tb\\101\\x\\0"))
    assert options == {"password": "a\tbAx\0"}


def test_librdkafka_takes_what_comes_of_it(tmp_path: Path) -> None:
    """Nothing listens there: it is enough that the client knows all names, and reads the files."""
    authority, pem = trustme.CA(), tmp_path / "me.pem"
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("me").private_key_and_cert_chain_pem.write_to_path(str(pem))
    common = {
        "security.protocol": "SASL_SSL",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(tmp_path / "ca.pem"),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(pem),
        "ssl.endpoint.identification.algorithm": "",
        "client.dns.lookup": "use_all_dns_ips",
    }
    oauth = {
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.jaas.config": login(OAUTH, clientId="id", clientSecret="s"),
        "sasl.login.callback.handler.class": OAUTH_HANDLER,
        OAUTH_URL: "https://127.0.0.1:1/token",
    }
    logins = [oauth]
    for mechanism in CHOICES["sasl.mechanism"][:3]:
        module = PLAIN if mechanism == "PLAIN" else SCRAM
        logins.append({"sasl.mechanism": mechanism, "sasl.jaas.config": login(module, username="u", word="p")})
    for each in logins:
        Producer(librdkafka_properties("127.0.0.1:1", common | each) | {"log_level": 0})


class _TokenServer(BaseHTTPRequestHandler):
    """Answers any request for a token, and notes who asked."""

    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """Give a token that nobody has signed."""
        self.rfile.read(int(self.headers["Content-Length"]))
        now_s = int(time.time())
        parts = ({"alg": "none", "typ": "JWT"}, {"sub": "me", "iat": now_s, "exp": now_s + 3600})
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        answer = json.dumps({"access_token": ".".join([*encoded, "c2ln"]), "expires_in": 3600}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.asked.append(base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_librdkafka_asks_the_oauth_server_for_a_token() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _TokenServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        properties = {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.jaas.config": login(OAUTH, clientId="id", clientSecret="s"),
            "sasl.login.callback.handler.class": OAUTH_HANDLER,
            OAUTH_URL: f"http://127.0.0.1:{server.server_port}/token",
        }
        producer = Producer(librdkafka_properties("127.0.0.1:1", properties) | {"log_level": 0})
        wait_until(lambda: producer.poll(0.05) or _TokenServer.asked, deadline_s=DEADLINE_S, what="it asks for a token")
        server.shutdown()
    assert _TokenServer.asked[0] == "id:s"


def test_every_secret_is_a_property_that_can_stand_there() -> None:
    for key in SECRETS:
        with pytest.raises(PropertyError) as caught:
            librdkafka_properties(SERVERS, {key: "?", "not.known": ""})
        assert caught.value.key == ("not.known" if key == "ssl.key.password" else key)


def test_a_job_has_them_for_either_client() -> None:
    job = make_job(
        bootstrap_servers=SERVERS,
        kafka_properties={"ssl.truststore.type": "PEM", "ssl.truststore.location": "/ca.pem"},
    )
    assert job.librdkafka_properties() == {"bootstrap.servers": SERVERS, "ssl.ca.location": "/ca.pem"}
