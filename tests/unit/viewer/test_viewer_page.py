"""The live map's page: its geometry is the workload's, and its files need nothing from elsewhere."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from workloads.california import COUNTIES

STATIC = Path(__file__).parents[3] / "viewer" / "static"
GEOMETRY = STATIC / "vendor" / "california.json"
SCRIPTS = sorted(STATIC.glob("*.js"))
LIMIT_BYTES = 400_000
GEOMETRY_LIMIT_BYTES = 120_000
#: An address with a host; SVG's namespace is a name, and nothing is fetched from it.
ADDRESS = re.compile(r"(?:\w+:)?//[\w.-]+\.\w+[^\s\"'`)]*")
NAMESPACE = "http://www.w3.org/2000/svg"
#: Anything but moves, lines and the end of a ring would be no outline of ours.
PATH = re.compile(r"(M-?[\d.]+,-?[\d.]+(l-?[\d.]+,-?[\d.]+)+z)+")


class _Elements(HTMLParser):
    """All start tags of a page with their attributes, and the texts in scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] in ("script", "style") and data.strip():
            self.inline.append(data)


@pytest.fixture(scope="module")
def page() -> _Elements:
    return _Elements((STATIC / "index.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def geometry() -> Any:
    return json.loads(GEOMETRY.read_text(encoding="utf-8"))


def _code(path: Path) -> str:
    """A file's text without comments."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/|<!--.*?-->", "", text, flags=re.DOTALL)
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


def _values(page: _Elements, attribute: str) -> list[str]:
    return [value for _, attributes in page.elements if (value := attributes.get(attribute))]


def test_the_geometry_has_exactly_the_counties_of_the_workload(geometry: Any) -> None:
    assert {fips: each["name"] for fips, each in geometry["counties"].items()} == {
        county.fips: county.name for county in COUNTIES
    }
    assert len(geometry["counties"]) == 58


def test_every_county_is_drawn_around_its_centre(geometry: Any) -> None:
    _, _, width, height = geometry["viewBox"]
    for fips, county in geometry["counties"].items():
        assert PATH.fullmatch(county["path"]), fips
        x, y = county["center"]
        assert 0 < x < width, fips
        assert 0 < y < height, fips
    assert set(geometry["inset"]["counties"]) < set(geometry["counties"])


def test_files_are_small() -> None:
    sizes = [path.stat().st_size for path in STATIC.rglob("*") if path.is_file()]
    assert sum(sizes) < LIMIT_BYTES
    assert GEOMETRY.stat().st_size < GEOMETRY_LIMIT_BYTES


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(STATIC.rglob("*")) if path.is_file() and path.name != "NOTICE"],
    ids=lambda path: path.name,
)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    assert set(ADDRESS.findall(_code(path))) <= {NAMESPACE}


def test_the_page_has_no_inline_scripts_or_styles(page: _Elements) -> None:
    assert page.inline == []
    names = {name for _, attributes in page.elements for name in attributes}
    assert {name for name in names if name == "style" or name.startswith("on")} == set()
    assert all("src" in attributes for tag, attributes in page.elements if tag == "script")


def test_files_that_the_page_and_its_modules_name_exist(page: _Elements) -> None:
    named = {value for value in _values(page, "src") + _values(page, "href") if not value.startswith("#")}
    for path in SCRIPTS:
        named |= set(re.findall(r"(?:from |fetch\()\"([^\"]+)\"", _code(path)))
    assert named
    assert {name for name in named if not (STATIC / name).is_file()} == set()


def test_every_id_that_is_named_exists_once(page: _Elements) -> None:
    ids = _values(page, "id")
    assert len(ids) == len(set(ids))
    named = {value for path in SCRIPTS for value in re.findall(r"byId\(\"([^\"]+)\"\)", _code(path))}
    assert named
    for attribute in ("for", "aria-labelledby", "aria-describedby"):
        named |= {each for value in _values(page, attribute) for each in value.split()}
    named |= {value[1:] for value in _values(page, "href") if value.startswith("#")}
    assert named - set(ids) == set()


def test_scripts_use_no_markup_and_no_code_in_strings() -> None:
    for path in SCRIPTS:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", _code(path)
        ), path


def test_every_colour_class_has_a_colour() -> None:
    style = (STATIC / "style.css").read_text(encoding="utf-8")
    for name in [
        "none",
        *(f"q{i}" for i in range(8)),
        *(f"z{i}" for i in range(9)),
        *(f"operator{i}" for i in range(4)),
    ]:
        assert re.search(rf"^\.{name} {{.*background: var\(--{name}\)", style, re.MULTILINE), name
        assert re.search(rf"^  --{name}: light-dark\(", style, re.MULTILINE), name
