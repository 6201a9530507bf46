"""The wheel, built and installed as a user would, and run where no checkout is."""

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.provision.environments import find_uv, run_uv
from tests.deadlines import DEADLINE_S
from tests.integration.ringbench import Ringbench, outcome, write_scenario

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PACKAGES = ("engines", "harness", "loadtest", "reports", "viewer", "workloads")


@dataclass(frozen=True)
class Installed:
    """A wheel, and the environment that it is installed in."""

    wheel: Path
    home: Path

    @property
    def executable(self) -> str:
        """The command that the wheel brings."""
        return str(self.home / "bin" / "ringbench")

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the tests' own environment is on PATH."""
        return {"PATH": os.defpath, "VIRTUAL_ENV": ""}

    def answer(self, directory: Path, *arguments: str) -> str:
        """What `ringbench` prints, run in `directory`."""
        return subprocess.run(
            [self.executable, *arguments],
            cwd=directory,
            env=os.environ | self.environment | {"COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=True,
        ).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel that is made of the source distribution, with what it asks for in the versions of the lock."""
    directory = tmp_path_factory.mktemp("wheel")
    uv, home = find_uv(print), directory / "home"
    # The build's tools are those of this environment, so that nothing is fetched for it.
    own_tools = ["--no-build-isolation", "--python", sys.executable]
    run_uv(uv, ["build", *own_tools, "--out-dir", str(directory / "dist"), str(ROOT)], print)
    (wheel,) = (directory / "dist").glob("ringbench-*-py3-none-any.whl")
    assert len(list((directory / "dist").glob("ringbench-*.tar.gz"))) == 1
    run_uv(uv, ["venv", "--no-project", "--python", sys.executable, str(home)], print)
    constraint = ["--constraint", str(ROOT / "requirements" / "harness.lock")]
    run_uv(uv, ["pip", "install", "--python", str(home), *constraint, str(wheel)], print)
    return Installed(wheel, home)


def test_every_file_of_the_packages_is_in_the_wheel_and_no_other(installed: Installed) -> None:
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    expected = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    found = {name for name in zipfile.ZipFile(installed.wheel).namelist() if ".dist-info/" not in name}
    assert found == expected


def test_it_says_its_version_and_that_all_is_there(installed: Installed, tmp_path: Path) -> None:
    assert f"-{installed.answer(tmp_path, '--version').split()[1]}-py3" in installed.wheel.name
    assert "Examples" in installed.answer(tmp_path, "run", "--help")
    installed.answer(tmp_path, "doctor")


def test_it_runs_from_any_directory_one_with_names_like_its_own_too(installed: Installed, tmp_path: Path) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise ImportError('of the user')\n", encoding="utf-8")
    arguments = ("run", write_scenario(tmp_path), "--duration", "5", "--json")
    with Ringbench(tmp_path, *arguments, env=installed.environment, executable=installed.executable) as run:
        found = outcome(run)
    assert found.code == 0, found.stderr
    assert found.result["valid"] and found.engine("baseline")["verdict"] == "pass"
    assert found.result["truth"]["agrees_with_seed"]
    environment = found.result["environment"]
    assert environment["commit"] is None, "there is no checkout"
    assert environment["packages"]["confluent-kafka"].startswith("2.16.")
    assert (found.directory / "report.html").exists()
