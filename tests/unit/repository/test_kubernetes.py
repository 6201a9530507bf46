"""The manifests hold to published schemas, and say what the code says; the Containerfile passes its linter."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.main import get_command

from harness.cli import app
from harness.experiments.sharding.shard import parse_shard, parse_start
from harness.scenarios.loading import load_scenario
from harness.workers.jobs import RedisWriterJob
from tests.unit.repository.manifests import (
    DEPLOY,
    DIRECTORIES,
    ROOT,
    SECRET,
    VERSIONS,
    Manifest,
    containers,
    generated,
    images,
    kustomization,
    load,
    pod_of,
    resource,
    resources,
    validate,
)

BASE = DEPLOY / "base"
#: What comes with Flink's operator.
OPERATORS_ACCOUNT = "flink"
SECRETIVE = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY")
kustomizing = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="there is no kubectl on PATH, which has kustomize in it"
)
#: What kustomize adds to the names of what it generates.
HASH = re.compile(r"-[a-z0-9]{10}$")


def _with_pods(directory: str) -> list[Manifest]:
    return [each for each in resources(directory) if {"template", "podTemplate"} & set(each.get("spec", {}))]


def _at(manifest: Manifest, path: str) -> Any:
    """What is at `path` in a manifest, such as ``spec/containers/0``."""
    found: Any = manifest
    for part in path.split("/"):
        found = found[int(part) if part.isdigit() else part]
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("directory", DIRECTORIES)
def test_manifests_hold_to_the_schemas(directory: str, version: str) -> None:
    for manifest in resources(directory):
        validate(manifest, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_executors_template_holds_to_the_schema_of_a_pod(version: str) -> None:
    (template,) = load(DEPLOY / "spark" / "executor.yaml")
    validate(template, version)


@pytest.mark.parametrize(
    ("directory", "kind", "path", "key"),
    [
        ("base", "Deployment", "spec", "replicas"),
        ("benchmark", "Job", "spec", "backoffLimit"),
        ("flink", "Job", "spec/template/spec/initContainers/0", "args"),
        ("flink", "FlinkDeployment", "spec", "serviceAccount"),
        ("flink", "FlinkDeployment", "spec/taskManager", "replicas"),
        ("flink", "FlinkDeployment", "spec/jobManager/resource", "memory"),
        ("flink", "FlinkDeployment", "spec/podTemplate/spec/containers/0", "env"),
        ("spark", "Job", "spec/template/spec", "serviceAccountName"),
        ("spark", "Role", "rules/0", "verbs"),
        ("spark", "PersistentVolumeClaim", "spec", "accessModes"),
    ],
)
def test_a_misspelt_key_would_be_found(directory: str, kind: str, path: str, key: str) -> None:
    manifest = deepcopy(resource(directory, kind))
    part = _at(manifest, path)
    part[f"{key}x"] = part.pop(key)
    with pytest.raises(jsonschema.ValidationError, match=f"{key}x"):
        validate(manifest, VERSIONS[-1])


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [("spec", "flinkVersion", "v2_99"), ("spec", "mode", "detached"), ("spec/taskManager", "replicas", "two")],
)
def test_a_value_that_flinks_operator_does_not_know_would_be_found(path: str, key: str, value: str) -> None:
    manifest = deepcopy(resource("flink", "FlinkDeployment"))
    _at(manifest, path)[key] = value
    with pytest.raises(jsonschema.ValidationError, match=value):
        validate(manifest, VERSIONS[-1])


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_the_kustomization_names_every_file(directory: str) -> None:
    described = kustomization(directory)
    generators = described.get("configMapGenerator", []) + described.get("secretGenerator", [])
    named = [each for each in described["resources"] if not each.startswith("../")]
    named += [each["path"] for each in described.get("patches", [])] + described.get("configurations", [])
    named += [file for each in generators for file in each.get("files", [])]
    assert {each.name for each in (DEPLOY / directory).iterdir()} == {"kustomization.yaml", *named}


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_what_pods_refer_to_is_there_and_all_that_is_generated_is_referred_to(directory: str) -> None:
    there = {(each["kind"], each["metadata"]["name"]) for each in resources(directory)}
    referred = {pair for each in _with_pods(directory) for pair in _references(each)}
    made = {("generated", name) for name in generated(directory)}
    assert {pair for pair in referred if pair[0] == "generated"} == made
    users = {("Secret", SECRET), ("ServiceAccount", OPERATORS_ACCOUNT)}
    assert referred - made - users - {("image", name) for name in images(directory)} <= there


def _references(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Kind and name of all that a manifest's pods need."""
    pod, spec = pod_of(manifest), manifest["spec"]
    accounts = (pod.get("serviceAccountName"), spec.get("serviceAccount"))
    yield from (("ServiceAccount", each) for each in accounts if each)
    yield from (("image", each["image"]) for each in (spec, *containers(manifest)) if "image" in each)
    for volume in pod.get("volumes", []):
        yield from _sources(volume)
    for container in containers(manifest):
        yield from (("generated", each["configMapRef"]["name"]) for each in container.get("envFrom", []))
        keys = [each.get("valueFrom", {}).get("secretKeyRef") for each in container.get("env", [])]
        yield from (("Secret", each["name"]) for each in keys if each)


def _sources(volume: Manifest) -> Iterator[tuple[str, str]]:
    if "configMap" in volume:
        yield "generated", volume["configMap"]["name"]
    if "secret" in volume:
        yield "generated", volume["secret"]["secretName"]
    if "persistentVolumeClaim" in volume:
        yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_containers_mount_volumes_that_are_there(directory: str) -> None:
    for manifest in _with_pods(directory):
        volumes = {each["name"] for each in pod_of(manifest).get("volumes", [])}
        mounted = {each["name"] for one in containers(manifest) for each in one.get("volumeMounts", [])}
        assert mounted == volumes


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_nothing_secret_is_in_a_manifest(directory: str) -> None:
    assert "Secret" not in {each["kind"] for each in resources(directory)}
    for each in generated(directory).values():
        assert [name for name in each["literals"] if SECRETIVE.search(name)] == []
        assert [value for value in each["literals"].values() if "@" in value] == []
    variables = [each for one in _with_pods(directory) for box in containers(one) for each in box.get("env", [])]
    assert [each for each in variables if SECRETIVE.search(each["name"]) and set(each) != {"name", "valueFrom"}] == []


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_ringbenchs_containers_have_requests_and_limits_and_few_rights(directory: str) -> None:
    own = [(one, box) for one in _with_pods(directory) for box in containers(one) if box.get("image") == "ringbench"]
    assert own
    user = re.search(r"^USER (\d+)$", (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert user
    for manifest, container in own:
        context = pod_of(manifest)["securityContext"]
        assert context["runAsNonRoot"] and context["runAsUser"] == int(user[1])
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert not container["securityContext"]["allowPrivilegeEscalation"]


@kustomizing
@pytest.mark.parametrize("directory", DIRECTORIES)
def test_kustomize_makes_of_it_what_these_tests_take_it_for(directory: str) -> None:
    rendered = _kustomize(DEPLOY / directory)
    made = {
        HASH.sub("", each["metadata"]["name"]): each for each in rendered if each["kind"] in ("ConfigMap", "Secret")
    }
    assert {name: set(each["data"]) for name, each in made.items()} == {
        name: {*each["literals"], *each["files"]} for name, each in generated(directory).items()
    }
    others = [each for each in rendered if each["kind"] not in ("ConfigMap", "Secret")]
    expected = [_kustomized(deepcopy(each), directory) for each in resources(directory)]
    assert _by_name(_without_hashes(each, set(made)) for each in others) == _by_name(expected)


@kustomizing
def test_the_documents_overlay_changes_image_and_services_everywhere(tmp_path: Path) -> None:
    document = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    (overlay,) = re.findall(r"^```yaml\n# my-flink/kustomization.yaml\n(.+?)^```", document, re.MULTILINE | re.DOTALL)
    shutil.copytree(DEPLOY, tmp_path / "deploy" / "kubernetes")
    (tmp_path / "my-flink").mkdir()
    (tmp_path / "my-flink" / "kustomization.yaml").write_text(overlay, encoding="utf-8")
    rendered, asked = _kustomize(tmp_path / "my-flink"), yaml.safe_load(overlay)
    (job,) = [each for each in rendered if each["kind"] == "Job"]
    (image,) = asked["images"]
    assert {each["image"] for each in containers(job)} == {f"{image['newName']}:{image['newTag']}"}
    (literals,) = [each["literals"] for each in asked["configMapGenerator"]]
    services = next(each["data"] for each in rendered if "KAFKA" in each.get("data", {}))
    assert services.items() >= dict(each.split("=", 1) for each in literals).items()


def _kustomize(directory: Path) -> list[Manifest]:
    command = ["kubectl", "kustomize", str(directory)]
    return list(yaml.safe_load_all(subprocess.run(command, capture_output=True, check=True, text=True).stdout))


def _by_name(manifests: Any) -> dict[tuple[str, str], Manifest]:
    return {(each["kind"], each["metadata"]["name"]): each for each in manifests}


def _kustomized(found: Any, directory: str) -> Any:
    """A manifest in its namespace, with images as they are called in the end."""
    if namespace := kustomization(directory).get("namespace"):
        for each in (found["metadata"], *found.get("subjects", [])):
            each["namespace"] = namespace
    return _with_images(found, images(directory))


def _with_images(found: Any, names: dict[str, str]) -> Any:
    if isinstance(found, dict):
        return {
            key: names.get(value, value) if key == "image" else _with_images(value, names)
            for key, value in found.items()
        }
    return [_with_images(each, names) for each in found] if isinstance(found, list) else found


def _without_hashes(found: Any, names: set[str]) -> Any:
    if isinstance(found, dict):
        return {key: _without_hashes(value, names) for key, value in found.items()}
    if isinstance(found, list):
        return [_without_hashes(each, names) for each in found]
    return HASH.sub("", found) if isinstance(found, str) and HASH.sub("", found) in names else found


def test_there_are_as_many_shards_as_pods_and_none_is_sent_twice() -> None:
    job = resource("base", "Job")
    (container,) = pod_of(job)["containers"]
    shards = next(each["value"] for each in container["env"] if each["name"] == "SHARDS")
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == int(shards)
    assert (job["spec"]["backoffLimit"], pod_of(job)["restartPolicy"]) == (0, "Never")


def test_the_pods_command_is_one_of_ringbench_and_its_shards_fit_the_scenario() -> None:
    job = resource("base", "Job")
    (script,) = pod_of(job)["containers"][0]["args"]
    names = generated("base")["ringbench-load"]["literals"]
    assert set(re.findall(r"\$([A-Z_]+)", script)) == {*names, "SHARDS"}
    options = {each for parameter in get_command(app).commands["generate"].params for each in parameter.opts}  # type: ignore[attr-defined]
    assert set(re.findall(r"--[a-z-]+", script)) <= options
    scenario = load_scenario(str(BASE / "scenario.yaml"), {})
    count = job["spec"]["completions"]
    own = [
        parse_shard(f"{number}/{count}", scenario.generators).partitions(scenario.partitions)
        for number in range(1, count + 1)
    ]
    assert sorted(partition for each in own for partition in each) == list(range(scenario.partitions))
    parse_start(names["START_AT"])


def test_the_shell_counts_shards_from_one() -> None:
    job = resource("base", "Job")
    (script,) = pod_of(job)["containers"][0]["args"]
    shown = script.replace("exec ringbench", "echo")
    environment = {"JOB_COMPLETION_INDEX": "3", "SHARDS": "4", "KAFKA": "k:1", "TOPIC": "t", "START_AT": "now"}
    said = subprocess.run(["/bin/sh", "-c", shown], env=environment, capture_output=True, text=True, check=True).stdout
    assert "--shard 4/4 --start-at now" in said


def test_the_redis_writers_job_has_the_keys_that_it_takes() -> None:
    job = json.loads((BASE / "redis-writer.job.json").read_text(encoding="utf-8"))
    RedisWriterJob(**job)
    of_several = {"writer", "writers", "directory", "probes"}
    assert set(job) | {"journal", "query", "kafka_properties", "transactional"} | of_several == {
        each.name for each in fields(RedisWriterJob)
    }


def test_the_base_of_the_image_is_named_by_digest() -> None:
    text = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert bases and all(re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", base) for base in bases)


def test_the_containerfile_passes_its_linter_and_copies_what_is_there() -> None:
    path = ROOT / "deploy" / "Containerfile"
    linter = Path(sys.executable).with_name("hadolint")
    linted = subprocess.run([linter, path], capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout
    copied = [
        words.split()[:-1] for words in re.findall(r"^COPY (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert [name for names in copied for name in names if not (ROOT / name).exists()] == []
    packages = set(
        re.findall(
            r'"(\w+)"',
            re.search(r"^packages = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1],
        )
    )  # type: ignore[index]
    assert packages <= {name for names in copied for name in names}
