"""The archiver: copies the input topic, as the broker has it, to S3 as Parquet, one object a second, while it runs.

Several archivers share the partitions, each with objects of its own: see `harness.workers.archivers`.

It reads the topic rather than the generator's memory, so that the archive is what the engine was given. Which offsets
of which partition belong to which second follows from the workload alone, and rows are ordered by (partition, offset):
the same seed gives the same bytes. The broker's times of arrival, which differ from run to run, are kept apart.
"""

import io
import threading
import time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from numpy.typing import NDArray

from engines.contract.events import EventWriter
from engines.contract.kafka import librdkafka_properties
from harness.clients.kafka_errors import is_transient
from harness.clients.s3_client import s3_client
from harness.measurement.trajectory import NEVER
from harness.workers.jobs import ArchiverJob, run_worker
from workloads.parts import partitions_of
from workloads.replay import open_workload
from workloads.sample import waterfall_records, waterfall_seconds

SCHEMA = pa.schema([("partition", pa.int32()), ("offset", pa.int64()), ("line", pa.binary())])
POLL_RECORDS = 20_000
#: Between two attempts to put an object into a store that is away, and for how long to try.
RETRY_S = 0.5
AWAY_DEADLINE_S = 60.0
PUT_TIMEOUT_S = 10.0


class Archiver:
    """Archives one topic that carries one workload."""

    def __init__(self, job: ArchiverJob) -> None:
        self._job = job
        self._workload = open_workload(job.workload)
        every = range(job.workload.partitions)
        self._partitions = partitions_of(job.archiver, job.archivers, len(every))  # those that are its own
        self._lines: list[list[bytes]] = [[] for _ in every]  # read, not yet archived, in order of offset
        self._times_ms: list[list[int]] = [[] for _ in every]  # when the broker took each of `_lines`
        self._archived = [0] * job.workload.partitions  # offset of the first of `_lines`
        self._apart = set(waterfall_seconds(self._workload))
        self._indexes = waterfall_records(self._workload)
        self._appended_ms = np.full(len(self._indexes), NEVER, dtype=np.int64)
        self._second = 0
        self._sent, self._wanted = self._records_in(0)
        self._s3 = s3_client(job.endpoint, None, timeout_s=PUT_TIMEOUT_S)

    def run(self, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
        """Archive until the workload's last second, or until `stop` is set. Returns totals."""
        consumer = self._consumer()
        events.send("ready", version="", config={"schema": SCHEMA.names})
        while self._second < self._workload.total_s and not stop.is_set():
            self._read(consumer)
            while self._second < self._workload.total_s and self._is_complete():
                self._archive_second()
                events.send("progress", archived_s=self._second, archived_records=sum(self._archived))
        consumer.close()
        np.savez(self._job.output, indexes=self._indexes, appended_ms=self._appended_ms)
        return {
            "archived_s": self._second,
            "archived_records": sum(self._archived),
            "archived_offsets": self._archived,
        }

    def _consumer(self) -> Consumer:
        consumer = Consumer(
            {
                **librdkafka_properties(self._job.bootstrap_servers, self._job.kafka_properties),
                "group.id": f"{self._job.topic}-archiver",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 500,
                # The archive is in no hurry: few, large fetches leave the broker to the engine.
                "fetch.min.bytes": 65_536,
            }
        )
        consumer.assign([TopicPartition(self._job.topic, each, OFFSET_BEGINNING) for each in self._partitions])
        return consumer

    def _read(self, consumer: Consumer) -> None:
        for message in consumer.consume(POLL_RECORDS, timeout=0.25):
            if error := message.error():
                if is_transient(error):
                    continue
                raise KafkaException(error)
            partition = message.partition()
            assert partition is not None
            self._lines[partition].append(message.value() or b"")
            self._times_ms[partition].append(message.timestamp()[1])

    def _records_in(self, second: int) -> tuple[NDArray[np.int64], list[int]]:
        """The partitions of the records of a second of the workload, and how many records each partition receives."""
        sent = self._workload.partitions(*self._workload.second(second))
        return sent, [int(count) for count in np.bincount(sent, minlength=len(self._lines))]

    def _is_complete(self) -> bool:
        return all(len(self._lines[each]) >= self._wanted[each] for each in self._partitions)

    def _archive_second(self) -> None:
        if self._second in self._apart:
            self._keep_times()
        partitions: list[int] = []
        offsets: list[int] = []
        lines: list[bytes] = []
        for each in self._partitions:
            wanted = self._wanted[each]
            partitions += [each] * wanted
            offsets += range(self._archived[each], self._archived[each] + wanted)
            lines += self._lines[each][:wanted]
            del self._lines[each][:wanted], self._times_ms[each][:wanted]
            self._archived[each] += wanted
        self._put(pa.table([partitions, offsets, lines], schema=SCHEMA))
        self._second += 1
        if self._second < self._workload.total_s:
            self._sent, self._wanted = self._records_in(self._second)

    def _keep_times(self) -> None:
        """Note when the broker took the records of this second: within a partition, they come in order of index."""
        first, _ = self._workload.second(self._second)
        place = int(np.searchsorted(self._indexes, first))
        for each in self._partitions:
            chosen = place + np.flatnonzero(self._sent == each)
            self._appended_ms[chosen] = self._times_ms[each][: len(chosen)]

    def _put(self, table: pa.Table) -> None:
        body = io.BytesIO()
        pq.write_table(table, body, compression="zstd")
        second_s = self._job.workload.epoch_s + self._second
        key = f"{self._job.prefix}/second={second_s}/part-{self._job.archiver}.parquet"
        deadline = time.monotonic() + AWAY_DEADLINE_S
        while True:
            try:
                self._s3.put_object(Bucket=self._job.bucket, Key=key, Body=body.getvalue())
                return
            except (BotoCoreError, ClientError):
                # The same bytes under the same name: to put them twice does no harm.
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_S)


def _work(job: ArchiverJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    return Archiver(job).run(events, stop)


if __name__ == "__main__":
    run_worker(ArchiverJob, _work)
