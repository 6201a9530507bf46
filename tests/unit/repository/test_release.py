"""What goes out with a release agrees with the locks, and with the one place that has the version."""

import ast
import copy
import json
import re
import sys
import tomllib
from datetime import UTC, datetime
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.session.fingerprint import installed_packages
from release.components import jar_locks, python_locks, python_requirements
from release.notices import NOTICES, notices_text
from release.sbom import sbom_text
from release.statements import imports_in

ROOT = Path(__file__).parents[3]
HARNESS_LOCK = ROOT / "requirements" / "harness.lock"
#: What runs in the environment that the wheel is installed in.
IMPORTING = ("harness", "reports", "viewer", "workloads")
#: What declared packages are made of, and have in their own interfaces; and what the type checker alone sees.
UNDECLARED = {"botocore", "markupsafe", "pydantic_core", "mypy_boto3_s3"}
OURS = {*IMPORTING, "engines", "loadtest"}
BUILT_AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


@pytest.fixture(scope="module")
def text() -> str:
    """The bill of materials."""
    return sbom_text(BUILT_AT)


@pytest.fixture(scope="module")
def sbom(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def test_the_citation_and_the_installation_have_the_projects_version(project: dict[str, Any]) -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert version("ringbench") == project["version"]


def test_the_locked_versions_are_within_the_declared_ranges(project: dict[str, Any]) -> None:
    locked = [(canonicalize_name(each.name), each) for each in python_requirements(HARNESS_LOCK)]
    for declared in map(Requirement, project["dependencies"]):
        assert any(each.operator in {"<", "=="} for each in declared.specifier), f"{declared} has no upper bound"
        found = [str(each.specifier).removeprefix("==") for name, each in locked if name == declared.name]
        assert found, declared
        assert all(declared.specifier.contains(each) for each in found), (str(declared), found)


def test_what_the_packages_import_is_declared(project: dict[str, Any]) -> None:
    declared = {Requirement(each).name for each in project["dependencies"]}
    owners = packages_distributions()
    paths = [path for package in IMPORTING for path in (ROOT / package).rglob("*.py")]
    foreign = set().union(*map(_imported, paths)) - sys.stdlib_module_names - OURS
    found = {name: {canonicalize_name(each) for each in owners.get(name, [name])} for name in foreign}
    assert {name for name, packages in found.items() if not packages & declared} == UNDECLARED


def _imported(path: Path) -> set[str]:
    """The top-level names of what a module imports, anywhere in it."""
    found = set()
    for node in imports_in(path.read_text(encoding="utf-8")):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_a_run_says_which_version_of_each_dependency_it_has(project: dict[str, Any]) -> None:
    found = installed_packages()
    assert set(found) == {Requirement(each).name for each in project["dependencies"]}
    assert found["numpy"] == version("numpy")


def test_the_notices_are_those_of_the_locks() -> None:
    assert NOTICES.read_text(encoding="utf-8") == notices_text(), "run: tox run -e notices"


def test_the_bill_of_materials_follows_its_schema(sbom: dict[str, Any]) -> None:
    """A package's address, whose syntax takes the validator longer than all the rest, is put to it for one package."""
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    addresses = [of for each in sbom["components"] for of in each.get("externalReferences", [])]
    assert validator.validate_str(json.dumps(sbom | {"components": [_with_address(sbom, addresses[0]["url"])]})) is None
    assert all(re.fullmatch(r"https://pypi\.org/project/[\w.-]+/[\w.]+/#files", each["url"]) for each in addresses)
    bare = copy.deepcopy(sbom)
    for each in bare["components"]:
        for of in each.get("externalReferences", []):
            of["url"] = "#"
    assert validator.validate_str(json.dumps(bare)) is None
    broken = _with_address(bare, "#") | {"externalReferences": [{"type": "distribution", "url": "##"}]}
    assert validator.validate_str(json.dumps(sbom | {"components": [broken]})) is not None
    assert validator.validate_str(json.dumps(sbom | {"components": [{"name": "of no type"}]})) is not None


def _with_address(sbom: dict[str, Any], url: str) -> dict[str, Any]:
    """The component of the bill that is to be had at `url`."""
    found: dict[str, Any] = next(
        each for each in sbom["components"] if any(of["url"] == url for of in each.get("externalReferences", []))
    )
    return found


def test_the_bill_of_materials_is_the_same_each_time(text: str) -> None:
    assert text == sbom_text(BUILT_AT)


def test_each_line_of_each_lock_is_in_the_bill_of_materials(sbom: dict[str, Any]) -> None:
    listed = {
        (where["value"], each["name"], each["version"])
        for each in sbom["components"]
        for where in each["properties"]
        if where["name"] == "ringbench:lock"
    }
    expected = set()
    for lock in (*python_locks(), *jar_locks()):
        pattern = r"^[^:#\s]+:([^:#\s]+):([^:\s]+)\S* [0-9a-f]{64}$" if lock in jar_locks() else r"^([\w.-]+)==(\S+)"
        found = re.findall(pattern, lock.read_text(encoding="utf-8"), re.MULTILINE)
        has_lines = any(line and not line.startswith("#") for line in lock.read_text(encoding="utf-8").splitlines())
        assert bool(found) == has_lines, lock
        expected |= {(str(lock.relative_to(ROOT)), *each) for each in found}
    assert listed == expected


def test_jars_are_known_by_their_checksums_and_packages_by_those_of_their_files(sbom: dict[str, Any]) -> None:
    for each in sbom["components"]:
        if each["purl"].startswith("pkg:maven/"):
            assert [found["alg"] for found in each["hashes"]] == ["SHA-256"]
        elif each["purl"].startswith("pkg:pypi/"):
            assert each["externalReferences"][0]["hashes"]
        assert each["licenses"]
