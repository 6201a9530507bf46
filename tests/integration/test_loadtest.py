"""The load test from the command line: of a viewer that is there, and of one that shows an engine at work."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest
import redis

from harness.processes.process import wait_until
from harness.services.ports import free_port
from harness.services.redis import RedisService, start_redis
from tests.deadlines import DEADLINE_S
from tests.integration.ringbench import Ringbench, command_line, outcome, write_scenario
from tests.integration.traffic import Traffic
from tests.integration.viewers import Page, Viewer, Writer, in_redis

pytestmark = pytest.mark.integration

UI = r"Locust's web UI is at (http://127\.0\.0\.1:\d+)/"
TOKEN = "a-secret-token"  # noqa: S105
#: So generous that a busy machine does not decide a test.
BOUND = ("--max-push-ms", "20000", "--max-lag-ms", "20000")


class Feed:
    """Writes a second's counts ten times a second, whether Redis is there or not, until it is left."""

    def __init__(self, redis_url: str) -> None:
        self._writer, self._traffic = Writer(redis_url, "cdr"), Traffic(600)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Write no more."""
        self._stop.set()
        self._thread.join(DEADLINE_S)

    def _write(self) -> None:
        for number in count():
            with suppress(redis.ConnectionError):
                self._writer.write(self._traffic.second(number))
            if self._stop.wait(0.1):
                return


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RedisService]:
    """A Redis that nothing but the test uses."""
    server = start_redis(tmp_path / "redis", progress=print)
    yield server
    server.stop()


def _loadtest(run: Ringbench) -> tuple[int, dict[str, Any]]:
    """The exit code, and what was found, of a load test that saves a file of its own."""
    code = run.end()
    saved = list(run.runs.rglob("loadtest.json"))
    assert saved, run.stderr
    assert "Traceback" not in run.stderr
    assert run.processes() == [] and list(run.temp.iterdir()) == []
    assert (saved[0].parent / "loadtest.png").read_bytes()[:4] == b"\x89PNG"
    found: dict[str, Any] = json.loads(saved[0].read_text(encoding="utf-8"))
    return code, found


def test_a_search_finds_that_a_few_users_are_held_and_that_they_see_the_right_counts(
    store: RedisService, tmp_path: Path
) -> None:
    with Feed(store.url), Viewer(tmp_path / "viewer", redis_url=store.url, max_rate_hz=8.0) as viewer:
        options = ("--headless", "--shape", "search", "--users", "20", "--max-users", "40", "--json", *BOUND)
        with Ringbench(tmp_path, "loadtest", "--url", viewer.url, *options) as run:
            code, found = _loadtest(run)
            assert json.loads(run.stdout) == found
    dashboard = found["dashboard"]
    [load] = dashboard["loads"]
    assert dashboard["max_rate_hz"] == 8
    assert (load["failures"], load["reasons"]) == (0, {})
    assert [(level["users"], level["held"]) for level in dashboard["search"]["levels"]] == [
        (20, True),
        (40, True),
        (40, True),
    ]
    assert (dashboard["search"]["held_users"], dashboard["search"]["at_least"]) == (40, True)
    assert load["agreeing_users"] == load["checked_users"] == 2
    assert load["compared_cells"] > 1000
    assert load["push_ms"]["count"] > 0 and load["pages_ms"]["count"] > 0
    assert load["push_ms"]["p50"] >= load["newest_ms"]["p50"] > 0
    assert code == 0, run.stderr


def test_users_come_back_after_restarts_of_the_viewer_and_of_redis_and_see_the_right_counts(
    store: RedisService, tmp_path: Path
) -> None:
    job = {"redis_url": store.url, "port": free_port(), "max_rate_hz": 8.0}
    with Feed(store.url) as feed:
        first = Viewer(tmp_path / "first", **job)
        options = ("--headless", "--users", "30", "--duration", "30", *BOUND)
        with Ringbench(tmp_path, "loadtest", "--url", first.url, *options) as run:
            run.wait_for_text(r"\b30 users, all there")
            first.process.kill()
            with Viewer(tmp_path / "second", **job) as second:
                wait_until(lambda: second.metrics()["clients"] >= 30, deadline_s=DEADLINE_S, what="all are back")
                store.process.kill()
                wait_until(lambda: second.metrics()["redis"] == "down", deadline_s=DEADLINE_S, what="Redis is down")
                store.start_again(keep=False)
                code, found = _loadtest(run)
                feed.stop()
                with Page(second.connect()) as page:
                    page.wait_for(in_redis(store.url, "cdr"))
    [load] = found["dashboard"]["loads"]
    # By reasons, since the others are counted by whole seconds of the measured time.
    assert sum(load["reasons"].values()) >= 30, "an outage that somebody does not report"
    assert load["failures"] > 0
    assert load["recoveries_ms"]["count"] >= 30
    assert load["agreeing_users"] == load["checked_users"] == 2
    assert load["compared_cells"] > 0
    assert code == 1, "a load with failures is not held"


def test_a_person_starts_users_in_the_web_ui_and_ctrl_c_ends_and_saves(store: RedisService, tmp_path: Path) -> None:
    command, token = ("loadtest", "--url"), {"RINGBENCH_VIEW_TOKEN": TOKEN}
    with (
        Feed(store.url),
        Viewer(tmp_path / "viewer", redis_url=store.url, token=TOKEN) as viewer,
        Ringbench(tmp_path, *command, viewer.url, "--ui-port", "0", "--keep-logs", *BOUND, env=token) as run,
    ):
        ui = run.wait_for_text(UI)[1]
        with urlopen(f"{ui}/", timeout=DEADLINE_S) as page:  # noqa: S310 - loopback
            assert "locust" in page.read().decode().lower()
        assert _swarm(ui, {"Origin": "http://elsewhere.example"}) == 403
        assert _swarm(ui, {"Origin": ui}) == 200
        for foreign in ({"Sec-Fetch-Site": "cross-site"}, {"Referer": "http://elsewhere.example/"}):
            assert _status(Request(f"{ui}/stop", headers=foreign)) == 403  # noqa: S310 - loopback
        run.wait_for_text(r"\b10 users")
        arguments = ["\0".join(command_line(process)) for process in run.descendants()]
        run.send(signal.SIGINT)
        code, found = _loadtest(run)
    kept = [path.read_bytes() for path in run.runs.rglob("*") if path.is_file()]
    assert any(run.runs.rglob("load.log"))
    assert [each for each in (*kept, run.stderr.encode(), *map(str.encode, arguments)) if TOKEN.encode() in each] == []
    [load] = found["dashboard"]["loads"]
    assert (load["label"], load["failures"]) == ("web UI", 0)
    assert load["reasons"] == {}
    assert load["frames"] > 10
    assert code in (0, 1), "whether it was held is the machine's business"


def _swarm(ui: str, headers: dict[str, str]) -> int:
    """Have ten users started, as the web UI does. Returns the HTTP status."""
    form = urlencode({"user_count": 10, "spawn_rate": 10, "host": f"http://{urlsplit(ui).netloc}"}).encode()
    return _status(Request(f"{ui}/swarm", data=form, headers=headers))  # noqa: S310 - loopback


def _status(request: Request) -> int:
    try:
        with urlopen(request, timeout=DEADLINE_S) as answer:  # noqa: S310 - the same
            return int(answer.status)
    except HTTPError as error:
        return error.code


def test_an_engine_works_with_and_without_users_and_both_join_the_result_and_the_report(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path)
    options = ("--engine", "baseline", "--trials", "1", "--no-search", "--warmup", "6", "--duration", "8", *BOUND)
    with Ringbench(tmp_path, "loadtest", scenario, "--headless", "--users", "15", *options, "--json") as run:
        found = outcome(run)
    dashboard = found.result["dashboard"]
    [load] = dashboard["loads"]
    assert [engine["name"] for engine in found.result["engines"]] == ["baseline", "baseline-loaded"]
    assert [engine["verdict"] for engine in found.result["engines"]] == ["pass", "pass"]
    assert (load["label"], load["users"], load["failures"]) == ("baseline-loaded", 15, 0)
    assert load["agreeing_users"] == load["checked_users"] == 1
    assert dashboard["pipeline_p99_ratio"] == pytest.approx(
        found.engine("baseline-loaded")["latency_ms"]["p99"] / found.engine("baseline")["latency_ms"]["p99"]
    )
    costs = {each["name"] for each in found.engine("baseline-loaded")["trials"][0]["other_costs"]}
    assert {"viewer", "load test"} <= costs
    assert "The live map under load" in (found.directory / "report.md").read_text(encoding="utf-8")
    assert (found.directory / "figures" / "loadtest.png").is_file()
    assert found.code == 0, found.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--url", "http://127.0.0.1:1/", "--headless"), 2, ("--url http://127.0.0.1:1/", "ringbench view")),
        (("--url", "127.0.0.1:8000", "--headless"), 2, ("no HTTP address", "ringbench view")),
        (("--shape", "zigzag", "--headless"), 2, ("zigzag", "constant, ramp, step, spike or search")),
        (("--users", "0"), 2, ("--users", "greater than or equal to 1")),
        (("--join", "runs/none", "--headless"), 2, ("--join", "--url")),
        (("--engine", "storm", "--headless"), 2, ("storm", "baseline")),
    ],
)
def test_what_cannot_be_tested_is_said(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: tuple[str, ...]
) -> None:
    with Ringbench(tmp_path, "loadtest", *arguments) as run:
        assert run.end() == code
        assert [word for word in words if word not in run.stderr] == []
        run.wait_until_gone()
