"""A user of the live map, for Locust: loads the page as a browser does, watches, and comes back when cut off."""

import random
import time
from typing import Any

import gevent
import websocket
from locust import FastHttpUser, task

from harness.live_map.user_experience import Second
from loadtest.frames import Follower, Mirror
from loadtest.meter import Meter
from loadtest.site import Site
from loadtest.stream import MessageStream, open_socket

SILENT_S = 10.0
BACKOFF_S = (0.25, 5.0)
MIN_VISIT_S = 5.0
#: The viewer keeps five minutes.
HISTORY_S = 300


class DashboardUser(FastHttpUser):
    """Opens the page, then watches its WebSocket for an exponential time, then loads the page anew.

    `prepare` says what all users share.
    """

    site: Site
    meter: Meter
    visit_s_mean = 300.0
    check_every = 25
    #: Those that keep the counts, to see in the end whether they are right.
    checkers: list["DashboardUser"]
    _born = 0

    @classmethod
    def prepare(cls, site: Site, meter: Meter, *, visit_s_mean: float, check_every: int) -> None:
        """Have all users visit `site` and be counted by `meter`; every `check_every`-th keeps the counts."""
        cls.site, cls.meter, cls.host = site, meter, site.origin
        cls.visit_s_mean, cls.check_every = visit_s_mean, check_every
        cls.checkers, cls._born = [], 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._mirror: Mirror | None = None
        self._is_present = False
        self._lost_s: float | None = None
        self._failed_in_a_row = 0
        self._tags: dict[str, str] = {}
        if DashboardUser._born % self.check_every == 0:
            self._mirror = Mirror()
            self.checkers.append(self)
        DashboardUser._born += 1

    @property
    def mirror(self) -> Mirror | None:
        """The counts of one that keeps them and has the map open, else None."""
        return self._mirror if self._is_present else None

    def on_stop(self) -> None:
        """Leave."""
        self._be_present(False)
        if self in self.checkers:
            self.checkers.remove(self)

    @task
    def visit(self) -> None:
        """Load the page and watch; what goes wrong is counted, and tried again after a growing pause."""
        self._load_page()
        until_s = time.monotonic() + MIN_VISIT_S + random.expovariate(1 / self.visit_s_mean)
        while time.monotonic() < until_s:
            try:
                self._watch(until_s)
            except (OSError, ValueError, websocket.WebSocketException) as error:
                self._lose(error)

    def _load_page(self) -> None:
        self._get(self.site.page, "page")
        for path in self.site.assets:
            self._get(path, "asset")

    def _get(self, path: str, name: str) -> None:
        """One request, as by a browser with a cache: what is still there is asked for with its tag."""
        headers = self.site.headers | ({"If-None-Match": self._tags[path]} if path in self._tags else {})
        # With the origin, since a person can enter another one in the web UI.
        response = self.client.get(f"{self.site.origin}{path}", name=name, headers=headers)
        if tag := (response.headers or {}).get("etag"):
            self._tags[path] = tag

    def _watch(self, until_s: float) -> None:
        """Follow one WebSocket until `until_s`, on the monotonic clock.

        Raises:
            OSError, WebSocketException: it cannot be opened, falls silent, or is closed.
            ValueError: a frame makes no sense.
        """
        started_s = time.monotonic()
        socket = open_socket(self.site, SILENT_S)
        try:
            messages, follower = MessageStream(socket), Follower()
            messages.read()  # hello
            while time.monotonic() < until_s:
                self._take(messages.read(), follower, started_s)
        finally:
            _leave(socket)

    def _take(self, text: str, follower: Follower, started_s: float) -> None:
        arrival_ms = time.time_ns() // 1_000_000
        had_begun, dropped = follower.has_begun, follower.dropped
        push = follower.take(text, arrival_ms)
        second = self.meter.now()
        second.frames += 1
        second.bytes += len(text)
        second.dropped += follower.dropped - dropped
        if push is not None:
            second.push[push.oldest_ms] += 1
            second.newest[push.newest_ms] += 1
            second.negative += push.newest_ms < 0
            if self.environment.web_ui:  # a tenth of a frame's price, and of use to nobody else
                self.environment.stats.log_request("WS", "push", push.oldest_ms, len(text))
        if self._mirror is not None:
            self._mirror.take(text, HISTORY_S)
        if not had_begun:
            self._begin(second, started_s)

    def _begin(self, second: Second, started_s: float) -> None:
        """The first snapshot of a WebSocket is there."""
        now_s = time.monotonic()
        self._be_present(True)
        self._failed_in_a_row = 0
        second.connects[int((now_s - started_s) * 1000)] += 1
        self.environment.stats.log_request("WS", "connect", (now_s - started_s) * 1000, 0)
        if self._lost_s is not None:
            second.recoveries[int((now_s - self._lost_s) * 1000)] += 1
            self._lost_s = None

    def _lose(self, error: Exception) -> None:
        self._be_present(False)
        if self._lost_s is None:
            self._lost_s = time.monotonic()
        self.environment.events.request.fire(
            request_type="WS",
            name="watch",
            response_time=0,
            response_length=0,
            exception=error,
            context={},
        )
        shortest_s, longest_s = BACKOFF_S
        pause_s = min(shortest_s * 2**self._failed_in_a_row, longest_s)
        self._failed_in_a_row += 1
        gevent.sleep(pause_s * random.uniform(0.5, 1.0))

    def _be_present(self, is_present: bool) -> None:
        self.meter.present += is_present - self._is_present
        self._is_present = is_present


def _leave(socket: websocket.WebSocket) -> None:
    """Say goodbye, and do not wait for an answer."""
    try:
        socket.send_close()
    except (OSError, websocket.WebSocketException):
        return
    finally:
        socket.shutdown()
