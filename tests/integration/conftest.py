"""What many integration tests share: all that is to be downloaded, services that stand for the user's own, one run."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.sync.client import connect

from harness.clients.s3_client import s3_client
from harness.engines.catalogue import all_engines
from harness.engines.prepare import prepare
from harness.provision.cache import only_one
from harness.services.kafka import start_kafka
from harness.services.redis import start_redis
from harness.services.s3 import start_s3
from tests.integration.ringbench import MAP, Outcome, Ringbench, Services, outcome, write_scenario
from tests.integration.viewers import Page

BUCKET = "of-somebody"
#: So many records that the smallest county has some; see `main_run`.
MAIN_RATE_RECORDS_PER_S = 3000
MAIN_ENGINES = ["spark", "flink", "baseline"]


#: Files that take minutes, the longest first: one that is begun late goes on when other processes have nothing to do.
LONGEST = [
    "secured",
    "run",
    "orphans",
    "loadtest",
    "cluster",
    "broken_engines",
    "queries",
    "chaos",
    "soak",
    "run_input",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files are begun in the order of `LONGEST`, then the others as they come."""
    places = {f"test_{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_configure() -> None:
    """What all processes inherit that the tests start."""
    # Their JVMs live for seconds, most of which would go to the second compiler.
    os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")


def pytest_collection_finish(session: pytest.Session) -> None:
    """With empty caches, engines take minutes to obtain: before the tests, and not within one test's deadline."""
    wanted = any(item.get_closest_marker("integration") for item in session.items)
    if wanted and not session.config.option.collectonly:
        # A mode of another engine's has an environment of its own, which proofs alone want.
        for engine in all_engines([]):
            if engine.program == engine.directory:
                prepare(engine, _tell)


def _tell(text: str) -> None:
    print(f"tests: {text}", file=sys.__stderr__, flush=True)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Kafka, Redis, and S3 with a bucket."""
    directory = tmp_path_factory.mktemp("services")
    with ExitStack() as stack:
        kafka = start_kafka(directory, progress=print)
        stack.callback(kafka.stop)
        redis = start_redis(directory, progress=print)
        stack.callback(redis.stop)
        s3 = start_s3(directory, progress=print)
        stack.callback(s3.stop)
        s3_client(s3.endpoint, s3.credentials).create_bucket(Bucket=BUCKET)
        yield Services(kafka.bootstrap_servers, redis.url, s3.endpoint, s3.credentials, BUCKET)


@pytest.fixture(scope="session")
def main_run(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One run of three engines, with flame graphs and a live map, that all tests read, in whichever process."""
    base = tmp_path_factory.getbasetemp()
    # Those of several processes have one folder around them.
    directory = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "main-run"
    with only_one(directory, _tell):
        saved = directory / "outcome.json"
        return Outcome.load(saved) if saved.exists() else _run_main(directory, saved)


def _run_main(directory: Path, saved: Path) -> Outcome:
    directory.mkdir()
    scenario = write_scenario(directory, engines=MAIN_ENGINES, rate_records_per_s=MAIN_RATE_RECORDS_PER_S)
    options = ("--json", "--profile", "--view")
    with Ringbench(directory, "run", scenario, *options, env={"JDK_JAVA_OPTIONS": ""}) as run:
        url = run.wait_for_text(MAP)[1]
        # Legacy: connected at once, and not by a with statement.
        socket = connect(f"{url.replace('http:', 'ws:')}/ws", compression=None, max_size=None, legacy=True)
        with Page(socket) as page:
            found = outcome(run)
            page.wait_for_close()
    found = replace(found, page=page.state())
    found.save(saved)
    return found
