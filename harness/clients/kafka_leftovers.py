"""What runs have left in a Kafka: topics and consumer groups that carry a run's id in their names."""

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from harness.clients.kafka_topics import TIMEOUT_S, Client, reason, remove_topics
from harness.clients.left import Left
from harness.clients.run_names import run_of_group, run_of_topic
from harness.errors import ServiceError

GROUP = "consumer group"


class KafkaLeftovers:
    """Finds what runs have left in the Kafka that `client` reaches, and deletes it."""

    def __init__(self, client: Client) -> None:
        # Quiet: it reports on its own end.
        self._admin = AdminClient({**client, "log_level": 3})

    def topics(self) -> dict[str, str]:
        """Topics that are of runs, and the runs' ids.

        Raises:
            ServiceError: Kafka does not answer.
        """
        try:
            names = self._admin.list_topics(timeout=TIMEOUT_S).topics
        except KafkaException as error:
            raise ServiceError(f"Kafka does not tell its topics: {reason(error)}") from error
        return {name: run_id for name in sorted(names) if (run_id := run_of_topic(name))}

    def groups(self) -> dict[str, str]:
        """Consumer groups that are of runs, and the runs' ids: those that the user may describe.

        Raises:
            ServiceError: Kafka does not answer.
        """
        try:
            found = self._admin.list_consumer_groups(request_timeout=TIMEOUT_S).result(2 * TIMEOUT_S)
        except (KafkaException, TimeoutError) as error:
            raise ServiceError(f"Kafka does not tell its consumer groups: {reason(error)}") from error
        names = sorted(each.group_id for each in found.valid)
        return {name: run_id for name in names if (run_id := run_of_group(name))}

    def records(self, topic: str) -> int | None:
        """How many records `topic` holds, as its offsets tell; None if they do not."""
        try:
            partitions = self._admin.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
            latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
            earliest: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
            ends = self._offsets(topic, list(partitions), latest)
            return ends - self._offsets(topic, list(partitions), earliest)
        except (KafkaException, TimeoutError):
            return None

    def _offsets(self, topic: str, partitions: list[int], which: OffsetSpec) -> int:
        asked = {TopicPartition(topic, each): which for each in partitions}
        futures = self._admin.list_offsets(asked, request_timeout=TIMEOUT_S).values()
        return sum(future.result(2 * TIMEOUT_S).offset for future in futures)

    def remove_topics(self, names: list[str]) -> list[Left]:
        """Delete topics. Returns those that are still there."""
        return remove_topics(self._admin, names)

    def remove_groups(self, names: list[str]) -> list[Left]:
        """Delete consumer groups; that one is gone already is no error. Returns those that are still there."""
        left = []
        futures = self._admin.delete_consumer_groups(names, request_timeout=TIMEOUT_S) if names else {}
        for name, future in futures.items():
            try:
                error = future.exception(2 * TIMEOUT_S)
            except TimeoutError as late:
                error = late
            if error and not _is_gone(error):
                left.append(Left(GROUP, name, reason(error)))
        return left


def delete_groups(client: Client, run_id: str) -> list[Left]:
    """Delete the consumer groups of a run. Returns what could not be deleted; nothing is raised."""
    leftovers = KafkaLeftovers(client)
    try:
        names = [name for name, of in leftovers.groups().items() if of == run_id]
    except ServiceError as error:
        return [Left(GROUP, f"those with {run_id} in their names", error.message)]
    return leftovers.remove_groups(names)


def _is_gone(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND
