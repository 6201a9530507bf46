"""Asks every component for its licences, and writes them to ``release/licences.json``: ``python -m release.licences``.

Packages say them in the metadata of what is installed, jars in their POMs and those of their parents. It makes every
environment, and needs the package index and Maven Central.
"""

import json
import re
import sys
import tempfile
from importlib.metadata import Distribution, distributions
from pathlib import Path

from jgo.maven import POM, MavenContext
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from harness.engines.catalogue import load_engine
from harness.engines.versions import VERSIONS, environment_name
from harness.errors import ProvisionError, RingbenchError
from harness.provision.environments import ensure_environment, find_uv, run_uv
from harness.provision.jars import maven
from release.components import LICENCES, Component, components, python_locks

#: What is not installed here is another platform's.
_OTHER_PLATFORM = ("--python-platform", "x86_64-pc-windows-msvc")
_LONGEST_NAME = 100
#: SPDX's name of what is called otherwise, where there is no doubt which one is meant.
_SPDX = {
    re.compile(r"(The )?Apache (Software )?(License)?,? ?(Version )?2(\.0)?( License)?"): "Apache-2.0",
    re.compile(r"https://www\.apache\.org/licenses/LICENSE-2\.0"): "Apache-2.0",
    re.compile(r"(The )?MIT License"): "MIT",
    re.compile(r"(3-Clause BSD|BSD 3-Clause) License"): "BSD-3-Clause",
    re.compile(r"(2-Clause BSD|BSD 2-Clause) License"): "BSD-2-Clause",
    re.compile(r"ISC License"): "ISC",
    re.compile(r"Mozilla Public License 2\.0 \(MPL 2\.0\)"): "MPL-2.0",
}


def tell(message: str) -> None:
    """Progress, for people."""
    print(message, file=sys.stderr, flush=True)


def ask() -> dict[str, list[str]]:
    """The licences of every component, by coordinate.

    Raises:
        ProvisionError: a component says none, or cannot be had.
    """
    found = components()
    by_name = {each.coordinate: each for each in found}
    said = _of_packages([each for each in by_name.values() if each.purl.type == "pypi"])
    jars = [each for each in by_name.values() if each.purl.type == "maven"]
    with tempfile.TemporaryDirectory() as repository:
        context = maven(Path(repository))
        for number, jar in enumerate(jars, start=1):
            tell(f"{number} of {len(jars)}: {jar.purl}")
            said[jar.coordinate] = _of_jar(context, jar)
    if silent := [name for name in by_name if not said.get(name)]:
        raise ProvisionError(f"no licence is stated by {', '.join(silent)}")
    return {name: [_spdx(each) for each in said[name]] for name in sorted(by_name)}


def _spdx(name: str) -> str:
    return next((spdx for pattern, spdx in _SPDX.items() if pattern.fullmatch(name)), name)


def _of_packages(wanted: list[Component]) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for lock in python_locks():
        python = ensure_environment(lock, environment_name(lock), progress=tell, python=_interpreter(lock))
        (site,) = python.parent.parent.glob("lib/python*/site-packages")
        said |= _installed(site)
    absent = [f"{each.purl.name}=={each.purl.version}" for each in wanted if each.coordinate not in said]
    with tempfile.TemporaryDirectory() as target:
        if absent:
            install = ["pip", "install", "--no-deps", "--target", target, *_OTHER_PLATFORM]
            run_uv(find_uv(tell), [*install, *absent], tell)
        return _installed(Path(target)) | said


def _interpreter(lock: Path) -> str | None:
    """The interpreter that the engine wants which has `lock`, so that its environment is the one that runs have."""
    descriptor = (lock.parents[2] if lock.parent.parent.name == VERSIONS else lock.parent) / "engine.toml"
    if not descriptor.exists():
        return None
    return load_engine(descriptor.parent).python or None


def _installed(site: Path) -> dict[str, list[str]]:
    return {
        PackageURL("pypi", None, canonicalize_name(each.metadata["Name"])).to_string(): _of_distribution(each)
        for each in distributions(path=[str(site)])
    }


def _of_distribution(distribution: Distribution) -> list[str]:
    """As the metadata say it: an expression, else a name, else classifiers. A whole text is no name."""
    metadata = distribution.metadata
    for field in ("License-Expression", "License"):
        name = (metadata.get_all(field) or [""])[0].strip()
        if name and len(name) <= _LONGEST_NAME and "\n" not in name:
            return [name]
    classifiers = metadata.get_all("Classifier") or []
    return [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: ")]


def _of_jar(context: MavenContext, jar: Component) -> list[str]:
    """As the POM says it, or the nearest of its parents that does."""
    coordinates = f"{jar.purl.namespace}:{jar.purl.name}:{jar.purl.version}"
    pom: POM | None = context.create_dependency(coordinates).artifact.component.pom()
    while pom is not None:
        if names := [name for name in pom.values("licenses/license/name") if name]:
            return [" ".join(name.split()) for name in names]
        pom = context.pom_parent(pom)
    return []


if __name__ == "__main__":
    try:
        LICENCES.write_text(json.dumps(ask(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except RingbenchError as error:
        tell(str(error))
        sys.exit(error.exit_code)
