"""The live map from the command line: of a run as it goes on, and of a Redis."""

import json
import signal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import redis
from websockets.sync.client import connect

from harness.keys import window_key
from tests.integration.ringbench import RUN_DEADLINE_S, Ringbench, Services, outcome, write_scenario
from workloads.workload import CELL_NUMBERS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(RUN_DEADLINE_S)]

MAP = r"the live map is at (http://127\.0\.0\.1:\d+)/"
CELL = ("06037", "AT&T", "call")
WINDOW_S = 1_767_225_600


def _page(url: str) -> str:
    with urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
        return str(answer.read().decode())


def _messages(url: str, wanted: int) -> list[dict[str, Any]]:
    with connect(url.replace("http:", "ws:") + "/ws", open_timeout=30) as client:
        return [json.loads(client.recv(timeout=30)) for _ in range(wanted)]


def test_a_run_shows_its_map_while_it_goes_on(tmp_path: Path) -> None:
    with Ringbench(tmp_path, "run", write_scenario(tmp_path), "--view", "--json") as run:
        url = run.wait_for_text(MAP)[1]
        run.wait_for_text("baseline: load")
        assert "<!doctype html>" in _page(url).lower()
        hello, *frames = _messages(url, 12)
        found = outcome(run)
    assert hello["type"] == "hello" and len(hello["counties"]) == 58
    assert frames[0]["type"] == "snapshot"
    assert sum(len(frame["cells"]) for frame in frames) > 0, "counts came while the load went on"
    assert found.code == 0, found.stderr


def test_the_map_of_a_redis_shows_what_it_holds_and_goes_with_ctrl_c(services: Services, tmp_path: Path) -> None:
    name = window_key("cdr:map", WINDOW_S)
    with redis.Redis.from_url(services.redis, protocol=2) as client:
        client.hset(name, "|".join(CELL), "17")
        try:
            with Ringbench(tmp_path, "view", "--redis", services.redis, "--namespace", "cdr:map") as run:
                url = run.wait_for_text(MAP)[1]
                cells = [cell for message in _messages(url, 3) for cell in message.get("cells", [])]
                run.send(signal.SIGINT)
                assert run.end() == 130
                run.wait_until_gone()
        finally:
            client.delete(name)
    assert cells[:3] == [WINDOW_S, CELL_NUMBERS[CELL], 17]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--redis", "redis://127.0.0.1:6379/0", "--host", "0.0.0.0"), 2, ("0.0.0.0", "RINGBENCH_VIEW_TOKEN")),  # noqa: S104
        (("--redis", "redis://127.0.0.1:1/0"), 4, ("127.0.0.1:1", "check the address")),
    ],
)
def test_what_cannot_be_shown_is_said(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: tuple[str, ...]
) -> None:
    with Ringbench(tmp_path, "view", *arguments) as run:
        assert run.end() == code
        assert [word for word in words if word not in run.stderr] == []
        run.wait_until_gone()
