"""Which unit tests a change touches: `python -m tests.affected [COMMIT]` prints their files, one a line.

A change is what differs from a commit, by default the last one, new files included. It touches a test that imports a
changed module, be it by way of others. What nothing imports (a scenario, a lock, a document, an engine's module)
touches the tests that name it, or in quotes its folder, and those that import a module of the tests' own that does.
"""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from release.statements import Import, imports_in

ROOT = Path(__file__).parents[1]
#: Of modules that are imported by their full names.
FOLDERS = ("engines", "harness", "loadtest", "release", "reports", "viewer", "workloads", "tests")
UNIT = "tests/unit/**/test_*.py"


def main(arguments: list[str]) -> None:
    """The command in the module's documentation."""
    for path in affected(changed(arguments[0] if arguments else "HEAD")):
        print(path)


def changed(commit: str) -> list[str]:
    """The files that differ from `commit`, below `ROOT`, and new ones."""
    return [*_git("diff", "--name-only", commit), *_git("ls-files", "--others", "--exclude-standard")]


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def affected(files: Iterable[str]) -> list[str]:
    """The files of unit tests that `files`, below `ROOT`, touch."""
    wanted = set(files)
    return sorted(str(test.relative_to(ROOT)) for test in ROOT.glob(UNIT) if _touches(wanted, _behind(test)))


def _touches(wanted: set[str], own: frozenset[str]) -> bool:
    texts = [_text(ROOT / name) for name in own if name.startswith("tests/")]
    named = [words for name in wanted if not _is_imported(Path(name)) for words in _called(Path(name))]
    return bool(own & wanted) or any(words in text for text in texts for words in named)


def _is_imported(path: Path) -> bool:
    """Whether a file is one of the modules that others import by their full names."""
    return path.suffix == ".py" and (path.parts[0] != "engines" or path.parts[1] == "contract")


def _called(path: Path) -> list[str]:
    """How a test names a file that nothing imports."""
    return [path.name, f'"{path.parent.name}"'] if path.parent.name else [path.name]


@functools.cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@functools.cache
def _behind(test: Path) -> frozenset[str]:
    """`test`, and all modules of ours that it imports, be it by way of others, by their paths below `ROOT`."""
    found, left = {test}, [test]
    while left:
        for path in _imported(left.pop()) - found:
            found.add(path)
            left.append(path)
    return frozenset(str(path.relative_to(ROOT)) for path in found)


@functools.cache
def _imported(path: Path) -> frozenset[Path]:
    """The files of the modules of ours that the file at `path` imports, those inside functions too."""
    return frozenset(file for name in _names(imports_in(_text(path))) for file in _files(name))


def _names(nodes: Iterable[Import]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(name: str) -> Iterator[Path]:
    """The file of the module called `name`, or its package's, if it is ours."""
    if name.split(".")[0] in FOLDERS:
        place = ROOT.joinpath(*name.split("."))
        yield from (path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file())


if __name__ == "__main__":
    main(sys.argv[1:])
