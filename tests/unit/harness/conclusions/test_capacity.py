"""Plans for a rate: the arithmetic on numbers that can be worked out by hand, and what a run's costs are taken from."""

import json
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from harness.cli import app
from harness.conclusions.capacity import (
    Assumptions,
    CapacityPlan,
    MeasuredCosts,
    bytes_text,
    measured_costs,
    peak_factor,
    plan,
)
from harness.errors import UsageError
from harness.results.result import save_result
from reports.documents.capacity import capacity_markdown, capacity_tables
from tests.builders.results import make_result

MEASURED = MeasuredCosts(
    engine="flink",
    rate_records_per_s=100_000,
    cpu_s_per_million_records={"engine": 8.0, "generator": 2.0, "kafka": 3.0, "redis": 0.5, "archiver": 1.0},
    stored_bytes_per_record=40.0,
    records_per_update=50.0,
)


def _cores(found: CapacityPlan) -> dict[str, int]:
    return {each.name: each.cores for each in found.processes}


def test_ten_million_a_second_by_hand() -> None:
    found = plan(10e6, MEASURED, Assumptions(utilisation=0.5, cores_per_machine=16, replication=3, consumers=2))
    # 10 M/s x 8 CPU-s per million = 80 cores busy, half of each; Kafka three times for its copies.
    assert _cores(found) == {"engine": 160, "generator": 40, "kafka": 180, "redis": 1, "archiver": 20}
    assert (found.cores, found.machines) == (401, 26)
    assert found.partitions == 160
    assert found.kafka_in_bytes_per_s == pytest.approx(10e6 * 40 * 3)
    assert found.kafka_out_bytes_per_s == pytest.approx(10e6 * 40 * (2 + 2))
    assert found.stored_bytes_per_day == pytest.approx(10e6 * 40 * 3 * 86_400)
    assert found.records_per_day == pytest.approx(864e9)
    assert [each.split(":")[0].split(" ")[0] for each in found.warnings] == ["costs", "archiver"]
    assert found.warnings[1].endswith("the scenario's `archivers` has to be as many")


def test_a_peak_decides_cores_and_network_and_not_storage() -> None:
    flat = plan(1e6, MEASURED, Assumptions())
    peaked = plan(1e6, MEASURED, Assumptions(peak_factor=2.0))
    assert peaked.peak_records_per_s == 2e6
    assert _cores(peaked)["engine"] == 2 * _cores(flat)["engine"]
    assert peaked.kafka_in_bytes_per_s == 2 * flat.kafka_in_bytes_per_s
    assert peaked.stored_bytes_per_day == flat.stored_bytes_per_day


def test_bytes_decide_the_partitions_where_they_are_many() -> None:
    wide = MEASURED.model_copy(update={"stored_bytes_per_record": 4000.0})
    assert plan(1e6, wide, Assumptions(partition_bytes_per_s=5e6)).partitions == 800


def test_retention_decides_what_is_kept() -> None:
    found = plan(1e6, MEASURED, Assumptions(replication=1, retention_h=2))
    assert found.stored_bytes == pytest.approx(1e6 * 40 * 7200)


def test_copies_need_machines_of_their_own() -> None:
    assert plan(1.0, MEASURED, Assumptions(replication=3)).machines == 3


@pytest.mark.parametrize(("records_per_update", "cores"), [(50.0, 1), (2.0, 10)])
def test_updates_grow_with_records_until_every_cell_changes_at_each_flush(
    records_per_update: float, cores: int
) -> None:
    measured = MEASURED.model_copy(update={"records_per_update": records_per_update})
    assert _cores(plan(10e6, measured, Assumptions()))["redis"] == cores


def test_no_part_of_a_core_is_left_out() -> None:
    assert _cores(plan(62_500, MEASURED, Assumptions(utilisation=0.5)))["engine"] == 1
    assert _cores(plan(62_501, MEASURED, Assumptions(utilisation=0.5)))["engine"] == 2


def test_a_profiles_peak_is_over_its_mean() -> None:
    assert peak_factor([Fraction(1), Fraction(1, 2), Fraction(0), Fraction(1, 2)]) == 2.0


def test_costs_are_those_of_the_run() -> None:
    result = make_result()
    found = measured_costs(result, "flink")
    engine = next(each for each in result.engines if each.name == "flink")
    assert engine.cost
    assert found.cpu_s_per_million_records["engine"] == engine.cost.cpu_s_per_million_records
    # 0.107 of a core at 6,000 records/s, as the fixture has it of the generator, give or take its noise.
    assert found.cpu_s_per_million_records["generator"] == pytest.approx(0.107 / 6000 * 1e6, rel=0.2)
    assert "probe" not in found.cpu_s_per_million_records, "nothing needs it but the measurement"
    trials = [each for each in engine.trials if each.kafka_bytes and each.generator]
    sent = sum(each.generator.sent_records for each in trials if each.generator)
    stored = sum(each.kafka_bytes.input for each in trials if each.kafka_bytes)
    assert found.stored_bytes_per_record == stored / sent
    assert found.records_per_update == sent / engine.updates


@pytest.mark.parametrize(
    ("engine", "changes", "message"),
    [
        (None, {}, "has several engines"),
        ("storm", {}, "has no engine 'storm'"),
        ("flink", {"valid": False, "invalid_reasons": ["the clock was stepped"]}, "is invalid: the clock was stepped"),
    ],
)
def test_a_run_that_has_no_costs_to_go_by_is_refused(engine: str | None, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        measured_costs(make_result().model_copy(update=changes), engine)


def test_tables_for_people_and_documents_say_the_same() -> None:
    found = plan(10e6, MEASURED, Assumptions())
    console = Console(file=StringIO(), width=120)
    console.print(capacity_tables(found))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for shown in ("160", "engine (flink)", "10,000,000", "1.2 GB/s", "Beware: archiver"):
        assert shown in text
        assert shown in capacity_markdown(found)


def test_bytes_have_the_unit_that_fits() -> None:
    assert [bytes_text(each) for each in (12, 1500, 2.5e6, 1e12, 3e15)] == [
        "12 B",
        "1.5 kB",
        "2.5 MB",
        "1.0 TB",
        "3.0 PB",
    ]


def test_the_command_plans_a_billion_a_day_at_the_diurnal_peak(tmp_path: Path) -> None:
    save_result(make_result(), tmp_path)
    ran = CliRunner().invoke(app, ["plan", "--per-day", "1e9", "--from", str(tmp_path), "--engine", "flink", "--json"])
    assert ran.exit_code == 0, ran.output
    found = CapacityPlan.model_validate(json.loads(ran.stdout))
    assert found.mean_records_per_s == pytest.approx(11_574, abs=1)
    # From a fifth of the rate at night to all of it at noon: the mean is 0.6 of the peak.
    assert found.assumptions.peak_factor == pytest.approx(1 / 0.6, rel=0.01)


@pytest.mark.parametrize("options", [[], ["--rate", "5", "--per-day", "5"]])
def test_a_plan_is_for_a_rate_or_for_a_day(tmp_path: Path, options: list[str]) -> None:
    save_result(make_result(), tmp_path)
    ran = CliRunner().invoke(app, ["plan", "--from", str(tmp_path), *options])
    assert isinstance(ran.exception, UsageError)
