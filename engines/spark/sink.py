"""The direct route: each micro-batch's counts go to Redis from the driver, in one transaction.

The micro-batch is computed once: all its rows come to the driver, where there are few of them, a row for each cell that
has changed and each malformed line. A micro-batch that is run again after a failure does no harm: counts are absolute,
and malformed lines are written at least once, as in the other route.
"""

import pyarrow as pa
import pyarrow.compute as pc
import redis
from pyspark.sql import DataFrame, SparkSession

from engines.contract.job import RedisTarget


class RedisSink:
    """What `foreachBatch` calls, with rows as `query.output_rows` makes them; those with a key are counts."""

    def __init__(self, target: RedisTarget, kafka: dict[str, str]) -> None:
        self._target, self._kafka = target, kafka
        self._client = redis.Redis.from_url(target.url, protocol=2)

    def write(self, batch: DataFrame, _number: int) -> None:
        """Write a micro-batch: counts to Redis, malformed lines to Kafka.

        Raises:
            redis.RedisError: Redis is away, or refuses what is written.
        """
        rows = batch.toArrow()
        is_count = pc.is_valid(rows["key"])
        self._write_counts(rows.filter(is_count))
        self._write_dead_letters(batch.sparkSession, rows.filter(pc.invert(is_count)))

    def _write_counts(self, rows: pa.Table) -> None:
        if rows.num_rows:
            counts = dict(zip(rows["key"].to_pylist(), rows["value"].to_pylist(), strict=True))
            self._target.write(self._client, counts)

    def _write_dead_letters(self, spark: SparkSession, rows: pa.Table) -> None:
        if rows.num_rows:
            spark.createDataFrame(rows).write.format("kafka").options(**self._kafka).save()
