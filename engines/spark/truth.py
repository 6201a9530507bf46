"""The ground truth: a batch job that counts the records archived in S3.

Run as ``python truth.py job.json``, where the job names the store (``s3``: ``endpoint``, null for AWS itself,
``region``, ``bucket``, and ``ca_file``, certificates to trust or null for the usual ones), the ``trials`` (``name`` and
``prefix`` of the archive), the set of ``locations`` of their records, an ``output_dir`` on the local disk and the Spark
``master``. Credentials come from the standard environment variables. For each trial, these Parquet files appear in
``output_dir/NAME``:

* ``counts.parquet``: ``window_s``, ``location``, ``operator``, ``type``, ``records``,
* ``operator_volume.parquet``: ``minute_s``, ``operator``, ``records``,
* ``malformed.parquet``: ``line``, every malformed line.

Objects are read through pyarrow inside Spark's tasks, which spares the half gigabyte of Hadoop's S3 connector.
"""

import json
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, S3FileSystem
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from engines.contract.events import EventWriter, stop_on_sigterm
from engines.contract.record import JAVA_PATTERNS

FIELDS = {"location": 3, "start_ms": 4, "event_time_ms": 5, "type": 6, "operator": 7}


def main(job: dict[str, Any], events: EventWriter) -> None:
    """Run `job`."""
    spark = start_spark(job["master"])
    events.send("ready", version=spark.version, config={"master": spark.sparkContext.master})
    lines = read_archives(spark, job["s3"], {trial["name"]: trial["prefix"] for trial in job["trials"]}).cache()
    records = parse(lines, JAVA_PATTERNS[job["locations"]])
    good = records.where("is_record").withColumn("window_s", F.expr("event_time_ms div 1000"))
    counts = good.groupBy("trial", "window_s", "location", "operator", "type").agg(F.count("*").alias("records"))
    save(counts, job, "counts")
    volume = good.withColumn("minute_s", F.expr("window_s div 60 * 60"))
    save(volume.groupBy("trial", "minute_s", "operator").agg(F.count("*").alias("records")), job, "operator_volume")
    save(records.where("not is_record").select("trial", "line"), job, "malformed")
    spark.stop()


def start_spark(master: str) -> SparkSession:
    """A Spark session on loopback, without a web page."""
    # The default is whatever python3 comes first on PATH, which need not have what this environment has.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    scratch = os.environ.get("TMPDIR", "/tmp")  # noqa: S108
    options = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "2g",
        "spark.ui.enabled": "false",
        "spark.local.dir": scratch,
        "spark.sql.shuffle.partitions": "4",
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
    listed = spark.createDataFrame(objects, "trial string, path string")

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        store = connect(s3)
        for batch in batches:
            for row in batch.to_pylist():
                with store.open_input_file(row["path"]) as file:
                    line = pq.read_table(file, columns=["line"])["line"].combine_chunks()
                trial = pa.repeat(pa.scalar(row["trial"]), len(line))
                yield pa.RecordBatch.from_arrays([trial, line], ["trial", "line"])

    slices = min(len(objects), 8 * spark.sparkContext.defaultParallelism)
    return listed.repartition(slices).mapInArrow(read, "trial string, line binary")


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


def parse(lines: DataFrame, pattern: str) -> DataFrame:
    """`lines` with the fields that the counts need, and ``is_record``: whether the line is a well-formed record.

    `pattern` is in `engines.contract.record.JAVA_PATTERNS`.
    """
    text = F.decode("line", "ISO-8859-1")  # never fails, and what is not ASCII matches nothing
    fields = [F.regexp_extract(text, pattern, group).alias(name) for name, group in FIELDS.items()]
    matched = lines.select("trial", "line", text.rlike(pattern).alias("matches"), *fields)
    times = [F.expr(f"try_cast({name} as bigint)").alias(name) for name in ("start_ms", "event_time_ms")]
    typed = matched.select("trial", "line", "matches", "location", "operator", "type", *times)
    return typed.withColumn("is_record", F.expr("matches and event_time_ms >= start_ms"))


def save(found: DataFrame, job: dict[str, Any], name: str) -> None:
    """Write `found`, trial by trial, to ``NAME.parquet`` in each trial's folder."""
    table = found.toArrow()
    for trial in job["trials"]:
        folder = Path(job["output_dir"]) / trial["name"]
        folder.mkdir(parents=True, exist_ok=True)
        of_trial = table.filter(pa.compute.equal(table["trial"], trial["name"])).drop_columns("trial")
        pq.write_table(of_trial, folder / f"{name}.parquet")


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
