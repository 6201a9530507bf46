"""A viewer as a process on a real Redis, and a page on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.services.redis import start_redis
from tests.integration.viewers import Page, Viewer, Writer


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis for all tests here; each has its own namespace."""
    server = start_redis(tmp_path_factory.mktemp("redis"), progress=print)
    yield server.url
    server.stop()


@pytest.fixture
def writer(redis_url: str, tmp_path: Path) -> Writer:
    """A writer in a namespace of the test's own."""
    return Writer(redis_url, f"cdr:{tmp_path.name}")


@pytest.fixture
def viewer(writer: Writer, redis_url: str, tmp_path: Path) -> Iterator[Viewer]:
    """A viewer of what the writer writes."""
    with Viewer(tmp_path / "viewer", redis_url=redis_url, namespace=writer.namespace, max_rate_hz=20) as started:
        yield started


@pytest.fixture
def page(viewer: Viewer) -> Iterator[Page]:
    """A page on the viewer; it must have lost nothing at the end."""
    with Page(viewer.connect()) as opened:
        yield opened
        assert opened.gaps == 0
        assert opened.closed_with is None
