"""The viewer's address, and what a browser loads when somebody opens its page."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

#: The files that pages, styles and scripts of the viewer name, in quotes.
_NAMED = re.compile(r"""["']((?:\.?/)?[\w-][\w./-]*\.(?:js|css|json|svg))["']""")
_NAMING = (".js", ".css", ".html", "/")

#: Returns the text at a URL, given the headers of the request. Raises OSError if there is none.
Fetch = Callable[[str, dict[str, str]], str]


@dataclass(frozen=True)
class Site:
    """A viewer.

    Attributes:
        origin: scheme, host and port.
        page: path and query of the page.
        socket: the WebSocket's URL.
        assets: paths of what the page loads, in the order of their discovery.
        headers: what every request needs: the token, if there is one, which in an address would get into messages.
    """

    origin: str
    page: str
    socket: str
    assets: tuple[str, ...]
    headers: dict[str, str] = field(repr=False)


def find_site(url: str, token: str, fetch: Fetch) -> Site:
    """Look at the page at `url`, and at what it loads; `token` is the viewer's, empty if it has none.

    Raises:
        OSError: the page, or something that it loads, cannot be had.
        ValueError: `url` is no HTTP address, or the page is not the viewer's.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"{url}: no HTTP address")
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path or "/"
    query = f"?{parts.query}" if parts.query else ""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assets: list[str] = []
    waiting = [path]
    while waiting:
        here = waiting.pop(0)
        text = fetch(f"{origin}{here}{query if here == path else ''}", headers)
        if here.endswith(_NAMING):
            # Scripts fetch data relative to the page, and import relative to themselves; here, both are one folder.
            for found in [urlsplit(urljoin(f"{origin}{path}", name)).path for name in _NAMED.findall(text)]:
                if found not in assets:
                    assets.append(found)
                    waiting.append(found)
    if not assets:
        raise ValueError(f"{url}: this is not the page of a live map")
    socket = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{urljoin(path, 'ws')}{query}"
    return Site(origin, f"{path}{query}", socket, tuple(assets), headers)
