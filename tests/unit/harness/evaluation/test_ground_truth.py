"""The batch job that makes the truth: what it is told, what comes of its files, and how its end is told.

Spark and the store are fakes.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engines.contract.aggregate import Cell
from harness.clients.s3_archive import Bucket
from harness.clients.s3_client import S3Credentials
from harness.engines.catalogue import find_engines
from harness.engines.prepare import PreparedEngine
from harness.errors import InvalidRun
from harness.evaluation.ground_truth import LinesDigest, TrialTruth, compute_truths, deadline_s, summarise
from harness.scenarios.truth import TruthSection
from tests.builders.processes import Clock, FakeChild

MALFORMED = [b"not a record", b"nor this \xff", b"not a record"]
CLUSTER = TruthSection(master="spark://10.0.0.1:7077", conf={"spark.pyspark.python": "/opt/python"})


class NoClasses:
    """An archive of classes that nobody needs."""

    def options(self, _directory: Path) -> list[str]:
        """None."""
        return []

    def learn(self, _processes: object) -> None:
        """Nothing."""


def save_output(folder: Path, malformed: list[bytes]) -> None:
    """What the job leaves of a trial."""
    folder.mkdir(parents=True)
    counts = {"window_s": [60], "location": ["Kern"], "operator": ["Cricket"], "type": ["call"], "records": [7]}
    pq.write_table(pa.table(counts), folder / "counts.parquet")
    volume = {"minute_s": [60], "operator": ["Cricket"], "records": [7]}
    pq.write_table(pa.table(volume), folder / "operator_volume.parquet")
    sums = [
        sum(int(hashlib.sha256(line).hexdigest()[8 * at : 8 * at + 8], 16) for line in malformed) for at in range(4)
    ]
    rows = [{"lines": len(malformed)} | {f"sum_{at}": each for at, each in enumerate(sums)}] if malformed else []
    schema = pa.schema([(name, pa.int64()) for name in ("lines", "sum_0", "sum_1", "sum_2", "sum_3")])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "malformed.parquet")


@pytest.fixture
def compute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, TrialTruth]]:
    """Computes the truth of two trials, `one` and `same`, whose archives are equal."""
    clock = Clock()
    module = "harness.evaluation.ground_truth"
    monkeypatch.setattr(f"{module}.fingerprint_archive", lambda *_: (3, "ab"))
    monkeypatch.setattr(f"{module}.ensure_java", lambda *_: None)
    monkeypatch.setattr(f"{module}.class_archive", lambda *_, **__: NoClasses())
    monkeypatch.setattr(f"{module}.time", clock)

    def run(where: TruthSection, malformed: list[bytes], *, fails: str = "") -> dict[str, TrialTruth]:
        def child(_name: str, argv: list[str], *, log_path: Path, env: dict[str, str]) -> FakeChild:
            assert "hush-hush" not in " ".join(argv) + Path(argv[-1]).read_text(encoding="utf-8")
            assert "hush-hush" in env.values() and log_path.parent == tmp_path
            made = FakeChild("ground truth", clock)
            clock.at(clock.now_ns + 4 * 10**9, lambda: made.tell("ready"))
            if fails:
                clock.at(clock.now_ns + 5 * 10**9, lambda: made.fail(fails))
                return made
            clock.at(clock.now_ns + 9 * 10**9, lambda: made.tell("progress", lines=10))
            clock.at(clock.now_ns + 10 * 10**9, made.end)
            save_output(Path(json.loads(Path(argv[-1]).read_text(encoding="utf-8"))["output_dir"]) / "same", malformed)
            return made

        monkeypatch.setattr(f"{module}.Child", child)
        (spark,) = find_engines(["spark"])
        return compute_truths(
            PreparedEngine(spark, Path("python"), []),
            Bucket("http://store", "bucket", S3Credentials("me", "hush-hush")),
            {"one": "run/one", "same": "run/same"},
            "california",
            tmp_path,
            records=10,
            where=where,
            environment={},
            progress=print,
        )

    return run


def job(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "truth.job.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("where", [CLUSTER, TruthSection()])
def test_the_truth_says_where_it_was_computed_and_how_long_that_took(
    compute: Callable[..., dict[str, TrialTruth]], tmp_path: Path, where: TruthSection
) -> None:
    found = compute(where, MALFORMED)
    assert found["one"] == found["same"]
    assert found["one"].counts == {Cell(60, "Kern", "Cricket", "call"): 7}
    assert (job(tmp_path)["master"], job(tmp_path)["conf"]) == (where.master or "local[2]", where.conf)
    told = summarise(found["one"], "spark", agrees_with_seed=True)
    assert told.master == (where.master or "local[2]")
    assert told.start_s is not None and told.elapsed_s is not None
    assert 4 <= told.start_s < 5 and 9 <= told.elapsed_s < 12
    assert (told.records, told.malformed, told.cells) == (7, 3, 1)


@pytest.mark.parametrize("malformed", [MALFORMED, []])
def test_malformed_lines_are_known_by_their_digest(
    compute: Callable[..., dict[str, TrialTruth]], malformed: list[bytes]
) -> None:
    assert compute(TruthSection(), malformed)["one"].malformed == LinesDigest.of(reversed(malformed))


def test_a_job_that_fails_on_its_cluster_says_why(compute: Callable[..., dict[str, TrialTruth]]) -> None:
    with pytest.raises(InvalidRun, match="could not be computed: ground truth failed: no executors"):
        compute(CLUSTER, MALFORMED, fails="no executors")


@pytest.mark.parametrize(
    "others", [[], MALFORMED[1:], [*MALFORMED, b""], [MALFORMED[0], MALFORMED[1], MALFORMED[1]], [b"x", b"y", b"z"]]
)
def test_other_lines_have_another_digest(others: list[bytes]) -> None:
    assert LinesDigest.of(others) != LinesDigest.of(MALFORMED)


def test_more_records_have_more_time() -> None:
    assert deadline_s(0) == 600
    assert deadline_s(1_000_000_000) == 600 + 20_000
