"""No file and no function is longer than can be kept in mind, but for those listed here, each with its reason."""

from collections.abc import Iterator
from pathlib import Path

from release.rooms import ROOT
from release.statements import functions_in

FOLDERS = ("engines", "harness", "loadtest", "release", "reports", "tests", "viewer", "workloads")
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 50
_OPTIONS = "each of the command's options is a parameter, with its help"
#: Longer files, and why.
LONG_FILES = {
    "tests/unit/harness/input/test_input.py": "every layout, and every way in which a row can be bad, of one input",
}
#: Longer functions, as FILE:NAME, and why.
LONG_FUNCTIONS = {
    "harness/commands/compare.py:compare": _OPTIONS,
    "harness/commands/generate.py:generate": _OPTIONS,
    "harness/commands/loadtest.py:loadtest": _OPTIONS,
    "harness/commands/run.py:run": _OPTIONS,
    "harness/commands/scale.py:scale": _OPTIONS,
    "harness/commands/sweep.py:sweep": _OPTIONS,
    "harness/input/prepare.py:_prepare": "a table of contents; a third of it is the account's thirteen fields",
}


def _sources() -> Iterator[tuple[str, str]]:
    """(path, text) of all modules."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def _long_functions(path: str, text: str) -> Iterator[str]:
    """FILE:NAME of the functions that are too long, docstrings aside."""
    for function in functions_in(text):
        if function.lines > MAX_FUNCTION_LINES:
            yield f"{path}:{function.name}"


def test_no_file_is_longer_than_400_lines_without_a_reason() -> None:
    found = {path for path, text in _sources() if text.count("\n") > MAX_FILE_LINES}
    assert found - LONG_FILES.keys() == set(), "divide them by subject, or say in LONG_FILES why not"


def test_no_function_is_longer_than_50_lines_without_a_reason() -> None:
    found = {name for path, text in _sources() for name in _long_functions(path, text)}
    assert found - LONG_FUNCTIONS.keys() == set(), "take them apart, or say in LONG_FUNCTIONS why not"


def test_a_long_function_is_found_and_its_docstring_does_not_count() -> None:
    short = 'def short():\n    """Says\n' + "    much.\n" * 60 + '    """\n' + "    pass\n" * 49
    assert list(_long_functions("a.py", short)) == []
    assert list(_long_functions("a.py", short + "    pass\n")) == ["a.py:short"]


def test_what_is_listed_exists() -> None:
    for name in [*LONG_FILES, *LONG_FUNCTIONS]:
        path, _, function = name.partition(":")
        assert (ROOT / path).is_file() and f"def {function}" in Path(ROOT / path).read_text(encoding="utf-8"), name
