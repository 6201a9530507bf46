"""Pages in a real browser: headless Chromium, driven by Selenium, and what the live map shows in it."""

import io
import json
import os
import re
import shutil
import tempfile
import urllib.request
import zipfile
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray
from selenium.common.exceptions import JavascriptException, NoSuchElementException, WebDriverException
from selenium.webdriver import ActionChains, ChromeOptions, Remote
from selenium.webdriver.chrome.remote_connection import ChromeRemoteConnection
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from harness.processes.process import start_process, wait_until
from harness.provision.jars import ensure_jars
from harness.services.ports import HOST, free_port
from tests.deadlines import DEADLINE_S
from tests.integration.viewers import ROOT
from workloads.california import COUNTIES

PROGRAMS = ("chromium", "chromedriver")
#: axe-core (https://github.com/dequelabs/axe-core, MPL 2.0), as its makers publish it for tests with Selenium.
AXE_LOCK = Path(__file__).parent / "axe.jars.lock"

NAMES = [county.name for county in COUNTIES]
#: Widths and heights of windows, in CSS pixels.
WIDE = (1280, 900)
PHONE = (360, 740)
#: The page has fewer places where the Tab key stops.
MANY_STOPS = 30

T = TypeVar("T")

_COUNTY_PATHS = "[...document.querySelectorAll('[role=option][data-county]')]"
_FOCUSED = """const node = document.activeElement;
return node.dataset.county || node.id || node.name || node.getAttribute("aria-labelledby") || node.textContent"""
_FLAGS = (
    "--headless",
    # Containers and root have no sandbox; nothing but our own page is opened.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--lang=en-US",
    "--hide-scrollbars",
)


def find_programs() -> list[str]:
    """The paths of Chromium and its driver. Without them, the test is skipped; where CI is set, it fails."""
    paths = [shutil.which(name) for name in PROGRAMS]
    found = [path for path in paths if path]
    if len(found) < len(PROGRAMS):
        message = "needs chromium and chromedriver on PATH: install Debian's packages chromium and chromium-driver"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


class Browser:
    """A Chromium and its driver. As a context manager, both are gone at the end, and so are their files.

    Attributes:
        driver: controls it.
        process: the driver, which Chromium is a child of.
        files: the profile and all temporary files.
    """

    def __init__(self, directory: Path) -> None:
        """Start both; the log goes to `directory`. Skips or fails the test as `find_programs` does."""
        chromium, chromedriver = find_programs()
        self._temporary = tempfile.TemporaryDirectory(prefix="ringbench-browser-")
        self.files = Path(self._temporary.name)
        port = free_port()
        # Under a guard: if the tests are killed, Chromium goes with them.
        self.process = start_process(
            "chromedriver",
            [chromedriver, f"--port={port}"],
            log_path=directory / "logs" / "chromedriver.log",
            env={"TMPDIR": str(self.files)},
        )
        try:
            url = f"http://{HOST}:{port}"
            wait_until(lambda: _is_ready(url), deadline_s=DEADLINE_S, what="chromedriver answers", process=self.process)
            connection = ChromeRemoteConnection(url, ignore_proxy=True)
            self.driver = Remote(connection, options=_options(chromium, self.files / "profile"))
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            with suppress(WebDriverException):
                self.driver.quit()
        finally:
            self._end()

    def _end(self) -> None:
        self.process.stop()
        self._temporary.cleanup()


def _is_ready(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError), opener.open(f"{url}/status", timeout=1) as response:
        return bool(json.load(response)["value"]["ready"])
    return False


def _options(chromium: str, profile: Path) -> ChromeOptions:
    options = ChromeOptions()
    options.binary_location = chromium
    for flag in (*_FLAGS, f"--user-data-dir={profile}", "--window-size={},{}".format(*WIDE)):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options


class Tab:
    """A page in a tab of its own. As a context manager, the tab is closed at the end."""

    def __init__(self, browser: Browser, url: str, *, size: tuple[int, int] = WIDE, dark: bool = False) -> None:
        """Open the page at `url`.

        Args:
            browser: what to open it in.
            url: the page's.
            size: width and height in CSS pixels; a narrow one is a phone's.
            dark: whether the user prefers a dark scheme.
        """
        self.driver = browser.driver
        self._first_tab = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        width, height = size
        self.emulate("setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=size == PHONE)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.emulate("setEmulatedMedia", features=[scheme])
        self.console()
        self.driver.get(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.driver.close()
        self.driver.switch_to.window(self._first_tab)

    def emulate(self, command: str, **arguments: Any) -> None:
        """What the browser pretends: a command of the Emulation domain of Chromium's protocol."""
        self.driver.execute_cdp_cmd(f"Emulation.{command}", arguments)

    def wait_for(self, what: str, condition: Callable[[], T]) -> T:
        """Wait until `condition` holds; an element or function that is not there yet is no error."""

        def holds() -> T | None:
            with suppress(JavascriptException, NoSuchElementException):
                return condition()
            return None

        found = wait_until(holds, deadline_s=DEADLINE_S, what=what)
        assert found is not None
        return found

    def run(self, script: str, *arguments: Any) -> Any:
        """What a JavaScript function with this body returns."""
        return self.driver.execute_script(script, *arguments)

    def console(self) -> list[dict[str, Any]]:
        """What the browser has logged since this was called last: scripts' errors and warnings, and the network's."""
        found: list[dict[str, Any]] = self.driver.execute("getLog", {"type": "browser"})["value"]
        return found

    def text(self, selector: str) -> str:
        """The text of the first element that matches, whether it is seen or not."""
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def is_too_wide(self) -> bool:
        """Whether one has to scroll sideways."""
        return bool(self.run("const root = document.documentElement; return root.scrollWidth > root.clientWidth"))

    def violations(self) -> list[str]:
        """What axe-core finds fault with: the rule, and where."""
        if not self.run("return 'axe' in window"):
            self.run(_axe_script())
        found = self.driver.execute_async_script(
            "const [done] = arguments;"
            "axe.run(document, {resultTypes: ['violations']}).then(done, (error) => done(String(error)))"
        )
        assert isinstance(found, dict), found
        return [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in found["violations"]]

    def click(self, selector: str) -> None:
        """Click the first element that matches."""
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, where the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def save(self, name: str) -> None:
        """Save what is on the screen as a picture: see `artefacts`."""
        (artefacts() / f"{name}.png").write_bytes(self.driver.get_screenshot_as_png())


class LiveMap(Tab):
    """The live map's page."""

    def __init__(self, browser: Browser, url: str, *, size: tuple[int, int] = WIDE, dark: bool = False) -> None:
        """Open the viewer's page at `url`, and wait until it is live; for the parameters, see `Tab`."""
        super().__init__(browser, url, size=size, dark=dark)
        self.wait_for("the page is live", lambda: self.state()["connection"] == "live" and self.state()["painted"] > 0)

    # What the page says to tests

    def state(self) -> dict[str, Any]:
        """`window.ringbench.state()`."""
        found: dict[str, Any] = self.run("return ringbench.state()")
        return found

    def counts(self) -> dict[str, int]:
        """`window.ringbench.counts()`: records by county's FIPS code."""
        found: dict[str, int] = self.run("return ringbench.counts()")
        return found

    # What people see

    def has(self, selector: str, text: str) -> bool:
        """Whether `text` is in that of the first element that matches."""
        return text in self.text(selector)

    def fills(self) -> list[str]:
        """The colours of all counties, in the order of `COUNTIES`."""
        found: list[str] = self.run(f"return {_COUNTY_PATHS}.map((path) => getComputedStyle(path).fill)")
        return found

    def legend(self) -> tuple[list[float], list[str]]:
        """Where colours change, and the colours, one more; the last colour stands for no value."""
        text, colours = self.run(
            """return [document.querySelector("#legend-text").textContent,
            [...document.querySelectorAll("#swatches i")].map((each) => getComputedStyle(each).backgroundColor)]"""
        )
        steps = re.match(r"Colours change at (.*?)\. The first", text)
        assert steps
        return [_number(each) for each in steps[1].split(", ")], colours

    def shows(self, values: Sequence[float | None]) -> bool:
        """Whether each county has the colour that the legend has for its value; None is no value."""
        steps, colours = self.legend()
        return self.fills() == [
            colours[-1] if value is None else colours[bisect_right(steps, value)] for value in values
        ]

    def pixel(self, county: str) -> str:
        """The colour at the middle of a county, as it is on the screen."""
        x, y = self.run(
            f"""const path = {_COUNTY_PATHS}[arguments[0]];
            const box = path.getBBox();
            const middle = new DOMPoint(box.x + box.width / 2, box.y + box.height / 2);
            const seen = middle.matrixTransform(path.getScreenCTM());
            return [seen.x, seen.y]""",
            NAMES.index(county),
        )
        red, green, blue = self._screen()[round(y), round(x)]
        return f"rgb({red}, {green}, {blue})"

    def seen(self, kind: str) -> int:
        """How many pixels of the map have the colour of outlines of this kind: alarm, selected or current."""
        left, top, right, bottom, colour = self.run(
            """const { left, top, right, bottom } = document.querySelector("figure > svg").getBoundingClientRect();
            const outline = document.querySelector(`.outlines path[class="${arguments[0]}"]`);
            return [left, top, right, bottom, getComputedStyle(outline).stroke]""",
            kind,
        )
        pixels = self._screen()[round(top) : round(bottom), round(left) : round(right)]
        return int((pixels == [int(part) for part in re.findall(r"\d+", colour)]).all(axis=2).sum())

    def _screen(self) -> NDArray[np.uint8]:
        """What is on the screen, shape (height, width, 3)."""
        picture = imread(io.BytesIO(self.driver.get_screenshot_as_png()))
        found: NDArray[np.uint8] = np.rint(picture[:, :, :3] * 255).astype(np.uint8)
        return found

    def outlined(self, kind: str) -> set[str]:
        """The counties that have an outline of this kind, in the map itself: alarm, selected or current."""
        indexes = self.run(
            f"""const shapes = {_COUNTY_PATHS}.map((path) => path.getAttribute("d"));
            const outlines = document.querySelectorAll(`figure > svg > .outlines path[class="${{arguments[0]}}"]`);
            return [...outlines].map((path) => shapes.indexOf(path.getAttribute("d")))""",
            kind,
        )
        return {NAMES[index] for index in indexes}

    def table(self) -> list[list[str]]:
        """The table of all counties: for each, its rate, its rate per 100,000 inhabitants, and its z-score."""
        found: list[list[str]] = self.run(
            """return [...document.querySelectorAll("#table-body tr")].map(
            (row) => [...row.cells].slice(1).map((cell) => cell.textContent))"""
        )
        return found

    def events(self) -> list[str]:
        """The anomalies that are listed, each as one text, the newest first."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll('#events li')].map("
            "(item) => [...item.children].map((part) => part.textContent).join(' | '))"
        )
        return found

    # What people do

    def choose(self, group: str, label: str) -> None:
        """Click the radio button with this label in a group: layers, operators or types."""
        self.driver.find_element(By.XPATH, f"//*[@id='{group}']/label[span='{label}']").click()

    def point_at(self, county: str) -> None:
        """Move the pointer to a county's center."""
        ActionChains(self.driver, duration=0).move_to_element(self._county(county)).perform()

    def click_at(self, county: str) -> None:
        """Click a county's center."""
        ActionChains(self.driver, duration=0).click(self._county(county)).perform()

    def _county(self, name: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, f"[role=option][data-county='{NAMES.index(name)}']")

    def tab_to(self, name: str) -> None:
        """Press the Tab key until the focus is on `name`: see `focused`."""
        stops: list[str] = []
        while not stops or stops[-1] != name:
            self.press(Keys.TAB)
            stops.append(self.focused())
            assert len(stops) < MANY_STOPS, stops

    def focused(self) -> str:
        """What has the focus: a county's name, or the element's id, group, label or text."""
        found = self.run(_FOCUSED)
        return NAMES[int(found)] if found.isdigit() else str(found)


def artefacts() -> Path:
    """The folder for pictures, made if need be: ``RINGBENCH_ARTEFACTS``, or ``build/artefacts`` in the checkout."""
    folder = Path(os.environ.get("RINGBENCH_ARTEFACTS") or ROOT / "build" / "artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _number(text: str) -> float:
    """The number that the legend's `text` stands for."""
    plain = text.replace(",", "").replace("\N{MINUS SIGN}", "-")
    return float(plain.removesuffix("K")) * (1000 if plain.endswith("K") else 1)


@cache
def _axe_script() -> str:
    (jar,) = ensure_jars(AXE_LOCK, progress=print)
    with zipfile.ZipFile(jar) as archive:
        return archive.read("axe.min.js").decode("utf-8")
