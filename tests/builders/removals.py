"""Fakes of what takes a trial out of the services in the end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.clients.kafka_topics import Topics
from harness.clients.left import Left


@dataclass
class Removals:
    """Deletions, and refusals of them.

    Attributes:
        topics: those that there are now.
        taken: what was taken out of services of the user's own, by kind: ``group``, ``key``, ``object``.
        refused: what of those, and ``topic``, the services do not delete.
    """

    topics: set[str]
    taken: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    def fakes(self) -> Mapping[str, Callable[..., Any]]:
        """By the names below `harness.trial` that they stand for."""
        return {
            "tidying.delete_topics": self._delete_topics,
            "tidying.delete_groups": lambda _client, _run_id: self._take("group"),
            "tidying.remove_keys": lambda _url, _namespace: self._take("key"),
            "tidying.remove_archive": lambda _bucket, _prefix: self._take("object"),
        }

    def _delete_topics(self, _client: object, topics: Topics) -> list[Left]:
        if left := self._refusals("topic", *topics.all()):
            return left
        self.topics.difference_update(topics.all())
        return []

    def _take(self, kind: str) -> list[Left]:
        self.taken.append(kind)
        return self._refusals(kind, f"{kind}-of-run")

    def _refusals(self, kind: str, *names: str) -> list[Left]:
        return [Left(kind, name, "not authorized") for name in names if kind in self.refused]
