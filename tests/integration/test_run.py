"""Whole runs: right counts are proven right, wrong ones wrong, and what cannot be believed is not."""

import json
import signal
import time
from dataclasses import fields
from pathlib import Path

import pytest

from engines.contract.promises import Promises
from harness.numerics.durations import decode
from harness.processes.process import wait_until
from harness.scenarios.loading import load_scenario
from tests.deadlines import DEADLINE_S
from tests.integration.conftest import MAIN_ENGINES, MAIN_RATE_RECORDS_PER_S
from tests.integration.ringbench import (
    FIXTURE_ENGINES,
    SMALL,
    Outcome,
    Ringbench,
    Services,
    outcome,
    write_scenario,
)
from workloads.truth import ExpectedCounts, expected_counts
from workloads.workload import Workload

pytestmark = pytest.mark.integration

SCHEMA = Path(__file__).parent.parent.parent / "docs" / "result.schema.json"
ENGINES = MAIN_ENGINES
STALL_S = 2.0
BASELINE = Path(__file__).parents[2] / "engines" / "baseline"


def expected_of(scenario: str) -> ExpectedCounts:
    """What the seed alone says of a scenario."""
    return expected_counts(Workload(load_scenario(scenario, {}).workload()))


# Engines that count right


def test_every_engine_passes(main_run: Outcome) -> None:
    assert main_run.code == 0, main_run.stderr
    assert main_run.result["valid"] and main_run.result["invalid_reasons"] == []
    assert [(each["name"], each["verdict"], each["reasons"]) for each in main_run.result["engines"]] == [
        (name, "pass", []) for name in ENGINES
    ]


@pytest.mark.parametrize("name", ENGINES)
def test_every_count_is_right_and_every_malformed_line_accounted_for(
    main_run: Outcome, name: str, tmp_path: Path
) -> None:
    expected = expected_of(write_scenario(tmp_path, rate_records_per_s=MAIN_RATE_RECORDS_PER_S))
    found = main_run.engine(name)["correctness"]
    assert found["expected"] == found["observed"] == len(expected.counts)
    assert found["expected_records"] == sum(expected.counts.values())
    wrong = ("missing", "extra", "mismatched", "lost_records", "surplus_records")
    assert [found[kind] for kind in wrong] == [0, 0, 0, 0, 0]
    malformed = len(expected.malformed_lines)
    assert malformed > 0
    assert found["dead_letters"] == {"expected": malformed, "observed": malformed, "missing": 0, "extra": 0}


def test_flame_graphs_show_what_each_jvm_did(main_run: Outcome) -> None:
    drawn = {each["name"]: each["trials"][0]["flame_graphs"] for each in main_run.result["engines"]}
    kafka = {name: [f"{name}.kafka.flame.html"] for name in ENGINES}
    assert drawn == kafka | {name: [f"{name}.engine.flame.html", *kafka[name]] for name in ("spark", "flink")}
    for name, own in (("spark.engine", "spark/"), ("flink.engine", "flink/"), ("flink.kafka", "kafka/")):
        assert own in (main_run.directory / f"{name}.flame.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ENGINES)
def test_every_record_of_the_measured_time_has_a_latency(main_run: Outcome, name: str) -> None:
    engine = main_run.engine(name)
    expected = main_run.result["truth"]["records"] + main_run.result["truth"]["malformed"]
    assert engine["generator"]["sent_records"] == engine["generator"]["acked_records"] == expected
    assert engine["latency_ms"]["never_visible_count"] == engine["latency_ms"]["negative_count"] == 0
    assert engine["throughput_records_per_s"]["offered"] == MAIN_RATE_RECORDS_PER_S
    (trial,) = engine["trials"]
    visible = {sample["t_s"]: sample["visible_records"] for sample in trial["series"]}
    served = visible[SMALL["duration_s"] - 1] - visible[-1]
    # A cold engine on a busy machine may show nothing in so short a time; then, nothing is known of its cost by record.
    assert engine["cost"]["records"] == served and engine["cost"]["cpu_user_s"] > 0 if served else not engine["cost"]
    assert trial["kafka_bytes"]["input"] > trial["kafka_bytes"]["dead_letter"] > 0
    assert trial["series"][-1]["visible_records"] == main_run.result["truth"]["records"]
    assert engine["config"]["promises"].keys() == {each.name for each in fields(Promises)}


def test_pauses_of_the_jvms_are_told(main_run: Outcome) -> None:
    """In so short a time, not every JVM collects garbage in every trial."""
    trials = [trial for engine in main_run.result["engines"] for trial in engine["trials"]]
    pauses = [pause for trial in trials for pause in trial["pauses"]]
    assert pauses and {pause["process"] for pause in pauses} <= {"engine", "kafka"}


def test_the_result_keeps_its_published_shape(main_run: Outcome) -> None:
    # All processes of the tests read this file, and the import takes two seconds.
    from jsonschema import Draft202012Validator

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    errors = [error.message for error in Draft202012Validator(schema).iter_errors(main_run.result)]
    assert errors == []
    assert main_run.result["truth"]["agrees_with_seed"]
    assert main_run.result["truth"]["archive_objects"] == SMALL["warmup_s"] + SMALL["duration_s"]


@pytest.mark.parametrize("report", ["report.html", "report.md"])
def test_the_reports_name_every_engine(main_run: Outcome, report: str) -> None:
    text = (main_run.directory / report).read_text(encoding="utf-8")
    assert [name for name in ENGINES if name not in text] == []


# Runs that are disturbed


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory: pytest.TempPathFactory, services: Services) -> Outcome:
    """The generator is stopped in the first trial, the Redis writer in the second; then code changes, then Ctrl-C."""
    directory = tmp_path_factory.mktemp("disturbed")
    engine = _copy_of_the_baseline(directory / "engines" / "own")
    limits = {"schedule_error_ms_p99": 50.0, "path_delay_ms": 500.0}
    scenario = write_scenario(directory, engines=["baseline", "own", "twin"], limits=limits)
    paths = ["--engine-path", str(engine.parent), "--engine-path", str(FIXTURE_ENGINES)]
    with Ringbench(
        directory, "run", scenario, "--json", *paths, *services.arguments(), env=services.environment()
    ) as run:
        _stall(run, "baseline", "generator")
        _stall(run, "own", "redis_writer")
        (engine / "helper.py").write_text("FACTOR = 2\n", encoding="utf-8")
        run.wait_for_text("twin: load")
        run.send(signal.SIGINT)
        return outcome(run)


def _copy_of_the_baseline(directory: Path) -> Path:
    """An engine of the user's own in `directory`, which is returned."""
    directory.mkdir(parents=True)
    entry, lock = BASELINE / "main.py", BASELINE / "requirements.lock"
    descriptor = f'name = "own"\ndescription = "A copy"\nentry = "{entry}"\nrequirements = "{lock}"\n'
    (directory / "engine.toml").write_text(descriptor, encoding="utf-8")
    return directory


def _stall(run: Ringbench, engine: str, worker: str) -> None:
    """Stop a worker by SIGSTOP for `STALL_S` of an engine's measured time."""
    run.wait_for_text(f"{engine}: load")
    process = run.wait_for_process(f"harness.workers.{worker}")
    _let_pass(SMALL["warmup_s"] + 1, "the measured time has begun")
    process.suspend()
    _let_pass(STALL_S, "the stall is over")
    process.resume()


def _let_pass(time_s: float, what: str) -> None:
    end_s = time.monotonic() + time_s
    wait_until(lambda: time.monotonic() >= end_s, deadline_s=DEADLINE_S, what=what)


def test_a_stalled_generator_makes_the_run_invalid_and_forgives_no_record(disturbed: Outcome) -> None:
    """No coordinated omission: every record due meanwhile is reported to have waited, and no number counts."""
    assert not disturbed.result["valid"] and disturbed.result["comparison"] is None
    assert any("baseline: the generator fell behind" in reason for reason in disturbed.result["invalid_reasons"])
    engine = disturbed.engine("baseline")
    assert engine["verdict"] == "pass", "what was sent late was counted right all the same"
    latencies = decode(engine["latency_ms"]["histogram"])
    waited = {step.value_iterated_to: step.count_at_value_iterated_to for step in latencies.get_recorded_iterator()}
    for least_s in (0.25, 0.5, 1.0, 1.5):
        due = SMALL["rate_records_per_s"] * (STALL_S - least_s)
        reported = sum(count for value_us, count in waited.items() if value_us >= least_s * 1e6)
        assert reported >= 0.97 * due, least_s  # malformed lines, and the moment that a signal takes
    assert engine["generator"]["schedule_error_ms_max"] >= 1000 * (STALL_S - 0.1)


def test_a_redis_writer_that_does_not_keep_up_makes_the_run_invalid(disturbed: Outcome) -> None:
    """What the engine had sent was late in Redis, and the engine is not blamed for it."""
    assert any("own: the Redis writer did not keep up" in each for each in disturbed.result["invalid_reasons"])
    assert disturbed.engine("own")["verdict"] == "pass"


def test_code_that_changes_while_it_runs_makes_the_run_invalid(disturbed: Outcome) -> None:
    """Not all of its processes were started from the same files, so that it is not known what was measured."""
    assert len([each for each in disturbed.result["invalid_reasons"] if "have changed" in each]) == 1


def test_ctrl_c_keeps_the_trials_that_are_finished(disturbed: Outcome) -> None:
    """They are verified by the archive, as ever; the one of the moment is not told of."""
    assert disturbed.code == 130
    assert disturbed.result["interrupted"] and not disturbed.result["valid"]
    interrupted = "trial 3 (twin) and all after it did not take place: Ctrl-C"
    assert interrupted in disturbed.result["invalid_reasons"]
    assert disturbed.result["truth"]["agrees_with_seed"]
    verdicts = [(each["name"], each["verdict"]) for each in disturbed.result["engines"]]
    assert verdicts == [("baseline", "pass"), ("own", "pass")]
    assert not (disturbed.directory / "logs").exists()
