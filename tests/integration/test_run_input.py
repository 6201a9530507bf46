"""A run on what is a user's own.

Of data of the shape of Telecom Italia's grid, what is in the file is what is counted. Services that hold other things
hold them still afterwards.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
import yaml

from harness.clients.s3_client import s3_client
from harness.processes.process import wait_until
from tests.deadlines import DEADLINE_S
from tests.integration.ringbench import SMALL, Outcome, Ringbench, Services, outcome

pytestmark = pytest.mark.integration

START_MS, INTERVAL_MS, INTERVALS, SQUARES = 1_383_260_400_000, 600_000, 3, 25
#: Half an hour of the data in six seconds.
SPEED, WARMUP_S = 300, 2
#: Those that are not part of the main job follow; they make topics of their own.
ENGINES = ["baseline", "kstreams", "quix"]


@dataclass(frozen=True)
class Replayed:
    """The outcome of the run, and how many texts and calls stand in its file."""

    outcome: Outcome
    records: int


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory, services: Services) -> Iterator[Replayed]:
    directory = tmp_path_factory.mktemp("input")
    own, records = _write_input(directory)
    pace = ("--speed", str(SPEED), "--warmup", str(WARMUP_S), "--skip-bad-lines", "--json")
    engines = [word for name in ENGINES for word in ("--engine", name)]
    scenario = directory / "scenario.yaml"
    scenario.write_text(
        yaml.safe_dump({"name": "replay"} | {key: SMALL[key] for key in ("limits", "rehearsal_s")}), encoding="utf-8"
    )
    arguments = ["run", str(scenario), *own, *pace, *engines, *services.arguments()]
    with _left_as_it_was(services), Ringbench(directory, *arguments, env=services.environment()) as run:
        yield Replayed(outcome(run), records)


def _write_input(directory: Path) -> tuple[list[str], int]:
    """Write a file with a bad row, and its map. Returns the options that name them, and the number of records."""
    rows, records = [], 0
    for interval in range(INTERVALS):
        for square in range(1, SQUARES + 1):
            counts = [(square * 7 + interval * 3 + kind * 5) % 40 for kind in range(4)]
            records += sum(counts)
            rows.append("\t".join(map(str, [square, START_MS + interval * INTERVAL_MS, 39, *counts, 1.5])))
    rows.insert(30, f"7\t{START_MS}\t39\tmany\t1\t1\t1\t0.5")
    (directory / "grid.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (directory / "map.yaml").write_text("layout: activity\n", encoding="utf-8")
    return ["--input", str(directory / "grid.tsv"), "--input-map", str(directory / "map.yaml")], records


@contextmanager
def _left_as_it_was(services: Services) -> Iterator[None]:
    """Let the services hold other things first; at the end, they must hold these and nothing else."""
    s3_client(services.s3_endpoint, services.s3_credentials).put_object(Bucket=services.bucket, Key="theirs", Body=b"1")
    with redis.Redis.from_url(services.redis, protocol=2, decode_responses=True) as client:
        client.set("theirs", "1")
        client.set("cdr:theirs", "1")
        before = services.topics(), services.objects(), set(client.keys())
        yield
        wait_until(lambda: services.topics() == before[0], deadline_s=DEADLINE_S, what="the run's topics are deleted")
        assert (services.topics(), services.objects(), set(client.keys())) == before


def test_a_run_takes_only_its_own_from_the_users_services(replayed: Replayed) -> None:
    """What it left is asked at the end."""
    assert replayed.outcome.result["environment"]["services"]["kafka"] == "external"
    verdicts = {each["name"]: each["verdict"] for each in replayed.outcome.result["engines"]}
    assert verdicts == dict.fromkeys(ENGINES, "pass")


def test_every_record_of_the_file_is_sent_and_counted(replayed: Replayed) -> None:
    found = replayed.outcome
    assert found.result["valid"], found.result["invalid_reasons"]
    assert found.code == 0, found.stderr
    for engine in found.result["engines"]:
        assert engine["verdict"] == "pass" and engine["correctness"]["lost_records"] == 0
        assert engine["generator"]["sent_records"] == engine["generator"]["acked_records"] == replayed.records
    assert found.result["truth"]["agrees_with_seed"], "the archive holds what was prepared"
    assert found.result["truth"]["records"] == replayed.records


def test_the_input_stands_in_result_and_report(replayed: Replayed) -> None:
    found = replayed.outcome
    given = found.result["input"]
    assert (given["rows_read"], given["rows_skipped"]) == (INTERVALS * SQUARES + 1, 1)
    assert given["records"] == given["records_sent"] == replayed.records
    assert given["bad_rows"][0].split(": ")[0].endswith("grid.tsv:31") and "found 'aaaa'" in given["bad_rows"][0]
    assert given["timezone"] == "UTC" and "are bad" in given["warnings"][0]
    report = (found.directory / "report.md").read_text(encoding="utf-8")
    assert given["files"][0]["sha256"] in report and "grid.tsv:31" in report


def test_a_bad_row_ends_it_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(f"7\t{START_MS}\t39\tmany\t1\t1\t1\t0.5\n", encoding="utf-8")
    (tmp_path / "map.yaml").write_text("layout: activity\n", encoding="utf-8")
    own = ("--input", str(tmp_path / "a.tsv"), "--input-map", str(tmp_path / "map.yaml"))
    with Ringbench(tmp_path, "run", *own, "--engine", "baseline") as run:
        assert run.end() == 2
        assert "a.tsv:1" in run.stderr and "found 'aaaa'" in run.stderr and "Kafka" not in run.stderr
