"""Writes ``THIRD_PARTY_NOTICES.md`` from the locks: ``python -m release.notices``."""

from release.components import ROOT, Component, components, licences

NOTICES = ROOT / "THIRD_PARTY_NOTICES.md"
#: What of others' work is in the repository itself, and in the wheel.
VENDORED = (ROOT / "viewer" / "static" / "vendor" / "NOTICE", ROOT / "reports" / "page" / "vendor" / "NOTICE")

_HEAD = """\
# Third-party notices

Made by `python -m release.notices` from the locks; do not edit.

Ringbench itself is under the Apache License 2.0 (`LICENSE`). Its wheel holds two works of others, the map's geometry
and the reports' library for charts, whose notices follow. Everything else is downloaded from its makers' packages where
Ringbench is installed and used: this list names what the locks pin, and the licence that each package states. It is no
legal advice.

## In the wheel

{vendored}
"""


def notices_text() -> str:
    """What the file is to hold."""
    found = components()
    texts = [f"```text\n{path.read_text(encoding='utf-8').strip()}\n```" for path in VENDORED]
    parts = [_HEAD.format(vendored="\n\n".join(texts))]
    for title, kind in (("Python packages", "pypi"), ("JVM artifacts", "maven")):
        parts.append(_table(title, [each for each in found if each.purl.type == kind]))
    return "\n".join(parts)


def _table(title: str, found: list[Component]) -> str:
    stated = licences()
    rows = [
        f"| {'/'.join(filter(None, (each.purl.namespace, each.purl.name)))} | {each.purl.version} "
        f"| {' or '.join(stated[each.coordinate])} |"
        for each in found
    ]
    return "\n".join([f"## {title}", "", "| name | version | licence |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    NOTICES.write_text(notices_text(), encoding="utf-8")
