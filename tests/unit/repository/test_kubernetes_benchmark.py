"""The Jobs that run a benchmark on Kubernetes: their command lines, and what has to agree with clusters and locks."""

import ast
import re
import runpy
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from typer.main import get_command

from harness.cli import app
from harness.engines.catalogue import check_route
from harness.engines.clusters import cluster_of
from harness.engines.contestants import find_contestants
from harness.engines.engine import Engine
from harness.engines.placement import Placement, placed
from harness.engines.versions import default_version, is_tested
from harness.scenarios.loading import load_scenario
from harness.scenarios.scenario import Scenario
from tests.unit.repository.manifests import (
    BENCHMARKS,
    DEPLOY,
    ROOT,
    Manifest,
    containers,
    generated,
    images,
    load,
    pod_of,
    resource,
)

VARIABLE = re.compile(r"\$\(([A-Z0-9_]+)\)")
CONFIGURED = "/etc/ringbench"
WAIT = DEPLOY / "flink" / "wait_for_slots.py"


def _harness(directory: str) -> Manifest:
    """The container that runs the benchmark."""
    (found,) = [each for each in containers(resource(directory, "Job")) if each["name"] == "ringbench"]
    return found


def _environment(directory: str) -> dict[str, str]:
    """The container's environment; of what is known only where it runs, what stands for it."""
    container = _harness(directory)
    given = {each["name"]: each.get("value", f"the {each['name']}") for each in container["env"]}
    for source in container["envFrom"]:
        given |= generated(directory)[source["configMapRef"]["name"]]["literals"]
    return given


def _arguments(directory: str) -> list[str]:
    """The container's command line as it is run, without the program."""
    container, given = _harness(directory), _environment(directory)
    program, *words = [*container["command"], *container.get("args", [])]
    assert program == "ringbench"
    return [VARIABLE.sub(lambda found: given[found[1]], word) for word in words]


def _options(directory: str) -> dict[str, Any]:
    """What the command line says, as `ringbench run` reads it."""
    command, *words = _arguments(directory)
    found: dict[str, Any] = get_command(app).commands[command].make_context(command, words).params  # type: ignore[attr-defined]
    return found


def _scenario(directory: str) -> Scenario:
    """The scenario that is run, with what the command line says of engines and clusters."""
    options = _options(directory)
    file = generated(directory)["ringbench-benchmark"]["files"][options["scenario"].removeprefix(f"{CONFIGURED}/")]
    chosen = {"engines": options["engine"]} if options["engine"] else {}
    placement = Placement(
        spark_master=options["spark_master"],
        spark_conf=options["spark_conf"] or (),
        flink_jobmanager=options["flink_jobmanager"],
        flink_conf=options["flink_conf"] or (),
    )
    return placed(load_scenario(str(file), chosen), placement)


def _engine(directory: str) -> Engine:
    """The one engine that is run."""
    (found,) = find_contestants(_scenario(directory), []).values()
    return found


def _version(directory: str) -> str:
    """Which version of its engine is run: one that comes with locks."""
    engine = _engine(directory)
    assert is_tested(engine)
    return engine.version or default_version(engine)


def _known_settings(engine: str) -> set[str]:
    """The settings that an engine's main program has, which cannot be imported here."""
    tree = ast.parse((ROOT / "engines" / engine / "main.py").read_text(encoding="utf-8"))
    (defaults,) = [
        each.value
        for each in tree.body
        if isinstance(each, ast.AnnAssign)
        and isinstance(each.target, ast.Name)
        and each.target.id == "DEFAULT_SETTINGS"
    ]
    assert isinstance(defaults, ast.Dict)
    return {str(ast.literal_eval(key)) for key in defaults.keys if key}


@pytest.mark.parametrize("directory", BENCHMARKS)
def test_the_command_line_is_one_that_ringbench_takes(directory: str) -> None:
    options, given = _options(directory), _environment(directory)
    assert {name: options[name] for name in ("kafka", "redis", "s3")} == {
        name: given[name.upper()] for name in ("kafka", "redis", "s3")
    }
    scenario = _scenario(directory)
    check_route(list(find_contestants(scenario, []).values()), scenario.route)
    for engine, settings in scenario.engine_settings.items():
        assert set(settings) <= _known_settings(engine)


@pytest.mark.parametrize("directory", BENCHMARKS)
def test_every_variable_that_is_configured_is_in_use(directory: str) -> None:
    container = _harness(directory)
    used = {name for word in [*container["command"], *container.get("args", [])] for name in VARIABLE.findall(word)}
    assert generated(directory)["ringbench-services"]["literals"].keys() <= used


@pytest.mark.parametrize("directory", BENCHMARKS)
def test_whatever_is_written_is_written_into_a_volume(directory: str) -> None:
    mounts = [Path(each["mountPath"]) for each in _harness(directory)["volumeMounts"] if not each.get("readOnly")]
    given = _environment(directory)
    for path in (given["HOME"], given["RINGBENCH_CACHE_DIR"], _options(directory)["runs_dir"], "/tmp"):  # noqa: S108
        assert any(Path(path).is_relative_to(each) for each in mounts), path


@pytest.mark.parametrize("directory", BENCHMARKS)
def test_a_benchmark_is_not_tried_again(directory: str) -> None:
    job = resource(directory, "Job")
    assert (job["spec"]["backoffLimit"], pod_of(job)["restartPolicy"]) == (0, "Never")


@pytest.mark.parametrize("directory", ["base", *BENCHMARKS])
def test_the_image_is_of_this_version(directory: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert images(directory)["ringbench"].rpartition(":")[2] == project["version"]


@pytest.mark.parametrize(("directory", "engine"), [("flink", "flink"), ("spark", "spark")])
def test_the_engine_runs_on_a_cluster(directory: str, engine: str) -> None:
    scenario = _scenario(directory)
    assert (found := _engine(directory)).name == engine
    assert cluster_of(found, scenario.engine_settings[engine])
    assert scenario.engine_settings[engine]["checkpoint_dir"]


def test_flinks_versions_are_the_engines() -> None:
    version, session = _version("flink"), resource("flink", "FlinkDeployment")
    major, minor, _ = version.split(".")
    assert images("flink")["flink"].rpartition(":")[2].startswith(f"{version}-")
    assert session["spec"]["flinkVersion"] == f"v{major}_{minor}"
    (container,) = containers(session)
    (plugins,) = [each["value"] for each in container["env"] if each["name"] == "ENABLE_BUILT_IN_PLUGINS"]
    assert plugins == f"flink-s3-fs-hadoop-{version}.jar"


def test_the_session_cluster_is_where_the_job_waits_for_it_and_has_slots_enough() -> None:
    session, scenario = resource("flink", "FlinkDeployment"), _scenario("flink")
    assert "job" not in session["spec"]
    address = f"{session['metadata']['name']}-rest:8081"
    assert scenario.engine_settings["flink"]["jobmanager"] == address
    (waiting,) = pod_of(resource("flink", "Job"))["initContainers"]
    assert waiting["args"] == [address, str(scenario.parallelism)]
    assert waiting["command"][1] == f"{CONFIGURED}/{WAIT.name}"
    workers, slots = session["spec"]["taskManager"], session["spec"]["flinkConfiguration"]
    assert workers["replicas"] * int(slots["taskmanager.numberOfTaskSlots"]) >= scenario.parallelism


def test_flinks_checkpoints_are_in_the_bucket_that_the_harness_has() -> None:
    bucket = urlsplit(_environment("flink")["S3"])
    place = urlsplit(_scenario("flink").engine_settings["flink"]["checkpoint_dir"])
    assert (place.scheme, place.netloc) == ("s3", bucket.path.strip("/"))
    configuration = resource("flink", "FlinkDeployment")["spec"]["flinkConfiguration"]
    assert configuration["s3.endpoint"] == f"{bucket.scheme}://{bucket.netloc}"


def test_sparks_versions_are_the_engines() -> None:
    jars = (ROOT / "engines" / "spark" / "jars.lock").read_text(encoding="utf-8")
    (scala,) = set(re.findall(r"^org\.apache\.spark:[a-z0-9-]+_([0-9.]+):", jars, re.MULTILINE))
    tag = _environment("spark")["SPARK_IMAGE"].rpartition(":")[2]
    assert tag.startswith(f"{_version('spark')}-scala{scala}-java")


def test_executors_are_asked_for_as_many_cores_as_there_are_tasks_and_waited_for() -> None:
    scenario = _scenario("spark")
    conf = scenario.engine_settings["spark"]["conf"]
    assert conf["spark.executor.instances"] * conf["spark.executor.cores"] == scenario.parallelism
    waited_s = int(conf["spark.scheduler.maxRegisteredResourcesWaitingTime"].removesuffix("s"))
    assert waited_s < scenario.limits.engine_ready_s


def test_executors_find_the_driver() -> None:
    conf, service = _scenario("spark").engine_settings["spark"]["conf"], resource("spark", "Service")
    assert conf["spark.driver.host"] == service["metadata"]["name"] and service["spec"]["clusterIP"] == "None"
    ports = {each["name"]: each["port"] for each in service["spec"]["ports"]}
    assert ports == {"driver": conf["spark.driver.port"], "blocks": conf["spark.driver.blockManager.port"]}
    assert ports == {each["name"]: each["containerPort"] for each in _harness("spark")["ports"]}
    for directory, selected in (("spark", True), ("flink", False)):
        labels = resource(directory, "Job")["spec"]["template"]["metadata"]["labels"]
        assert (service["spec"]["selector"].items() <= labels.items()) is selected


def test_driver_and_executors_share_the_checkpoints() -> None:
    settings = _scenario("spark").engine_settings["spark"]
    name = settings["conf"]["spark.kubernetes.executor.podTemplateFile"].removeprefix(f"{CONFIGURED}/")
    (executor,) = load(generated("spark")["ringbench-benchmark"]["files"][name])
    driver, place = pod_of(resource("spark", "Job")), urlsplit(settings["checkpoint_dir"])
    assert place.scheme == "file"
    claims = [_claim(pod, place.path) for pod in (driver, executor["spec"])]
    assert claims == [resource("spark", "PersistentVolumeClaim")["metadata"]["name"]] * 2
    assert executor["spec"]["securityContext"].items() >= driver["securityContext"].items()


def _claim(pod: Manifest, path: str) -> str:
    """The name of the claim that a pod's one container has mounted at `path`."""
    (container,) = pod["containers"]
    (volume,) = [each["name"] for each in container["volumeMounts"] if each["mountPath"] == path]
    (claim,) = [each["persistentVolumeClaim"]["claimName"] for each in pod["volumes"] if each["name"] == volume]
    return str(claim)


def test_the_driver_may_make_executors_and_nobody_else_gets_a_token() -> None:
    account, role = resource("spark", "ServiceAccount"), resource("spark", "Role")
    binding, pod = resource("spark", "RoleBinding"), pod_of(resource("spark", "Job"))
    (subject,) = binding["subjects"]
    name = account["metadata"]["name"]
    assert (subject["kind"], subject["name"], pod["serviceAccountName"]) == ("ServiceAccount", name, name)
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == ("Role", role["metadata"]["name"])
    (rule,) = role["rules"]
    assert set(rule["resources"]) == {"pods", "configmaps"}
    assert pod["automountServiceAccountToken"]
    assert not pod_of(resource("flink", "Job"))["automountServiceAccountToken"]


class _Overview(BaseHTTPRequestHandler):
    """Answers as a job manager's REST interface does."""

    slots: ClassVar[int] = 0

    def do_GET(self) -> None:
        """Tell how many slots there are; one more than before."""
        type(self).slots += 1
        body = b'{"taskmanagers": 1, "slots-total": %d, "slots-available": 0}' % self.slots
        self.send_response(200 if self.path == "/overview" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _job_manager() -> Iterator[str]:
    _Overview.slots = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), _Overview) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_job_begins_once_there_are_slots_enough(capsys: pytest.CaptureFixture[str]) -> None:
    script = runpy.run_path(str(WAIT))
    script["wait_for_slots"].__globals__["POLL_S"] = 0.01
    with _job_manager() as address:
        assert script["main"]([address, "3"]) == 0
    assert f"{address}: 3 of 3 slots" in capsys.readouterr().out


def test_the_job_fails_if_slots_do_not_come(capsys: pytest.CaptureFixture[str]) -> None:
    script = runpy.run_path(str(WAIT))
    script["main"].__globals__["DEADLINE_S"] = 0.0
    with _job_manager() as address:
        assert script["main"]([address, "3"]) == 1
    # Nobody is at that address any more.
    assert script["main"]([address, "3"]) == 1
    said = capsys.readouterr().err
    assert f"{address} has 1 task slots, and 3 are needed" in said and f"{address} has 0 task slots" in said
    assert script["main"]([address]) == 2
