"""The rules of who may import whom (docs/architecture.md), checked on the source itself."""

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter

import pytest

from release.rooms import REPORT_ROOMS, ROOMS, ROOT, imports, room_imports
from release.statements import imports_in

OURS = {"engines", "harness", "loadtest", "release", "reports", "viewer", "workloads"}
#: The command line: its own module, and those of single commands.
COMMANDS = re.compile(r"cli\.py$|commands/")
#: Those with code of their own: a mode of an engine has a descriptor only.
ENGINES = sorted({path.parent.name for path in (ROOT / "engines").glob("*/*.py")} - {"contract"})


def _ours(folder: str) -> set[tuple[str, str]]:
    return {(file, name) for file, name in imports(folder) if name.split(".")[0] in OURS}


def test_the_contract_imports_the_standard_library_only() -> None:
    foreign = {each for each in imports("engines/contract") if each[1].split(".")[0] not in sys.stdlib_module_names}
    assert {each for each in foreign if not each[1].startswith("engines.contract")} == set()


def test_there_are_three_engines() -> None:
    assert {"baseline", "flink", "spark"} <= set(ENGINES)


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_import_the_contract_and_nothing_else_of_ours(engine: str) -> None:
    assert {each for each in _ours(f"engines/{engine}") if not each[1].startswith("engines.contract")} == set()


def test_workloads_are_pure() -> None:
    allowed = ("engines.contract", "workloads")
    assert {each for each in _ours("workloads") if not each[1].startswith(allowed)} == set()
    roots = {name.split(".")[0] for _, name in imports("workloads")}
    assert roots & {"io", "os", "pathlib", "random", "socket", "subprocess", "time", "datetime"} == set()


def test_the_harness_imports_no_engine_and_only_its_command_line_imports_reports() -> None:
    allowed = ("engines.contract", "harness", "workloads")
    assert {
        each for each in _ours("harness") if not each[1].startswith(allowed) and not COMMANDS.match(each[0])
    } == set()
    roots = {name.split(".")[0] for _, name in imports("harness")}
    assert roots & {"pyspark", "pyflink", "apache_flink"} == set()


def _upwards(folder: str, rooms: Sequence[str]) -> Iterator[str]:
    """The imports in `folder` that lead from a room to one that does not stand before it."""
    for importing, imported, file, module in room_imports(folder, rooms):
        if rooms.index(imported) > rooms.index(importing):
            yield f"{folder}/{file} imports {module}"


@pytest.mark.parametrize(("folder", "rooms"), [("harness", ROOMS), ("reports", REPORT_ROOMS)])
def test_a_room_imports_only_rooms_that_stand_before_it(folder: str, rooms: Sequence[str]) -> None:
    assert list(_upwards(folder, rooms)) == []


def test_an_import_of_a_later_room_is_found() -> None:
    assert next(_upwards("harness", ROOMS[::-1])), "the rule would find nothing, whatever was imported"


@pytest.mark.parametrize("folder", sorted(OURS))
def test_no_modules_import_each_other_in_a_circle(folder: str) -> None:
    """Imports inside functions and for types alone do not count: they come when all modules are there."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for path in (ROOT / folder).rglob("*.py"):
        module = path.relative_to(ROOT).as_posix().removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for node in imports_in(path.read_text(encoding="utf-8")):
            if isinstance(node, ast.ImportFrom) and node.module and node.col_offset == 0:
                inner = {f"{node.module}.{alias.name}" for alias in node.names} & _modules()
                sorter.add(module, *(inner or ({node.module} & _modules())))
    sorter.prepare()


@functools.cache
def _modules() -> frozenset[str]:
    """The dotted names of all modules of ours."""
    files = (path.relative_to(ROOT).as_posix() for folder in OURS for path in (ROOT / folder).rglob("*.py"))
    return frozenset(file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in files)


def test_the_fronts_of_packages_hold_nothing_but_words() -> None:
    """`bootstrap`, the guard and the load test import packages of the harness without its environment."""
    fronts = [*(ROOT / "harness").rglob("__init__.py"), *(ROOT / "reports").rglob("__init__.py")]
    assert len(fronts) > len(REPORT_ROOMS)
    for front in fronts:
        body = ast.parse(front.read_text(encoding="utf-8")).body
        assert len(body) <= 1 and (not body or ast.get_docstring(ast.Module(body, []))), front


def test_reports_import_models_and_pure_functions_of_the_harness_only() -> None:
    allowed = ("harness.results.", "harness.conclusions.", "harness.numerics.")
    found = {name for _, name in _ours("reports") if not name.startswith(("reports", "engines.contract", "workloads"))}
    assert {name for name in found if not name.startswith(allowed)} == set()


def test_the_viewer_knows_of_the_harness_its_files_and_how_counts_are_read_only() -> None:
    allowed = ("engines.contract", "viewer", "workloads")
    found = {name for _, name in _ours("viewer") if not name.startswith(allowed)}
    assert found <= {"harness.measurement.recording", "harness.results.result", "harness.clients.redis_contents"}


def test_only_the_command_line_imports_the_viewer() -> None:
    folders = ("engines", "harness", "reports", "workloads")
    importing = {file for folder in folders for file, name in _ours(folder) if name.split(".")[0] == "viewer"}
    assert importing <= {"cli.py"}


def test_the_load_test_imports_the_contract_and_what_it_can_import_without_the_harness_environment() -> None:
    allowed = {"engines.contract.events", "harness.live_map.user_experience", "harness.numerics.search"}
    assert {name for _, name in _ours("loadtest") if not name.startswith("loadtest")} <= allowed
    for module in ("live_map/user_experience", "numerics/search"):
        foreign = {name for file, name in imports("harness") if file == f"{module}.py"}
        assert {name for name in foreign if name.split(".")[0] not in sys.stdlib_module_names} == set()


def test_nothing_imports_what_is_not_in_the_wheel() -> None:
    importing = {
        file for folder in OURS - {"release"} for file, name in _ours(folder) if name.split(".")[0] == "release"
    }
    assert importing == set()
    engines = ("harness.engines.catalogue", "harness.engines.versions")
    allowed = ("release", *engines, "harness.errors", "harness.provision")
    assert {name for _, name in _ours("release") if not name.startswith(allowed)} == set()


def test_a_scenario_is_read_without_clients_of_services_and_without_pictures() -> None:
    heavy = ("boto3", "confluent_kafka", "matplotlib", "psutil", "redis")
    code = (
        f"import sys, harness.scenarios.loading, harness.scenarios.refusals; print(set({heavy!r}) & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
