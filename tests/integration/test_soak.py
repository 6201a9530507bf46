"""A soak test watches real processes, verifies windows as it goes on, and ends in good order when it is told to."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from engines.contract.keys import window_key
from harness.clients.s3_archive import Bucket
from harness.experiments.soak.running_verifier import Verifier
from harness.faults.plan import DueFault
from harness.services.backing import Backing
from harness.services.redis import start_redis
from tests.integration.ringbench import SMALL, Outcome, Ringbench, outcome, write_scenario
from workloads.truth import counts_between
from workloads.workload import Workload, WorkloadSpecification

pytestmark = pytest.mark.integration

WORKLOAD = Workload(
    WorkloadSpecification(
        seed=3, rate_records_per_s=50, warmup_s=5, duration_s=1000, partitions=2, allowed_lateness_ms=1000
    )
)
EPOCH_S = WORKLOAD.specification.epoch_s
#: Of the soak test without faults.
SHORT_S = 12


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """The baseline for `SHORT_S`, without faults."""
    directory = tmp_path_factory.mktemp("soak")
    scenario = write_scenario(directory)
    with Ringbench(directory, "soak", scenario, "--minutes", str(SHORT_S / 60), "--no-faults", "--json") as run:
        yield outcome(run)


def test_the_counts_are_verified_to_the_end(short: Outcome) -> None:
    assert short.result["valid"], short.result["invalid_reasons"]
    engine = short.engine("baseline")
    assert engine["verdict"] == "pass", engine["reasons"]
    sent = engine["correctness"]["expected_records"] + engine["correctness"]["dead_letters"]["expected"]
    assert sent == (SMALL["warmup_s"] + SHORT_S) * SMALL["rate_records_per_s"]


def test_every_process_has_its_resources_read(short: Outcome) -> None:
    (trial,) = short.result["soak"]["trials"]
    series = {(each["process"], each["resource"]): each["values"] for each in trial["series"]}
    # A look may come before a process is there, or after it has ended: there is nothing to be read then.
    seen = {key: [value for value in values if value is not None] for key, values in series.items()}
    for process in ("engine", "generator", "probe", "redis writer", "kafka", "redis", "s3", "ringbench"):
        for resource in ("memory", "descriptors", "threads"):
            assert seen[process, resource] and min(seen[process, resource]) > 0, (process, resource)
    for key in (("redis", "keys"), ("redis", "data"), ("redis", "stream"), ("kafka", "log"), ("run", "disk")):
        assert seen[key][-1] > seen[key][0], key
    assert seen["engine", "checkpoint"][-1] > 0
    assert {len(values) for values in series.values()} == {len(trial["t_s"])}


def test_what_was_too_short_to_be_judged_is_no_pass(short: Outcome) -> None:
    assert short.result["soak"]["trials"][0]["verdict"] == "not judged"
    assert short.code == 1
    assert "nothing was there for long enough to be judged" in short.stderr
    assert (short.directory / "figures" / "soak.png").stat().st_size > 10_000


def test_ctrl_c_in_the_middle_of_a_fault_heals_it_and_tells_what_was_seen(tmp_path: Path) -> None:
    # By this seed, the fault comes as early as can be.
    scenario = write_scenario(tmp_path, seed=11, allowed_lateness_ms=60_000)
    with Ringbench(tmp_path, "soak", scenario, "--minutes", "1.25", "--faults-per-hour", "48", "--json") as run:
        run.wait_for_text("begins")
        run.send(signal.SIGINT)
        found = outcome(run)
    assert found.code == 130
    assert found.result["interrupted"] and found.result["soak"]["interrupted"]
    (trial,) = found.result["soak"]["trials"]
    assert trial["ended_early"] == "Ctrl-C" and len(trial["t_s"]) > 5
    (fault,) = found.result["resilience"]["faults"]
    assert fault["started_s"] < fault["healed_s"]
    assert "was ended by Ctrl" in (found.directory / "report.md").read_text(encoding="utf-8")


@pytest.fixture
def backing(tmp_path: Path) -> Iterator[Backing]:
    """A Redis, and nothing else."""
    service = start_redis(tmp_path, progress=lambda _text: None)
    try:
        yield Backing("unused:1", service.url, "cdr", Bucket(None, "unused"), {})
    finally:
        service.stop()


def _count(backing: Backing, start_s: int, end_s: int, *, less: int = 0) -> None:
    """Have Redis hold what an engine must count; with `less`, a cell of the first window too little by that."""
    counts = counts_between(WORKLOAD, start_s, end_s)
    cell = min(counts)
    counts[cell] -= less
    with redis.Redis.from_url(backing.redis_url) as client:
        for each, count in counts.items():
            client.hset(window_key("cdr", each.window_s), f"{each.location}|{each.operator}|{each.type}", str(count))


def test_windows_are_verified_once_they_are_old_enough(backing: Backing) -> None:
    _count(backing, 0, 120)
    verifier = Verifier(WORKLOAD, backing, [])
    for t_s in (0, 60 + 121 - 5 - 1):  # an age counts from the load's start, 5 s before the measured time
        verifier.look(t_s)
        assert (verifier.until_s, verifier.parts) == (0, None)
    verifier.look(60 + 121 - 5)
    verifier.look(120 + 121 - 5)
    assert verifier.until_s == 120 and verifier.parts
    assert verifier.parts.expected_records == 120 * 50
    assert (verifier.parts.lost_records, verifier.parts.surplus_records, verifier.wrong) == (0, 0, [])


def test_a_wrong_count_gets_a_second_look_and_is_wrong_then(backing: Backing) -> None:
    _count(backing, 0, 60, less=1)
    verifier = Verifier(WORKLOAD, backing, [])
    verifier.look(60 + 121)
    assert verifier.until_s == 0, "it may still come right"
    verifier.look(60 + 2 * 121)
    assert verifier.until_s == 60 and verifier.parts and verifier.parts.lost_records == 1
    (cell,) = verifier.wrong
    assert cell.window_s == EPOCH_S and (cell.observed or 0) + 1 == cell.expected


def test_nothing_is_verified_during_a_fault_or_while_redis_is_away(backing: Backing) -> None:
    _count(backing, 0, 60)
    verifier = Verifier(WORKLOAD, backing, [DueFault("redis-lost", 175, 5)])
    verifier.look(181)
    assert verifier.until_s == 0
    away = Backing("unused:1", "redis://127.0.0.1:1/0", "cdr", Bucket(None, "unused"), {})
    other = Verifier(WORKLOAD, away, [])
    other.look(500)
    assert (other.until_s, other.parts) == (0, None)
    verifier.look(300)
    assert verifier.until_s == 60
