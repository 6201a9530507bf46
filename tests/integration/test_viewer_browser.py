"""The live map in a real browser: it shows what Redis holds, comes back after outages, and anyone can use it."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
from selenium.webdriver.common.keys import Keys

from engines.contract.keys import updates_key
from engines.contract.record import OPERATORS, TYPES
from harness.clients.redis_contents import clear
from harness.processes.process import wait_until
from harness.services.redis import start_redis
from tests.deadlines import DEADLINE_S
from tests.integration.browsers import NAMES, PHONE, WIDE, Browser, LiveMap, find_programs
from tests.integration.ringbench import is_alive
from tests.integration.traffic import EPOCH_S, Traffic
from tests.integration.viewers import Counts, PersistentRedis, Viewer, Writer, in_redis
from viewer.cells import CELLS_PER_WINDOW, NUMBERS, by_county_and_operator
from viewer.state import HISTORY_S
from viewer.zscore import Detector
from workloads.california import COUNTIES

pytestmark = pytest.mark.integration

#: The page's rates are means over so many windows, of which the newest is so far behind the newest of all.
RATE_WINDOWS = 5
FINISHED_BEHIND_S = 3

NAMESPACE = "cdr:browser"

FRESNO, KERN = NAMES.index("Fresno"), NAMES.index("Kern")

CELL_NAMES = list(NUMBERS)
SHAPE = (len(COUNTIES), len(OPERATORS), len(TYPES))


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


def write_seconds(writer: Writer, traffic: Traffic, first: int, last: int, **factors: float) -> None:
    """Write seconds from `first` up to but without `last`, each in a transaction of its own; see `Traffic.second`."""
    for number in range(first, last):
        writer.write(traffic.second(number, factors))


def by_fips(counts: Counts) -> dict[str, int]:
    """Sums by county's FIPS code."""
    sums = {county.fips: 0 for county in COUNTIES}
    for (_, cell), count in counts.items():
        sums[COUNTIES[cell * len(COUNTIES) // CELLS_PER_WINDOW].fips] += count
    return sums


def converges(page: LiveMap, redis_url: str, namespace: str) -> None:
    """The page comes to have exactly what Redis has, in every county."""
    expected = by_fips(in_redis(redis_url, namespace))
    page.wait_for("every county's count is that of Redis", lambda: page.counts() == expected)


def rates(counts: Counts, operator: int | None, kind: int | None) -> list[float]:
    """Records per second by county, of one operator or type or (None) of all."""
    newest_s = max(window_s for window_s, _ in counts) - FINISHED_BEHIND_S
    sums = np.zeros(SHAPE, dtype=np.int64)
    for (window_s, cell), count in counts.items():
        if newest_s - RATE_WINDOWS < window_s <= newest_s:
            sums.ravel()[cell] += count
    chosen = sums[:, slice(None) if operator is None else [operator], :]
    chosen = chosen[:, :, slice(None) if kind is None else [kind]]
    found: list[float] = (chosen.sum(axis=(1, 2)) / RATE_WINDOWS).tolist()
    return found


def per_capita(rates: list[float]) -> list[float]:
    """Rates per 100,000 inhabitants."""
    return [rate * 100_000 / county.population for rate, county in zip(rates, COUNTIES, strict=True)]


def rounded(value: float, digits: int) -> str:
    """`value` in decimal, as JavaScript rounds it."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def rate_text(value: float) -> str:
    """What the page writes for a rate."""
    return f"{Decimal(rounded(value, 0)):,}" if value >= 100 else rounded(value, 1 if value >= 10 else 2)


def z_text(value: float) -> str:
    """What the page writes for a z-score."""
    digits = rounded(abs(value), 1)
    return digits if digits == "0.0" else ("\N{MINUS SIGN}" if value < 0 else "+") + digits


# What is shown


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
                after = page.state()
                assert after["frames"] > before["frames"]
                assert after["painted"] > before["painted"]
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


# Everybody


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_there_are_no_obstacles(
    browser: Browser, viewer: Viewer, writer: Writer, size: tuple[int, int], dark: bool, request: pytest.FixtureRequest
) -> None:
    traffic = Traffic(seed=3)
    write_seconds(writer, traffic, 0, 70)
    write_seconds(writer, traffic, 70, 85, Fresno=3.0)
    with LiveMap(browser, viewer.url, size=size, dark=dark) as page:
        assert page.driver.execute_script("return innerWidth") == size[0]
        page.wait_for("there is an anomaly", lambda: page.outlined("alarm") and page.events())
        page.save(f"{request.node.name}_top")
        assert page.violations() == []
        page.click("#events button")
        page.choose("layers", "z-score")
        page.click("#table summary")
        page.wait_for("the table is filled", lambda: "+" in page.table()[FRESNO][2])
        page.save(request.node.name)
        assert page.violations() == []
        assert not page.is_too_wide()
        assert page.console() == []


def test_everything_can_be_reached_by_the_tab_key(page: LiveMap, writer: Writer) -> None:
    traffic = Traffic(seed=3)
    write_seconds(writer, traffic, 0, 70)
    write_seconds(writer, traffic, 70, 85, Fresno=3.0)
    page.wait_for("there is an anomaly", page.events)
    stops: list[str] = []
    while not stops or stops[-1] != "All counties as a table":
        page.press(Keys.TAB)
        stops.append(page.focused())
        assert len(stops) < 20, stops
    assert stops == [
        "Skip to the choice of county",
        "theme",
        "layer",
        "operator",
        "type",
        "county",
        "Alameda",
        "Fresno",
        "All counties as a table",
    ]
    page.press(Keys.ENTER)
    page.wait_for("the table is filled", lambda: page.table()[FRESNO][0] != "\N{EN DASH}")
    page.press(Keys.TAB)
    assert page.focused() == "table-caption"


def test_filters_obey_the_keyboard(page: LiveMap, writer: Writer) -> None:
    write_seconds(writer, Traffic(), 0, 30)
    page.tab_to("layer")
    page.press(Keys.ARROW_RIGHT)
    assert page.text("#legend-title") == "Records per second and 100,000 inhabitants"
    page.tab_to("operator")
    page.press(Keys.ARROW_RIGHT)
    page.tab_to("type")
    page.press(Keys.ARROW_LEFT)
    assert page.text("#seconds-heading") == "Last 120 seconds: texts, AT&T"
    page.tab_to("county")
    page.press("Fres")
    page.wait_for("it is selected", lambda: page.outlined("selected") == {"Fresno"})
    assert page.text("#county-heading") == "Fresno"
    page.press(Keys.ESCAPE)
    page.wait_for("it is let go", lambda: page.outlined("selected") == set())
    assert page.text("#county-heading") == "California"


def test_the_first_link_skips_to_the_choice_of_county(page: LiveMap) -> None:
    page.press(Keys.TAB)
    assert page.run("return document.activeElement.getBoundingClientRect().top >= 0")
    page.press(Keys.ENTER)
    assert page.focused() == "county"


ARROWS = {"ArrowLeft": Keys.ARROW_LEFT, "ArrowRight": Keys.ARROW_RIGHT, "ArrowUp": Keys.ARROW_UP}
ARROWS |= {"ArrowDown": Keys.ARROW_DOWN}


def ways(page: LiveMap) -> dict[int, list[str]]:
    """For each county that arrow keys lead to from the first, the shortest way there, by what `map.js` says."""
    neighbours = page.driver.execute_async_script(
        """const [fips, keys, done] = arguments;
        Promise.all([import("/map.js"), fetch("/vendor/california.json").then((response) => response.json())]).then(
          ([{ neighbour }, { counties }]) => {
            const centers = fips.map((each) => counties[each].center);
            done(fips.map((_, from) => keys.map((key) => neighbour(centers, from, key))));
          })""",
        [county.fips for county in COUNTIES],
        list(ARROWS),
    )
    found: dict[int, list[str]] = {0: []}
    for county in (reached := [0]):
        for key, neighbour in zip(ARROWS, neighbours[county], strict=True):
            if neighbour not in found:
                found[neighbour] = [*found[county], key]
                reached.append(neighbour)
    return found


def test_arrow_keys_lead_to_every_county(page: LiveMap, writer: Writer) -> None:
    write_seconds(writer, Traffic(), 0, 30)
    found = ways(page)
    assert len(found) == len(COUNTIES)
    county, way = max(found.items(), key=lambda each: len(each[1]))
    page.tab_to(NAMES[0])
    page.press(*(ARROWS[key] for key in way))
    assert page.focused() == NAMES[county]
    page.wait_for("it is outlined", lambda: page.outlined("current") == {NAMES[county]})
    page.wait_for("it is described", lambda: page.text(".readout").startswith(f"{NAMES[county]}: "))
    assert page.run("return document.activeElement.ariaLabel") == page.text(".readout")
    page.press(Keys.ENTER)
    page.wait_for("it is selected", lambda: page.run("return document.activeElement.ariaSelected") == "true")
    page.press(Keys.HOME)
    page.wait_for("both are outlined", lambda: page.outlined("current") == {NAMES[0]})
    assert page.outlined("selected") == {NAMES[county]}
    page.press(Keys.END, Keys.SPACE)
    page.wait_for("another one is selected", lambda: page.outlined("selected") == {NAMES[-1]})
    page.press(Keys.SPACE)
    page.wait_for("it is let go", lambda: page.outlined("selected") == set())


def test_a_county_can_be_pointed_at_and_clicked(page: LiveMap, writer: Writer) -> None:
    write_seconds(writer, Traffic(), 0, 30)
    page.point_at("Kern")
    page.wait_for("it is described", lambda: page.text(".readout").startswith("Kern: "))
    page.click_at("Fresno")
    page.wait_for("it is selected", lambda: page.outlined("selected") == {"Fresno"})
    assert page.text("#volume-heading") == "Operators in Fresno"
    page.click_at("Fresno")
    page.wait_for("it is let go", lambda: page.outlined("selected") == set())


def test_the_theme_can_be_chosen_and_is_kept(page: LiveMap) -> None:
    def background() -> str:
        return str(page.run("return getComputedStyle(document.body).backgroundColor"))

    light = background()
    page.click("#theme")
    dark = background()
    assert dark != light
    page.driver.refresh()
    page.wait_for("the page is live", lambda: page.state()["connection"] == "live")
    assert background() == dark
    assert page.run("return document.querySelector('#theme').getAttribute('aria-pressed')") == "true"


# The rest of the world


def test_the_page_loads_nothing_from_elsewhere(page: LiveMap, viewer: Viewer, writer: Writer) -> None:
    write_seconds(writer, Traffic(), 0, 30)
    page.wait_for("counts come", lambda: page.state()["windows"])
    addresses = page.run(
        "return [location, ...performance.getEntriesByType('resource')].map((each) => each.name ?? each.href)"
    )
    assert len(addresses) > 10
    assert {urlsplit(address).netloc for address in addresses} == {urlsplit(viewer.url).netloc}


def test_nothing_is_left_of_a_browser_whose_test_has_failed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Browser(tmp_path) as broken:
        started = [psutil.Process(broken.process.pid), *broken.process.child_tree()]
        assert len(started) > 3
        raise ZeroDivisionError
    assert not any(map(is_alive, started))
    assert not broken.files.exists()


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_without_chromium_tests_are_skipped_but_fail_in_continuous_integration(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="install Debian's packages chromium and chromium-driver"):
        find_programs()
