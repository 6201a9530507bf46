"""What engines are listed with: what their descriptors, locks and code have."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.commands.engines import listed
from harness.engines.catalogue import all_engines
from harness.engines.engine import Engine
from harness.engines.versions import is_jvm_artifact
from release.components import licences

#: What licences are called by those who do not know SPDX's names.
SPDX = {"Apache Software License": "Apache-2.0"}
OWN = all_engines([])


def by_name(engines: list[Engine]) -> dict[str, Engine]:
    """Engines by their names."""
    return {each.name: each for each in engines}


@pytest.mark.parametrize("engine", OWN, ids=lambda engine: engine.name)
def test_the_licence_is_the_one_that_the_engines_package_states(engine: Engine) -> None:
    kind, name = "pypi", engine.version_of
    if is_jvm_artifact(engine.version_of):
        kind, name = "maven", engine.version_of.replace(":", "/")
    assert engine.licence in {SPDX.get(each, each) for each in licences()[f"pkg:{kind}/{name}"]}


def test_tunings_are_of_settings_that_are_listed() -> None:
    for engine in OWN:
        assert all(set(tuning) <= set(engine.settings) for tuning in engine.tunings.values()), engine.name


def test_an_engine_is_listed_in_json_with_all_that_it_has() -> None:
    answer = CliRunner().invoke(app, ["engines", "flink", "--json"])
    (found,) = json.loads(answer.stdout)
    assert (found["default_version"], found["tested_versions"]) == ("2.3.0", ["2.3.0", "2.2.1"])
    assert found["deliveries"] == ["at-least-once", "exactly-once"]
    assert (found["settings"]["flush_interval_ms"], found["tunings"]["latency"]["flush_interval_ms"]) == (20, 5)
    assert found == listed(by_name(OWN)["flink"]).model_dump(mode="json")


def test_all_are_listed_and_one_in_full_for_people(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "engine.toml").write_text(
        'name = "mine"\ndescription = "[red]x"\nentry = "main.py"\nrequirements = "x.lock"\nsettings = ["a_ms"]\n'
    )
    wide = {"COLUMNS": "200"}
    table = CliRunner().invoke(app, ["engines", "--engine-path", str(tmp_path)], env=wide).stdout
    assert re.findall(r"^([\w-]+) ", table, re.MULTILINE) == ["engine", *(each.name for each in OWN), "mine"]
    assert {"2.2.1", "pairs", "direct", "Apache-2.0"} <= set(table.split())
    mine = CliRunner().invoke(app, ["engines", "mine", "--engine-path", str(tmp_path)], env=wide).stdout
    assert "mine: [red]x" in mine and re.search(r"a_ms +not told", mine)
    flink = CliRunner().invoke(app, ["engines", "flink"], env=wide).stdout
    assert re.search(r"setting +default +tuning latency +tuning throughput", flink)
    assert re.search(r"buffer_timeout_ms +5 +1 +100", flink) and re.search(r"jobmanager +empty", flink)
