"""A browser, and a page in it on a viewer of a real Redis."""

from collections.abc import Iterator

import pytest

from harness.clients.redis_contents import clear
from harness.processes.process import wait_until
from harness.services.redis import start_redis
from tests.deadlines import DEADLINE_S
from tests.integration.browsers import Browser, LiveMap
from tests.integration.viewer_page.shown import converges
from tests.integration.viewers import Viewer, Writer

NAMESPACE = "cdr:browser"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for all tests here; each has its own tab."""
    with Browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis for all tests here but those that stop it."""
    server = start_redis(tmp_path_factory.mktemp("redis"), progress=print)
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def viewer(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    """A viewer for all tests here but those that stop it, or want one of their own."""
    with Viewer(tmp_path_factory.mktemp("viewer"), redis_url=redis_url, namespace=NAMESPACE, max_rate_hz=20) as started:
        yield started


@pytest.fixture
def writer(redis_url: str, viewer: Viewer) -> Writer:
    """What writes for the viewer, which has forgotten the test before."""
    clear(redis_url, NAMESPACE)
    wait_until(lambda: viewer.metrics()["now_s"] is None, deadline_s=DEADLINE_S, what="the viewer has no counts")
    return Writer(redis_url, NAMESPACE)


@pytest.fixture
def page(
    browser: Browser, viewer: Viewer, redis_url: str, writer: Writer, request: pytest.FixtureRequest
) -> Iterator[LiveMap]:
    """A page on the viewer. In the end, it must show what Redis holds, and the console must be empty."""
    with LiveMap(browser, viewer.url) as opened:
        yield opened
        opened.save(request.node.name)
        converges(opened, redis_url, writer.namespace)
        assert opened.console() == []
