"""The rules of who may import whom (docs/architecture.md), checked on the source itself."""

import ast
import functools
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"engines", "harness", "loadtest", "release", "reports", "viewer", "workloads"}
#: The command line: its own module, and those of single commands.
COMMANDS = re.compile(r"cli\.py$|commands/")
ENGINES = sorted(path.parent.name for path in (ROOT / "engines").glob("*/engine.toml"))


@functools.cache
def _imports(folder: str) -> frozenset[tuple[str, str]]:
    """(path below `folder`, imported module) for every import statement there, those inside functions too."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        name = path.relative_to(ROOT / folder).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {(name, alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add((name, node.module))
    assert found, f"no Python below {folder}"
    return frozenset(found)


def _ours(folder: str) -> set[tuple[str, str]]:
    return {(file, name) for file, name in _imports(folder) if name.split(".")[0] in OURS}


def test_the_contract_imports_the_standard_library_only() -> None:
    foreign = {each for each in _imports("engines/contract") if each[1].split(".")[0] not in sys.stdlib_module_names}
    assert {each for each in foreign if not each[1].startswith("engines.contract")} == set()


def test_there_are_three_engines() -> None:
    assert {"baseline", "flink", "spark"} <= set(ENGINES)


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_import_the_contract_and_nothing_else_of_ours(engine: str) -> None:
    assert {each for each in _ours(f"engines/{engine}") if not each[1].startswith("engines.contract")} == set()


def test_workloads_are_pure() -> None:
    allowed = ("engines.contract", "workloads")
    assert {each for each in _ours("workloads") if not each[1].startswith(allowed)} == set()
    roots = {name.split(".")[0] for _, name in _imports("workloads")}
    assert roots & {"io", "os", "pathlib", "random", "socket", "subprocess", "time", "datetime"} == set()


def test_the_harness_imports_no_engine_and_only_its_command_line_imports_reports() -> None:
    allowed = ("engines.contract", "harness", "workloads")
    assert {
        each for each in _ours("harness") if not each[1].startswith(allowed) and not COMMANDS.match(each[0])
    } == set()
    roots = {name.split(".")[0] for _, name in _imports("harness")}
    assert roots & {"pyspark", "pyflink", "apache_flink"} == set()


def test_reports_import_models_and_pure_functions_of_the_harness_only() -> None:
    allowed = {
        "bands",
        "disturbance",
        "result",
        "headline",
        "hop_price",
        "calibration",
        "conformance_result",
        "capacity",
        "gate",
        "gate_figures",
        "scale_result",
        "sweep_result",
        "histogram",
        "dashboard_result",
        "loadtest_result",
        "path_bench_result",
        "producer_bench_result",
        "resilience_result",
        "shard_result",
        "soak_result",
        "statistics",
        "steady",
    }
    found = {name for _, name in _ours("reports") if not name.startswith(("reports", "engines.contract", "workloads"))}
    assert found <= {f"harness.{name}" for name in allowed}


def test_the_viewer_knows_of_the_harness_its_files_and_how_counts_are_read_only() -> None:
    allowed = ("engines.contract", "viewer", "workloads")
    found = {name for _, name in _ours("viewer") if not name.startswith(allowed)}
    assert found <= {"harness.recording", "harness.result", "harness.store"}


def test_only_the_command_line_imports_the_viewer() -> None:
    folders = ("engines", "harness", "reports", "workloads")
    importing = {file for folder in folders for file, name in _ours(folder) if name.split(".")[0] == "viewer"}
    assert importing <= {"cli.py"}


def test_the_load_test_imports_the_contract_and_what_it_can_import_without_the_harness_environment() -> None:
    allowed = {"engines.contract.events", "harness.dashboard", "harness.search"}
    assert {name for _, name in _ours("loadtest") if not name.startswith("loadtest")} <= allowed
    for module in ("dashboard", "search"):
        foreign = {name for file, name in _imports("harness") if file == f"{module}.py"}
        assert {name for name in foreign if name.split(".")[0] not in sys.stdlib_module_names} == set()


def test_nothing_imports_what_is_not_in_the_wheel() -> None:
    importing = {
        file for folder in OURS - {"release"} for file, name in _ours(folder) if name.split(".")[0] == "release"
    }
    assert importing == set()
    allowed = ("release", "harness.engines", "harness.errors", "harness.provision")
    assert {name for _, name in _ours("release") if not name.startswith(allowed)} == set()
