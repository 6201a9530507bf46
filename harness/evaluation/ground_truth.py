"""The ground truth: Spark's batch job over the archive in S3, checked against what the workload alone says."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from engines.contract.aggregate import Cell
from engines.contract.process import JVM_OPTIONS
from harness.clients.s3_archive import Bucket, fingerprint_archive
from harness.engines.prepare import PreparedEngine
from harness.errors import InvalidRun, ServiceError
from harness.processes.child import Child
from harness.provision.cache import Progress
from harness.provision.class_archive import ClassArchive, class_archive
from harness.provision.java import ensure_java
from harness.results.result import OperatorVolume, Truth
from harness.scenarios.truth import TruthSection
from workloads.truth import ExpectedCounts

#: Of each step, and so many more for each million records: four times what two cores take.
DEADLINE_S = 600
DEADLINE_S_PER_MILLION = 20
#: Where the job runs if no cluster is named.
LOCAL = "local[2]"
#: Below so many records, the time that the JVM's second compiler takes is not won back (measured: 24,000 take 11.5 s
#: without it and 14 s with it, 3 million 31 and 24 s).
_MANY_RECORDS = 1_000_000
_QUICK_START = "-XX:TieredStopAtLevel=1"


@dataclass(frozen=True)
class LinesDigest:
    """What tells lines, in any order, from others: how many there are, and sums over their hashes.

    `sums` has one for each of the first four parts, of 32 bits, of the lines' SHA-256. It is an additive hash of a
    multiset, see `engines/spark/truth.py`, which takes the same.
    """

    lines: int
    sums: tuple[int, ...]

    @classmethod
    def of(cls, lines: Iterable[bytes]) -> "LinesDigest":
        """The digest of `lines`."""
        count, sums = 0, [0, 0, 0, 0]
        for count, line in enumerate(lines, start=1):  # noqa: B007 - how many there were
            whole = hashlib.sha256(line).digest()
            sums = [each + int.from_bytes(whole[4 * part : 4 * part + 4]) for part, each in enumerate(sums)]
        return cls(count, tuple(sums))


@dataclass(frozen=True)
class TrialTruth:
    """What the batch job found in one trial's archive.

    Attributes:
        counts: well-formed records by cell.
        malformed: of the malformed lines. Which lines they are, the seed says.
        operator_volume: well-formed records of each minute.
        archive_objects, archive_sha256: of the archive that was read.
        master: of the Spark that read it; None if nothing was read.
        elapsed_s: how long the job took, with all archives of the run; None if nothing was read.
        start_s: how much of that went by before Spark could begin.
    """

    counts: dict[Cell, int]
    malformed: LinesDigest
    operator_volume: list[OperatorVolume]
    archive_objects: int
    archive_sha256: str
    master: str | None = None
    elapsed_s: float | None = None
    start_s: float | None = None

    def differences(self, expected: ExpectedCounts) -> list[str]:
        """How this truth differs from the one from the workload alone; empty if they agree."""
        found = []
        if self.counts != expected.counts:
            cells = {cell for cell, _ in self.counts.items() ^ expected.counts.items()}
            found.append(f"the truth from the archive and that from the workload differ in {len(cells):,} cells")
        if self.malformed != LinesDigest.of(expected.malformed_lines):
            found.append(
                f"the archive holds {self.malformed.lines:,} malformed lines, "
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
    where: TruthSection,
    environment: dict[str, str],
    progress: Progress,
) -> dict[str, TrialTruth]:
    """Run the batch job once over the archives of all trials: `prefixes` by trial name.

    `locations` is the set that their records are of. Of archives that are equal to the byte, it reads one: the truth of
    one is the truth of all. Each has `records`, which decides how long the job may take, and how much its JVM compiles.
    `where` names a cluster for it; without one, it runs in a process here.

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
        "master": where.master or LOCAL,
        "conf": where.conf,
    }
    path = directory / "truth.job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    program = spark.engine.directory / "truth.py"
    classes = class_archive("truth", ensure_java(progress), [spark.python], [program.read_bytes()], progress=progress)
    options = [*classes.options(directory), *([_QUICK_START] if records < _MANY_RECORDS else [])]
    environment = environment | bucket.resolved_environment() | {JVM_OPTIONS: " ".join(options)}
    argv = [str(spark.python), str(program), str(path)]
    begun_s = time.monotonic()
    with Child("ground truth", argv, log_path=directory / "truth.log", env=environment) as child:
        start_s = _await_end(child, classes, deadline_s(records * len(readers))) - begun_s
    elapsed_s = time.monotonic() - begun_s
    found = {archive: _load(output / name, *archive) for archive, name in readers.items()}
    master = where.master or LOCAL
    truths = {
        archive: replace(truth, master=master, elapsed_s=elapsed_s, start_s=start_s) for archive, truth in found.items()
    }
    return {name: truths[archive] for name, archive in archives.items()}


def deadline_s(records: int) -> float:
    """How long the job may take for so many records until they are counted, and then until all is saved."""
    return DEADLINE_S + DEADLINE_S_PER_MILLION * records / 1_000_000


def _await_end(child: Child, classes: ClassArchive, limit_s: float) -> float:
    """Wait until the job has ended. Returns when, on the monotonic clock, Spark was ready.

    Raises:
        InvalidRun: the job failed, or did not end in time.
    """
    try:
        child.wait_for("ready", DEADLINE_S)
        ready_s = time.monotonic()
        child.wait_for("progress", limit_s)
        classes.learn(child.process.child_tree())
        child.wait_for("stopped", limit_s)
    except ServiceError as error:
        raise InvalidRun(f"the ground truth could not be computed: {error}") from error
    return ready_s


def _load(output: Path, archive_objects: int, archive_sha256: str) -> TrialTruth:
    counts = pq.read_table(output / "counts.parquet").to_pydict()
    volume = pq.read_table(output / "operator_volume.parquet").to_pylist()
    cells = map(Cell, counts["window_s"], counts["location"], counts["operator"], counts["type"])
    return TrialTruth(
        dict(zip(cells, counts["records"], strict=True)),
        _malformed(pq.read_table(output / "malformed.parquet").to_pylist()),
        sorted((OperatorVolume(**row) for row in volume), key=lambda each: (each.minute_s, each.operator)),
        archive_objects,
        archive_sha256,
    )


def _malformed(rows: list[dict[str, int]]) -> LinesDigest:
    """The digest in the one row; of an archive without malformed lines, there is none."""
    if not rows:
        return LinesDigest.of([])
    (row,) = rows
    return LinesDigest(row.pop("lines"), tuple(row.values()))


def certain_counts(counts: dict[Cell, int], expected: ExpectedCounts) -> dict[Cell, int]:
    """What every engine must count, of `counts` of all records: less those that it may or must drop."""
    less = Counter(expected.either) + Counter(expected.must_drop)
    return {cell: left for cell, count in counts.items() if (left := count - less[cell]) > 0} if less else counts


def truth_from_seed(expected: ExpectedCounts) -> TrialTruth:
    """The seed's own truth in place of an archive's, for trials that archive nothing."""
    return TrialTruth(expected.counts, LinesDigest.of(expected.malformed_lines), [], 0, "")


def summarise(truth: TrialTruth, engine_name: str, *, agrees_with_seed: bool) -> Truth:
    """The result's account of `truth`."""
    return Truth(
        engine=engine_name,
        archive_objects=truth.archive_objects,
        archive_sha256=truth.archive_sha256,
        records=sum(truth.counts.values()),
        malformed=truth.malformed.lines,
        cells=len(truth.counts),
        agrees_with_seed=agrees_with_seed,
        operator_volume=truth.operator_volume,
        master=truth.master,
        elapsed_s=truth.elapsed_s,
        start_s=truth.start_s,
    )
