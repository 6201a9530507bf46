"""Follows the stream of updates in Redis, and reads all counts anew whenever what it knows may have a hole.

Counts are read from the windows' hashes after the stream's last ID was taken, and the stream from that ID on. What
changed in between comes twice, which does no harm. Before anything read from the stream is believed, the entry read
last must still be there: if not, the stream was deleted, as between trials, or trimmed farther than was read, or Redis
has lost its data.
"""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from engines.contract.keys import UPDATES_FIELD, decode_updates, updates_key, window_key
from viewer.log import LOG, Seldom
from viewer.side import Side
from viewer.state import HISTORY_S

BLOCK_MS = 100
ENTRIES_PER_READ = 1000
KEYS_PER_SCAN = 500
WINDOWS_PER_READ = 25
FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 1.0
#: A Redis that does not answer for so long is as good as down.
PATIENCE_S = 3.0
#: Counts without a stream that tells of changes are read anew so often.
STREAMLESS_S = 1.0
#: Clients get their turn after so many entries.
ENTRIES_PER_TURN = 50

_BEGINNING = b"0-0"
_GLOB = re.compile(r"([\[\]*?\\])")

Windows = dict[int, dict[bytes, bytes]]


class Reader:
    """Keeps a side up to date with the keys under a namespace."""

    def __init__(
        self, redis_url: str, namespace: str, side: Side, *, pause_s: float, on_change: Callable[[], None]
    ) -> None:
        """Prepare to read.

        Args:
            redis_url: where Redis is.
            namespace: what its keys begin with.
            side: what is kept up to date.
            pause_s: how long to let entries gather, which is cheaper than to wake for each.
            on_change: called when the side has changed.
        """
        self._redis: Any = Redis.from_url(
            redis_url,
            protocol=2,
            socket_timeout=PATIENCE_S,
            socket_connect_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._namespace, self._stream = namespace, updates_key(namespace)
        self._side, self._pause_s, self._on_change = side, pause_s, on_change
        self._last_id: bytes | None = None
        self._wait_s = FIRST_WAIT_S
        self._was_told = False
        self._malformed = Seldom()

    async def run(self) -> None:
        """Follow Redis until cancelled, through outages."""
        try:
            while True:
                try:
                    await self._resync()
                    await self._follow()
                except (RedisError, OSError) as error:
                    self._down(error)
                await asyncio.sleep(self._wait_s)
                self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
        finally:
            await self._redis.aclose()

    def _down(self, error: Exception) -> None:
        if self._side.is_up or not self._was_told:
            LOG.warning("Redis is down: %s: %s", type(error).__name__, error)
            self._was_told = True
        if self._side.is_up:
            self._side.is_up = False
            self._on_change()

    def _up(self) -> None:
        if not self._side.is_up and self._was_told:
            LOG.warning("Redis is up")
            self._was_told = False
        self._side.is_up = True
        self._wait_s = FIRST_WAIT_S
        self._on_change()

    async def _resync(self) -> None:
        """Read all counts of the history anew, and find out where to go on in the stream."""
        goes_on = self._last_id is not None and await self._has(self._last_id)
        newest = await self._redis.xrevrange(self._stream, count=1)
        last_id: bytes = newest[0][0] if newest else _BEGINNING
        windows = await self._read_windows()
        if not goes_on:
            self._side.restart()
        skipped = self._side.counts.skipped
        self._side.counts.replace(windows, _time_ms(last_id) if newest else None)
        self._tell_skipped(skipped)
        self._last_id = last_id
        self._up()

    async def _read_windows(self) -> Windows:
        """The newest windows' hashes, `HISTORY_S` of them; a gap may make some of them too old, which is harmless."""
        prefix = window_key(self._namespace, "")
        pattern = _GLOB.sub(r"\\\1", prefix) + "*"
        names: set[bytes] = {name async for name in self._redis.scan_iter(match=pattern, count=KEYS_PER_SCAN)}
        digits = {name.removeprefix(prefix.encode()) for name in names}
        chosen = sorted(int(each) for each in digits if each.isdigit() and len(each) <= 10)[-HISTORY_S - 1 :]
        windows: Windows = {}
        for at in range(0, len(chosen), WINDOWS_PER_READ):
            part = chosen[at : at + WINDOWS_PER_READ]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for window_s in part:
                    pipeline.hgetall(window_key(self._namespace, window_s))
                found = await pipeline.execute(raise_on_error=False)
            windows |= {window_s: each for window_s, each in zip(part, found, strict=True) if isinstance(each, dict)}
        return windows

    async def _follow(self) -> None:
        """Take entry after entry, until all counts have to be read anew."""
        again_s = time.monotonic() + STREAMLESS_S
        while True:
            assert self._last_id is not None
            found = await self._redis.xread({self._stream: self._last_id}, count=ENTRIES_PER_READ, block=BLOCK_MS)
            entries = found[0][1] if found else []
            if self._last_id == _BEGINNING:
                # What was read when there was no stream may have been the rest of something that was being deleted.
                if entries or (self._side.counts.now_s is not None and time.monotonic() >= again_s):
                    return
            elif not await self._has(self._last_id):
                LOG.warning("the stream is another one, or has been trimmed: reading all counts anew")
                return
            for at in range(0, len(entries), ENTRIES_PER_TURN):
                self._take(entries[at : at + ENTRIES_PER_TURN])
                await asyncio.sleep(0)
            if len(entries) < ENTRIES_PER_READ:
                await asyncio.sleep(self._pause_s)

    def _take(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        counts = self._side.counts
        skipped = counts.skipped
        for entry_id, fields in entries:
            try:
                updates = decode_updates(fields[UPDATES_FIELD])
            except (KeyError, ValueError):
                counts.skip_malformed()
            else:
                counts.apply(updates, _time_ms(entry_id))
            self._last_id = entry_id
        self._tell_skipped(skipped)
        self._on_change()

    def _tell_skipped(self, before: int) -> None:
        if new := self._side.counts.skipped - before:
            self._malformed(f"{new} malformed or unknown updates in {self._stream} were skipped")

    async def _has(self, entry_id: bytes) -> bool:
        return bool(await self._redis.xrange(self._stream, min=entry_id, max=entry_id))


def _time_ms(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])
