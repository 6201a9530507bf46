"""Writes the software bill of materials, CycloneDX 1.6 in JSON: ``python -m release.sbom dist/ringbench.cdx.json``.

It lists what an installed Ringbench downloads, as the locks pin it. The same locks give the same file to the byte: its
time is SOURCE_DATE_EPOCH, or that of the last commit.
"""

import argparse
import hashlib
import os
import subprocess
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component as Entry
from cyclonedx.model.component import ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from release.components import ROOT, Component, components, licences

_GEOMETRY = "viewer/static/vendor/california.json"
_CHARTS = "reports/page/vendor/uPlot.iife.min.js"


def sbom_text(built_at: datetime) -> str:
    """The bill of materials, dated `built_at`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    itself = Entry(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        description=project["description"],
        licenses=_licences([project["license"]]),
        purl=PackageURL("pypi", None, project["name"], project["version"]),
        bom_ref="ringbench",
    )
    stated = licences()
    entries = [_entry(each, stated[each.coordinate]) for each in components()]
    bom = Bom(components=[*entries, _geometry(), _charts()], metadata=BomMetaData(component=itself, timestamp=built_at))
    bom.register_dependency(itself, bom.components)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(map(repr, [itself.purl, *components()])))
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _entry(component: Component, names: list[str]) -> Entry:
    purl = component.purl
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=each) for each in component.sha256]
    jar = purl.type == "maven"
    return Entry(
        name=purl.name,
        group=purl.namespace,
        version=purl.version,
        purl=purl,
        bom_ref=purl.to_string(),
        # A package's lock allows a file for each platform, and which one is installed is not known here.
        hashes=hashes if jar else [],
        external_references=[] if jar else [_distribution(purl, hashes)],
        licenses=_licences(names),
        properties=[Property(name="ringbench:lock", value=each) for each in component.locks],
    )


def _distribution(purl: PackageURL, hashes: list[HashType]) -> ExternalReference:
    return ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(f"https://pypi.org/project/{purl.name}/{purl.version}/#files"),
        comment="SHA-256 of every file that the lock allows",
        hashes=hashes,
    )


def _geometry() -> Entry:
    return Entry(
        name="us-atlas",
        version="3.0.1",
        type=ComponentType.DATA,
        purl=PackageURL("npm", None, "us-atlas", "3.0.1"),
        bom_ref=_GEOMETRY,
        licenses=_licences(["ISC"]),
        properties=[Property(name="ringbench:file", value=_GEOMETRY)],
    )


def _charts() -> Entry:
    return Entry(
        name="uplot",
        version="1.6.32",
        type=ComponentType.LIBRARY,
        purl=PackageURL("npm", None, "uplot", "1.6.32"),
        bom_ref=_CHARTS,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256((ROOT / _CHARTS).read_bytes()).hexdigest())],
        licenses=_licences(["MIT"]),
        properties=[Property(name="ringbench:file", value=_CHARTS)],
    )


def _licences(names: list[str]) -> list[License]:
    """CycloneDX has either one expression, or names."""
    factory = LicenseFactory()
    if len(names) == 1:
        return [factory.make_from_string(names[0])]
    return [factory.make_with_name(each) for each in names]


def _built_at() -> datetime:
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.check_output(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, text=True
    )
    return datetime.fromtimestamp(int(seconds), UTC)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m release.sbom", description="Write the bill of materials.")
    parser.add_argument("path", type=Path, help="for example dist/ringbench.cdx.json")
    path: Path = parser.parse_args().path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sbom_text(_built_at()), encoding="utf-8")
