"""Secrets are left out of whatever children say and write, however it comes to be shown or kept."""

import html
import json
import re
import shlex
import sys
from base64 import b64decode, b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from rich.console import Console

from harness.console import redaction
from harness.console.progress import ConsoleWatcher
from harness.console.redaction import conceal, redact, redact_all, secret_within
from harness.errors import ServiceError
from harness.processes.child import Child
from harness.session.directory import copy_logs, new_run_id

SECRET = 'hush "x/y\\z'  # noqa: S105 - no real one
#: Tells what it was given in every way that an engine can: as its configuration, as its end, and in its log.
LEAKY = """
import json, sys
secret = sys.stdin.read() or open(sys.argv[1], encoding="utf-8").read()
print(f"trying with {secret}", file=sys.stderr)
print(json.dumps({"password": secret}), file=sys.stderr)
print(json.dumps({"event": "ready", "at_ms": 1, "version": "1", "config": {"a": [secret], "n": 5, "b": secret}}))
print(json.dumps({"event": "failed", "at_ms": 2, "error": f"refused: {secret}"}))
sys.exit(1)
"""


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the one secret."""
    monkeypatch.setattr(redaction, "_secrets", set())
    conceal(SECRET, "", None)


@pytest.fixture
def leaky(tmp_path: Path) -> Child:
    """A child that has told everything, and ended."""
    (tmp_path / "secret").write_text(SECRET, encoding="utf-8")
    argv = [sys.executable, "-c", LEAKY, str(tmp_path / "secret")]
    with Child("leaky", argv, log_path=tmp_path / "work" / "trial" / "leaky.log") as child:
        child.wait_for("failed", 30)
    return child


def test_what_a_child_tells_has_no_secrets(leaky: Child) -> None:
    ready = leaky.wait_for("ready", 1)
    assert ready.fields["config"] == {"a": ["***"], "n": 5, "b": "***"}
    assert leaky.wait_for("failed", 1).fields["error"] == "refused: ***"
    with pytest.raises(ServiceError) as caught:
        leaky.wait_for("stopped", 1)
    assert "hush" not in str(caught.value)


def test_the_end_of_a_log_that_is_shown_has_no_secrets(leaky: Child) -> None:
    assert SECRET in leaky.process.log_path.read_text(encoding="utf-8"), "the log itself is private, and whole"
    assert leaky.process.log_tail().splitlines() == ["trying with ***", '{"password": "***"}']


@pytest.mark.usefixtures("leaky")
def test_logs_that_are_kept_have_no_secrets(tmp_path: Path) -> None:
    copy_logs(tmp_path / "work", tmp_path / new_run_id())
    (kept,) = tmp_path.glob("*-*/trial/leaky.log")
    assert kept.read_text(encoding="utf-8").splitlines() == ["trying with ***", '{"password": "***"}']


def test_what_people_are_told_has_no_secrets() -> None:
    console = Console(record=True, width=200, file=Path("/dev/null").open("w"))  # noqa: SIM115 - the console's
    with ConsoleWatcher(console) as watcher:
        watcher.note(f"the server says {SECRET}")
    assert "the server says ***" in console.export_text()


def test_secrets_are_found_as_they_stand_in_urls_and_in_json() -> None:
    assert redact(f"redis://:hush%20%22x%2Fy%5Cz@host {json.dumps(SECRET)} {SECRET}") == 'redis://:***@host "***" ***'
    assert redact("nothing here") == "nothing here"


def test_the_longer_of_two_secrets_goes_first() -> None:
    conceal("hush")
    assert redact(f"{SECRET}|hush|hus") == "***|***|hus"


@pytest.mark.parametrize(
    "form",
    [
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        json.dumps(json.dumps({"to": SECRET})),
        html.escape(SECRET),
        shlex.quote(SECRET),
        repr(SECRET),
        "Authorization: Basic " + b64encode(f"me:{SECRET}".encode()).decode(),
        "sent " + b64encode(f"{{'a': '{SECRET}', 'b': 1}}".encode()).decode(),
        urlsafe_b64encode(f"a:{SECRET}".encode()).decode(),
    ],
)
def test_secrets_are_found_in_every_form_that_they_are_written_in(form: str) -> None:
    shown = redact(f"before {form} after")
    assert shown.startswith("before ") and shown.endswith(" after") and "***" in shown
    decoded = "".join(
        b64decode(each[: len(each) // 4 * 4]).decode("latin-1") for each in re.findall(r"[A-Za-z0-9+/]{6,}", shown)
    )
    assert "hush" not in shown.lower() + decoded.lower()


def test_a_short_secret_hides_no_words_that_it_is_part_of_and_is_hidden_wherever_it_stands_alone() -> None:
    conceal("flink")
    config = {"class": "org.apache.flink.Sink", "dir": "/x/flink/1", "jar": "flink-dist.jar", "n": "flinks"}
    assert redact_all(config) == config
    said = 'password=flink "flink" redis://:flink@host the password is flink. (flink)'
    assert redact(said) == 'password=*** "***" redis://:***@host the password is ***. (***)'


def test_what_stands_where_secrets_stand_is_hidden_without_being_known() -> None:
    assert redact_all({"ssl.key.password": "unknown", "password": "", "fs.azure.account.key.a.net": "k"}) == {
        "ssl.key.password": "***",
        "password": "",
        "fs.azure.account.key.a.net": "***",
    }
    for text, shown in {
        "-Dx.password=a-b -Dx.other=c": "-Dx.password=*** -Dx.other=c",
        "http://127.0.0.1:1/?token=abc&x=1": "http://127.0.0.1:1/?token=***&x=1",
        "AWS_SECRET_ACCESS_KEY='a b'": "AWS_SECRET_ACCESS_KEY='***'",
        "ssl.keystore.password = [hidden]": "ssl.keystore.password = [hidden]",
        "kafka://me:pass@host:1": "kafka://me:***@host:1",
        "authorization: Bearer abc.def": "authorization: Bearer ***",
        "127.0.0.1:80: key: value, secrets: none, tokens=5": "127.0.0.1:80: key: value, secrets: none, tokens=5",
    }.items():
        assert redact(text) == shown


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("-Xmx1g -Dx.password=a", "-Dx.password"),
        ("--conf spark.app.token=a", "spark.app.token"),
        ("-Djavax.net.ssl.trustStorePassword=a", "-Djavax.net.ssl.trustStorePassword"),
        ("redis://me:a@cache:1/0", "a password in a URL"),
        ("-Xmx1g -Dx.tokens=5 -Dx.secretBitLength=256 -Dfetch-token=true", None),
    ],
)
def test_values_that_give_a_secret_away_are_told(text: str, name: str | None) -> None:
    assert secret_within(text) == name


def test_values_that_are_no_text_stay() -> None:
    assert redact_all({SECRET: [1, None, True, 2.5, {"x": SECRET}]}) == {SECRET: [1, None, True, 2.5, {"x": "***"}]}
