"""The ground truth: a batch job that counts the records archived in S3.

Run as ``python truth.py job.json``, where the job names the store (``s3``: ``endpoint``, null for AWS itself,
``region``, ``bucket``, and ``ca_file``, certificates to trust or null for the usual ones), the ``trials`` (``name`` and
``prefix`` of the archive), the set of ``locations`` of their records, an ``output_dir`` on the local disk, the Spark
``master``, and ``conf``, further options of Spark. Credentials come from the standard environment variables. For each
trial, these Parquet files appear in ``output_dir/NAME``:

* ``counts.parquet``: ``window_s``, ``location``, ``operator``, ``type``, ``records``,
* ``operator_volume.parquet``: ``minute_s``, ``operator``, ``records``,
* ``malformed.parquet``, in one row: ``lines``, how many, and ``sum_0``, ... of their hashes, see `digest`.

Objects are read through pyarrow inside Spark's tasks, which spares the half gigabyte of Hadoop's S3 connector. They are
read once: one aggregation gives the counts, from which the operators' volume follows, and what is malformed. Nothing
here grows with the number of records: a task holds a batch of lines at a time, and its counts by cell; what comes back
are the cells.

On a cluster, the tasks have the credentials from the driver, as a part of the function that they run: Spark shows it
nowhere, and no option, argument or variable has them. Without credentials in the environment, each task finds its own.

The event ``progress`` says how many ``lines`` were read, when nothing is left but to save.
"""

import json
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cluster import driver_address, is_cluster, log_in
from pyarrow.fs import FileSelector, S3FileSystem
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from engines.contract.events import EventWriter, stop_on_sigterm
from engines.contract.process import JVM_OPTIONS
from engines.contract.record import COLUMNS, JAVA_PATTERNS

COUNTED = ["window_s", "location", "operator", "type"]
#: Parts of a malformed line's hash, each of 32 bits: sums of two thousand million of them fit into 64.
SUMS = [f"sum_{part}" for part in range(4)]
#: Lines that a task holds at once.
BATCH_LINES = 1 << 16
#: Of each stage on a cluster, at the most: how many cores it will have is not known when the job is planned.
CLUSTER_TASKS = 256
#: Parts of the aggregation there.
CLUSTER_PARTS = 16


def main(job: dict[str, Any], events: EventWriter) -> None:
    """Run `job`."""
    spark = start_spark(job["master"], job["conf"])
    events.send("ready", version=spark.version, config={"master": spark.sparkContext.master})
    lines = read_archives(spark, job["s3"], {trial["name"]: trial["prefix"] for trial in job["trials"]})
    found = count(lines, JAVA_PATTERNS[job["locations"]]).toArrow()
    events.send("progress", lines=pc.sum(found["records"]).as_py())
    for trial in job["trials"]:
        of_trial = found.filter(pc.equal(found["trial"], trial["name"]))
        save(of_trial, Path(job["output_dir"]) / trial["name"])
    spark.stop()


def start_spark(master: str, conf: dict[str, str]) -> SparkSession:
    """A Spark session without a web page: in this process and on loopback, or on the cluster of `master`.

    `conf` goes before all other options.
    """
    # The default is whatever python3 comes first on PATH, which need not have what this environment has.
    os.environ["PYSPARK_PYTHON"] = conf.get("spark.pyspark.python", sys.executable)
    scratch = os.environ.get("TMPDIR", "/tmp")  # noqa: S108
    log_in(master, Path(scratch))
    options = {
        **place(master),
        "spark.driver.memory": "2g",
        "spark.driver.defaultJavaOptions": os.environ.get(JVM_OPTIONS, ""),
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC",
        "spark.ui.enabled": "false",
        "spark.local.dir": scratch,
        # One aggregation of counts by cell: to plan it again at run time, or in parts, costs more than it saves.
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": f"{scratch}/warehouse",
        **conf,
    }
    builder = SparkSession.builder.appName("ringbench-truth").master(master)
    for name, value in options.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def place(master: str) -> dict[str, str]:
    """Options that follow from where the tasks run."""
    if is_cluster(master):
        return {**driver_address(master), "spark.sql.shuffle.partitions": str(CLUSTER_PARTS)}
    return {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        # Spark makes a secret, and tells nobody: other users of the machine reach the driver's port.
        "spark.authenticate": "true",
        "spark.sql.shuffle.partitions": "1",
    }


def read_archives(spark: SparkSession, s3: dict[str, Any], prefixes: dict[str, str]) -> DataFrame:
    """All trials' archived lines: ``trial``, ``line``."""
    login = credentials()
    objects = [(name, path) for name, prefix in prefixes.items() for path in list_objects(s3, login, prefix)]

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        store = connect(s3, login)
        for batch in batches:
            for number in batch["id"].to_pylist():
                name, path = objects[number]
                with store.open_input_file(path) as file:
                    for part in pq.ParquetFile(file).iter_batches(BATCH_LINES, columns=["line"]):
                        trial = pa.repeat(pa.scalar(name), len(part))
                        yield pa.RecordBatch.from_arrays([trial, part["line"]], ["trial", "line"])

    context = spark.sparkContext
    # Here, one a core: reading is quick, and each task starts a Python process.
    tasks = CLUSTER_TASKS if is_cluster(context.master) else context.defaultParallelism
    slices = min(len(objects), tasks)
    return spark.range(0, len(objects), 1, slices).mapInArrow(read, "trial string, line binary")


def list_objects(s3: dict[str, Any], login: dict[str, str], prefix: str) -> list[str]:
    """Paths, bucket first, of the objects under `prefix`.

    Raises:
        FileNotFoundError: there are none: an empty archive proves nothing.
    """
    found = connect(s3, login).get_file_info(
        FileSelector(f"{s3['bucket']}/{prefix}", recursive=True, allow_not_found=True)
    )
    paths = sorted(each.path for each in found if each.is_file)
    if not paths:
        raise FileNotFoundError(f"no objects in bucket {s3['bucket']} under {prefix}")
    return paths


def credentials() -> dict[str, str]:
    """What the environment has, as pyarrow calls it, with an access key; else nothing."""
    names = {
        "access_key": "AWS_ACCESS_KEY_ID",
        "secret_key": "AWS_SECRET_ACCESS_KEY",
        "session_token": "AWS_SESSION_TOKEN",
    }
    found = {name: value for name, variable in names.items() if (value := os.environ.get(variable))}
    return found if "access_key" in found else {}


def connect(s3: dict[str, Any], login: dict[str, str]) -> S3FileSystem:
    """The store, with credentials as `credentials` gives them."""
    return S3FileSystem(
        endpoint_override=s3["endpoint"],
        region=s3["region"],
        tls_ca_file_path=s3["ca_file"],
        access_key=login.get("access_key"),
        secret_key=login.get("secret_key"),
        session_token=login.get("session_token"),
    )


def count(lines: DataFrame, pattern: str) -> DataFrame:
    """How often each cell occurs in each trial, and what is malformed.

    Columns: ``trial``, `COUNTED`, ``records``, `SUMS`. In a trial's row for malformed lines, `COUNTED` is null; in all
    others, `SUMS` is.

    `pattern` is in `engines.contract.record.JAVA_PATTERNS`. What it matches has its fields in fixed places.
    """
    text = F.decode("line", "ISO-8859-1")  # never fails, and what is not ASCII matches nothing
    read = lines.select("trial", "line", text.alias("text"))
    timed = read.withColumns({name: field(name).try_cast("bigint") for name in ("StartT", "EndT")})
    is_record = F.col("text").rlike(pattern) & F.coalesce(F.col("EndT") >= F.col("StartT"), F.lit(False))
    judged = timed.withColumn("is_record", is_record)
    fields = [F.expr("EndT div 1000"), field("Location"), field("Company"), field("Type")]
    cell = [F.when(F.col("is_record"), each).alias(name) for each, name in zip(fields, COUNTED, strict=True)]
    return judged.groupBy("trial", *cell).agg(F.count("*").alias("records"), *digest())


def digest() -> list[Column]:
    """What tells malformed lines, in any order, from others: the sums of the first four parts of their SHA-256.

    Each part has 32 bits. It is an additive hash of a multiset: Clarke, Devadas, van Dijk, Gassend and Suh,
    "Incremental Multiset Hash Functions and Their Application to Memory Integrity Checking", ASIACRYPT 2003.
    """
    whole = F.when(~F.col("is_record"), F.sha2("line", 256))
    parts = [F.conv(F.substring(whole, 1 + 8 * part, 8), 16, 10).cast("bigint") for part in range(len(SUMS))]
    return [F.sum(part).alias(name) for part, name in zip(parts, SUMS, strict=True)]


def field(name: str) -> Column:
    """The field of that name, of a well-formed line in the column ``text``."""
    return F.substring("text", *COLUMNS[name])


def save(found: pa.Table, folder: Path) -> None:
    """Write one trial's part of what `count` gives to files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    is_cell = pc.is_valid(found["window_s"])
    counts = found.filter(is_cell)
    pq.write_table(counts.select([*COUNTED, "records"]), folder / "counts.parquet")
    minutes = counts.append_column("minute_s", pc.multiply(pc.divide(counts["window_s"], 60), 60))
    volume = minutes.group_by(["minute_s", "operator"]).aggregate([("records", "sum")])
    volume = volume.rename_columns(["minute_s", "operator", "records"])
    pq.write_table(volume, folder / "operator_volume.parquet")
    malformed = found.filter(pc.invert(is_cell)).select(["records", *SUMS])
    pq.write_table(malformed.rename_columns(["lines", *SUMS]), folder / "malformed.parquet")


if __name__ == "__main__":
    event_writer = EventWriter()
    stop_on_sigterm()
    try:
        main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), event_writer)
    except Exception as error:
        traceback.print_exc()
        event_writer.send("failed", error=f"{type(error).__name__}: {error}")
        sys.exit(1)
    event_writer.send("stopped")
