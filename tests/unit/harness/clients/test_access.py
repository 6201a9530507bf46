"""Files that say how to get into the user's own services: read, checked, and their secrets left out of everything."""

import re
from pathlib import Path

import pytest

from harness.clients.credentials import PASSWORD_VARIABLE, read_kafka_properties, redis_address
from harness.console.redaction import redact
from harness.errors import ConfigurationError, UsageError

LOGIN = r"""
# A comment
security.protocol=SASL_SSL
sasl.mechanism : PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
    username="me" \
    password="hush-1";
ssl.truststore.type=PEM
ssl.truststore.location=ca.pem
"""


@pytest.fixture(autouse=True)
def no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user's own environment says is not for these tests."""
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)


def written(directory: Path, text: str, mode: int = 0o600) -> Path:
    """A properties file, and the certificates that it may name."""
    (directory / "ca.pem").write_text("certificates", encoding="ascii")
    path = directory / "client.properties"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_file_of_kafkas_is_read_as_kafka_reads_it(tmp_path: Path) -> None:
    found = read_kafka_properties(written(tmp_path, LOGIN))
    assert found == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required "
        'username="me" password="hush-1";',
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(tmp_path / "ca.pem"),
    }
    assert redact("password hush-1 of me") == "password *** of me"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("security.protocol=SSL\n\nacks=all\n", "line 3: `acks` is not known"),
        ("a\\\n=1\nssl.truststore.location=x\n", "line 3: `ssl.truststore.location` .*x cannot be read: No such file"),
        ("security.protocol=SSL\nsecurity.protocol=SSL\n", "line 2: `security.protocol` stands in line 1 already"),
        ("# x\nsecurity.protocol=\\u12\n", "line 2: `.u` is to be followed by four hexadecimal digits"),
        ("ssl.truststore.location=ca.pem\n", "line 1: `ssl.truststore.location` needs ssl.truststore.type=PEM"),
    ],
)
def test_what_is_wrong_in_a_file_of_kafkas_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_kafka_properties(written(tmp_path, text))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_password_that_others_can_get_at_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path, LOGIN, mode)
    with pytest.raises(ConfigurationError, match=f"mode is {mode:o}.*`sasl.jaas.config`") as caught:
        read_kafka_properties(path)
    assert caught.value.fix == f"chmod 600 {path}"
    assert read_kafka_properties(written(tmp_path, "security.protocol=SSL\n", mode)) == {"security.protocol": "SSL"}


@pytest.mark.parametrize(("content", "words"), [(None, "No such file"), (b"\xff", "not UTF-8")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "client.properties"
    if content:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"client.properties: cannot be read: .*{words}"):
        read_kafka_properties(path)


def test_an_address_of_redis_without_more_stays_as_it_is() -> None:
    for url in ("redis://cache:6379/0", "rediss://cache/2", "redis://me@cache:1/0?protocol=3"):
        assert redis_address(url, in_arguments=True) == url.replace("me@", "me:@")


def test_user_password_and_authorities_come_from_a_file(tmp_path: Path) -> None:
    path = written(tmp_path, "username=me\npassword=hu/sh@2\ntls.ca.location=ca.pem\n")
    ca = str(tmp_path / "ca.pem").replace("/", "%2F")
    assert redis_address("rediss://cache:1/0", path) == f"rediss://me:hu%2Fsh%402@cache:1/0?ssl_ca_certs={ca}"
    assert redact("hu/sh@2 and hu%2Fsh%402") == "*** and ***"


def test_a_password_comes_from_the_environment_unless_a_file_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "hush-3")
    assert redis_address("redis://cache:1/0") == "redis://:hush-3@cache:1/0"
    assert redis_address("redis://me@cache:1/0") == "redis://me:hush-3@cache:1/0"
    assert redis_address("redis://me:hush-4@cache:1/0") == "redis://me:hush-3@cache:1/0"
    assert redis_address("redis://cache:1/0", written(tmp_path, "password=hush-5")) == "redis://:hush-5@cache:1/0"


def test_a_password_in_an_argument_is_refused() -> None:
    with pytest.raises(UsageError, match="every user of this machine can see it") as caught:
        redis_address("redis://me:hush-6@cache:1/0", in_arguments=True)
    assert "hush-6" not in str(caught.value)
    assert redis_address("redis://me:hush-6@cache:1/0") == "redis://me:hush-6@cache:1/0"


@pytest.mark.parametrize("key", ["password", "username", "ssl_password"])
def test_a_login_in_the_query_is_refused_wherever_the_address_comes_from(key: str) -> None:
    with pytest.raises(UsageError, match=f"`{key}` in the query") as caught:
        redis_address(f"redis://cache:1/0?protocol=3&{key}=hush-8")
    assert PASSWORD_VARIABLE in str(caught.value.fix)
    assert "hush-8" not in caught.value.message + str(caught.value.fix)


@pytest.mark.parametrize(
    "url", ["redis://me:hu/sh@c:1/0", "redis://me:hu#sh@c:1", "redis://:hu?sh@c:1/0", "hush", "redis://[sh"]
)
def test_an_address_that_a_password_has_cut_short_is_one_error_without_it(url: str) -> None:
    with pytest.raises(UsageError, match="no address of a Redis") as caught:
        redis_address(url)
    assert "/ as %2F" in str(caught.value.fix)
    assert not {"hu", "sh"} & set(re.split(r"\W", caught.value.message + str(caught.value.fix)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("user=me\n", "line 1: `user` is not known; known are username, password, tls.ca.location"),
        ("username=me\ntls.ca.location=ca.pem\n", "line 2: `tls.ca.location` is for TLS: give --redis rediss://"),
    ],
)
def test_what_is_wrong_in_a_file_for_redis_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        redis_address("redis://cache:1/0", written(tmp_path, text))


def test_a_password_for_redis_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"others than you can read it .*`password`"):
        redis_address("redis://cache:1/0", written(tmp_path, "password=hush-7\n", 0o644))
