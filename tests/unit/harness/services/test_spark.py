"""A cluster of Spark's as it is started; its processes are fakes."""

from pathlib import Path
from typing import Any

import pytest

from harness.console.redaction import redact
from harness.services.spark import spark_cluster
from tests.builders.processes import FakeProcess


def test_a_cluster_takes_jobs_of_those_who_know_its_secret_which_is_in_no_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[list[str], dict[str, str]]] = []

    def start(name: str, argv: list[str], *, env: dict[str, str], **_where: Any) -> FakeProcess:
        started.append((argv, env))
        return FakeProcess(name)

    def state(_url: str) -> dict[str, Any]:
        ports = [argv[argv.index("--port") + 1] for argv, _ in started]
        return {"workers": [{"port": int(port), "state": "ALIVE"} for port in ports]}

    monkeypatch.setattr("harness.services.cluster.start_process", start)
    monkeypatch.setattr("harness.services.cluster.serves", lambda _process, _port: True)
    monkeypatch.setattr("harness.services.spark.get_json", state)
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core_2.13-4.2.0.jar").touch()
    secrets = []
    for _ in range(2):
        with spark_cluster(tmp_path / "cluster", tmp_path, 1, {"JAVA_HOME": "/java"}, lambda _text: None) as cluster:
            (secret,) = cluster.environment.values()
            secrets.append(secret)
        assert secret not in repr(cluster) and redact(secret) == "***"
        assert len(started) == 3
        assert all(env.items() >= cluster.environment.items() for _, env in started)
        assert all("-Dspark.authenticate=true" in argv for argv, _ in started)
        assert secret not in " ".join(word for argv, _ in started for word in argv)
        started.clear()
        (tmp_path / "cluster").rename(tmp_path / f"former-{secret}")
    assert secrets[0] != secrets[1]
