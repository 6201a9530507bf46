"""The user's own services, tried before anything starts: that they answer, and let a run do what it does."""

from engines.contract.kafka import librdkafka_properties
from harness.provision.cache import Progress
from harness.services.backing import External, bucket_of
from harness.services.kafka import check_kafka
from harness.services.kafka_rights import try_kafka
from harness.services.redis import check_redis
from harness.services.redis_rights import try_redis
from harness.services.s3 import check_s3


def try_services(external: External, tell: Progress, *, transactions: bool) -> None:
    """Make sure that a run can work in all that `external` names; of what was made there for this, nothing stays.

    Args:
        external: the user's own services.
        tell: told what could not be looked at, and what is refused that a run can do without.
        transactions: whether an engine is to write in transactions.

    Raises:
        UsageError: an address makes no sense.
        ServiceError: a service cannot be reached, refuses something, or is such that a run would go wrong in it.
    """
    bucket = bucket_of(external.s3) if external.s3 else None
    if external.kafka:
        client = librdkafka_properties(external.kafka, external.kafka_properties)
        check_kafka(client)
        try_kafka(client, tell, transactions=transactions)
    if external.redis:
        check_redis(external.redis)
        try_redis(external.redis, tell)
    if bucket:
        check_s3(bucket.endpoint, bucket.name)
