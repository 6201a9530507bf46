"""The manifests in `deploy/kubernetes`, as kustomize would put them together."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy" / "kubernetes"
#: Those that run a whole benchmark, and all that kustomize can be pointed at.
BENCHMARKS = ["benchmark", "flink", "spark"]
DIRECTORIES = ["base", *BENCHMARKS]
#: The oldest that Kubernetes still maintains, or nearly, and the newest that the schemas are there for.
NEWEST = "the newest"
VERSIONS = ["1.31", NEWEST]
#: What users make.
SECRET = "ringbench-access"  # noqa: S105 - a name
#: Of the kind that Flink's operator adds; the file says where it is from.
FLINK_DEPLOYMENT = json.loads((ROOT / "tests" / "fixtures" / "flinkdeployment.schema.json").read_text(encoding="utf-8"))
#: Keys by which lists of objects are merged.
_MERGED_BY = ("name", "mountPath", "containerPort")

Manifest = dict[str, Any]


def load(path: Path) -> list[Manifest]:
    """The manifests in a file."""
    return list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))


def kustomization(directory: str) -> Manifest:
    """The kustomization in a directory."""
    (found,) = load(DEPLOY / directory / "kustomization.yaml")
    return found


def directories(directory: str) -> list[str]:
    """The directory, after those that it is made from."""
    others = [each.removeprefix("../") for each in kustomization(directory)["resources"] if each.startswith("../")]
    return [each for other in others for each in directories(other)] + [directory]


def resources(directory: str) -> list[Manifest]:
    """Every resource of a directory, with its patches; names and images are as in the files."""
    described = kustomization(directory)
    found = []
    for name in described["resources"]:
        found += resources(name.removeprefix("../")) if name.startswith("../") else load(DEPLOY / directory / name)
    for patch in described.get("patches", []):
        (changes,) = load(DEPLOY / directory / patch["path"])
        (target,) = [each for each in found if _is(each, patch["target"])]
        found[found.index(target)] = merged(target, changes)
    return found


def resource(directory: str, kind: str) -> Manifest:
    """The one resource of this kind."""
    (found,) = [each for each in resources(directory) if each["kind"] == kind]
    return found


def _is(manifest: Manifest, target: dict[str, str]) -> bool:
    return (manifest["kind"], manifest["metadata"]["name"]) == (target["kind"], target["name"])


def merged(base: Any, changes: Any) -> Any:
    """`base` with `changes`, as a strategic merge patch has it."""
    if isinstance(base, dict) and isinstance(changes, dict):
        return base | {key: merged(base.get(key), value) for key, value in changes.items()}
    key = next((key for key in _MERGED_BY if isinstance(changes, list) and key in _keys(changes[:1])), None)
    if not isinstance(base, list) or key is None:
        return changes
    own = {each[key]: each for each in changes}
    former = {each[key]: merged(each, own.get(each[key], {})) for each in base}
    return list((own | former).values())


def _keys(objects: list[Any]) -> set[str]:
    return {key for each in objects if isinstance(each, dict) for key in each}


def generated(directory: str) -> dict[str, Manifest]:
    """What a directory makes ConfigMaps and Secrets from, by their names; later directories add to earlier ones."""
    found: dict[str, Manifest] = {}
    for each in directories(directory):
        for kind in ("configMapGenerator", "secretGenerator"):
            for generator in kustomization(each).get(kind, []):
                into = found.setdefault(generator["name"], {"literals": {}, "files": {}})
                into["literals"] |= dict(text.split("=", 1) for text in generator.get("literals", []))
                into["files"] |= {name: DEPLOY / each / name for name in generator.get("files", [])}
    return found


def images(directory: str) -> dict[str, str]:
    """By the name that manifests have for it, the image."""
    return {
        each["name"]: f"{each['newName']}:{each['newTag']}"
        for other in directories(directory)
        for each in kustomization(other).get("images", [])
    }


def pod_of(manifest: Manifest) -> Manifest:
    """The specification of the pods that a Job, a Deployment or a session cluster has."""
    spec = manifest["spec"]
    found: Manifest = (spec["template"] if "template" in spec else spec["podTemplate"])["spec"]
    return found


def containers(manifest: Manifest) -> list[Manifest]:
    """The containers of the pods, those that come first too."""
    pod = pod_of(manifest)
    return [*pod.get("initContainers", []), *pod["containers"]]


def validate(manifest: Manifest, version: str) -> None:
    """Hold a manifest to its schema; unknown keys are errors.

    Raises:
        jsonschema.ValidationError: it does not hold.
    """
    version = kubernetes_validate.latest_version() if version == NEWEST else version
    if manifest["kind"] != "FlinkDeployment":
        kubernetes_validate.validate(manifest, version, strict=True)
        return
    assert manifest["apiVersion"] == "flink.apache.org/v1beta1" and set(manifest) == {
        *("apiVersion", "kind", "metadata", "spec")
    }
    spec = manifest["spec"]
    jsonschema.validate(spec, FLINK_DEPLOYMENT)
    for part in (spec, spec["jobManager"], spec["taskManager"]):
        if template := part.get("podTemplate"):
            described = {"apiVersion": "v1", "kind": "PodTemplate", "template": template}
            kubernetes_validate.validate(described, version, strict=True)
