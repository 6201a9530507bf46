"""A viewer as a process, a writer that fills Redis as the harness's does, and a page that keeps what frames tell it."""

import http.client
import json
import sys
import threading
from collections import defaultdict
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import redis
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from engines.contract.events import Event, parse_event
from engines.contract.keys import UPDATES_FIELD, encode_updates, updates_key, window_key
from harness.clients.redis_contents import read_counts
from harness.processes.process import Process, start_process, wait_until
from harness.provision.redis_server import ensure_redis_server
from harness.services.ports import HOST, free_port
from harness.services.redis import check_redis
from tests.deadlines import DEADLINE_S
from viewer.state import HISTORY_S
from workloads.cells import CELL_NUMBERS

ROOT = Path(__file__).parents[2]

#: Counts by window and number of the cell.
Counts = dict[tuple[int, int], int]


def in_redis(redis_url: str, namespace: str) -> Counts:
    """What Redis holds of the last five minutes."""
    found = read_counts(redis_url, namespace)
    newest_s = max((cell.window_s for cell in found), default=0)
    return {
        (cell.window_s, CELL_NUMBERS[cell.location, cell.operator, cell.type]): count
        for cell, count in found.items()
        if cell.window_s > newest_s - HISTORY_S
    }


class Writer:
    """Writes counts as `harness.workers.redis_writer` does: hashes and stream in one transaction."""

    def __init__(self, redis_url: str, namespace: str) -> None:
        self.client = redis.Redis.from_url(redis_url, protocol=2)
        self.namespace = namespace

    def write(self, counts: dict[bytes, bytes]) -> None:
        """Write one transaction: counts by ``WINDOW_S|COUNTY_FIPS|OPERATOR|TYPE``."""
        windows: dict[str, dict[bytes, bytes]] = defaultdict(dict)
        for key, count in counts.items():
            window_s, _, field = key.partition(b"|")
            windows[window_key(self.namespace, window_s.decode())][field] = count
        with self.client.pipeline(transaction=True) as pipeline:
            for name, fields in windows.items():
                pipeline.hset(name, mapping=fields)  # type: ignore[arg-type]
            entry: dict[Any, Any] = {UPDATES_FIELD: encode_updates(counts)}
            pipeline.xadd(updates_key(self.namespace), entry)
            pipeline.execute()


class PersistentRedis:
    """A Redis that keeps its data over a restart on the same port, or loses it."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._port = directory, free_port()
        self.url = f"redis://{HOST}:{self._port}/0"
        self._process = self._start()

    def _start(self) -> Process:
        argv = [str(ensure_redis_server().executable), "--bind", HOST, "--port", str(self._port)]
        argv += ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir", str(self._directory)]
        process = start_process("Redis", argv, log_path=self._directory / "logs" / "redis.log")
        wait_until(self._answers, deadline_s=DEADLINE_S, what="Redis answers", process=process)
        return process

    def _answers(self) -> bool:
        with suppress(Exception):
            return bool(check_redis(self.url))
        return False

    def stop(self) -> None:
        """Stop the server."""
        self._process.stop()

    def restart(self, *, keep: bool) -> None:
        """Start it anew, with its data or without."""
        if not keep:
            for path in self._directory.glob("appendonlydir/*"):
                path.unlink()
        self._process = self._start()


class Viewer:
    """A viewer. As a context manager, it is stopped at the end."""

    def __init__(self, directory: Path, **job: Any) -> None:
        """Start a viewer with this job; files go to `directory`."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "job.json"
        path.write_text(json.dumps(job))
        argv = [sys.executable, "-m", "viewer.main", str(path)]
        self.process = start_process("viewer", argv, log_path=directory / "viewer.log", cwd=ROOT, stdout="pipe")
        self.events: list[Event] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.stop()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if event := parse_event(line):
                self.events.append(event)

    def event(self, kind: str) -> Event:
        """The first event of this kind, waited for."""
        found = wait_until(
            lambda: [each for each in self.events if each.kind == kind],
            deadline_s=DEADLINE_S,
            what=f"the viewer is {kind}",
            process=self.process if kind == "ready" else None,
        )
        return found[0]

    @property
    def url(self) -> str:
        """Where the page is, once the viewer is ready."""
        return str(self.event("ready").fields["url"])

    def log(self) -> str:
        """All that it has logged."""
        return self.process.log_path.read_text()

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body of a GET with `headers`."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=DEADLINE_S)
        with closing(connection):
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return response.status, names, response.read()

    def metrics(self) -> dict[str, Any]:
        """What ``/metrics.json`` says."""
        found: dict[str, Any] = json.loads(self.get("/metrics.json")[2])
        return found

    def connect(self, query: str = "", **options: Any) -> ClientConnection:
        """A bare WebSocket."""
        # Legacy: connected at once, and not by a with statement.
        address = f"ws://{urlsplit(self.url).netloc}/ws{query}"
        return connect(address, compression=None, max_size=None, legacy=True, **options)

    def refusal(self, query: str = "", **options: Any) -> int:
        """The HTTP status that a WebSocket is refused with; 0 if it is not."""
        try:
            self.connect(query, **options).close()
        except InvalidStatus as error:
            return error.response.status_code
        return 0


class Page:
    """A client that does with frames what the page does. As a context manager, it leaves at the end.

    Attributes:
        hello: the server's.
        counts: by side.
        frames: the newest frame of each side, without its cells.
        taken: how many frames were taken.
        gaps: deltas that did not follow the frame before.
        snapshots: how many snapshots were among the frames.
        dropped: what the server says it has dropped.
        events: the anomalies that were told last, by side.
        reading: cleared to take nothing more for a while.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.hello: dict[str, Any] = json.loads(socket.recv(DEADLINE_S))
        self.counts: dict[int, Counts] = defaultdict(dict)
        self.frames: dict[int, dict[str, Any]] = {}
        self.events: dict[int, list[dict[str, Any]]] = {}
        self.taken = self.gaps = self.snapshots = self.dropped = 0
        self.reading = threading.Event()
        self.reading.set()
        self.closed_with: int | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.reading.set()
        self.socket.close()
        self._thread.join(DEADLINE_S)

    def _read(self) -> None:
        try:
            while True:
                self.reading.wait()
                self._take(json.loads(self.socket.recv()))
        except ConnectionClosed as closed:
            self.closed_with = closed.rcvd.code if closed.rcvd else 1006

    def _take(self, frame: dict[str, Any]) -> None:
        side = frame["side"]
        new = {
            (window_s, cells[at]): cells[at + 1]
            for window_s, *cells in frame.pop("windows")
            for at in range(0, len(cells), 2)
        }
        if frame["type"] == "snapshot":
            self.snapshots += 1
            self.counts[side] = new
        else:
            self.gaps += side not in self.frames or frame["seq"] != self.frames[side]["seq"] + 1
            newest_s = frame["now_s"] or 0
            self.counts[side] = {
                key: count for key, count in (self.counts[side] | new).items() if key[0] > newest_s - HISTORY_S
            }
        self.frames[side] = frame
        self.events[side] = frame.get("events", self.events.get(side, []))
        self.dropped = frame["dropped"]
        self.taken += 1

    def wait_for(self, counts: Counts, side: int = 0) -> None:
        """Wait until the page shows these counts."""
        wait_until(lambda: self.counts[side] == counts, deadline_s=DEADLINE_S, what="the page shows what Redis holds")

    def wait_for_frames(self, number: int) -> None:
        """Wait until so many more frames have come."""
        wanted = self.taken + number
        wait_until(lambda: self.taken >= wanted, deadline_s=DEADLINE_S, what=f"{number} more frames come")

    def wait_for_close(self) -> int:
        """Wait until the server closes the connection. Returns the code."""
        wait_until(lambda: self.closed_with is not None, deadline_s=DEADLINE_S, what="the server closes the connection")
        assert self.closed_with is not None
        return self.closed_with

    def state(self) -> dict[str, Any]:
        """What it shows of the first side, and what it has seen, in terms of JSON."""
        counts = [[window_s, cell, count] for (window_s, cell), count in self.counts[0].items()]
        return {"hello": self.hello, "counts": counts, "taken": self.taken, "gaps": self.gaps}

    def send(self, message: object) -> None:
        """Send a message: a text as it is, bytes as a binary message, anything else as JSON."""
        self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
