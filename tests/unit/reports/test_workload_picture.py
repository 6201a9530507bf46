"""`ringbench workload`: totals are those of the records, pictures are drawn, lines are printed as they are sent."""

import json
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import matplotlib.image
import numpy as np
import pytest
from typer.testing import CliRunner

from engines.contract.record import OPERATORS, TYPES
from harness.cli import app
from harness.errors import UsageError
from harness.scenarios.loading import load_scenario
from reports.pictures.workload import draw_workload, totals
from workloads.california import COUNTIES
from workloads.partitioning import ROUND_ROBIN
from workloads.shapes import Bursts, Diurnal
from workloads.surges import Surge
from workloads.tally import tally
from workloads.workload import Workload, WorkloadSpecification

SPECIFICATION = WorkloadSpecification(
    seed=7,
    rate_records_per_s=500,
    warmup_s=3,
    duration_s=20,
    partitions=3,
    profile=(Diurnal(10), Bursts(3.0, 2.0)),
    surges=(Surge("Fresno", 5, 5, 20.0),),
    zipf_exponent=1.0,
    partitioning=ROUND_ROBIN,
    hot_share=0.5,
    malformed_per_million=10_000,
)


def test_a_tally_counts_every_record() -> None:
    workload = Workload(SPECIFICATION)
    found = tally(workload)
    assert found.counted_records == workload.total_records == found.rates_records_per_s.sum()
    columns = workload.columns(*workload.second(9))
    counties = np.bincount(columns.cells // (len(OPERATORS) * len(TYPES)), minlength=len(COUNTIES))
    operators = np.bincount(columns.cells // len(TYPES) % len(OPERATORS), minlength=len(OPERATORS))
    assert np.array_equal(found.counties[9], counties)
    assert np.array_equal(found.operators[9], operators)
    assert np.array_equal(found.partitions[9], np.bincount(workload.partitions(*workload.second(9)), minlength=3))
    assert found.malformed.sum() == workload.columns(0, workload.total_records).malformed.sum()


def test_a_tally_of_part_of_the_records_has_the_exact_rates_and_about_the_same_shares() -> None:
    workload = Workload(replace(SPECIFICATION, rate_records_per_s=5000))
    whole, part = tally(workload), tally(workload, limit_records=20_000)
    assert part.counted_records <= 20_000 < whole.counted_records
    assert np.array_equal(part.rates_records_per_s, whole.rates_records_per_s)
    for name in ("counties", "operators", "partitions"):
        exact, estimated = getattr(whole, name), getattr(part, name)
        assert np.allclose(estimated.sum(axis=1), whole.rates_records_per_s)
        assert np.allclose(estimated.sum(axis=0) / estimated.sum(), exact.sum(axis=0) / exact.sum(), atol=0.01)


def test_totals_add_up() -> None:
    found = tally(Workload(SPECIFICATION))
    said = totals("x", SPECIFICATION, found)
    assert said["measured_records"] == said["records"] - 3 * 500
    for parts in (said["counties"].values(), said["operators"].values(), said["partitions"]):
        assert sum(parts) == said["measured_records"]
    assert max(said["counties"], key=said["counties"].get) == "Los Angeles"
    assert said["rate_records_per_s"]["mean"] == said["measured_records"] / 20


def test_words_say_what_the_picture_shows() -> None:
    picture = draw_workload("x", SPECIFICATION, tally(Workload(SPECIFICATION)))
    assert "records a second" in picture.alt and "the largest of a partition is 50.0 %" in picture.alt


@pytest.mark.parametrize("name", ["diurnal", "bursts", "flash-crowd"])
def test_pictures_of_the_documents_are_those_of_the_scenarios(name: str, tmp_path: Path) -> None:
    """But for what another version of the fonts' library may change."""
    path = tmp_path / "picture.png"
    assert CliRunner().invoke(app, ["workload", "plot", name, "--output", str(path)]).exit_code == 0
    documented = Path(__file__).parents[3] / "docs" / "images" / f"workload-{name}.png"
    assert documented.stat().st_size < 150_000
    drawn, kept = (matplotlib.image.imread(each)[..., :3] for each in (path, documented))
    assert drawn.shape == kept.shape
    assert np.abs(drawn - kept).mean() < 0.01


def test_json_is_a_line_of_totals(tmp_path: Path) -> None:
    path = tmp_path / "smoke.png"
    with patch("reports.pictures.style.write_png") as written:
        done = CliRunner().invoke(app, ["workload", "plot", "smoke", "--output", str(path), "--json", "--seed", "3"])
    assert done.exit_code == 0 and [each.args[1] for each in written.call_args_list] == [path]
    (line,) = done.stdout.splitlines()
    said = json.loads(line)
    assert (said["scenario"], said["records"]) == ("smoke", 36_000)


@pytest.mark.parametrize("output", ["picture.svg", "nowhere/picture.png"])
def test_a_picture_that_cannot_be_written_is_bad_usage_before_anything_is_counted(tmp_path: Path, output: str) -> None:
    with patch("workloads.tally.tally", side_effect=AssertionError("it is counted")):
        done = CliRunner().invoke(app, ["workload", "plot", "smoke", "--output", str(tmp_path / output)])
    assert isinstance(done.exception, UsageError) and output in done.exception.message


@pytest.mark.parametrize("records", [1, 25, 10_500])
def test_lines_are_shown_as_they_are_sent(records: int) -> None:
    workload = Workload(load_scenario("smoke", {}).workload())
    done = CliRunner().invoke(app, ["workload", "show", "smoke", "--records", str(records)])
    assert done.exit_code == 0
    assert done.stdout_bytes == b"".join(line + b"\n" for line in workload.lines(workload.columns(0, records)))


def test_no_more_lines_are_shown_than_there_are() -> None:
    whole, more = (
        CliRunner().invoke(app, ["workload", "show", "smoke", "--records", records]) for records in ("36000", "999999")
    )
    assert more.exit_code == 0 and more.stdout_bytes == whole.stdout_bytes
