"""The live map in a real browser: it shows what Redis holds, and comes back after outages."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from engines.contract.keys import updates_key
from engines.contract.record import OPERATORS, TYPES
from tests.integration.browsers import NAMES, Browser, LiveMap
from tests.integration.traffic import EPOCH_S, Traffic
from tests.integration.viewer_page.shown import (
    FINISHED_BEHIND_S,
    FRESNO,
    KERN,
    converges,
    per_capita,
    rate_text,
    rates,
    write_seconds,
    z_text,
)
from tests.integration.viewers import PersistentRedis, Viewer, Writer, in_redis
from viewer.cells import CELLS_PER_WINDOW, NUMBERS, by_county_and_operator
from viewer.state import HISTORY_S
from viewer.zscore import Detector
from workloads.california import COUNTIES

pytestmark = pytest.mark.integration
CELL_NAMES = list(NUMBERS)


def test_colours_follow_the_counts(page: LiveMap, writer: Writer) -> None:
    def write(first: int, high: str, low: str) -> None:
        for second in range(EPOCH_S + first, EPOCH_S + first + 10):
            counts = {f"{second}|{COUNTIES[NAMES.index(high)].fips}|Verizon|call".encode(): b"900"}
            writer.write(counts | {f"{second}|{COUNTIES[NAMES.index(low)].fips}|Sprint|text".encode(): b"4"})

    def values(high: int, low: int) -> list[float]:
        return [900.0 if county == high else 4.0 if county == low else 0.0 for county in range(len(COUNTIES))]

    assert page.shows([None] * len(COUNTIES))
    write(0, high="Fresno", low="Kern")
    page.wait_for("Fresno stands out", lambda: page.shows(values(FRESNO, KERN)))
    before = page.fills()
    _, colours = page.legend()
    assert len({before[FRESNO], before[KERN], before[0], colours[-1]}) == 4
    assert (page.pixel("Fresno"), page.pixel("Kern")) == (before[FRESNO], before[KERN])
    page.save("colours_before")
    write(10, high="Kern", low="Fresno")
    page.wait_for("Kern stands out", lambda: page.shows(values(KERN, FRESNO)))
    assert page.fills()[KERN] == before[FRESNO]
    assert page.fills()[FRESNO] == before[KERN]
    assert (page.pixel("Fresno"), page.pixel("Kern")) == (before[KERN], before[FRESNO])


def has_rates(page: LiveMap, expected: list[list[str]]) -> bool:
    """Whether the table has these rates, per second and per 100,000 inhabitants."""
    return [row[:2] for row in page.table()] == expected


def test_filters_and_layers_show_what_redis_holds_of_them(page: LiveMap, writer: Writer, redis_url: str) -> None:
    write_seconds(writer, Traffic(), 0, 30)
    counts = in_redis(redis_url, writer.namespace)
    page.click("#table summary")
    choices = [(operator, None) for operator in (None, *range(len(OPERATORS)))]
    for operator, kind in [*choices, (None, 0), (None, 1), (1, 1)]:
        page.choose("operators", "all" if operator is None else OPERATORS[operator])
        page.choose("types", "all" if kind is None else f"{TYPES[kind]}s")
        expected = rates(counts, operator, kind)
        texts = [[rate_text(rate), rate_text(each)] for rate, each in zip(expected, per_capita(expected), strict=True)]
        page.wait_for("the table has these rates", partial(has_rates, page, texts))
        for layer, values in (("per second", expected), ("per 100,000", per_capita(expected))):
            page.choose("layers", layer)
            page.wait_for("the map has these rates", partial(page.shows, values))
    assert page.text("#table-caption") == "texts, Sprint"
    assert page.text("#legend-title") == "Records per second and 100,000 inhabitants"


def test_the_layer_of_z_scores_shows_the_detectors(page: LiveMap, writer: Writer, redis_url: str) -> None:
    traffic = Traffic(seed=2)
    write_seconds(writer, traffic, 0, 60)
    write_seconds(writer, traffic, 60, 70, Fresno=1.6, Kern=0.5)
    counts = in_redis(redis_url, writer.namespace)
    detector = Detector()
    for second in range(EPOCH_S, EPOCH_S + 70 - FINISHED_BEHIND_S):
        cells = [counts.get((second, cell), 0) for cell in range(CELLS_PER_WINDOW)]
        detector.add(second, by_county_and_operator(np.array(cells)))
    newest = {b"%d|%b" % (EPOCH_S + 69, CELL_NAMES[0]): b"%d" % counts[EPOCH_S + 69, 0]}
    page.click("#table summary")
    page.choose("layers", "z-score")
    for operator, scores in ((None, detector.county_z), (0, detector.z[:, 0]), (3, detector.z[:, 3])):
        page.choose("operators", "all" if operator is None else OPERATORS[operator])
        values = np.round(scores, 2).tolist()

        def shows(values: list[float] = values) -> bool:
            # Time goes by in the stream, so that all windows are found to have finished.
            writer.write(newest)
            return [row[2] for row in page.table()] == [z_text(each) for each in values] and page.shows(values)

        page.wait_for("table and map have the scores", shows)
    assert page.run("return document.querySelector('#types input').matches(':disabled')")


def test_a_surge_is_listed_and_outlined_while_it_lasts(page: LiveMap, writer: Writer) -> None:
    traffic = Traffic(seed=3)
    write_seconds(writer, traffic, 0, 240)
    page.wait_for("all is there", lambda: page.state()["now_s"] == EPOCH_S + 239)
    assert page.events() == []
    write_seconds(writer, traffic, 240, 258, Fresno=3.0)
    page.wait_for("it is outlined", lambda: page.outlined("alarm") == {"Fresno"})
    (event,) = page.wait_for("it is listed", page.events)
    name, size, time = event.split(" | ")
    assert (name, time) == ("Fresno", "since 00:04:00, goes on")
    assert 2.5 < float(size.split(" times the usual, peak z +")[0]) < 3.5
    page.save("surge")
    page.click("#events button")
    page.wait_for("it is selected", lambda: page.outlined("selected") == page.outlined("alarm") == {"Fresno"})
    assert min(page.seen("alarm"), page.seen("selected")) > 100
    page.wait_for("it has its scores", lambda: "+" in page.text("#details tbody tr td:nth-child(4)"))
    page.save("map")
    page.choose("layers", "z-score")
    page.wait_for("it is coloured", lambda: page.fills()[FRESNO] == page.legend()[1][-2])
    page.save("surge_by_z_score")
    write_seconds(writer, traffic, 258, 260, Fresno=3.0)
    write_seconds(writer, traffic, 260, 280)
    page.wait_for("it is over", lambda: page.outlined("alarm") == set())
    page.wait_for("the list says so", lambda: "since" not in page.events()[0])
    (event,) = page.events()
    assert event.split(" | ")[2].startswith("00:04:00 to 00:04:2")


def test_the_page_forgets_what_is_older_than_its_history_and_takes_corrections(
    page: LiveMap, writer: Writer, redis_url: str
) -> None:
    write_seconds(writer, Traffic(), 0, HISTORY_S)
    converges(page, redis_url, writer.namespace)
    write_seconds(writer, Traffic(seed=2), HISTORY_S - 20, HISTORY_S + 20)
    converges(page, redis_url, writer.namespace)
    state = page.state()
    assert (state["oldest_window_s"], state["windows"]) == (EPOCH_S + 20, HISTORY_S)


@contextmanager
def writing(writer: Writer, per_s: float) -> Iterator[None]:
    """Meanwhile, write so many transactions a second, each with other counts of the second that it is in."""
    traffic, stop = Traffic(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.wait(1 / per_s):
            writer.write(traffic.second(int(number / per_s)))
            number += 1

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(write)
        try:
            yield
        finally:
            stop.set()
        ended.result()


def keeps_up(page: LiveMap, viewer: Viewer) -> bool:
    """Whether the page has taken all frames that have been made until now, but for some that are on their way."""
    made = viewer.metrics()["ticks"]
    return bool(page.state()["seq"] >= made - 5)


def goes_on(page: LiveMap, before: dict[str, Any]) -> bool:
    """Whether the page has taken and painted more frames since `before`."""
    now = page.state()
    return bool(now["frames"] > before["frames"] and now["painted"] > before["painted"])


def test_sixty_frames_a_second_do_not_block_the_page(
    browser: Browser, writer: Writer, redis_url: str, tmp_path: Path
) -> None:
    with (
        Viewer(tmp_path / "viewer", redis_url=redis_url, namespace=writer.namespace, max_rate_hz=60) as viewer,
        LiveMap(browser, viewer.url) as page,
    ):
        with writing(writer, per_s=60):
            page.click("#table summary")
            # Enough for frames to pile up, were the page slower than they come.
            page.wait_for("much was written", lambda: writer.client.xlen(updates_key(writer.namespace)) >= 200)
            for name in (*OPERATORS, "all"):
                before = page.state()
                page.choose("operators", name)
                page.wait_for("it obeys", partial(page.has, "#table-caption", name))
                page.wait_for("it keeps up", partial(keeps_up, page, viewer))
                page.wait_for("it goes on", partial(goes_on, page, before))
        page.save("sixty_frames_a_second")
        assert page.text("#frames").endswith("at most 60")
        converges(page, redis_url, writer.namespace)
        assert page.console() == []


# Outages


def only_of_the_network(entries: list[dict[str, Any]]) -> bool:
    """Whether all that was logged is that a connection could not be made or was lost."""
    return all(each["source"] == "network" for each in entries)


def test_the_page_comes_back_when_the_viewer_does(
    browser: Browser, writer: Writer, redis_url: str, tmp_path: Path
) -> None:
    job: dict[str, Any] = {"redis_url": redis_url, "namespace": writer.namespace, "max_rate_hz": 20}
    traffic = Traffic()
    with Viewer(tmp_path / "first", **job) as first, LiveMap(browser, first.url) as page:
        write_seconds(writer, traffic, 0, 20)
        converges(page, redis_url, writer.namespace)
        assert page.console() == []
        first.process.kill()
        page.wait_for("it is said", lambda: page.text("#connection-state").startswith("Connection lost"))
        page.save("viewer_lost")
        assert page.violations() == []
        write_seconds(writer, traffic, 15, 40)
        with Viewer(tmp_path / "second", port=urlsplit(first.url).port, **job):
            page.wait_for("it is live again", lambda: page.text("#connection-state") == "Live")
            converges(page, redis_url, writer.namespace)
            write_seconds(writer, traffic, 35, 50)
            converges(page, redis_url, writer.namespace)
            assert page.state()["reconnects"] == 1
            assert only_of_the_network(page.console())


@pytest.mark.parametrize("keep", [True, False], ids=["with its data", "without its data"])
def test_the_page_comes_back_when_redis_does(keep: bool, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    traffic = Traffic()
    with ExitStack() as stack:
        server = PersistentRedis(tmp_path / "data")
        stack.callback(server.stop)
        viewer = stack.enter_context(Viewer(tmp_path / "viewer", redis_url=server.url, max_rate_hz=20))
        page = stack.enter_context(LiveMap(browser, viewer.url))
        writer = Writer(server.url, "cdr")
        write_seconds(writer, traffic, 0, 20)
        converges(page, server.url, "cdr")
        server.stop()
        page.wait_for("it is said", lambda: page.text("#connection-state") == "Redis is down")
        page.save("redis_down")
        server.restart(keep=keep)
        page.wait_for("it is live again", lambda: page.text("#connection-state") == "Live")
        write_seconds(writer, traffic, 15, 40)
        converges(page, server.url, "cdr")
        assert page.state()["windows"] == (40 if keep else 25)
        assert page.state()["reconnects"] == 0
        assert only_of_the_network(page.console())
