"""The load test's users, as far as they are pure: frames, counts, the page's files, and curves."""

import json
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from loadtest.curves import CURVES, ramp, spike, steps
from loadtest.frames import Follower, Mirror, Push, compare
from loadtest.site import find_site
from loadtest.wire import FrameBuffer
from viewer.side import Side, encode

NOW_MS, EPOCH_S = 1_790_000_000_000, 1_767_225_600
CELL = b"06001|AT&T|call"
HISTORY_S = 300


def _frame(**fields: Any) -> str:
    """A frame with the fields that count, the others as they are in a quiet stream."""
    frame = {
        "type": "delta",
        "seq": 1,
        "side": 0,
        "sent_ms": NOW_MS,
        "updated_ms": None,
        "since_ms": None,
        "now_s": None,
        "windows": [],
    }
    return json.dumps(frame | fields | {"dropped": fields.get("dropped", 0)}, separators=(",", ":"))


def _text(fields: dict[str, Any]) -> str:
    return str(encode(fields, frozenset({0, 1})).message(0)["text"])


def _update(side: Side, at_ms: int, window_s: int, count: int) -> None:
    side.counts.apply([(b"%d|%b" % (window_s, CELL), count)], at_ms)


def test_push_latency_counts_from_the_oldest_entry_of_the_viewers_own_frames() -> None:
    side = Side(0, "a side")
    follower = Follower()
    _update(side, NOW_MS, EPOCH_S, 1)
    side.next_delta(1)
    assert follower.take(_text(side.snapshot(1)), NOW_MS + 5) is None
    _update(side, NOW_MS + 100, EPOCH_S, 2)
    _update(side, NOW_MS + 160, EPOCH_S, 3)
    frame = _text(side.next_delta(1))
    assert follower.take(frame, NOW_MS + 200) == Push(oldest_ms=100, newest_ms=40)
    assert follower.take(_text(side.next_delta(1)), NOW_MS + 900) is None, "it brings nothing new"


def test_a_snapshot_that_makes_good_for_dropped_frames_counts_from_the_entry_before() -> None:
    follower = Follower()
    follower.take(_frame(type="snapshot", updated_ms=NOW_MS), NOW_MS)
    frame = _frame(type="snapshot", seq=7, updated_ms=NOW_MS + 500, dropped=3)
    assert follower.take(frame, NOW_MS + 510) == Push(oldest_ms=510, newest_ms=10)
    assert follower.dropped == 3


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        ([_frame()], "a delta before the first snapshot"),
        ([_frame(type="snapshot"), _frame(seq=3)], "a hole between frames"),
        ([_frame(type="snapshot"), _frame(seq=1)], "a hole between frames"),
        (['{"type":"hello"}'], "no frame"),
        (["x" * 100], "no frame"),
    ],
)
def test_frames_that_do_not_follow_each_other_are_told(frames: list[str], problem: str) -> None:
    follower = Follower()
    with pytest.raises(ValueError, match=problem):
        for frame in frames:
            follower.take(frame, NOW_MS)


def test_two_sides_are_followed_apart() -> None:
    follower = Follower()
    for frame in (_frame(type="snapshot", side=0, seq=5), _frame(type="snapshot", side=1, seq=9)):
        follower.take(frame, NOW_MS)
    follower.take(_frame(side=0, seq=6), NOW_MS)
    follower.take(_frame(side=1, seq=10), NOW_MS)


@pytest.mark.parametrize("step", [1, 3, 1000, 1_000_000])
def test_frames_come_out_of_the_bytes_of_a_connection_however_they_are_cut(step: int) -> None:
    sent = [(Opcode.TEXT, b"x" * length) for length in (0, 125, 126, 65_535, 65_536)] + [(Opcode.PING, b"p")]
    wire = b"".join(Frame(opcode, payload).serialize(mask=False) for opcode, payload in sent)
    buffer, found = FrameBuffer(), []
    for start in range(0, len(wire), step):
        buffer.add(wire[start : start + step])
        while frame := buffer.take():
            found.append(frame)
    assert found == sent


@pytest.mark.parametrize("frame", [Frame(Opcode.TEXT, b"{}", fin=False).serialize(mask=False), b"\x81\x82mask{}"])
def test_frames_that_no_viewer_sends_are_refused(frame: bytes) -> None:
    buffer = FrameBuffer()
    buffer.add(frame)
    with pytest.raises(ValueError, match="masked"):
        buffer.take()


def _mirror(*frames: str) -> Mirror:
    mirror = Mirror()
    for frame in frames:
        mirror.take(frame, HISTORY_S)
    return mirror


def test_a_mirror_of_deltas_agrees_with_a_later_snapshot_and_one_that_missed_something_does_not() -> None:
    windows = [[EPOCH_S + window, 3, window + 1] for window in range(20)]
    first = _frame(type="snapshot", now_s=EPOCH_S, windows=windows[:1])
    rest = [_frame(now_s=EPOCH_S + n, windows=[windows[n]]) for n in range(1, 20)]
    snapshot = _mirror(_frame(type="snapshot", now_s=EPOCH_S + 19, windows=windows))
    whole, holed = _mirror(first, *rest), _mirror(first, *rest[:4], *rest[5:])
    assert compare([whole, holed, whole], snapshot, HISTORY_S) == (3, 2, 15)


def test_the_newest_windows_are_not_compared_since_they_still_change() -> None:
    late = _mirror(_frame(type="snapshot", now_s=EPOCH_S + 9, windows=[[EPOCH_S + 9, 0, 1], [EPOCH_S, 0, 4]]))
    snapshot = _mirror(_frame(type="snapshot", now_s=EPOCH_S + 9, windows=[[EPOCH_S + 9, 0, 2], [EPOCH_S, 0, 4]]))
    assert compare([late], snapshot, HISTORY_S) == (1, 1, 1)


def test_a_mirror_forgets_what_is_older_than_the_history_and_all_before_a_snapshot() -> None:
    mirror = _mirror(
        _frame(type="snapshot", now_s=EPOCH_S, windows=[[EPOCH_S, 0, 1]]),
        _frame(now_s=EPOCH_S + HISTORY_S, windows=[[EPOCH_S + HISTORY_S, 0, 2]]),
    )
    assert mirror.windows == {EPOCH_S + HISTORY_S: {0: 2}}
    mirror.take(_frame(type="snapshot", now_s=EPOCH_S + 1, windows=[[EPOCH_S + 1, 5, 6]]), HISTORY_S)
    assert mirror.windows == {EPOCH_S + 1: {5: 6}}


PAGES = {
    "http://127.0.0.1:80/?a=b": '<link href="style.css"><script type="module" src="app.js"></script>',
    "http://127.0.0.1:80/style.css": "body {}",
    "http://127.0.0.1:80/app.js": 'import { A } from "./a.js";\nfetch("vendor/map.json");',
    "http://127.0.0.1:80/a.js": 'import { B } from "./app.js";',
    "http://127.0.0.1:80/vendor/map.json": '{"of": "nothing.json"}',
}


def test_a_page_load_is_all_that_the_page_and_its_scripts_name_once_each() -> None:
    site = find_site("http://127.0.0.1:80/?a=b", "", lambda url, _headers: PAGES[url])
    assert (site.origin, site.page) == ("http://127.0.0.1:80", "/?a=b")
    assert site.socket == "ws://127.0.0.1:80/ws?a=b"
    assert site.assets == ("/style.css", "/app.js", "/a.js", "/vendor/map.json")


def test_a_token_is_in_the_headers_of_every_request_and_in_no_address() -> None:
    asked: list[tuple[str, dict[str, str]]] = []

    def fetch(url: str, headers: dict[str, str]) -> str:
        asked.append((url, headers))
        return PAGES[url]

    site = find_site("http://127.0.0.1:80/?a=b", "hush", fetch)
    assert site.headers == {"Authorization": "Bearer hush"}
    assert [headers for _, headers in asked] == [site.headers] * len(PAGES)
    assert "hush" not in repr(site) + repr([url for url, _ in asked])


def test_an_address_that_is_none_or_another_page_is_refused() -> None:
    with pytest.raises(ValueError, match="no HTTP address"):
        find_site("127.0.0.1:80", "", lambda url, _headers: PAGES[url])
    with pytest.raises(ValueError, match="not the page of a live map"):
        find_site("http://127.0.0.1:80/", "", lambda _url, _headers: "<h1>It works!</h1>")


def test_curves_end_with_all_users_begin_with_some_and_have_the_shape_of_their_name() -> None:
    assert [ramp(100, 10, t_s) for t_s in (0, 2.5, 5, 9.9, 10)] == [1, 25, 50, 99, 100]
    assert [steps(100, 10, t_s) for t_s in (0, 1.9, 2, 5, 9.9)] == [20, 20, 40, 60, 100]
    assert [spike(100, 9, t_s) for t_s in (0, 2.9, 3.1, 5.9, 6.1, 9)] == [20, 20, 100, 100, 20, 20]
    assert all(curve(1, 10, t_s) == 1 for curve in CURVES.values() for t_s in (0, 5, 9))
