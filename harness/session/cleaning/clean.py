"""`ringbench clean`: what is left is found everywhere, shown, and deleted if that is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.clients.left import Left
from harness.clients.run_names import is_run_id
from harness.errors import UsageError
from harness.services.backing import External, bucket_of
from harness.session.cleaning.finds import Find, Place
from harness.session.cleaning.here import Here
from harness.session.cleaning.runs import Choice, look_around
from harness.session.cleaning.services import KafkaPlace, RedisPlace, S3Place


@dataclass
class Cleaning:
    """What was found in some places, and what became of it.

    Attributes:
        places: where it was looked.
        finds: what was found, by place.
        left: what could not be deleted.
        is_done: whether it was tried to delete what is to be deleted.
    """

    places: Sequence[Place]
    finds: list[Find]
    left: list[Left] = field(default_factory=list)
    is_done: bool = False

    @property
    def due(self) -> list[Find]:
        """What is to be deleted."""
        return [each for each in self.finds if not each.kept]

    @property
    def kept(self) -> list[Find]:
        """What is not."""
        return [each for each in self.finds if each.kept]

    @property
    def exit_code(self) -> int:
        """1 if there is something left that is to be deleted, else 0."""
        return int(bool(self.left) if self.is_done else bool(self.due))

    def delete(self) -> None:
        """Delete what is to be deleted, services first: what is here tells whose what is there is."""
        for place in self.places:
            self.left += place.remove([each for each in self.due if each.where == place.where])
        self.is_done = True

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        left = {each.name for each in self.left}
        return {
            "found": [_as_json(each) | {"deleted": self.is_done and each.name not in left} for each in self.due],
            "kept": [_as_json(each) | {"why": each.kept} for each in self.kept],
            "left": [vars(each) for each in self.left],
        }


def _as_json(find: Find) -> dict[str, Any]:
    told = ("where", "kind", "name", "run_id", "size", "unit")
    return {name: getattr(find, name) for name in told} | {"unit": find.unit if find.size is not None else None}


def look(run_id: str, external: External, kafka_client: dict[str, str], runs_dir: Path) -> Cleaning:
    """Look for what the run called `run_id` has left, or, if that is empty, for what all runs have that are over.

    Args:
        run_id: see above.
        external: the services to look in, besides this machine.
        kafka_client: what a client of librdkafka's needs to reach the Kafka of `external`.
        runs_dir: where runs are kept.

    Raises:
        UsageError: there is no such id, or the run is going on.
        ServiceError: a service does not answer.
    """
    if run_id and not is_run_id(run_id):
        raise UsageError(f"{run_id!r} is no RUN_ID", fix="give one such as 20261128T182611-0a1b2c, or --stale")
    choice = Choice(look_around(), runs_dir, run_id)
    choice.check()
    places: list[Place] = []
    if external.kafka:
        places.append(KafkaPlace(kafka_client, choice))
    if external.redis:
        places.append(RedisPlace(external.redis, choice))
    if external.s3:
        places.append(S3Place(bucket_of(external.s3), choice))
    places.append(Here(choice))
    return Cleaning(places, [find for place in places for find in place.find()])
