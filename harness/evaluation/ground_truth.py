"""The ground truth: Spark's batch job over the archive in S3, checked against what the workload alone says."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from engines.contract.aggregate import Cell
from engines.contract.process import JVM_OPTIONS
from harness.clients.s3_archive import Bucket, fingerprint_archive
from harness.engines.prepare import PreparedEngine
from harness.errors import InvalidRun, ServiceError
from harness.processes.child import Child
from harness.provision.cache import Progress
from harness.provision.class_archive import class_archive
from harness.provision.java import ensure_java
from harness.results.result import OperatorVolume, Truth
from workloads.truth import ExpectedCounts

DEADLINE_S = 600
#: Below so many records, the time that the JVM's second compiler takes is not won back (measured: 24,000 take 11.5 s
#: without it and 14 s with it, 3 million 31 and 24 s).
_MANY_RECORDS = 1_000_000
_QUICK_START = "-XX:TieredStopAtLevel=1"


@dataclass(frozen=True)
class TrialTruth:
    """What the batch job found in one trial's archive."""

    counts: dict[Cell, int]
    malformed_lines: list[bytes]
    operator_volume: list[OperatorVolume]
    archive_objects: int
    archive_sha256: str

    def differences(self, expected: ExpectedCounts) -> list[str]:
        """How this truth differs from the one from the workload alone; empty if they agree."""
        found = []
        if self.counts != expected.counts:
            cells = {cell for cell, _ in self.counts.items() ^ expected.counts.items()}
            found.append(f"the truth from the archive and that from the workload differ in {len(cells):,} cells")
        if sorted(self.malformed_lines) != sorted(expected.malformed_lines):
            found.append(
                f"the archive holds {len(self.malformed_lines):,} malformed lines, "
                f"the workload has {len(expected.malformed_lines):,} or others"
            )
        return found


def compute_truths(
    spark: PreparedEngine,
    bucket: Bucket,
    prefixes: dict[str, str],
    locations: str,
    directory: Path,
    *,
    records: int,
    environment: dict[str, str],
    progress: Progress,
) -> dict[str, TrialTruth]:
    """Run the batch job once over the archives of all trials: `prefixes` by trial name.

    `locations` is the set that their records are of. Of archives that are equal to the byte, it reads one: the truth of
    one is the truth of all. Each has `records`, which decides nothing but how much the job's JVM compiles.

    `directory` is private to the run and takes job, log and output; `environment` is added to that of Spark's process.

    Raises:
        InvalidRun: the job failed, so that nothing can be verified.
    """
    output = directory / "truth"
    archives = {name: fingerprint_archive(bucket, prefix) for name, prefix in prefixes.items()}
    readers = {archive: name for name, archive in archives.items()}
    job = {
        "s3": {"endpoint": bucket.endpoint, "region": bucket.region, "bucket": bucket.name, "ca_file": bucket.ca_file},
        "trials": [{"name": name, "prefix": prefixes[name]} for name in readers.values()],
        "locations": locations,
        "output_dir": str(output),
        "master": "local[2]",
    }
    path = directory / "truth.job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    program = spark.engine.directory / "truth.py"
    classes = class_archive("truth", ensure_java(progress), [spark.python], [program.read_bytes()], progress=progress)
    options = [*classes.options(directory), *([_QUICK_START] if records < _MANY_RECORDS else [])]
    environment = environment | bucket.resolved_environment() | {JVM_OPTIONS: " ".join(options)}
    argv = [str(spark.python), str(program), str(path)]
    with Child("ground truth", argv, log_path=directory / "truth.log", env=environment) as child:
        try:
            child.wait_for("progress", DEADLINE_S)
            classes.learn(child.process.child_tree())
            child.wait_for("stopped", DEADLINE_S)
        except ServiceError as error:
            raise InvalidRun(f"the ground truth could not be computed: {error}") from error
    truths = {archive: _load(output / name, *archive) for archive, name in readers.items()}
    return {name: truths[archive] for name, archive in archives.items()}


def _load(output: Path, archive_objects: int, archive_sha256: str) -> TrialTruth:
    counts = pq.read_table(output / "counts.parquet").to_pydict()
    volume = pq.read_table(output / "operator_volume.parquet").to_pylist()
    cells = map(Cell, counts["window_s"], counts["location"], counts["operator"], counts["type"])
    return TrialTruth(
        dict(zip(cells, counts["records"], strict=True)),
        pq.read_table(output / "malformed.parquet")["line"].to_pylist(),
        sorted((OperatorVolume(**row) for row in volume), key=lambda each: (each.minute_s, each.operator)),
        archive_objects,
        archive_sha256,
    )


def certain_counts(counts: dict[Cell, int], expected: ExpectedCounts) -> dict[Cell, int]:
    """What every engine must count, of `counts` of all records: less those that it may or must drop."""
    less = Counter(expected.either) + Counter(expected.must_drop)
    return {cell: left for cell, count in counts.items() if (left := count - less[cell]) > 0} if less else counts


def truth_from_seed(expected: ExpectedCounts) -> TrialTruth:
    """The seed's own truth in place of an archive's, for trials that archive nothing."""
    return TrialTruth(expected.counts, expected.malformed_lines, [], 0, "")


def summarise(truth: TrialTruth, engine_name: str, *, agrees_with_seed: bool) -> Truth:
    """The result's account of `truth`."""
    return Truth(
        engine=engine_name,
        archive_objects=truth.archive_objects,
        archive_sha256=truth.archive_sha256,
        records=sum(truth.counts.values()),
        malformed=len(truth.malformed_lines),
        cells=len(truth.counts),
        agrees_with_seed=agrees_with_seed,
        operator_volume=truth.operator_volume,
    )
