"""The live map in a real browser: anyone can use it, by keys alone too, and it loads nothing from elsewhere."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import psutil
import pytest
from selenium.webdriver.common.keys import Keys

from harness.processes.process import wait_until
from harness.services.ports import HOST
from tests.deadlines import DEADLINE_S
from tests.integration.browsers import NAMES, PHONE, WIDE, Browser, LiveMap, find_programs
from tests.integration.ringbench import is_alive
from tests.integration.traffic import Traffic
from tests.integration.viewer_page.shown import FRESNO, write_seconds
from tests.integration.viewers import ROOT, Viewer, Writer
from workloads.california import COUNTIES

pytestmark = pytest.mark.integration

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


ARROWS = {
    "ArrowLeft": Keys.ARROW_LEFT,
    "ArrowRight": Keys.ARROW_RIGHT,
    "ArrowUp": Keys.ARROW_UP,
    "ArrowDown": Keys.ARROW_DOWN,
}


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


def test_the_counties_are_drawn_before_the_viewer_has_said_anything(browser: Browser) -> None:
    """All that this server has are the page's files: its WebSocket never opens."""
    files = partial(_Files, directory=str(ROOT / "viewer" / "static"))
    with ThreadingHTTPServer((HOST, 0), files) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        browser.driver.switch_to.new_window("tab")
        try:
            browser.driver.get(f"http://{HOST}:{server.server_port}/index.html")
            drawn = "return document.querySelectorAll('#maps path.none').length"
            wait_until(
                lambda: browser.driver.execute_script(drawn) == len(COUNTIES),
                deadline_s=DEADLINE_S,
                what="the counties are drawn",
            )
            assert browser.driver.execute_script("return window.ringbench?.state().frames") in (0, None)
        finally:
            browser.driver.close()
            browser.driver.switch_to.window(browser.driver.window_handles[0])
            server.shutdown()


class _Files(SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    def log_message(self, *_words: object) -> None:
        """Nobody wants to know."""


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
