"""What a load test asks the viewer in the beginning and the end: how fast is it, and do the users see what it has?"""

import json
import time
from collections.abc import Callable
from typing import Any

import websocket

from loadtest.frames import Agreement, Mirror, compare
from loadtest.site import Site
from loadtest.stream import open_socket
from loadtest.users import HISTORY_S, SILENT_S, DashboardUser

DEADLINE_S = 10.0
PAUSE_S = 0.5


def converge(site: Site, sleep: Callable[[float], None]) -> dict[str, Any]:
    """Compare the counts that users have gathered from deltas with a snapshot for a user that has just come.

    What differs is looked at again until the deadline. Returns the fields of an `Agreement`.
    """
    deadline_s = time.monotonic() + DEADLINE_S
    while True:
        found = _compare(site)
        if found.agree == found.checked or time.monotonic() > deadline_s:
            return found._asdict()
        sleep(PAUSE_S)


def max_rate_hz(site: Site) -> float:
    """How many frames a second the viewer sends at the most, as it says itself.

    Raises:
        OSError, WebSocketException: it cannot be asked.
        ValueError: it is no viewer.
    """
    socket = open_socket(site, SILENT_S)
    try:
        return float(json.loads(socket.recv())["max_rate_hz"])
    except KeyError as error:
        raise ValueError("the viewer does not greet as it should") from error
    finally:
        socket.shutdown()


def _compare(site: Site) -> Agreement:
    mirrors = [user.mirror for user in DashboardUser.checkers if user.mirror is not None]
    try:
        return compare(mirrors, _snapshot(site), HISTORY_S)
    except (OSError, ValueError, websocket.WebSocketException):
        return Agreement(len(mirrors), 0, 0)


def _snapshot(site: Site) -> Mirror:
    socket = open_socket(site, SILENT_S)
    try:
        socket.recv()  # hello
        mirror = Mirror()
        mirror.take(socket.recv(), HISTORY_S)
        return mirror
    finally:
        socket.shutdown()
