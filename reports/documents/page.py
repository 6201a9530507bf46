"""How every document is made of its templates: an HTML page that needs nothing else, and Markdown, safely escaped."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.documents.live_picture import policy_of
from reports.pictures.style import Picture, colours_of, svg_text
from reports.wording.head import Head, names_of, row_names, title_in
from reports.wording.numbers import integer
from reports.wording.summary import flatten
from reports.wording.tables import Section

#: Of colours that a dark page would hide, what the page has in their place.
ON_PAGE = {"#000000": "var(--ink)"}


@dataclass(frozen=True)
class Document:
    """A document that is a head, a picture and sections of tables, in this order.

    Attributes:
        what: is repeated by `command`.
        times: of what it tells.
        answer: the picture that answers the question; None if there is nothing to draw.
        numbers: where all of them are.
    """

    title: str
    what: str
    times: str
    head: Head
    answer: Picture | None
    sections: tuple[Section, ...]
    command: list[str]
    numbers: str

    def html(self) -> str:
        """The page, which needs no other file, and has no scripts."""
        return html_page("document.html.j2", self._facts())

    def markdown(self) -> str:
        """The same in Markdown, with the picture in a file beside it."""
        return markdown_page("document.md.j2", self._facts()) + "\n"

    def _facts(self) -> dict[str, Any]:
        return {**vars(self), "command": shlex.join(self.command), "live": None, "figures": ""}


def html_page(template: str, facts: Mapping[str, Any]) -> str:
    """The HTML page that `template` makes of `facts`; see ``page.html.j2``. It needs no other file and no network.

    Args:
        template: its name; it extends ``page.html.j2``.
        facts: ``head``, a `Head`; ``live``, the picture that scripts bring to life, or None; what else it names.
    """
    head, live = facts["head"], facts["live"]
    more = {"page_colours": page_colours(head), "policy": policy_of(live.scripts if live else ())}
    return _html_environment().get_template(template).render({**facts, **more})


def markdown_page(template: str, facts: Mapping[str, Any]) -> str:
    """The Markdown page that `template` makes of `facts`; it names the files of pictures."""
    return _markdown_environment().get_template(template).render(facts)


def page_colours(head: Head) -> dict[str, str]:
    """The colour of each contestant on a page, light or dark."""
    return {name: ON_PAGE.get(colour, colour) for name, colour in colours_of(names_of(head)).items()}


@cache
def _html_environment() -> Environment:
    """It keeps its templates compiled: that takes longer than to fill them."""
    environment = _environment(autoescape=True)
    environment.filters["data_uri"] = _data_uri
    return environment


@cache
def _markdown_environment() -> Environment:
    # Every value is escaped on its way out, as autoescape does for HTML, so that no template can forget to.
    return _environment(autoescape=False, finalize=escape_markdown)


def _environment(**options: Any) -> Environment:
    environment = Environment(  # noqa: S701 - each caller says how values are escaped
        loader=PackageLoader("reports"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, **options
    )
    environment.globals |= {"row_names": row_names, "title_in": title_in}
    environment.filters |= {"integer": integer, "pairs": flatten, "fenced": _fenced}
    return environment


def _data_uri(picture: Picture) -> str:
    # As an image, a drawing can neither run anything nor share an identifier with another drawing of the page.
    return "data:image/svg+xml;base64," + base64.b64encode(svg_text(picture).encode()).decode()


def escape_markdown(value: object) -> str:
    """`value` as it is to be read: no markup, no HTML, no new line, no table cell of its own."""
    if isinstance(value, Markup):
        return str(value)
    one_line = " ".join(str(value).split())
    entities = one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#~$])", r"\\\1", entities)


def _fenced(text: str) -> Markup:
    """A Markdown code block of `text`, whose fence is longer than any run of backticks in it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return Markup(f"{fence}\n{text}\n{fence}")  # noqa: S704 - Markdown shows a code block as it is
