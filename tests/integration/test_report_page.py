"""Reports, and a site of many, in a real browser, from files and without a network: anyone can read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from harness.conclusions.gate import gate
from harness.history.history import Choice, history_of
from harness.history.index import Entry, Indexed
from harness.results.history import RunSummary
from harness.results.result import Result
from reports.documents.gate import gate_html
from reports.documents.history_site import write_site
from reports.documents.run import html_text
from reports.documents.sweep import sweep_document
from reports.pictures.quantiles import curves_of, draw_quantiles
from reports.pictures.resilience import draw_resilience
from reports.wording.numbers import milliseconds
from tests.builders.faults import make_chaos
from tests.builders.history import P99, summary
from tests.builders.noise import wiggling
from tests.builders.pages import ATTACK
from tests.builders.results import make_engine, make_result
from tests.builders.sweeps import searched
from tests.builders.two_runs import run
from tests.integration.browsers import MANY_STOPS, PHONE, WIDE, Browser, Tab

pytestmark = pytest.mark.integration

HOSTILE = "</script><script>window.attacked = 1</script><img src=x onerror='window.attacked = 1'>"
SHOWN = ".readout tr[data-curve] output"
#: Where the Tab key is to stop on a page of the site.
STOPS = "[...document.querySelectorAll('a[href], summary, [tabindex]')].filter((each) => each.checkVisibility())"
#: What is left of a sheet of A4 between Chromium's margins, in CSS pixels.
PAPER = (717, 1045)
#: Counts the pixels of the plot that have an engine's colour.
COLOURED = """const canvas = document.querySelector(".plot canvas");
const colour = getComputedStyle(document.querySelectorAll("[data-curve] .swatch")[arguments[0]]).backgroundColor;
const wanted = colour.match(/\\d+/g).map(Number);
const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
let found = 0;
for (let at = 0; at < data.length; at += 4) {
  if (data[at + 3] === 255 && wanted.every((part, index) => data[at + index] === part)) found++;
}
return found"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for all tests here, which no network can be reached from; each test has its own tab."""
    with Browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture(scope="module")
def result() -> Result:
    """Three engines of two trials, one of which has a hostile name."""
    return make_result(
        engines=[make_engine(name, ms, trials=2) for name, ms in (("flink", 18), (HOSTILE, 60), (ATTACK, 400))]
    )


@pytest.fixture(scope="module")
def url(result: Result, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the report's file."""
    return _written(html_text(result, [draw_quantiles(result)]), tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def pages(url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of the report, and of the index and a page of trends of a site that it is in."""
    runs, site = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("site")
    days = [_day(day, ms) for day, ms in enumerate(wiggling((20, 100), (20, 120)))]
    days[5] = summary(5, 100, not_counted=f"invalid: {HOSTILE}")
    days[39] = days[39].model_copy(update={"commit": None, "scenario": HOSTILE, "workload": {"seed": "1"}})
    report = runs / days[38].run_id / "report.html"
    report.parent.mkdir()
    report.write_bytes(Path(url.removeprefix("file://")).read_bytes())
    entries = {runs / each.run_id / "result.json": Entry(1, 1, "", each, "") for each in days}
    entries |= {runs / ("x" * 200) / "result.json": Entry(1, 1, "", None, HOSTILE)}
    history = history_of([runs], Indexed(entries, 0), Choice(figures=[P99]))
    index = write_site(history, site, lambda _number, _total: None)
    return {"report": url, "index": index.as_uri(), "trends": (site / f"trends/{history.plans[0].id}.html").as_uri()}


def _day(day: int, ms: float) -> RunSummary:
    """A run of two contestants with hostile names, and an ID that has no place to break at."""
    one, other = summary(day, ms), summary(day, ms / 2, name=ATTACK)
    contestants = [*one.contestants, *other.contestants]
    return one.model_copy(update={"run_id": f"{one.run_id}-{'x' * 60}", "contestants": contestants})


def _written(text: str, folder: Path) -> str:
    path = folder / "report.html"
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


def _offline(browser: Browser) -> None:
    browser.driver.execute_cdp_cmd("Network.enable", {})
    nothing = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", nothing)


@pytest.mark.parametrize("name", ["report", "index", "trends"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_there_are_no_obstacles(
    browser: Browser,
    pages: dict[str, str],
    name: str,
    size: tuple[int, int],
    dark: bool,
    request: pytest.FixtureRequest,
) -> None:
    with Tab(browser, pages[name], size=size, dark=dark) as page:
        page.run("for (const each of document.querySelectorAll('.trends details')) each.open = true")
        page.save(request.node.name)
        assert page.run("return document.querySelector('.plot canvas') !== null") is (name == "report")
        assert page.violations() == []
        assert not page.is_too_wide()
        assert page.console() == []


def _compared() -> str:
    """The page of two runs compared."""
    old, new = run(name=ATTACK), run({"latency_ms_p99": 1.2}, seed=2, name=ATTACK)
    return gate_html(gate(old, new), old, new, ["ringbench", "compare", "old", "new"])


def _with_faults(result: Result) -> str:
    picture = draw_resilience(result)
    assert picture
    return html_text(result, [picture])


#: The pages of other commands, which have no scripts.
DOCUMENTS = {
    "compare": _compared,
    "sweep": lambda: sweep_document(searched()).html(),
    "chaos": lambda: _with_faults(make_chaos()),
}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where each of them is."""
    return {name: _written(made(), tmp_path_factory.mktemp(name)) for name, made in DOCUMENTS.items()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_there_are_no_obstacles_in_the_pages_of_other_commands(
    browser: Browser, documents: dict[str, str], name: str
) -> None:
    for size, dark in ((WIDE, False), (PHONE, True)):
        with Tab(browser, documents[name], size=size, dark=dark) as page:
            page.save(f"{name}-{'dark' if dark else 'light'}")
            assert page.violations() == []
            assert not page.is_too_wide()
            assert page.run("return document.querySelector('#picture > img').getBoundingClientRect().width") > 300
            assert page.console() == []


@pytest.mark.parametrize("name", ["report", "index", "trends"])
def test_paper_is_white_and_wide_enough_whatever_scheme_is_preferred(
    browser: Browser, pages: dict[str, str], name: str
) -> None:
    with Tab(browser, pages[name], size=PAPER, dark=True) as page:
        dark = {"name": "prefers-color-scheme", "value": "dark"}
        page.emulate("setEmulatedMedia", media="print", features=[dark])
        assert page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.violations() == []
        assert not page.is_too_wide()


@pytest.mark.parametrize("name", ["report", "index", "trends"])
def test_nothing_is_loaded_and_nothing_of_a_result_runs(browser: Browser, pages: dict[str, str], name: str) -> None:
    with Tab(browser, "about:blank") as page:
        _offline(browser)
        page.driver.get(pages[name])
        loaded = page.run("return performance.getEntriesByType('resource').map((each) => each.name.slice(0, 5))")
        assert set(loaded) <= {"data:"}
        assert page.run("return document.querySelector('.plot canvas') !== null") is (name == "report")
        assert page.run("return [...document.images].every((each) => each.naturalWidth > 0)")
        assert page.run("return window.attacked") is None
        assert page.console() == []


def test_a_script_that_got_into_the_page_would_not_run(browser: Browser, result: Result, tmp_path: Path) -> None:
    page_text = html_text(result, [draw_quantiles(result)])
    injected = page_text.replace("</main>", "<script>window.attacked = 1</script></main>")
    assert injected != page_text
    with Tab(browser, _written(injected, tmp_path)) as page:
        assert page.run("return window.attacked") is None
        assert any("Content Security Policy" in each["message"] for each in page.console())


def test_the_same_picture_is_an_image_where_scripts_are_off(browser: Browser, url: str) -> None:
    with Tab(browser, "about:blank") as page:
        page.emulate("setScriptExecutionDisabled", value=True)
        page.driver.get(url)
        page.emulate("setScriptExecutionDisabled", value=False)
        width, chart = page.run(
            """const image = document.querySelector("#picture > img");
            const shown = getComputedStyle(document.querySelector("#picture .chart")).display;
            return [image.complete && image.naturalWidth && image.getBoundingClientRect().width, shown]"""
        )
        assert width > 300 and chart == "none"


def test_the_image_is_what_is_printed(browser: Browser, url: str) -> None:
    with Tab(browser, url) as page:
        page.emulate("setEmulatedMedia", media="print")
        displays = page.run(
            """return ["#picture > img", "#picture .chart", "nav"].map(
            (each) => getComputedStyle(document.querySelector(each)).display)"""
        )
        page.emulate("setEmulatedMedia", media="screen")
        assert displays == ["block", "none", "none"]


def test_pointing_at_the_plot_shows_every_engines_latency_there(browser: Browser, url: str, result: Result) -> None:
    found = curves_of(result)
    with Tab(browser, url) as page:
        assert page.text(".at") == "p99"
        over = page.driver.find_element(By.CSS_SELECTOR, ".u-over")
        ActionChains(page.driver, duration=0).move_to_element(over).perform()
        page.wait_for("another percentile is shown", lambda: page.text(".at") != "p99")
        at = found.percentiles.tolist().index(pytest.approx(float(page.text(".at")[1:])))
        expected = [
            text
            for curve in found.curves
            for text in (
                f"{milliseconds(curve.typical_ms[at])} ms",
                f"{milliseconds(curve.least_ms[at])} ms to {milliseconds(curve.greatest_ms[at])} ms",
            )
        ]
        assert [each.text for each in page.driver.find_elements(By.CSS_SELECTOR, SHOWN)] == expected


def test_keys_alone_hide_engines_and_move_through_the_percentiles(browser: Browser, url: str) -> None:
    with Tab(browser, url) as page:
        assert all(page.run(COLOURED, curve) for curve in range(3))
        _tab_to(page, "document.activeElement.closest('[data-curve]')?.dataset.name === 'flink'")
        page.press(Keys.SPACE)
        assert page.wait_for("the line is gone", lambda: page.run(COLOURED, 0) == 0)
        assert page.run(COLOURED, 1) and page.run(COLOURED, 2)
        page.press(Keys.SPACE)
        page.wait_for("the line is back", lambda: page.run(COLOURED, 0) > 0)
        _tab_to(page, "document.activeElement.type === 'range'")
        page.press(Keys.END)
        page.wait_for("the last percentile is shown", lambda: page.text(".at") != "p99")
        page.press(Keys.HOME)
        page.wait_for("the first percentile is shown", lambda: page.text(".at") == "p1")
        said = page.run("return document.activeElement.getAttribute('aria-valuetext')")
        assert said.startswith("p1, flink ") and said.endswith(" ms")


def test_the_tab_key_stops_at_all_there_is_to_follow_open_or_scroll(browser: Browser, pages: dict[str, str]) -> None:
    for name in ("index", "trends"):
        with Tab(browser, pages[name]) as page:
            count = page.run(f"return {STOPS}.length")
            assert 0 < count < MANY_STOPS
            for stop in range(count):
                page.press(Keys.TAB)
                assert page.run(f"return document.activeElement === {STOPS}[arguments[0]]", stop), (name, stop)


def test_keys_alone_lead_from_the_index_by_a_trend_to_a_report(browser: Browser, pages: dict[str, str]) -> None:
    with Tab(browser, "about:blank") as page:
        page.emulate("setScriptExecutionDisabled", value=True)
        _offline(browser)
        page.driver.get(pages["index"])
        page.emulate("setScriptExecutionDisabled", value=False)
        _tab_to(page, "document.activeElement.href?.includes('/trends/')")
        page.press(Keys.ENTER)
        page.wait_for("the trends are shown", lambda: page.driver.current_url == pages["trends"])
        _tab_to(page, "document.activeElement.tagName === 'SUMMARY'")
        page.press(Keys.SPACE)
        page.wait_for("the table is open", lambda: page.run("return document.activeElement.parentElement.open"))
        _tab_to(page, "document.activeElement.href?.includes('/runs/')")
        page.press(Keys.ENTER)
        page.wait_for("the report is shown", lambda: page.text("h1").startswith("Ringbench run"))


def _tab_to(page: Tab, condition: str) -> None:
    """Press the Tab key until the JavaScript `condition` holds."""
    for _ in range(MANY_STOPS):
        page.press(Keys.TAB)
        if page.run(f"return Boolean({condition})"):
            return
    raise AssertionError(f"the Tab key leads nowhere where {condition}")
