"""The job specification: the one JSON file that an engine is started with."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from engines.contract.kafka import librdkafka_properties
from engines.contract.keys import transaction
from engines.contract.queries import COUNTS, QUERIES
from engines.contract.record import CALIFORNIA, LOCATIONS

SCHEMA_VERSION = 1
#: How counts get to Redis: through the aggregates topic and the harness's writer, or by the engine itself.
KAFKA, DIRECT = "kafka", "direct"
ROUTES = (KAFKA, DIRECT)
#: How often what is written is there, as a consumer sees it that reads what is committed: see docs/delivery.md.
AT_LEAST_ONCE, EXACTLY_ONCE = "at-least-once", "exactly-once"
DELIVERIES = (AT_LEAST_ONCE, EXACTLY_ONCE)


@dataclass(frozen=True, kw_only=True)
class RedisTarget:
    """The Redis that an engine writes by itself.

    Attributes:
        url: where it is, ``redis://[[USER]:PASSWORD@]HOST:PORT/DATABASE``, quoted as URLs are; ``rediss`` for TLS, and
            then perhaps ``?ssl_ca_certs=FILE``, the authorities to trust in place of the system's, as redis-py has it.
        namespace: what all keys start with.
        expire_s: for how long Redis keeps a window that changes no more.
    """

    url: str
    namespace: str
    expire_s: int

    def write(self, client: Any, counts: Mapping[bytes, bytes]) -> None:
        """Make `counts` visible here in one transaction, and return when they are.

        Args:
            client: redis-py's, of this Redis; the contract itself needs none.
            counts: see `engines.contract.keys.transaction`.

        Raises:
            redis.RedisError: Redis is away, or refuses what is written.
        """
        with client.pipeline(transaction=True) as pipeline:
            for command in transaction(counts, self.namespace, self.expire_s):
                pipeline.execute_command(*command)
            pipeline.execute()


@dataclass(frozen=True, kw_only=True)
class JobSpecification:
    """What an engine has to do.

    Attributes:
        schema_version: the version of this format.
        run_id: the run's identifier; part of consumer group names.
        engine: the engine's name.
        bootstrap_servers: Kafka's address, ``host:port[,host:port]``.
        kafka_properties: how Kafka is to be reached, in Kafka's own (Java) names, such as ``security.protocol``: those
            of `engines.contract.kafka`. They may hold a password; empty for brokers that let everybody in.
        input_topic: where the records come from, read from its beginning. Topics that an engine makes for itself have
            this name, and a dot, in their own, and are deleted together with it.
        route: how counts get to Redis, one of `ROUTES`; an engine is given those only that its descriptor names.
        output_topic: where upserts go; empty in the direct route, which has no such topic.
        redis: where the engine writes counts in the direct route; None in the other.
        delivery: one of `DELIVERIES`; an engine is given those only that its descriptor names. Exactly once, upserts
            and dead letters are written in transactions, each with what was read for it; what is committed comes once.
        dead_letter_topic: where malformed lines go, byte for byte.
        query: what to ask of the records, in `engines.contract.queries.QUERIES`; an engine is given those only that its
            descriptor names.
        query_parameters: all of the query's parameters.
        locations: the set, in `engines.contract.record.LOCATIONS`, whose locations are well formed.
        allowed_lateness_ms: a record whose window ended at or before (greatest event time seen - this) may be dropped.
        parallelism: how many tasks to run side by side.
        checkpoint_dir: a private directory for checkpoints and state.
        checkpoint_interval_ms: how often to checkpoint, where the engine has such a setting; of delivery exactly
            once, how often to commit.
        restarts_tasks: whether the engine is to run a task that fails again, by its own means; if not, the failure may
            be the end of the job.
        jars: local paths of the JVM artifacts in the engine's own lock, in its order.
        settings: the engine's own tuning settings; unknown ones are an error of the engine.
    """

    schema_version: int = SCHEMA_VERSION
    run_id: str
    engine: str
    bootstrap_servers: str
    kafka_properties: dict[str, str] = field(default_factory=dict)
    input_topic: str
    route: str = KAFKA
    output_topic: str = ""
    redis: RedisTarget | None = None
    delivery: str = AT_LEAST_ONCE
    dead_letter_topic: str
    query: str = COUNTS
    query_parameters: dict[str, int] = field(default_factory=dict)
    locations: str = CALIFORNIA
    allowed_lateness_ms: int
    parallelism: int
    checkpoint_dir: str
    checkpoint_interval_ms: int
    restarts_tasks: bool = False
    jars: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def is_exactly_once(self) -> bool:
        """Whether what is written is to be there once, whatever happens."""
        return self.delivery == EXACTLY_ONCE

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The specification in the JSON file at `path`.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not JSON, has unknown or missing keys, another version, or an unknown set of locations,
                query or delivery.
        """
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        known = {each.name for each in fields(cls)}
        if unknown := sorted(set(found) - known):
            raise ValueError(f"job specification: unknown keys {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        if found.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(f"job specification: schema_version {found.get('schema_version')}, not {SCHEMA_VERSION}")
        if (locations := found.get("locations", CALIFORNIA)) not in LOCATIONS:
            raise ValueError(f"job specification: unknown locations {locations!r}; known: {', '.join(LOCATIONS)}")
        if (query := found.get("query", COUNTS)) not in QUERIES:
            raise ValueError(f"job specification: unknown query {query!r}; known: {', '.join(QUERIES)}")
        if (delivery := found.get("delivery", AT_LEAST_ONCE)) not in DELIVERIES:
            raise ValueError(f"job specification: unknown delivery {delivery!r}; known: {', '.join(DELIVERIES)}")
        try:
            target = found.pop("redis", None)
            return cls(**found, redis=RedisTarget(**target) if target else None)
        except TypeError as error:
            raise ValueError(f"job specification: {error}") from error

    def save(self, path: str | Path) -> None:
        """Write the specification to `path` as JSON, readable by the user alone: it may hold a password."""
        Path(path).touch(mode=0o600)
        Path(path).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def librdkafka_properties(self) -> dict[str, str]:
        """What a librdkafka client needs to reach Kafka: `bootstrap_servers` and `kafka_properties`, translated."""
        return librdkafka_properties(self.bootstrap_servers, self.kafka_properties)

    def take_settings(self, defaults: dict[str, Any]) -> dict[str, Any]:
        """`defaults` overridden by this job's settings.

        Raises:
            ValueError: a setting is not among the defaults' keys.
        """
        if unknown := sorted(set(self.settings) - set(defaults)):
            raise ValueError(
                f"engine {self.engine}: unknown settings {', '.join(unknown)}; known: {', '.join(sorted(defaults))}"
            )
        return defaults | self.settings
