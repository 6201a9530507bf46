"""Whole runs: right counts are proven right, wrong ones wrong, and what cannot be believed is not."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from jsonschema import Draft202012Validator

from engines.contract.aggregate import decode_key
from engines.contract.keys import UPDATES_FIELD, decode_updates, window_key
from harness.histogram import decode
from harness.processes import wait_until
from harness.scenario import load_scenario
from harness.services.s3 import s3_client
from tests.integration.ringbench import (
    FIXTURE_ENGINES,
    RUN_DEADLINE_S,
    SMALL,
    Outcome,
    Ringbench,
    Services,
    outcome,
    write_scenario,
)
from workloads.truth import ExpectedCounts, expected_counts
from workloads.workload import Workload

pytestmark = [pytest.mark.integration, pytest.mark.timeout(RUN_DEADLINE_S)]

SCHEMA = Path(__file__).parent.parent.parent / "docs" / "result.schema.json"
ENGINES = ["spark", "flink", "baseline"]
#: Those that are not part of the main job.
FURTHER_ENGINES = ["kstreams", "quix"]
STALL_S = 2.0
BASELINE = Path(__file__).parents[2] / "engines" / "baseline"


def expected_of(scenario: str) -> ExpectedCounts:
    """What the seed alone says of a scenario."""
    return expected_counts(Workload(load_scenario(scenario, {}).workload()))


# Engines that count right


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """A run of all engines on services of its own, with flame graphs."""
    directory = tmp_path_factory.mktemp("first")
    with Ringbench(directory, "run", write_scenario(directory, engines=ENGINES), "--json", "--profile") as run:
        yield outcome(run)


def test_every_engine_passes(first: Outcome) -> None:
    assert first.code == 0, first.stderr
    assert first.result["valid"] and first.result["invalid_reasons"] == []
    assert [(each["name"], each["verdict"], each["reasons"]) for each in first.result["engines"]] == [
        (name, "pass", []) for name in ENGINES
    ]


@pytest.mark.parametrize("name", ENGINES)
def test_every_count_is_right_and_every_malformed_line_accounted_for(first: Outcome, name: str, tmp_path: Path) -> None:
    expected = expected_of(write_scenario(tmp_path))
    found = first.engine(name)["correctness"]
    assert found["expected"] == found["observed"] == len(expected.counts)
    assert found["expected_records"] == sum(expected.counts.values())
    wrong = ("missing", "extra", "mismatched", "lost_records", "surplus_records")
    assert [found[kind] for kind in wrong] == [0, 0, 0, 0, 0]
    malformed = len(expected.malformed_lines)
    assert malformed > 0
    assert found["dead_letters"] == {"expected": malformed, "observed": malformed, "missing": 0, "extra": 0}


def test_flame_graphs_show_what_each_jvm_did(first: Outcome) -> None:
    drawn = {each["name"]: each["trials"][0]["flame_graphs"] for each in first.result["engines"]}
    kafka = {name: [f"{name}.kafka.flame.html"] for name in ENGINES}
    assert drawn == kafka | {name: [f"{name}.engine.flame.html", *kafka[name]] for name in ("spark", "flink")}
    for name, own in (("spark.engine", "spark/"), ("flink.engine", "flink/"), ("flink.kafka", "kafka/")):
        assert own in (first.directory / f"{name}.flame.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ENGINES)
def test_every_record_of_the_measured_time_has_a_latency(first: Outcome, name: str) -> None:
    engine = first.engine(name)
    expected = first.result["truth"]["records"] + first.result["truth"]["malformed"]
    assert engine["generator"]["sent_records"] == engine["generator"]["acked_records"] == expected
    assert engine["latency_ms"]["never_visible_count"] == engine["latency_ms"]["negative_count"] == 0
    assert engine["throughput_records_per_s"]["offered"] == SMALL["rate_records_per_s"]
    assert engine["cost"]["cpu_user_s"] > 0
    assert engine["trials"][0]["series"][-1]["visible_records"] == first.result["truth"]["records"]
    assert engine["config"]


def test_the_result_keeps_its_published_shape(first: Outcome) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    errors = [error.message for error in Draft202012Validator(schema).iter_errors(first.result)]
    assert errors == []
    assert first.result["truth"]["agrees_with_seed"]
    assert first.result["truth"]["archive_objects"] == SMALL["warmup_s"] + SMALL["duration_s"]


@pytest.mark.parametrize("report", ["report.html", "report.md"])
def test_the_reports_name_every_engine(first: Outcome, report: str) -> None:
    text = (first.directory / report).read_text(encoding="utf-8")
    assert [name for name in ENGINES if name not in text] == []


# The user's own services


@pytest.fixture(scope="module")
def on_own_services(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """A run with the seed of the first one, on services that hold other things already and must hold them still.

    Some of its engines make topics of their own.
    """
    directory = tmp_path_factory.mktemp("own-services")
    s3_client(services.s3_endpoint, services.s3_credentials).put_object(Bucket=services.bucket, Key="theirs", Body=b"1")
    with redis.Redis.from_url(services.redis, protocol=2, decode_responses=True) as client:
        client.set("theirs", "1")
        client.set("cdr:theirs", "1")
        before = services.topics(), services.objects(), set(client.keys())
        scenario = write_scenario(directory, engines=["baseline", *FURTHER_ENGINES])
        arguments = ["run", scenario, "--json", *services.arguments()]
        with Ringbench(directory, *arguments, env=services.environment()) as run:
            yield outcome(run)
        wait_until(lambda: services.topics() == before[0], deadline_s=30, what="the run's topics are deleted")
        assert (services.topics(), services.objects(), set(client.keys())) == before


def test_a_run_takes_only_its_own_from_the_users_services(on_own_services: Outcome) -> None:
    assert on_own_services.code == 0, on_own_services.stderr
    assert on_own_services.result["valid"]
    verdicts = {each["name"]: each["verdict"] for each in on_own_services.result["engines"]}
    assert verdicts == dict.fromkeys(["baseline", *FURTHER_ENGINES], "pass")
    assert on_own_services.result["environment"]["services"]["kafka"] == "external"


# The direct route


def test_engines_that_write_redis_by_themselves_count_right_and_leave_what_the_writer_leaves(
    services: Services, tmp_path: Path
) -> None:
    """Flink first: its sink makes the transaction in Java, where the others have the writer's own function."""
    scenario = write_scenario(tmp_path, engines=["flink", "baseline"], duration_s=3)
    with (
        redis.Redis.from_url(services.redis, protocol=2) as client,
        Ringbench(tmp_path, "run", scenario, "--json", "--route", "direct", "--redis", services.redis) as run,
    ):
        (updates,) = wait_until(
            lambda: list(client.scan_iter("cdr:*:updates")), deadline_s=RUN_DEADLINE_S, what="Flink has written"
        )
        (_, entry), *_ = client.xrange(updates, count=1)
        assert list(entry) == [UPDATES_FIELD]
        namespace = updates.decode("ascii").removesuffix(":updates")
        changes = decode_updates(entry[UPDATES_FIELD])
        assert changes and all(count > 0 for _, count in changes)
        for cell in [decode_key(key) for key, _ in changes]:
            assert 3600 < client.ttl(window_key(namespace, cell.window_s)) <= 3700
        found = outcome(run)
    assert found.code == 0, found.stderr
    assert [(each["name"], each["verdict"]) for each in found.result["engines"]] == [
        (name, "pass") for name in ("flink", "baseline")
    ]
    for engine in found.result["engines"]:
        (trial,) = engine["trials"]
        assert [hop["name"] for hop in trial["waterfall"]["hops"]] == ["send", "append", "engine"]
        assert trial["kafka_bytes"]["aggregates"] is None
        assert "redis writer" not in {cost["name"] for cost in trial["other_costs"]}


# No coordinated omission


def test_a_stalled_generator_makes_the_run_invalid_and_forgives_no_record(tmp_path: Path) -> None:
    """SIGSTOP for two seconds: every record due meanwhile is reported to have waited, and no number counts."""
    found = _stalled(tmp_path, "harness.workers.generator", {"schedule_error_ms_p99": 50.0})
    assert found.code == 3
    assert not found.result["valid"] and found.result["comparison"] is None
    assert any("baseline: the generator fell behind" in reason for reason in found.result["invalid_reasons"])
    engine = found.engine("baseline")
    assert engine["verdict"] == "pass", "what was sent late was counted right all the same"
    latencies = decode(engine["latency_ms"]["histogram"])
    waited = {step.value_iterated_to: step.count_at_value_iterated_to for step in latencies.get_recorded_iterator()}
    for least_s in (0.25, 0.5, 1.0, 1.5):
        due = SMALL["rate_records_per_s"] * (STALL_S - least_s)
        reported = sum(count for value_us, count in waited.items() if value_us >= least_s * 1e6)
        assert reported >= 0.97 * due, least_s  # malformed lines, and the moment that a signal takes
    assert engine["generator"]["schedule_error_ms_max"] >= 1000 * (STALL_S - 0.1)


def test_a_redis_writer_that_does_not_keep_up_makes_the_run_invalid(tmp_path: Path) -> None:
    """SIGSTOP for two seconds: what the engine had sent was late in Redis, and the engine is not blamed for it."""
    found = _stalled(tmp_path, "harness.workers.redis_writer", {"path_delay_ms": 500.0})
    assert found.code == 3
    assert any("baseline: the Redis writer did not keep up" in each for each in found.result["invalid_reasons"])
    assert found.engine("baseline")["verdict"] == "pass"


def test_ctrl_c_keeps_the_trials_that_are_finished(tmp_path: Path) -> None:
    """They are verified by the archive, as ever; the one of the moment is not told of."""
    scenario = write_scenario(tmp_path, engines=["baseline", "twin"], warmup_s=1, duration_s=2)
    with Ringbench(tmp_path, "run", scenario, "--json", "--engine-path", str(FIXTURE_ENGINES)) as run:
        run.wait_for_text("twin: load")
        run.send(signal.SIGINT)
        found = outcome(run)
    assert found.code == 130
    assert found.result["interrupted"] and not found.result["valid"]
    assert found.result["invalid_reasons"] == ["trial 2 (twin) and all after it did not take place: Ctrl-C"]
    assert found.result["truth"]["agrees_with_seed"]
    assert [(each["name"], each["verdict"]) for each in found.result["engines"]] == [("baseline", "pass")]
    assert not (found.directory / "logs").exists()


def test_code_that_changes_while_it_runs_makes_the_run_invalid(tmp_path: Path) -> None:
    """Not all of its processes were started from the same files, so that it is not known what was measured."""
    engine = tmp_path / "engines" / "own" / "engine.toml"
    engine.parent.mkdir(parents=True)
    entry, lock = BASELINE / "main.py", BASELINE / "requirements.lock"
    descriptor = f'name = "own"\ndescription = "A copy"\nentry = "{entry}"\nrequirements = "{lock}"\n'
    engine.write_text(descriptor, encoding="utf-8")
    scenario = write_scenario(tmp_path, engines=["own"], warmup_s=1, duration_s=2)
    with Ringbench(tmp_path, "run", scenario, "--json", "--engine-path", str(engine.parents[1])) as run:
        run.wait_for_text("own: load")
        (engine.parent / "helper.py").write_text("FACTOR = 2\n", encoding="utf-8")
        found = outcome(run)
    assert found.code == 3
    assert [each for each in found.result["invalid_reasons"] if "have changed" in each]
    assert found.engine("own")["verdict"] == "pass"


def _stalled(directory: Path, worker: str, limits: dict[str, float]) -> Outcome:
    """A run of the baseline whose `worker` is stopped for a while in the measured time."""
    with Ringbench(directory, "run", write_scenario(directory, limits=limits), "--json") as run:
        run.wait_for_text("baseline: load")
        process = run.wait_for_process(worker)
        _let_pass(SMALL["warmup_s"] + 1, "the measured time has begun")
        process.suspend()
        _let_pass(STALL_S, "the stall is over")
        process.resume()
        return outcome(run)


def _let_pass(time_s: float, what: str) -> None:
    end_s = time.monotonic() + time_s
    wait_until(lambda: time.monotonic() >= end_s, deadline_s=60, what=what)
