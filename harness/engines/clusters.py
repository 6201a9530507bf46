"""Where engines run other than in a process of their own: clusters that are started here, or are there."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from harness.engines.engine import Engine
from harness.engines.prepare import PreparedEngine
from harness.provision.cache import Progress
from harness.services.cluster import Cluster
from harness.services.flink import flink_cluster
from harness.services.spark import spark_cluster

_Start = Callable[[Path, Path, int, Mapping[str, str], Progress], AbstractContextManager[Cluster]]
#: By engine: the Python package that brings its cluster, and what starts one.
_STARTS: dict[str, tuple[str, _Start]] = {"spark": ("pyspark", spark_cluster), "flink": ("pyflink", flink_cluster)}

#: Why the cost of an engine is not known.
ELSEWHERE = "the engine runs on a cluster that was not started here, whose processes are out of reach"


def has_cluster(engine: Engine) -> bool:
    """Whether a cluster for `engine` can be started here; if not, it runs in a process of its own."""
    return engine.name in _STARTS


def start_cluster(
    prepared: PreparedEngine, directory: Path, slots: int, environment: Mapping[str, str], progress: Progress
) -> AbstractContextManager[Cluster]:
    """A running cluster for an engine that `has_cluster`, on loopback, until the end of the context.

    Args:
        prepared: the engine; its environment brings the cluster's programs.
        directory: where files and logs go.
        slots: how many tasks each of the workers can run side by side.
        environment: of its processes, besides this one's own; with ``JAVA_HOME``.
        progress: told what happens.

    Raises:
        ServiceError: one of its processes does not serve.
    """
    package, start = _STARTS[prepared.engine.name]
    home = next(prepared.python.parent.parent.glob(f"lib/python*/site-packages/{package}"))
    return start(directory, home, slots, environment, progress)


def cluster_of(engine: Engine, settings: Mapping[str, Any]) -> str:
    """The address of the cluster that `settings` of the engine name; empty if they name none.

    Spark's local mode is no cluster.
    """
    address = str(settings.get(engine.cluster, "")) if engine.cluster else ""
    return "" if address.startswith("local") else address
