"""The pages of the documentation's site that are not files of docs/: a hook of MkDocs (see ``mkdocs.yml``).

README, changelog and their like stand at the top of the repository, where people look for them; the reference of the
programming interface and of the result is made from what it describes.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
#: By file at the top of the repository: the page that it becomes.
TOP_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "THIRD_PARTY_NOTICES.md": "third-party-notices.md",
}
SCHEMA_PAGE = "result-schema.md"
#: What others build on: all modules of packages, and single ones.
API_PACKAGES = ("engines/contract", "workloads")
API_MODULES = ("harness/results/result.py",)
#: The beginning of a link to a file at the top, from there or from docs/.
_TOP_LINK = re.compile(rf"\]\((?:\.\./)?({'|'.join(map(re.escape, TOP_PAGES))})")
_FETCHED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"?(?:https?:)?//[^>]*>")
_REFERENCE = "#/$defs/"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for name, page in TOP_PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, page, content=text))
    files.append(File.generated(config, SCHEMA_PAGE, content=schema_page()))
    for module in api_modules():
        files.append(File.generated(config, f"api/{module}.md", content=_api_page(module)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - a hook's
    """Lead links to files at the top to their pages."""
    return _TOP_LINK.sub(lambda link: f"]({TOP_PAGES[link[1]]}", markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001 - a hook's
    """Hold each page to what ``mkdocs.yml`` promises: it needs nothing from elsewhere."""
    if fetched := _FETCHED.search(output):
        raise PluginError(f"{page.file.src_uri} fetches from elsewhere: {fetched[0]}")
    return output


def api_modules() -> list[str]:
    """The modules that have a page, by dotted name."""
    paths = [path for package in API_PACKAGES for path in sorted((ROOT / package).glob("*.py"))]
    found = [path.relative_to(ROOT).with_suffix("") for path in paths if path.stem != "__init__"]
    return [".".join(path.parts) for path in (*found, *(Path(each).with_suffix("") for each in API_MODULES))]


def _api_page(module: str) -> str:
    source = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    summary = (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").splitlines()[0]
    return f"---\ntitle: {module}\ndescription: {json.dumps(summary)}\n---\n\n# `{module}`\n\n::: {module}\n"


def schema_page() -> str:
    """The published schema of ``result.json`` as tables."""
    schema = json.loads((ROOT / "docs" / "result.schema.json").read_text(encoding="utf-8"))
    parts = [
        "# The result's schema",
        "",
        "Made from [result.schema.json](result.schema.json), with which programs can validate `result.json`. What is",
        "in bold is always there. Names end in their units; what was not measured is null.",
        "",
        "## Result",
        "",
        *_table(schema),
    ]
    for name, part in sorted(schema["$defs"].items()):
        shown = _table(part) if "properties" in part else [f"One of {_type(part)}."]
        parts += ["", f"## {name}", "", *_described(part), *shown]
    return "\n".join(parts) + "\n"


def _described(part: dict[str, Any]) -> Iterator[str]:
    if text := part.get("description"):
        yield " ".join(text.split())
        yield ""


def _table(part: dict[str, Any]) -> Iterator[str]:
    yield "| field | type | what it says |"
    yield "|---|---|---|"
    required = set(part.get("required", []))
    for name, field in part["properties"].items():
        shown = f"**`{name}`**" if name in required else f"`{name}`"
        yield f"| {shown} | {_type(field)} | {_cell(field.get('description', ''))} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _type(field: dict[str, Any]) -> str:
    """A type in words, with links to the parts it is made of."""
    if "$ref" in field:
        name = field["$ref"].removeprefix(_REFERENCE)
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"])
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return ", ".join(f"`{json.dumps(each)}`" for each in field["enum"])
    match field.get("type", "any"):
        case "array":
            return f"list of {_type(field.get('items', {}))}"
        case "object" if isinstance(field.get("additionalProperties"), dict):
            return f"map to {_type(field['additionalProperties'])}"
        case kind:
            return str(kind)
