"""The load test as a process, in the environment that ``requirements.lock`` here describes.

Started by ``python -m gevent.monkey --module loadtest.main JOB.json``, so that gevent is in place before all else.

The job is one JSON object:

``url``: of the viewer's page; ``token``: what it asks for, empty for nothing. ``output``: where to write what was
measured. ``users``, ``spawn_rate_users_per_s``,
``duration_s``, ``shape`` (see `loadtest.shapes`; null for a person who starts it in the web UI); of a search,
``max_users``, ``resolution``, ``hold_s`` and ``bounds`` (of `harness.live_map.user_experience.ExperienceBounds`).
``ui_port``: of Locust's web UI on loopback, 0 for a free one, null for none. ``anchor``: a file to wait for before the
first user comes, empty for none. ``visit_s_mean``, ``check_every``: see `loadtest.users`.

It speaks the events of `engines.contract.events`: ``ready`` with `ui`, ``progress`` every second, ``failed`` or
``stopped``. SIGTERM ends it, and so does the end of the shape.
"""

import json
import os
import resource
import signal
import socket
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
import requests
import websocket
from flask import Response, request
from locust.env import Environment

from engines.contract.events import EventWriter
from harness.live_map.user_experience import percentile, together
from loadtest.converge import converge, max_rate_hz
from loadtest.meter import Meter
from loadtest.shapes import Shape, make_shape
from loadtest.site import Site, find_site
from loadtest.users import DashboardUser

LOOPBACK = "127.0.0.1"
FETCH_TIMEOUT_S = 10.0
POLL_S = 0.1
PROGRESS_INTERVAL_S = 1.0
#: As the viewer's own: users are to take cores neither from the pipeline, nor from the viewer.
NICENESS = 10


class LoadTest:
    """One load test."""

    def __init__(self, job: dict[str, Any], site: Site) -> None:
        self._job, self._site = job, site
        self._max_rate_hz = max_rate_hz(site)
        self._meter = Meter()
        self._stop = gevent.event.Event()
        DashboardUser.prepare(site, self._meter, visit_s_mean=job["visit_s_mean"], check_every=job["check_every"])
        self._shape: Shape | None = make_shape(job["shape"], self._meter, job) if job["shape"] else None
        self._environment = Environment(user_classes=[DashboardUser], host=site.origin, shape_class=self._shape)
        self._environment.events.request.add_listener(self._on_request)
        self._runner = self._environment.create_local_runner()

    def run(self, events: EventWriter) -> dict[str, Any]:
        """Run until the end, write what was measured, and return totals."""
        gevent.signal_handler(signal.SIGTERM, self._stop.set)
        gevent.spawn(self._meter.follow, gevent.sleep)
        ui = self._serve_ui() if self._job["ui_port"] is not None else None
        events.send("ready", version="", config={"assets": len(self._site.assets)}, ui=ui)
        if self._await_anchor() and self._shape:
            self._runner.start_shape()
        self._follow(events)
        converged = converge(self._site, gevent.sleep)
        self._meter.close()
        self._runner.quit()
        self._save(converged)
        return self._totals() | {"converged": converged}

    def _await_anchor(self) -> bool:
        """Wait for the anchor's file. Returns whether it has come before the end."""
        anchor = self._job["anchor"]
        while anchor and not Path(anchor).exists() and not self._stop.is_set():
            self._stop.wait(POLL_S)
        return not self._stop.is_set()

    def _follow(self, events: EventWriter) -> None:
        """Tell of progress until SIGTERM, or the end of the shape."""
        due_s = 0.0
        while not self._stop.is_set() and not (self._shape and self._shape.is_over):
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + PROGRESS_INTERVAL_S
                events.send("progress", **self._totals())
            self._stop.wait(POLL_S)

    def _totals(self) -> dict[str, Any]:
        now_s = int(time.time())
        recent = together(self._meter.seconds, now_s - 2, now_s)
        return {
            "users": self._meter.present,
            "holding": bool(self._shape and self._shape.is_holding),
            "frames": sum(each.frames for each in self._meter.seconds.values()),
            "failures": sum(self._meter.reasons.values()),
            "push_ms_p99": percentile(recent.push, 99),
            "attempts": [asdict(each) for each in self._shape.attempts] if self._shape else [],
        }

    def _on_request(self, *, request_type: str, name: str, response_time: float, exception: Any, **_: Any) -> None:
        if exception is not None:
            self._meter.fail(f"{request_type} {name}: {exception}")
        elif request_type != "WS":
            self._meter.now().pages[int(response_time)] += 1

    def _serve_ui(self) -> str:
        """Start Locust's web UI. Returns its URL."""
        with socket.create_server((LOOPBACK, self._job["ui_port"])) as free:
            port = free.getsockname()[1]
        ui = self._environment.create_web_ui(LOOPBACK, port, delayed_start=True)
        ui.app.before_request(_refuse_foreign)
        ui.start()
        return f"http://{LOOPBACK}:{port}/"

    def _save(self, converged: dict[str, Any]) -> None:
        shape = self._shape
        found = {
            "seconds": {at_s: each.as_json() for at_s, each in sorted(self._meter.seconds.items())},
            "reasons": dict(self._meter.reasons.most_common()),
            "converged": converged,
            "max_rate_hz": self._max_rate_hz,
            "holds": [asdict(each) for each in shape.holds] if shape else [],
            "attempts": [asdict(each) for each in shape.attempts] if shape else [],
            "answer": asdict(shape.answer) if shape and shape.answer else None,
        }
        Path(self._job["output"]).write_text(json.dumps(found), encoding="utf-8")


def _refuse_foreign() -> Response | None:
    """Refuse what a page of another site, or under another name, asks of the web UI: it could start or end a load test.

    With a GET, such as that of an image at ``/stop``, browsers send no Origin, but they tell whose page asks.
    """
    if urlsplit(f"//{request.host}").hostname not in (LOOPBACK, "localhost"):
        return Response("the Host header does not name this server\n", 403)
    pages = [request.headers[name] for name in ("Origin", "Referer") if name in request.headers]
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site not in ("none", "same-origin") or any(urlsplit(page).netloc != request.host for page in pages):
        return Response("a page of another origin\n", 403)
    return None


def _fetch(url: str, headers: dict[str, str]) -> str:
    response = requests.get(url, headers=headers, timeout=FETCH_TIMEOUT_S)
    response.raise_for_status()
    text: str = response.text
    return text


def main() -> int:
    """Do the job that the command line names. Returns the exit code: 0, 1 if it failed, 2 if the job makes no sense."""
    events = EventWriter()
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        test = LoadTest(job, find_site(job["url"], job["token"], _fetch))
    except (OSError, ValueError, websocket.WebSocketException) as error:
        events.send("failed", error=str(error))
        return 2
    try:
        totals = test.run(events)
    except Exception as error:
        traceback.print_exc()
        events.send("failed", error=f"{type(error).__name__}: {error}")
        return 1
    events.send("stopped", **totals)
    return 0


if __name__ == "__main__":
    sys.exit(main())
