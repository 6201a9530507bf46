"""What follows the stream of updates in Redis, until it is told to stop and has reached the end."""

import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from engines.contract.events import EventWriter
from engines.contract.keys import SHARE_FIELD, UPDATES_FIELD, share_of, updates_key
from harness.measurement.recording import Recorder
from harness.workers.jobs import ProbeJob, Pulse, await_anchor

POLL_S = 0.1
#: A Redis that is away for longer will not come back.
AWAY_DEADLINE_S = 120.0
ENTRIES_PER_READ = 1000
#: For how long the stream outlives who follows it, and how often Redis is told so. No transaction has to: an expiry
#: stays when an entry is added.
STREAM_S, EXPIRY_EVERY_S = 3600, 60.0
#: An entry's ID is its time rounded down, so that a record may seem to be visible up to this long before it was due.
CLOCK_RESOLUTION_US = 1000


class Follower:
    """Follows the updates of one trial; what it makes of them is for its subclasses to say.

    Attributes:
        job: what it was told.
        anchor_ns, start_ms: when the load starts, on the wall clock since the Unix epoch.
        taken_ms: when entries were last taken in.
    """

    def __init__(self, job: ProbeJob) -> None:
        self.job = job
        self.anchor_ns = self.start_ms = self.taken_ms = 0
        self._redis = redis.Redis.from_url(job.redis_url, protocol=2, retry=Retry(NoBackoff(), 0))
        self._expiry_due_s = 0.0  # by the monotonic clock
        self._behind_ms = 0  # age of the oldest entry of a read: the greatest since the last time it was told

    def take(self, entries: list[tuple[int, bytes]]) -> None:
        """Take in entries of the stream: their IDs' milliseconds, and their fields."""
        raise NotImplementedError

    def totals(self) -> dict[str, Any]:
        """What to tell of everything taken in so far."""
        raise NotImplementedError

    def finish(self) -> None:
        """Save what was measured."""
        raise NotImplementedError

    def run(self, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
        """Follow the stream until `stop` is set and its end is reached, then save what was measured."""
        self._redis.ping()
        events.send("ready", version="", config={"clock_resolution_us": CLOCK_RESOLUTION_US})
        self.anchor_ns = await_anchor(self.job.anchor, stop)
        self.start_ms = self.anchor_ns // 1_000_000
        with Recorder(Path(self.job.recording), self.start_ms) if self.job.recording else nullcontext() as recorder:
            self._follow(events, stop, recorder)
        self.finish()
        return self.totals()

    def _follow(self, events: EventWriter, stop: threading.Event, recorder: Recorder | None) -> None:
        """Take every entry of the stream until `stop` is set and its end is reached."""
        last_id = b"0"
        pulse = Pulse(events)
        while True:
            stopping = stop.is_set()
            entries = self._read(last_id)
            if entries:
                last_id = entries[-1][0]
                found = [(_time_ms(each), fields[UPDATES_FIELD]) for each, fields in entries]
                self._behind_ms = max(self._behind_ms, now_ms() - found[0][0])
                self.take(found if self.job.probes == 1 else self._own(entries))
                if recorder:
                    recorder.add(found)
                self.taken_ms = now_ms()
            if stopping and not entries:
                return
            pulse.tick(self._progress)
            if len(entries) < ENTRIES_PER_READ:
                stop.wait(POLL_S)

    def _own(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> list[tuple[int, bytes]]:
        """Of `entries`, what is of the share of this one of several followers."""
        number, found = b"%d" % self.job.probe, []
        for entry_id, fields in entries:
            field, share = fields[UPDATES_FIELD], fields.get(SHARE_FIELD)
            if share is None:
                field = self._own_lines(field)
            if field and share in (None, number):
                found.append((_time_ms(entry_id), field))
        return found

    def _own_lines(self, field: bytes) -> bytes:
        """Of an entry that the Redis writer has not sorted by shares, as that of an engine's own, the lines of one."""
        cells = ((line, line.rpartition(b"=")[0].partition(b"|")[2]) for line in field.split(b"\n"))
        return b"\n".join(line for line, cell in cells if share_of(cell, self.job.probes) == self.job.probe)

    def _read(self, last_id: bytes) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """The entries after `last_id`; none while Redis is away. Entries' IDs are times, and go on after that."""
        deadline = time.monotonic() + AWAY_DEADLINE_S
        while True:
            try:
                found: Any = self._redis.xread({updates_key(self.job.namespace): last_id}, count=ENTRIES_PER_READ)
                if found and time.monotonic() >= self._expiry_due_s:
                    self._redis.expire(updates_key(self.job.namespace), STREAM_S)
                    self._expiry_due_s = time.monotonic() + EXPIRY_EVERY_S
                return found[0][1] if found else []
            except (redis.ConnectionError, redis.TimeoutError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)

    def _progress(self) -> dict[str, Any]:
        """Totals, and how old entries were when they were read since this was called last."""
        told, self._behind_ms = self._behind_ms, 0
        return self.totals() | {"behind_ms": told}


def now_ms() -> int:
    """The wall clock, in milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


def _time_ms(entry_id: bytes) -> int:
    """The server's clock when it appended the entry, in milliseconds since the Unix epoch."""
    return int(entry_id.partition(b"-")[0])
