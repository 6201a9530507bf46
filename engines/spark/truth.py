"""The ground truth: a batch job that counts the records archived in S3.

Run as ``python truth.py job.json``, where the job names the store (``s3``: ``endpoint``, null for AWS itself,
``region``, ``bucket``, and ``ca_file``, certificates to trust or null for the usual ones), the ``trials`` (``name`` and
``prefix`` of the archive), the set of ``locations`` of their records, an ``output_dir`` on the local disk and the Spark
``master``. Credentials come from the standard environment variables. For each trial, these Parquet files appear in
``output_dir/NAME``:

* ``counts.parquet``: ``window_s``, ``location``, ``operator``, ``type``, ``records``,
* ``operator_volume.parquet``: ``minute_s``, ``operator``, ``records``,
* ``malformed.parquet``: ``line``, every malformed line.

Objects are read through pyarrow inside Spark's tasks, which spares the half gigabyte of Hadoop's S3 connector. They are
read once: one aggregation gives the counts, from which the operators' volume follows, and the malformed lines.

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
from pyarrow.fs import FileSelector, S3FileSystem
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from engines.contract.events import EventWriter, stop_on_sigterm
from engines.contract.process import JVM_OPTIONS
from engines.contract.record import COLUMNS, JAVA_PATTERNS

COUNTED = ["window_s", "location", "operator", "type"]


def main(job: dict[str, Any], events: EventWriter) -> None:
    """Run `job`."""
    spark = start_spark(job["master"])
    events.send("ready", version=spark.version, config={"master": spark.sparkContext.master})
    lines = read_archives(spark, job["s3"], {trial["name"]: trial["prefix"] for trial in job["trials"]})
    found = count(lines, JAVA_PATTERNS[job["locations"]]).toArrow()
    events.send("progress", lines=pc.sum(found["records"]).as_py())
    for trial in job["trials"]:
        of_trial = found.filter(pc.equal(found["trial"], trial["name"]))
        save(of_trial, Path(job["output_dir"]) / trial["name"])
    spark.stop()


def start_spark(master: str) -> SparkSession:
    """A Spark session on loopback, without a web page."""
    # The default is whatever python3 comes first on PATH, which need not have what this environment has.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    scratch = os.environ.get("TMPDIR", "/tmp")  # noqa: S108
    options = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        # Spark makes a secret, and tells nobody: other users of the machine reach the driver's port.
        "spark.authenticate": "true",
        "spark.driver.memory": "2g",
        "spark.driver.defaultJavaOptions": os.environ.get(JVM_OPTIONS, ""),
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC",
        "spark.ui.enabled": "false",
        "spark.local.dir": scratch,
        # One aggregation of counts by cell: to plan it again at run time, or in parts, costs more than it saves.
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": f"{scratch}/warehouse",
    }
    builder = SparkSession.builder.appName("ringbench-truth").master(master)
    for name, value in options.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def read_archives(spark: SparkSession, s3: dict[str, Any], prefixes: dict[str, str]) -> DataFrame:
    """All trials' archived lines: ``trial``, ``line``."""
    objects = [(name, path) for name, prefix in prefixes.items() for path in list_objects(s3, prefix)]

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        store = connect(s3)
        for batch in batches:
            for number in batch["id"].to_pylist():
                name, path = objects[number]
                with store.open_input_file(path) as file:
                    line = pq.read_table(file, columns=["line"])["line"].combine_chunks()
                trial = pa.repeat(pa.scalar(name), len(line))
                yield pa.RecordBatch.from_arrays([trial, line], ["trial", "line"])

    # One a core: reading is quick, and each task starts a Python process.
    slices = min(len(objects), spark.sparkContext.defaultParallelism)
    return spark.range(0, len(objects), 1, slices).mapInArrow(read, "trial string, line binary")


def list_objects(s3: dict[str, Any], prefix: str) -> list[str]:
    """Paths, bucket first, of the objects under `prefix`.

    Raises:
        FileNotFoundError: there are none: an empty archive proves nothing.
    """
    found = connect(s3).get_file_info(FileSelector(f"{s3['bucket']}/{prefix}", recursive=True, allow_not_found=True))
    paths = sorted(each.path for each in found if each.is_file)
    if not paths:
        raise FileNotFoundError(f"no objects in bucket {s3['bucket']} under {prefix}")
    return paths


def connect(s3: dict[str, Any]) -> S3FileSystem:
    """The store, with credentials from the environment."""
    return S3FileSystem(endpoint_override=s3["endpoint"], region=s3["region"], tls_ca_file_path=s3["ca_file"])


def count(lines: DataFrame, pattern: str) -> DataFrame:
    """How often each cell and each malformed line occurs in each trial.

    Columns: ``trial``, `COUNTED`, ``malformed``, ``records``. Either `COUNTED` is null or ``malformed`` is.

    `pattern` is in `engines.contract.record.JAVA_PATTERNS`. What it matches has its fields in fixed places.
    """
    text = F.decode("line", "ISO-8859-1")  # never fails, and what is not ASCII matches nothing
    read = lines.select("trial", "line", text.alias("text"))
    timed = read.withColumns({name: field(name).try_cast("bigint") for name in ("StartT", "EndT")})
    is_record = F.col("text").rlike(pattern) & F.coalesce(F.col("EndT") >= F.col("StartT"), F.lit(False))
    judged = timed.withColumn("is_record", is_record)
    fields = [F.expr("EndT div 1000"), field("Location"), field("Company"), field("Type")]
    cell = [F.when(F.col("is_record"), each).alias(name) for each, name in zip(fields, COUNTED, strict=True)]
    malformed = F.when(~F.col("is_record"), F.col("line")).alias("malformed")
    return judged.groupBy("trial", *cell, malformed).agg(F.count("*").alias("records"))


def field(name: str) -> Column:
    """The field of that name, of a well-formed line in the column ``text``."""
    return F.substring("text", *COLUMNS[name])


def save(found: pa.Table, folder: Path) -> None:
    """Write one trial's part of what `count` gives to files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = found.filter(pc.is_null(found["malformed"]))
    pq.write_table(counts.select([*COUNTED, "records"]), folder / "counts.parquet")
    minutes = counts.append_column("minute_s", pc.multiply(pc.divide(counts["window_s"], 60), 60))
    volume = minutes.group_by(["minute_s", "operator"]).aggregate([("records", "sum")])
    volume = volume.rename_columns(["minute_s", "operator", "records"])
    pq.write_table(volume, folder / "operator_volume.parquet")
    malformed = found.filter(pc.is_valid(found["malformed"]))
    often = zip(malformed["malformed"].to_pylist(), malformed["records"].to_pylist(), strict=True)
    lines = [line for line, times in often for _ in range(times)]
    pq.write_table(pa.table({"line": pa.array(lines, pa.binary())}), folder / "malformed.parquet")


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
