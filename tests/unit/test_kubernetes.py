"""The manifests hold to Kubernetes' own schemas, and say what the code says; the Containerfile passes its linter."""

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from harness.cli import app
from harness.scenario import load_scenario
from harness.shards import parse_shard, parse_start
from harness.workers.jobs import RedisWriterJob

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy" / "kubernetes" / "base"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((BASE / "kustomization.yaml").read_text(encoding="utf-8"))
RESOURCES: list[str] = KUSTOMIZATION["resources"]
#: The oldest that Kubernetes still maintains, or nearly, and the newest that the schemas are there for.
VERSIONS = ["1.31", kubernetes_validate.latest_version()]


def _manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((BASE / name).read_text(encoding="utf-8")))


def _pod(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", RESOURCES)
def test_manifests_hold_to_the_schemas(name: str, version: str) -> None:
    for manifest in _manifests(name):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_key_would_be_found() -> None:
    (job,) = _manifests("generators.yaml")
    job["spec"]["completionsMode"] = job["spec"].pop("completionMode")
    with pytest.raises(kubernetes_validate.ValidationError, match="completionsMode"):
        kubernetes_validate.validate(job, VERSIONS[-1], strict=True)


def test_the_kustomization_names_every_file_and_what_pods_refer_to() -> None:
    generated = {each["name"] for kind in ("configMapGenerator", "secretGenerator") for each in KUSTOMIZATION[kind]}
    files = {
        file
        for kind in ("configMapGenerator", "secretGenerator")
        for each in KUSTOMIZATION[kind]
        for file in each.get("files", [])
    }
    assert {each.name for each in BASE.iterdir()} == {"kustomization.yaml", *RESOURCES, *files}
    referred = set()
    for manifest in (each for name in RESOURCES for each in _manifests(name)):
        pod = _pod(manifest)
        referred |= {each["configMap"]["name"] for each in pod["volumes"] if "configMap" in each}
        referred |= {each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each}
        referred |= {source["configMapRef"]["name"] for each in pod["containers"] for source in each.get("envFrom", [])}
        assert {each["image"] for each in pod["containers"]} == {each["name"] for each in KUSTOMIZATION["images"]}
    assert referred == generated


def test_there_are_as_many_shards_as_pods_and_none_is_sent_twice() -> None:
    (job,) = _manifests("generators.yaml")
    (container,) = _pod(job)["containers"]
    shards = next(each["value"] for each in container["env"] if each["name"] == "SHARDS")
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == int(shards)
    assert (job["spec"]["backoffLimit"], _pod(job)["restartPolicy"]) == (0, "Never")


def test_the_pods_command_is_one_of_ringbench_and_its_shards_fit_the_scenario() -> None:
    (job,) = _manifests("generators.yaml")
    (script,) = _pod(job)["containers"][0]["args"]
    names = {
        literal.partition("=")[0]: literal.partition("=")[2]
        for literal in KUSTOMIZATION["configMapGenerator"][0]["literals"]
    }
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
    (job,) = _manifests("generators.yaml")
    (script,) = _pod(job)["containers"][0]["args"]
    shown = script.replace("exec ringbench", "echo")
    environment = {"JOB_COMPLETION_INDEX": "3", "SHARDS": "4", "KAFKA": "k:1", "TOPIC": "t", "START_AT": "now"}
    said = subprocess.run(["/bin/sh", "-c", shown], env=environment, capture_output=True, text=True, check=True).stdout
    assert "--shard 4/4 --start-at now" in said


def test_the_redis_writers_job_has_the_keys_that_it_takes() -> None:
    job = json.loads((BASE / "redis-writer.job.json").read_text(encoding="utf-8"))
    RedisWriterJob(**job)
    assert set(job) | {"journal", "query", "kafka_properties"} == {each.name for each in fields(RedisWriterJob)}


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
