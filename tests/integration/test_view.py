"""The map from the command line: of a run as it goes on, of a Redis, and of a finished run."""

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import redis
from websockets.sync.client import connect

from engines.contract.keys import window_key
from harness.clients.credentials import without_login
from harness.measurement.recording import read_recording
from harness.processes.process import wait_until
from harness.scenarios.loading import load_scenario
from tests.deadlines import DEADLINE_S
from tests.integration.conftest import MAIN_ENGINES, MAIN_RATE_RECORDS_PER_S
from tests.integration.ringbench import (
    MAP,
    SMALL,
    Outcome,
    Ringbench,
    Services,
    outcome,
    redis_password,
    write_scenario,
)
from tests.integration.viewers import Page
from workloads.cells import CELL_NUMBERS, CELLS
from workloads.truth import expected_counts
from workloads.workload import Workload

pytestmark = pytest.mark.integration

REPLAY = r"the replay is at (http://127\.0\.0\.1:\d+)/"
CELL = ("06037", "AT&T", "call")
WINDOW_S = 1_767_225_600
FOR_ALL_COUNTIES = {"rate_records_per_s": MAIN_RATE_RECORDS_PER_S}


def _page(url: str) -> str:
    with urlopen(url, timeout=DEADLINE_S) as answer:  # noqa: S310 - loopback
        return str(answer.read().decode())


def _messages(url: str, wanted: int) -> list[dict[str, Any]]:
    with connect(url.replace("http:", "ws:") + "/ws", open_timeout=30) as client:
        return [json.loads(client.recv(timeout=DEADLINE_S)) for _ in range(wanted)]


def _sent(scenario: str) -> dict[tuple[int, int], int]:
    """By window and number of the cell, what the seed says of a scenario."""
    counts = expected_counts(Workload(load_scenario(scenario, {}).workload())).counts
    return {
        (cell.window_s, CELL_NUMBERS[cell.location, cell.operator, cell.type]): count for cell, count in counts.items()
    }


def test_the_map_of_a_run_ends_with_the_counts_that_were_proven_right_for_every_county(
    main_run: Outcome, tmp_path: Path
) -> None:
    assert main_run.page
    # The run's verdict says that Redis held exactly these.
    assert main_run.engine(MAIN_ENGINES[-1])["verdict"] == "pass"
    shown = {(window_s, cell): count for window_s, cell, count in main_run.page["counts"]}
    assert shown == _sent(write_scenario(tmp_path, **FOR_ALL_COUNTIES))
    assert len({CELLS[cell][0] for _, cell in shown}) == len(main_run.page["hello"]["counties"]) == 58
    assert main_run.page["gaps"] == 0 and main_run.page["taken"] > 10


@pytest.mark.proof
def test_the_map_of_a_run_marks_a_surge(tmp_path: Path) -> None:
    surge = {"county": "Fresno", "at_s": 24, "duration_s": 8, "factor": 3.0}
    scenario = write_scenario(tmp_path, **FOR_ALL_COUNTIES, duration_s=36, surges=[surge])
    with Ringbench(tmp_path, "run", scenario, "--view", "--json") as run:
        url = run.wait_for_text(MAP)[1]
        address = f"{url.replace('http:', 'ws:')}/ws"
        # Legacy: connected at once, and not by a with statement.
        with Page(connect(address, compression=None, max_size=None, legacy=True)) as page:
            found = outcome(run)
            page.wait_for_close()
    assert found.engine("baseline")["verdict"] == "pass"
    assert page.counts[0] == _sent(scenario)
    [anomaly] = page.events[0]
    assert page.hello["counties"][anomaly["county"]][1] == "Fresno"
    assert 0 <= anomaly["since_s"] - (WINDOW_S + SMALL["warmup_s"] + surge["at_s"]) <= 3


def test_the_map_of_a_redis_shows_what_it_holds_and_goes_with_ctrl_c(services: Services, tmp_path: Path) -> None:
    name = window_key("cdr:map", WINDOW_S)
    with redis.Redis.from_url(services.redis, protocol=2) as client:
        client.hset(name, "|".join(CELL), "17")
        try:
            address, login = without_login(services.redis), redis_password(services.redis)
            with Ringbench(tmp_path, "view", "--redis", address, "--namespace", "cdr:map", env=login) as run:
                url = run.wait_for_text(MAP)[1]
                assert "<!doctype html>" in _page(url).lower()
                rows = [row for message in _messages(url, 3) for row in message.get("windows", [])]
                run.send(signal.SIGINT)
                assert run.end() == 130
                run.wait_until_gone()
        finally:
            client.delete(name)
    assert rows[0] == [WINDOW_S, CELL_NUMBERS[CELL], 17]


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


# Replays


def _by_county(counts: dict[tuple[int, int], int]) -> Counter[str]:
    total: Counter[str] = Counter()
    for (_, cell), count in counts.items():
        total[CELLS[cell][0]] += count
    return total


def _wait_for_sides(page: Page, expected: Counter[str]) -> None:
    """Wait until both sides show these counts of the counties."""
    wait_until(
        lambda: all(_by_county(page.counts[side]) == expected for side in (0, 1)),
        deadline_s=DEADLINE_S,
        what="every county has its count on both sides",
    )


def _sent_by_county(directory: Path) -> Counter[str]:
    """What the main run has counted, from the seed."""
    total: Counter[str] = Counter()
    scenario = load_scenario(write_scenario(directory, **FOR_ALL_COUNTIES), {})
    for cell, count in expected_counts(Workload(scenario.workload())).counts.items():
        total[cell.location] += count
    return total


def test_a_finished_run_is_replayed_side_by_side_up_to_its_last_count(main_run: Outcome, tmp_path: Path) -> None:
    expected = _sent_by_county(tmp_path)
    assert len(expected) == 58
    engines = ["--engine", "flink", "--engine", "baseline"]
    with Ringbench(tmp_path, "view", "--run", str(main_run.directory), *engines, "--speed", "20") as run:
        socket = connect(run.wait_for_text(REPLAY)[1].replace("http:", "ws:") + "/ws", max_size=None, legacy=True)
        with Page(socket) as page:
            assert (page.hello["mode"], page.hello["sides"]) == ("replay", ["flink", "baseline"])
            assert page.hello["title"] == main_run.result["run_id"]
            _wait_for_sides(page, expected)
            assert [page.frames[side]["lag_ms"] > 0 for side in (0, 1)] == [True, True]
            page.send({"type": "replay", "action": "pause"})
            page.send({"type": "replay", "action": "seek", "value": 0})
            _wait_for_sides(page, Counter())
            page.send({"type": "replay", "action": "seek", "value": 10**9})
            _wait_for_sides(page, expected)
            assert page.gaps == 0
        run.send(signal.SIGINT)
        assert run.end() == 130
        run.wait_until_gone()
        assert list(run.temp.iterdir()) == []


def test_a_recording_holds_every_update_that_the_result_counts(main_run: Outcome) -> None:
    for engine in main_run.result["engines"]:
        (trial,) = engine["trials"]
        recording = read_recording(main_run.directory / trial["recording"])
        assert (recording.name, recording.notes) == (engine["name"], [])
        assert sum(each.count(b"=") for each in recording.updates) == trial["updates"]


def test_what_cannot_be_replayed_is_said(main_run: Outcome, tmp_path: Path) -> None:
    arguments = ("--run", main_run.result["run_id"], "--runs-dir", str(main_run.directory.parent), "--engine", "flnik")
    with Ringbench(tmp_path, "view", *arguments, env={"RINGBENCH_REDIS": "redis://127.0.0.1:1/0"}) as run:
        assert run.end() == 2
        assert "no engine 'flnik'" in run.stderr and "spark, flink, baseline" in run.stderr
        assert "Traceback" not in run.stderr
        run.wait_until_gone()
